"""Offering again whatever stands still. The stream may drop anything: this finds it in the database."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from monitor.errors import StoreError
from monitor.ports import Clock, Publisher
from monitor.settings import Keep
from monitor.store.keep import Limits
from monitor.stories.ids import SessionId, StoryId

log = structlog.get_logger(__name__)

EVERY = timedelta(seconds=5)
STALE_AFTER = timedelta(seconds=30)
MOST_AT_ONCE = 500
HALF_FULL = 0.5
FORGET_EVERY = timedelta(hours=1)
SIGHTINGS_KEPT = timedelta(days=90)
"""An entry that comes back to its feed within this time is no new story."""


class SweepStore(Protocol):
    """What the sweep needs of the store."""

    async def stale(
        self, *, offered_before: datetime, now: datetime, limit: int
    ) -> tuple[tuple[StoryId, int], ...]: ...

    async def renew_session(self, session: SessionId, now: datetime) -> int: ...

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
        went_round: Called each time it goes round.
    """

    store: SweepStore
    publisher: Publisher
    clock: Clock
    session: SessionId
    fullness: Callable[[], float]
    freed: Callable[[], None]
    window: timedelta
    keep: Keep = field(default_factory=Keep)
    went_round: Callable[[], None] = lambda: None
    _now: asyncio.Event = field(default_factory=asyncio.Event)
    _everything: bool = True
    _forgot_at: datetime | None = None

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
            try:
                async with asyncio.timeout(EVERY.total_seconds()):
                    await self._now.wait()
            except TimeoutError:
                pass
            self._now.clear()

    async def once(self) -> None:
        """One pass: renew the lease, free dead sessions' work, offer what stands still."""
        now = self.clock.now()
        if await self.store.renew_session(self.session, now):
            self.freed()
        everything, self._everything = self._everything, False
        offered = await self._offer(now, now if everything else now - STALE_AFTER)
        if offered:
            log.info("stories_offered_again", count=offered)
        if self._forgot_at is None or now - self._forgot_at > FORGET_EVERY:
            await self._forget(now)

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
        self._forgot_at = now
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
