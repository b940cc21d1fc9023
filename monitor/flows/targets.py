"""Whom dispatch sends to, and what it knows of each: pauses, pace, what they took."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from monitor.alerts.breaker import CLOSED, Breaker
from monitor.alerts.reactions import Reaction
from monitor.ports import Channel
from monitor.stories.ids import DeliveryId

AT_ONCE = 30
"""Tries in flight at one provider."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast one target may be told: so many at once, then one every so often."""

    burst: int
    every: timedelta


RATES = {"slack": Rate(burst=3, every=timedelta(seconds=1))}
"""Source: docs.slack.dev/apis/web-api/rate-limits (chat.postMessage: one a second for each channel, with short bursts)."""


@dataclass(slots=True)
class Provider:
    """What the targets of one channel share."""

    channel: Channel
    breaker: Breaker = CLOSED
    limited: "Target | None" = None
    """Who was asked to slow down since the provider last took anything."""
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    probe: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class Target:
    """One address or channel, and its sender while there is one."""

    channel: str
    address: str
    breaker: Breaker = CLOSED
    sender: asyncio.Task[None] | None = None
    woken: bool = False
    sent_at: list[float] = field(default_factory=list)
    taken: int = 0
    """How many it took in this process."""
    taken_before: dict[DeliveryId, int] = field(default_factory=dict)
    """How many it had taken when a delivery last failed that is still on its way."""

    def took_others(self, delivery: DeliveryId) -> bool:
        """Whether it took another since a delivery last failed: then it is not away."""
        return self.taken > self.taken_before.get(delivery, self.taken)

    def remember(self, delivery: DeliveryId, reaction: Reaction) -> None:
        """Count what it took, and note who failed."""
        self.taken_before.pop(delivery, None)
        if reaction.state == "sent":
            self.taken += 1
        elif reaction.state != "dead":
            self.taken_before[delivery] = self.taken

    async def in_time(self) -> None:
        """Wait until it may be told again."""
        rate = RATES.get(self.channel)
        if rate is None:
            return
        now = asyncio.get_running_loop().time()
        self.sent_at = self.sent_at[-rate.burst :]
        if len(self.sent_at) < rate.burst:
            return
        window = rate.every.total_seconds() * rate.burst
        await asyncio.sleep(max(0.0, self.sent_at[0] + window - now))
