"""Asking feeds when they are due. A poll ends with its transaction; publishing waits for nobody."""

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from monitor.alerts.trouble import about_answering, about_failing
from monitor.errors import StoreError, StoreFull
from monitor.faults import Point, reach
from monitor.feeds.feed import Feed
from monitor.feeds.health import FeedHealth, FeedState
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
from monitor.feeds.schedule import FAILING_AFTER, Pace, first_poll, next_poll, still_to_wait
from monitor.flows.space import Space
from monitor.flows.steps import steady
from monitor.ports import Clock, Fetcher, Operators, Publisher
from monitor.store.polls import SEEN_AGAIN_AFTER, PollRecord, Sighting
from monitor.stories.identity import fingerprint, keys
from monitor.stories.ids import EntryKey, FeedId, StoryId, story_id
from monitor.stories.links import host_of
from monitor.stories.story import Entry, Story

log = structlog.get_logger(__name__)

AT_ONCE = 2_000
"""Polls begun and not ended; most of them wait for their turn, of which the fetcher gives 200 at once."""
SLOW_TWICE = 2
"""A feed whose answers needed the slow lane so often in a row is read there at once."""

READ_AGAIN_S = SEEN_AGAIN_AFTER.total_seconds() / 2
"""How long items that were read need no reading; afterwards the store hears again that they are still there."""

ROUND_S = 60.0
"""How often polling says that it goes round when no feed is due."""


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


class Polling:
    """Every feed in its turn, when it is due by a clock that nobody sets.

    The store has the due times by the wall clock, so that a restart polls nothing early.

    Args:
        steady: Seconds on that clock.
    """

    def __init__(
        self,
        poll: Poll,
        feeds: Sequence[Feed],
        *,
        interval: timedelta,
        requests_per_minute: int | None = None,
        at_once: int = AT_ONCE,
        operators: Operators | None = None,
        space: Space | None = None,
        went_round: Callable[[], None] = lambda: None,
        steady: Callable[[], float] = steady,
    ) -> None:
        self._went_round = went_round
        self._steady = steady
        self._poll = poll
        self._space = space
        self._operators = operators
        self._feeds = {feed.id: feed for feed in feeds}
        self._interval = interval
        self._spacing = 60 / requests_per_minute if requests_per_minute else 0.0
        self._room = asyncio.Semaphore(at_once)
        self._heap: list[tuple[float, int, FeedId]] = []
        self._queued: set[FeedId] = set()
        self._order = itertools.count()
        self._states: dict[FeedId, FeedState] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self.begun = False
        """Whether feeds are polled when they are due."""

    async def once(self) -> None:
        """Poll every feed once, due or not."""
        await self._load()
        for feed in self._feeds.values():
            await self._start(feed)
        while self._running:
            await asyncio.wait(self._running)

    async def run(self) -> None:
        """Poll every feed when it is due, until cancelled."""
        await self._load()
        self._queue(self._feeds.values())
        self.begun = True
        try:
            while True:
                await self._wait_for_the_next()
                if self._space is not None:
                    await self._space.wait()
                _, _, feed_id = heapq.heappop(self._heap)
                feed = self._feeds.get(feed_id)
                if feed is None:
                    self._queued.discard(feed_id)
                    continue
                await self._start(feed, again=True)
                if self._spacing:
                    await asyncio.sleep(self._spacing)
        finally:
            self.begun = False
            self._heap.clear()
            self._queued.clear()
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def replace(self, feeds: Sequence[Feed]) -> None:
        """Follow these feeds from now on: new ones soon, those that are gone no more, the others when they are due.

        A feed whose login changed is asked at once: its server may have refused the one before, and wait for hours.
        """
        new = [feed for feed in feeds if feed.id not in self._feeds]
        changed = {feed.id for feed in feeds if self._feeds.get(feed.id, feed).headers != feed.headers}
        self._states |= await self._poll.store.feed_states([feed.id for feed in new])
        self._feeds = {feed.id: feed for feed in feeds}
        self._queue(new)
        self._hasten(changed)

    async def _load(self) -> None:
        self._states = await self._poll.store.feed_states(self._feeds)

    def _queue(self, feeds: Iterable[Feed]) -> None:
        now = self._poll.clock.now()
        for feed in feeds:
            if feed.id in self._queued:
                continue  # it was gone for a moment, and its turn still stands
            self._queued.add(feed.id)
            state = self._states.get(feed.id, FeedState())
            first = first_poll(len(self._feeds), usual=self._interval, now=now, draw=self._poll.draw())
            due = state.next_at or first
            self._push(still_to_wait(due, state.polled_at, now=now), feed.id)

    def _hasten(self, feeds: Collection[FeedId]) -> None:
        """Let these be due now; one that is being asked is left alone."""
        now = self._steady()
        self._heap = [(now if feed in feeds else due, order, feed) for due, order, feed in self._heap]
        heapq.heapify(self._heap)
        self._changed.set()

    def _push(self, wait: timedelta, feed: FeedId) -> None:
        due = self._steady() + wait.total_seconds()
        heapq.heappush(self._heap, (due, next(self._order), feed))
        self._changed.set()

    async def _wait_for_the_next(self) -> None:
        """Sleep until the first feed is due, and say now and then that this goes round."""
        while True:
            self._went_round()
            self._changed.clear()
            wait = ROUND_S
            if self._heap:
                wait = min(self._heap[0][0] - self._steady(), ROUND_S)
                if wait <= 0:
                    return
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _start(self, feed: Feed, *, again: bool = False) -> None:
        await self._room.acquire()
        task = asyncio.create_task(self._one(feed, again), name=f"poll-{feed.id}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _tell(self, feed: Feed, before: FeedState) -> None:
        """Operators hear of a feed when it begins to fail, if that is worth their time, and when it answers again."""
        state = self._states[feed.id]
        began = state.failures == FAILING_AFTER
        ended = not state.failures and before.health is FeedHealth.FAILING
        if self._operators is None or not (began or ended):
            return
        failing = sum(other.health is FeedHealth.FAILING for other in self._states.values())
        if ended:
            for words in about_answering(feed, failing=failing, of=len(self._feeds)):
                await self._operators.over(*words)
        elif told := about_failing(feed, state.detail or state.outcome, failing=failing, of=len(self._feeds)):
            await self._operators.tell(*told)

    async def _one(self, feed: Feed, again: bool) -> None:
        """One poll; what surprises it is told, and never stops the others."""
        state = self._states.get(feed.id, FeedState())
        try:
            self._states[feed.id] = await self._poll(feed, state)
            await self._tell(feed, state)
        except StoreError as error:
            log.warning("poll_not_kept", feed=feed.name or feed.shown_url, reason=str(error))
            if isinstance(error, StoreFull) and self._space is not None:
                self._space.filled()
            self._states[feed.id] = replace(state, next_at=self._poll.clock.now() + timedelta(seconds=15))
        except Exception:
            log.exception("poll_failed", feed=feed.name or feed.shown_url)
            self._states[feed.id] = replace(
                state, failures=state.failures + 1, next_at=self._poll.clock.now() + self._interval
            )
        finally:
            self._room.release()
            after = self._states.get(feed.id, FeedState())
            if again and after.next_at is not None:
                wait = still_to_wait(after.next_at, after.polled_at, now=self._poll.clock.now())
                self._push(wait, feed.id)
