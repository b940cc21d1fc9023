"""Asking feeds when they are due. A poll ends with its transaction; publishing waits for nobody."""

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
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
from monitor.feeds.schedule import FAILING_AFTER, Pace, first_poll, next_poll
from monitor.flows.space import Space
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

MOST_BEHIND = timedelta(minutes=1)


class PollStore(Protocol):
    """What polling needs of the store."""

    async def feed_states(self, feeds: Iterable[FeedId] | None = None) -> dict[FeedId, FeedState]: ...

    async def validators(self, feed: FeedId) -> Validators: ...

    async def known(self, feed: FeedId, keys: Sequence[EntryKey]) -> dict[EntryKey, Sighting]: ...

    async def record_poll(self, poll: PollRecord) -> tuple[tuple[StoryId, int], ...]: ...


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

    async def __call__(self, feed: Feed, state: FeedState) -> FeedState:
        """Poll a feed, keep what it said, offer what is new.

        Returns:
            The feed's state from now on.
        """
        asked_at = self.clock.now()
        validators = await self.store.validators(feed.id)
        outcome = await self.fetcher.fetch(
            Ask(url=feed.url, validators=validators, slow=state.slow >= SLOW_TWICE)
        )
        reach(Point.AFTER_FETCH)
        now = self.clock.now()
        known: dict[EntryKey, Sighting] = {}
        if isinstance(outcome, Fetched):
            known = await self.store.known(feed.id, keys(outcome.document.entries))
        record = judged(feed, state, outcome, known, pace=self.pace_of(feed), now=now, draw=self.draw())
        new = await self.store.record_poll(record)
        reach(Point.AFTER_STORE)
        for story, revision in new:
            self.publisher.offer(story, revision)
        took = self.clock.now() - asked_at
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
            reference_at=state.good_at or now,
            first_answer=state.good_at is None,
        )
        sighting = Sighting(
            key=key, story=story.id, revision=story.revision, fingerprint=print_, last_seen_at=now
        )
        news.new.append((story, sighting))
    return news


class Polling:
    """Every feed in its turn: a heap of due times, kept in the store, so a restart polls nothing early."""

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
    ) -> None:
        self._went_round = went_round
        self._poll = poll
        self._space = space
        self._operators = operators
        self._feeds = {feed.id: feed for feed in feeds}
        self._interval = interval
        self._spacing = 60 / requests_per_minute if requests_per_minute else 0.0
        self._room = asyncio.Semaphore(at_once)
        self._heap: list[tuple[datetime, int, FeedId]] = []
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
        """Follow these feeds from now on: new ones soon, those that are gone no more, the others when they are due."""
        new = [feed for feed in feeds if feed.id not in self._feeds]
        self._states |= await self._poll.store.feed_states([feed.id for feed in new])
        self._feeds = {feed.id: feed for feed in feeds}
        self._queue(new)

    async def _load(self) -> None:
        self._states = await self._poll.store.feed_states(self._feeds)

    def _queue(self, feeds: Iterable[Feed]) -> None:
        now = self._poll.clock.now()
        for feed in feeds:
            if feed.id in self._queued:
                continue  # it was gone for a moment, and its turn still stands
            self._queued.add(feed.id)
            due = self._states.get(feed.id, FeedState()).next_at or first_poll(
                len(self._feeds), usual=self._interval, now=now, draw=self._poll.draw()
            )
            self._push(due, feed.id)

    def _push(self, due: datetime, feed: FeedId) -> None:
        heapq.heappush(self._heap, (due, next(self._order), feed))
        self._changed.set()

    async def _wait_for_the_next(self) -> None:
        """Sleep until the first feed is due; a wall clock that jumps is seen within a minute."""
        while True:
            self._went_round()
            self._changed.clear()
            wait = MOST_BEHIND
            if self._heap:
                wait = min(self._heap[0][0] - self._poll.clock.now(), MOST_BEHIND)
                if wait <= timedelta(0):
                    return
            try:
                async with asyncio.timeout(wait.total_seconds()):
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
            due = self._states[feed.id].next_at if feed.id in self._states else None
            if again and due is not None:
                self._push(due, feed.id)
