"""Asking one feed, once. A poll ends with its transaction; publishing waits for nobody."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from monitor.faults import Point, reach
from monitor.feeds.feed import Feed
from monitor.feeds.health import FeedState
from monitor.feeds.outcome import (
    Ask,
    Fetched,
    NotModified,
    Outcome,
    Refused,
    Unanswered,
    Unreadable,
    Validators,
    is_good,
    name_of,
)
from monitor.feeds.schedule import Pace, next_poll
from monitor.flows.steps import steady
from monitor.ports import Clock, Fetcher, Publisher
from monitor.store.polls import SEEN_AGAIN_AFTER, PollRecord, Sighting
from monitor.stories.identity import fingerprint, keys
from monitor.stories.ids import EntryKey, FeedId, StoryId, story_id
from monitor.stories.links import host_of
from monitor.stories.story import Entry, Story

log = structlog.get_logger(__name__)

SLOW_TWICE = 2
"""A feed whose answers needed the slow lane so often in a row is read there at once."""

READ_AGAIN_S = SEEN_AGAIN_AFTER.total_seconds() / 2
"""How long items that were read need no reading; afterwards the store hears again that they are still there."""


class PollStore(Protocol):
    """What polling needs of the store."""

    async def feed_states(self, feeds: Iterable[FeedId] | None = None) -> dict[FeedId, FeedState]: ...

    async def validators(self, feed: FeedId) -> Validators: ...

    async def known(self, feed: FeedId, keys: Sequence[EntryKey]) -> dict[EntryKey, Sighting]: ...

    async def record_poll(self, poll: PollRecord) -> tuple[tuple[StoryId, int], ...] | None: ...


@dataclass(slots=True)
class Poll:
    """Ask one feed, once."""

    store: PollStore
    fetcher: Fetcher
    publisher: Publisher
    clock: Clock
    pace_of: Callable[[Feed], Pace]
    draw: Callable[[], float] = random.random
    polled: Callable[[str, timedelta], None] | None = None
    """Told of every poll once it is kept: its outcome, and how long it took."""
    steady: Callable[[], float] = steady
    """Seconds on a clock that nobody sets."""
    _read: dict[FeedId, tuple[float, bytes]] = field(default_factory=dict)
    """Of each feed: until when what was read needs no reading, and the prints of it."""

    async def __call__(self, feed: Feed, state: FeedState) -> FeedState:
        """Poll a feed, keep what it said, offer what is new.

        Returns:
            The feed's state from now on.
        """
        began = self.steady()
        validators = await self.store.validators(feed.id)
        ask = Ask(
            url=feed.url,
            headers=feed.headers,
            validators=validators,
            slow=state.slow >= SLOW_TWICE,
            seen=self._seen(feed.id),
        )
        outcome = await self.fetcher.fetch(ask)
        reach(Point.AFTER_FETCH)
        record, new = await self._kept(feed, state, outcome, among_seen=bool(ask.seen))
        self._remember(feed.id, outcome)
        reach(Point.AFTER_STORE)
        for story, revision in new:
            self.publisher.offer(story, revision)
        took = timedelta(seconds=self.steady() - began)
        if self.polled is not None:
            self.polled(record.state.outcome, took)
        log.info(
            "feed_polled",
            feed=feed.name or feed.shown_url,
            outcome=record.state.outcome,
            detail=record.state.detail or None,
            new=len(new),
            took=round(took.total_seconds(), 3),
            next_poll_at=record.state.next_at,
        )
        return record.state

    def forget(self, feed: FeedId) -> None:
        """Keep nothing of a feed that is asked no more."""
        self._read.pop(feed, None)

    async def _kept(
        self, feed: Feed, state: FeedState, outcome: Outcome, *, among_seen: bool
    ) -> tuple[PollRecord, tuple[tuple[StoryId, int], ...]]:
        """Judge what came and keep it.

        Args:
            among_seen: Items that were seen before are not among the entries: what is left nearly always is new, and is
                taken so until the store says otherwise.
        """
        now = self.clock.now()
        record_of = partial(judged, feed, state, outcome, pace=self.pace_of(feed), now=now, draw=self.draw())
        if among_seen:
            record = replace(record_of({}), taken_as_new=True)
            new = await self.store.record_poll(record)
            if new is not None:
                return record, new
        entries = outcome.document.entries if isinstance(outcome, Fetched) else ()
        record = record_of(await self.store.known(feed.id, keys(entries)) if entries else {})
        return record, await self.store.record_poll(record) or ()

    def _seen(self, feed: FeedId) -> bytes:
        """Prints of items that need no reading: those of the last answer, until it is time to see them all again."""
        until, prints = self._read.get(feed, (0.0, b""))
        return prints if self.steady() < until else b""

    def _remember(self, feed: FeedId, outcome: Outcome) -> None:
        """What was kept just now need not be read again."""
        if isinstance(outcome, Fetched):
            began = outcome.document.prints and self._seen(feed)
            until = self._read[feed][0] if began else self.steady() + READ_AGAIN_S
            self._read[feed] = (until, outcome.document.prints)


def judged(
    feed: Feed,
    state: FeedState,
    outcome: Outcome,
    sightings: Mapping[EntryKey, Sighting],
    *,
    pace: Pace,
    now: datetime,
    draw: float,
) -> PollRecord:
    """Everything that follows from a poll, as one record."""
    good = is_good(outcome)
    answered = good or isinstance(outcome, Fetched)
    failures = 0 if answered else state.failures + 1
    after = FeedState(
        next_at=next_poll(pace, outcome, failures=failures, now=now, draw=draw),
        polled_at=now,
        good_at=now if good else state.good_at,
        failures=failures,
        outcome=name_of(outcome),
        detail=_detail(outcome),
        slow=_slow(outcome, state.slow),
    )
    match outcome:
        case Fetched(document=document, validators=validators):
            news = _news(feed, state, document.entries, document.title, document.language, sightings, now)
            return PollRecord(
                feed=feed,
                state=after,
                title=document.title or None,
                validators=validators if document.complete else Validators(),
                stories=news.stories,
                sightings=news.sightings,
                seen_again=news.seen_again,
            )
        case NotModified(validators=validators):
            return PollRecord(feed=feed, state=after, validators=validators or None)
        case Refused() | Unanswered() | Unreadable():
            return PollRecord(feed=feed, state=after)


def _detail(outcome: Outcome) -> str:
    match outcome:
        case Fetched(document=document):
            return "; ".join(document.problems)[:500]
        case NotModified():
            return ""
        case _:
            return outcome.detail[:500]


def _slow(outcome: Outcome, before: int) -> int:
    """How often in a row reading took the slow lane, this time included."""
    match outcome:
        case Fetched(document=document):
            return before + 1 if document.slow else 0
        case Unreadable(slow=slow):
            return before + 1 if slow else 0
        case _:
            return before


@dataclass(slots=True)
class _News:
    new: list[tuple[Story, Sighting]] = field(default_factory=list)
    again: list[EntryKey] = field(default_factory=list)

    @property
    def stories(self) -> tuple[Story, ...]:
        return tuple(story for story, _ in self.new)

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        return tuple(sighting for _, sighting in self.new)

    @property
    def seen_again(self) -> tuple[EntryKey, ...]:
        return tuple(self.again)


def _news(
    feed: Feed,
    state: FeedState,
    entries: Sequence[Entry],
    title: str,
    language: str | None,
    sightings: Mapping[EntryKey, Sighting],
    now: datetime,
) -> _News:
    """What is new or changed in a document. The same key twice in one document is the same entry: the first counts."""
    news = _News()
    done: set[EntryKey] = set()
    source = feed.name or title or host_of(feed.url)
    for key, entry in zip(keys(entries), entries, strict=True):
        if key in done:
            continue
        done.add(key)
        known, print_ = sightings.get(key), fingerprint(entry)
        if known is not None and known.fingerprint == print_:
            if now - known.last_seen_at > SEEN_AGAIN_AFTER:
                news.again.append(key)
            continue
        story = Story(
            id=known.story if known else story_id(feed.id, key),
            revision=known.revision + 1 if known else 1,
            feed=feed.id,
            source=source,
            title=entry.title,
            summary=entry.summary,
            text=entry.content,
            link=entry.link,
            authors=entry.authors,
            categories=entry.categories,
            language=feed.language or entry.language or language,
            published_at=entry.published_at or entry.updated_at,
            seen_at=now,
            # A poll that was later than now was timed by a clock that has been set back since.
            reference_at=min(state.good_at or now, now),
            first_answer=state.good_at is None,
        )
        sighting = Sighting(
            key=key, story=story.id, revision=story.revision, fingerprint=print_, last_seen_at=now
        )
        news.new.append((story, sighting))
    return news
