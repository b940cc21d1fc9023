"""The store: one object, whose every method is one transaction."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from monitor.alerts.decide import Decision, Told, Twin
from monitor.errors import StoreError
from monitor.feeds.health import FeedState
from monitor.feeds.outcome import Validators
from monitor.store import (
    clock,
    damage,
    dead,
    decisions,
    deliveries,
    history,
    keep,
    polls,
    restored,
    schema,
    sqlite,
    workers,
)
from monitor.store.engine import Database, SingleWriter
from monitor.store.fresh import Fresh
from monitor.stories.ids import DeliveryId, EntryKey, FeedId, SessionId, StoryId
from monitor.stories.story import Story

T = TypeVar("T")


class Store:
    """Everything that outlives the process. Every method may raise `StoreError`."""

    def __init__(self, database: Database, *, copy_of: datetime | None = None) -> None:
        """Over a database.

        Args:
            copy_of: When the copy was made that was put in its place, if one was.
        """
        self._database = database
        self._copy_of = copy_of
        self._fresh = Fresh()

    async def close(self) -> None:
        """Finish what is queued and let the files go."""
        await self._database.close()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Ask something of `monitor.store.history` or its siblings that has no method here."""
        return await self._database.read(work)

    # ---- polls

    async def feed_states(self, feeds: Iterable[FeedId] | None = None) -> dict[FeedId, FeedState]:
        """The states of these feeds, or of all."""
        wanted = None if feeds is None else list(feeds)
        return await self._database.read(lambda c: polls.states(c, wanted))

    async def feed_titles(self) -> dict[FeedId, str]:
        """What feeds call themselves."""
        return await self._database.read(polls.titles)

    async def validators(self, feed: FeedId) -> Validators:
        """Those to send with the next request."""
        return await self._database.read(lambda c: polls.validators(c, feed))

    async def known(self, feed: FeedId, keys: Sequence[EntryKey]) -> dict[EntryKey, polls.Sighting]:
        """What is known of these entries of a feed."""
        return await self._database.read(lambda c: polls.known(c, feed, keys))

    async def record_poll(self, poll: polls.PollRecord) -> tuple[tuple[StoryId, int], ...] | None:
        """Stories, sightings, validators and the next time, in one transaction; gives the new revisions.

        None, and nothing is kept, where an entry was taken as new and is known.
        """
        new = await self._database.write(lambda c: polls.record(c, poll))
        if new:
            self._fresh.keep(poll.stories, new)
        return new

    # ---- decisions

    async def undecided(self, story: StoryId, revision: int) -> Story | None:
        """The revision, if nothing was decided about it yet."""
        found = self._fresh.take(story, revision)
        return found or await self._database.read(lambda c: decisions.undecided(c, story, revision))

    async def told_before(self, story: Story) -> tuple[Told | None, tuple[Twin, ...]]:
        """The alert this story led to before, and alerts on the same story elsewhere."""
        return await self._database.read(lambda c: decisions.history(c, story))

    async def record_decision(self, decision: Decision) -> decisions.Recorded | decisions.Overtaken:
        """Match, alert and deliveries in one transaction."""
        self._fresh.take(decision.story.id, decision.story.revision)

        def work(connection: Connection) -> decisions.Recorded | decisions.Overtaken:
            answer = decisions.record(connection, decision)
            if self._copy_of is not None:
                restored.doubt(connection, decision, self._copy_of)
            return answer

        return await self._database.write(work)

    async def record_notice(self, decision: Decision) -> tuple[str, ...]:
        """A story of our own with its decision; one that is there already changes nothing. Gives the targets."""

        def work(connection: Connection) -> tuple[str, ...]:
            polls.put_story(connection, decision.story)
            recorded = decisions.record(connection, decision)
            return recorded.targets if isinstance(recorded, decisions.Recorded) else ()

        return await self._database.write(work)

    async def stale(
        self, *, offered_before: datetime, now: datetime, limit: int
    ) -> tuple[tuple[StoryId, int], ...]:
        """Undecided revisions last offered before an instant, stamped as offered now."""
        return await self._database.write(
            lambda c: decisions.stale(c, offered_before=offered_before, now=now, limit=limit)
        )

    async def withdraw_offers(self) -> None:
        """Forget when undecided revisions were offered: the stream that had them is gone."""
        await self._database.write(decisions.withdraw_offers)

    async def bury(self, letter: decisions.DeadLetterRow) -> None:
        """Keep a message that could not be worked on."""
        if letter.story is not None and letter.revision is not None:
            self._fresh.take(letter.story, letter.revision)
        await self._database.write(lambda c: decisions.bury(c, letter))

    async def forget(self, *, claims_before: datetime, sessions_before: datetime) -> None:
        """Drop what nothing asks for any more."""

        def work(connection: Connection) -> None:
            decisions.forget_claims(connection, before=claims_before)
            workers.forget(connection, before=sessions_before)

        await self._database.write(work)

    async def prune(self, limits: keep.Limits) -> dict[str, int]:
        """Let the oldest rows of each kind go that may go, a small transaction each; gives how many, by table."""
        gone = {}
        for kind in keep.KINDS:
            # Finding takes long where nothing is to be found: it is done beside the writer.
            keys = await self._database.read(partial(kind.find, limits=limits))
            if keys:
                gone[kind.table.name] = await self._database.write(
                    partial(kind.drop, keys=keys, limits=limits)
                )
        return gone

    async def counts(self) -> history.Counts:
        """How much there is, and what waits."""
        return await self._database.read(history.counts)

    # ---- deliveries

    async def claim(
        self, *, channel: str, target: str, session: SessionId, now: datetime
    ) -> deliveries.Claimed | None:
        """Take the next due delivery of a target; committed before anything is sent."""
        return await self._database.write(
            lambda c: deliveries.claim(c, channel=channel, target=target, session=session, now=now)
        )

    async def record_outcome(
        self, delivery: DeliveryId, outcome: deliveries.Outcome, *, session: SessionId, now: datetime
    ) -> None:
        """What a try came to."""
        await self._database.write(
            lambda c: deliveries.record(c, delivery, outcome, session=session, now=now)
        )

    async def due_targets(self, now: datetime) -> tuple[tuple[str, str], ...]:
        """Channel and target of everything that is due."""
        return await self._database.read(lambda c: deliveries.due_targets(c, now))

    async def next_due(self, after: datetime) -> datetime | None:
        """When the next delivery falls due after an instant."""
        return await self._database.read(lambda c: deliveries.earliest(c, after))

    async def retry_delivery(self, delivery: DeliveryId, *, now: datetime) -> str | None:
        """Make an open delivery due now; gives its state before, or None where there is none."""
        return await self._database.write(lambda c: deliveries.retry(c, delivery, now=now))

    async def drop_delivery(self, delivery: DeliveryId, *, reason: str, now: datetime) -> str | None:
        """Never send an open delivery; gives its state before, or None where there is none."""
        return await self._database.write(lambda c: deliveries.drop(c, delivery, reason=reason, now=now))

    async def revive(self, stories: Sequence[dead.DeadStory]) -> None:
        """Have stories judged again whose judging failed."""
        await self._database.write(lambda c: dead.revive(c, stories))

    async def clear_other_letters(self) -> Sequence[str]:
        """Drop messages that could not be worked on and made no story dead; gives why each was kept."""
        return await self._database.write(dead.clear_other_letters)

    async def hasten(self, now: datetime) -> int:
        """Make due whatever failed and waits; gives how many."""
        return await self._database.write(lambda c: deliveries.hasten(c, now))

    async def backlog(self) -> deliveries.Backlog:
        """The outbox by state."""
        return await self._database.read(deliveries.backlog)

    # ---- sessions

    async def begin_session(self, session: SessionId, now: datetime, *, alone: bool) -> None:
        """Enter a session, and free what dead ones were sending.

        Args:
            alone: This worker holds the whole database, so every session before it has ended.
        """

        def work(connection: Connection) -> None:
            if alone:
                clock.since_the_last_run(connection, now)
            workers.begin(connection, session, now, alone=alone)
            deliveries.release_dead(connection, alive=workers.alive(connection, now), now=now)

        await self._database.write(work)

    async def renew_session(self, session: SessionId, now: datetime) -> int:
        """Say that the session lives, and free what dead ones were sending; gives how many those were."""

        def work(connection: Connection) -> int:
            workers.renew(connection, session, now)
            return deliveries.release_dead(connection, alive=workers.alive(connection, now), now=now)

        return await self._database.write(work)

    async def clock_was_set(self, by: timedelta, *, now: datetime) -> None:
        """Put right what waits, and when things happened, after the clock was set by so much."""
        await self._database.write(lambda c: clock.shift(c, by, now=now))

    async def end_session(self, session: SessionId, now: datetime) -> None:
        """Say that the session has ended in good order."""
        await self._database.write(lambda c: workers.end(c, session, now))


