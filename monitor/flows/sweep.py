"""Offering again whatever stands still. The stream may drop anything: this finds it in the database."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import structlog

from monitor.errors import StoreError
from monitor.flows.steps import Steps, steady
from monitor.ports import Clock, Operators, Publisher
from monitor.settings import Keep
from monitor.store import workers
from monitor.store.clock import AWAY_FOR, DOUBTFUL_FROM
from monitor.store.keep import Limits
from monitor.stories.ids import SessionId, StoryId

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=5)
LOOK_EVERY = timedelta(seconds=1)
STALE_AFTER = timedelta(seconds=30)
MOST_AT_ONCE = 500
HALF_FULL = 0.5
FORGET_EVERY = timedelta(hours=1)
SIGHTINGS_KEPT = timedelta(days=90)
"""An entry that comes back to its feed within this time is no new story."""

TOLD_OF_FROM = timedelta(minutes=5)
"""Operators hear of a clock that was set by as much."""
DOUBTED_FOR_S = 86_400.0
"""Nothing is dropped for its age until a clock that may be wrong went on for a day."""

IF_WRONG = "If it is wrong, put it right: while it is far ahead, what publishers date today counts as too old to tell."

T = TypeVar("T")


class SweepStore(Protocol):
    """What the sweep needs of the store."""

    async def stale(
        self, *, offered_before: datetime, now: datetime, limit: int
    ) -> tuple[tuple[StoryId, int], ...]: ...

    async def renew_session(self, session: SessionId, now: datetime) -> int: ...

    async def read(self, work: Callable[..., T]) -> T: ...

    async def clock_was_set(self, by: timedelta, *, now: datetime) -> None: ...

    async def forget(self, *, claims_before: datetime, sessions_before: datetime) -> None: ...

    async def prune(self, limits: Limits) -> dict[str, int]: ...


@dataclass(slots=True, kw_only=True)
class Sweep:
    """Look every few seconds for stories that nobody judged, and for sessions that died.

    Args:
        fullness: How full the log is, from 0 to 1; nothing is offered into a log that is half full.
        freed: Called when a dead session's deliveries became free.
        window: How long claims matter.
        keep: How long rows are kept that nothing waits for.
        operators: Told that the clock was set.
        clock_was_set: Called then too.
        went_round: Called each time it goes round.
        steady: Seconds on a clock that nobody sets.
    """

    store: SweepStore
    publisher: Publisher
    clock: Clock
    session: SessionId
    fullness: Callable[[], float]
    freed: Callable[[], None]
    window: timedelta
    keep: Keep = field(default_factory=Keep)
    operators: Operators | None = None
    clock_was_set: Callable[[], None] = lambda: None
    went_round: Callable[[], None] = lambda: None
    steady: Callable[[], float] = steady
    _steps: Steps = field(init=False)
    _step: timedelta = field(default=timedelta(0), init=False)
    """By how much the clock was set that was not heeded yet."""
    _doubted_until: float | None = field(default=None, init=False)
    _now: asyncio.Event = field(default_factory=asyncio.Event)
    _everything: bool = True
    _forgot_at: float | None = None

    def __post_init__(self) -> None:
        self._steps = Steps(clock=self.clock, steady=self.steady)

    def soon(self) -> None:
        """Sweep at once, and offer everything: partitions arrived, and what was in flight may be gone."""
        self._everything = True
        self._now.set()

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            self.went_round()
            try:
                await self.once()
            except StoreError as error:
                log.warning("sweep_failed", reason=str(error))
            await self._rest()
            self._now.clear()

    async def _rest(self) -> None:
        """Until the next pass is due, somebody asks for one, or the clock was set: that is seen within a second."""
        for _ in range(EVERY // LOOK_EVERY):
            try:
                async with asyncio.timeout(LOOK_EVERY.total_seconds()):
                    await self._now.wait()
                return
            except TimeoutError:
                self._step += self._steps.look()
            if self._step:
                return

    async def once(self) -> None:
        """One pass: renew the lease, free dead sessions' work, offer what stands still."""
        self._step += self._steps.look()
        now = self.clock.now()
        if self._step:
            await self._heed(self._step, now)
        if self._doubted_until is None:
            self._doubted_until = await self._doubted_at_start(now)
        if await self.store.renew_session(self.session, now):
            self.freed()
        everything, self._everything = self._everything, False
        offered = await self._offer(now, now if everything else now - STALE_AFTER)
        if offered:
            log.info("stories_offered_again", count=offered)
        steady = self.steady()
        rested = self._forgot_at is None or steady - self._forgot_at > FORGET_EVERY.total_seconds()
        if rested and steady >= self._doubted_until:
            await self._forget(now)

    async def _heed(self, step: timedelta, now: datetime) -> None:
        """The clock was set: what waits by the old one would wait too long, or be given up too early."""
        await self.store.clock_was_set(step, now=now)
        self._step = timedelta(0)
        if step < timedelta(0):
            self._everything = True
        if abs(step) >= DOUBTFUL_FROM:
            self._doubted_until = self.steady() + DOUBTED_FOR_S
        self.clock_was_set()
        log.warning("clock_was_set", seconds=round(step.total_seconds()))
        if self.operators is not None and abs(step) >= TOLD_OF_FROM:
            await self.operators.tell("clock", "The clock of this machine was set", _about(step, now))

    async def _doubted_at_start(self, now: datetime) -> float:
        """Until when nothing is dropped for its age: a day from when the clock became doubtful, whoever ran then."""
        doubted_at = await self.store.read(workers.clock_doubted_at)
        if doubted_at is None:
            return 0.0
        others = [one for one in await self.store.read(workers.latest) if one.session != self.session]
        last = max((one.renewed_at for one in others), default=now)
        if now - last > AWAY_FOR:
            log.warning("clock_doubted", last_run_at=last)
            text = f"It says {now:%Y-%m-%d %H:%M} UTC; the service last ran on {last:%Y-%m-%d}. {IF_WRONG}"
            if self.operators is not None:
                await self.operators.tell("clock:start", "Is the clock of this machine right?", text)
        return self.steady() + min(DOUBTED_FOR_S - (now - doubted_at).total_seconds(), DOUBTED_FOR_S)

    async def _forget(self, now: datetime) -> None:
        """Drop a little of what is old; while there is more, the next pass goes on, and then rests for an hour."""
        gone = await self.store.prune(
            Limits(
                stories=now - self.keep.stories,
                # Copies may still join an alert while its claims are looked at.
                alerts=now - max(self.keep.deliveries, 2 * self.window),
                sightings=now - SIGHTINGS_KEPT,
            )
        )
        if gone:
            log.info("rows_pruned", **gone)
            return
        self._forgot_at = self.steady()
        await self.store.forget(claims_before=now - 2 * self.window, sessions_before=now - timedelta(days=30))

    async def _offer(self, now: datetime, before: datetime) -> int:
        """Offer what was last offered before an instant, oldest first, a bounded number a pass."""
        if self.fullness() > HALF_FULL:
            return 0
        stale = await self.store.stale(offered_before=before, now=now, limit=MOST_AT_ONCE)
        for story, revision in stale:
            self.publisher.offer(story, revision)
        if len(stale) == MOST_AT_ONCE and before == now:
            self.soon()  # a start finds more than one pass may offer: go on as the log drains
        return len(stale)


def _about(step: timedelta, now: datetime) -> str:
    minutes = abs(step) // timedelta(minutes=1)
    way = "back" if step < timedelta(0) else "forwards"
    return (
        f"It was set {way} by {minutes} minutes and says {now:%Y-%m-%d %H:%M} UTC now. "
        f"Feeds and alerts go on as before. {IF_WRONG}"
    )
