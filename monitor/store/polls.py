"""Feeds as they were last asked, what was seen in them, and the one transaction that a poll ends with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from monitor.feeds.feed import Feed
from monitor.feeds.health import FeedState
from monitor.feeds.outcome import Validators
from monitor.store import tables
from monitor.store.rows import put, put_new, story_row
from monitor.stories.ids import EntryKey, FeedId, StoryId
from monitor.stories.story import Story

SEEN_AGAIN_AFTER = timedelta(days=1)
"""A sighting's `last_seen_at` is renewed this often: it decides about months, not about minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """An entry of a feed that we know, as it was when last read."""

    key: EntryKey
    story: StoryId
    revision: int
    fingerprint: str
    last_seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PollRecord:
    """Everything that a poll writes.

    Args:
        validators: Those to send next time, or None to keep the ones there are.
        stories: New revisions, each with its sighting in `sightings`.
        seen_again: Known entries that are still there.
        taken_as_new: Nobody asked whether its entries are known: if one is, the record is not kept.
    """

    feed: Feed
    state: FeedState
    title: str | None = None
    validators: Validators | None = None
    stories: tuple[Story, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    seen_again: tuple[EntryKey, ...] = ()
    taken_as_new: bool = False


def record(connection: Connection, poll: PollRecord) -> tuple[tuple[StoryId, int], ...] | None:
    """Write a poll: stories, sightings, validators, next time, in the caller's transaction.

    Returns:
        The revisions that were new to the store; None where an entry was taken as new and is not: judge it again.
    """
    if poll.taken_as_new and known(connection, poll.feed.id, [one.key for one in poll.sightings]):
        return None
    new = [story for story in poll.stories if put_story(connection, story)]
    if poll.sightings:
        _put_sightings(connection, poll)
    if poll.seen_again:
        _see_again(connection, poll.feed.id, poll.seen_again, poll.state.polled_at)
    _put_feed(connection, poll)
    return tuple((story.id, story.revision) for story in new)


def put_story(connection: Connection, story: Story) -> bool:
    """Keep a revision; False when it is there already."""
    row = {**story_row(story), "offered_at": story.seen_at}
    return connection.execute(put_new(connection, tables.stories), row).rowcount > 0


def _put_sightings(connection: Connection, poll: PollRecord) -> None:
    at = poll.state.polled_at
    rows = [
        {
            "feed": poll.feed.id,
            "key": sighting.key,
            "story": sighting.story,
            "revision": sighting.revision,
            "fingerprint": sighting.fingerprint,
            "first_seen_at": at,
            "last_seen_at": at,
        }
        for sighting in poll.sightings
    ]
    connection.execute(put(connection, tables.sightings, _SEEN), rows)


_SEEN = ("story", "revision", "fingerprint", "last_seen_at")
_SEE_AGAIN = (
    update(tables.sightings)
    .where(tables.sightings.c.feed == bindparam("this_feed"), tables.sightings.c.key == bindparam("this_key"))
    .values(last_seen_at=bindparam("at"))
)


def _see_again(connection: Connection, feed: FeedId, keys: Sequence[EntryKey], at: datetime | None) -> None:
    connection.execute(_SEE_AGAIN, [{"this_feed": feed, "this_key": key, "at": at} for key in keys])


def _put_feed(connection: Connection, poll: PollRecord) -> None:
    state = poll.state
    values: dict[str, Any] = {
        "url": poll.feed.shown_url,
        "name": poll.feed.name,
        "next_at": state.next_at,
        "polled_at": state.polled_at,
        "good_at": state.good_at,
        "failures": state.failures,
        "outcome": state.outcome,
        "detail": state.detail,
        "slow": state.slow,
    }
    if poll.title:
        values["title"] = poll.title
    if poll.validators is not None:
        values |= {
            "etag": poll.validators.etag,
            "last_modified": poll.validators.last_modified,
            "body_hash": poll.validators.body_hash,
        }
    connection.execute(put(connection, tables.feeds, values), {"id": poll.feed.id, **values})


# ---- reading -------------------------------------------------------------------------------------------------


_KNOWN = select(tables.sightings).where(
    tables.sightings.c.feed == bindparam("feed"),
    tables.sightings.c.key.in_(bindparam("keys", expanding=True)),
)


def known(connection: Connection, feed: FeedId, keys: Sequence[EntryKey]) -> dict[EntryKey, Sighting]:
    """What is known of these entries of a feed."""
    found: dict[EntryKey, Sighting] = {}
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        for row in connection.execute(_KNOWN, {"feed": feed, "keys": some}):
            found[row.key] = Sighting(
                key=row.key,
                story=row.story,
                revision=row.revision,
                fingerprint=row.fingerprint,
                last_seen_at=row.last_seen_at,
            )
    return found


def states(connection: Connection, feeds: Iterable[FeedId] | None = None) -> dict[FeedId, FeedState]:
    """The states of these feeds, or of all."""
    statement = select(tables.feeds)
    if feeds is not None:
        statement = statement.where(tables.feeds.c.id.in_(list(feeds)))
    return {row.id: _state(row) for row in connection.execute(statement)}


def _state(row: Row[Any]) -> FeedState:
    return FeedState(
        next_at=row.next_at,
        polled_at=row.polled_at,
        good_at=row.good_at,
        failures=row.failures,
        outcome=row.outcome,
        detail=row.detail,
        slow=row.slow,
    )


_VALIDATORS = select(tables.feeds.c.etag, tables.feeds.c.last_modified, tables.feeds.c.body_hash).where(
    tables.feeds.c.id == bindparam("feed")
)


def validators(connection: Connection, feed: FeedId) -> Validators:
    """Those to send with the next request."""
    row = connection.execute(_VALIDATORS, {"feed": feed}).first()
    if row is None:
        return Validators()
    return Validators(etag=row.etag, last_modified=row.last_modified, body_hash=row.body_hash)


def titles(connection: Connection) -> dict[FeedId, str]:
    """What feeds call themselves, where they said so."""
    table = tables.feeds
    return {row.id: row.title for row in connection.execute(select(table.c.id, table.c.title)) if row.title}