def open_sqlite(path: Path, *, make: bool) -> Store:
    """Open a store in a SQLite file.

    Args:
        make: Make or upgrade the schema (the service); else it must be there and right (every other command).

    Raises:
        StoreError: The file cannot be opened, is no database, or has another schema.
    """
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        raise StoreError(f"there is no database at {path} yet: `monitor run` makes it")
    _recognised(path)
    engine = sqlite.open_engine(path)
    damage.watch(engine, path)
    copy_of = None
    try:
        with sqlite.translated(path):
            if make:
                schema.upgrade(engine)
                copy_of = _restored(engine)
            else:
                with engine.connect().execution_options(reading=True) as connection:
                    schema.check(connection)
    except BaseException:
        engine.dispose()
        raise
    writer = SingleWriter(engine, is_busy=sqlite.is_busy, is_full=sqlite.is_full, words=sqlite.words)
    return Store(writer, copy_of=copy_of)


def _restored(engine: Engine) -> datetime | None:
    """When the copy was made that this database is, with what waited in it in doubt; None where it is none."""
    with engine.begin() as connection:
        made = restored.made_at(connection)
        if made is not None:
            restored.doubt_waiting(connection, made)
    return made


def _recognised(path: Path) -> None:
    """See that a file is ours before it is opened for writing, which changes it."""
    if not path.exists():
        return
    if path.is_dir():
        raise StoreError(f"{path} is a folder: name a file in `database:`")
    engine = sqlite.reading_engine(path)
    try:
        with sqlite.translated(path), engine.connect() as connection:
            schema.recognise(connection)
    finally:
        engine.dispose()


def upgrade_sqlite(path: Path) -> str | None:
    """Make the schema in a SQLite file, or bring it to this program's.

    Returns:
        The schema it had, or None where it had none.

    Raises:
        StoreError: The file cannot be opened, is no database, or has a newer schema.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _recognised(path)
    engine = sqlite.open_engine(path)
    try:
        with sqlite.translated(path):
            with engine.connect().execution_options(reading=True) as connection:
                found = schema.revision(connection)
            schema.upgrade(engine)
        return found
    finally:
        engine.dispose()
