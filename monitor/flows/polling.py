"""Asking every feed when it is due. What comes of asking is the poll's business."""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from monitor.alerts.trouble import about_answering, about_failing
from monitor.errors import StoreError, StoreFull
from monitor.feeds.feed import Feed
from monitor.feeds.health import FeedHealth, FeedState
from monitor.feeds.schedule import FAILING_AFTER, first_poll, still_to_wait
from monitor.flows.poll import Poll
from monitor.flows.servers import Due, Servers
from monitor.flows.space import Space
from monitor.flows.steps import steady
from monitor.ports import Operators
from monitor.stories.ids import FeedId

log = structlog.get_logger(__name__)

AT_ONCE = 2_000
"""Polls begun and not ended; most of them wait for their turn, of which the fetcher gives 200 at once."""
OF_ONE_SERVER = 0.1
"""The share of them that one server may have: still more than it is ever asked at once."""
ROUND_S = 60.0
"""How often polling says that it goes round when no feed is due."""


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
        self._heap: list[Due] = []
        self._servers = Servers(max(int(at_once * OF_ONE_SERVER), 1), self._due)
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
                due = heapq.heappop(self._heap)
                feed = self._feeds.get(due[2])
                if feed is None:
                    self._forget(due[2])
                    continue
                if not self._servers.begins(feed, due):
                    continue
                await self._start(feed, again=True)
                if self._spacing:
                    await asyncio.sleep(self._spacing)
        finally:
            self.begun = False
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            self._servers.release()
            self._heap.clear()
            self._queued.clear()

    async def replace(self, feeds: Sequence[Feed]) -> None:
        """Follow these feeds from now on: new ones soon, those that are gone no more, the others when they are due.

        A feed whose login changed is asked at once: its server may have refused the one before, and wait for hours.
        """
        new = [feed for feed in feeds if feed.id not in self._feeds]
        changed = {feed.id for feed in feeds if self._feeds.get(feed.id, feed).headers != feed.headers}
        self._states |= await self._poll.store.feed_states([feed.id for feed in new])
        self._feeds = {feed.id: feed for feed in feeds}
        self._queue(new)
        self._servers.release()
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
        """Let these be due now; one that is being asked is so when that ends."""
        now = self._steady()
        self._heap = [(now if feed in feeds else due, order, feed) for due, order, feed in self._heap]
        heapq.heapify(self._heap)
        self._changed.set()

    def _push(self, wait: timedelta, feed: FeedId) -> None:
        self._due((self._steady() + wait.total_seconds(), next(self._order), feed))

    def _due(self, due: Due) -> None:
        heapq.heappush(self._heap, due)
        self._changed.set()

    def _forget(self, feed: FeedId) -> None:
        """It is in the list no more, and its turn has come."""
        self._queued.discard(feed)
        self._states.pop(feed, None)
        self._poll.forget(feed)

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
        failing = sum(
            other.health is FeedHealth.FAILING
            for feed_id, other in self._states.items()
            if feed_id in self._feeds
        )
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
            if again:
                self._servers.ended(feed)
                self._push(self._until_next(feed), feed.id)

    def _until_next(self, asked: Feed) -> timedelta:
        """How long to wait after a poll: not at all where the login that it asked with has been changed meanwhile."""
        if self._feeds.get(asked.id, asked).headers != asked.headers:
            return timedelta(0)
        after = self._states.get(asked.id, FeedState())
        now = self._poll.clock.now()
        return still_to_wait(after.next_at or now, after.polled_at, now=now)
