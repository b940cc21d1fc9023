"""Whom dispatch sends to, and what it knows of each: pauses, pace, what they took."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from monitor.alerts.breaker import CLOSED, Breaker
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


MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class Taken:
    """What somebody took in this process, to tell one who is away from one who refuses a single delivery."""

    count: int = 0
    _before: dict[DeliveryId, int] = field(default_factory=dict)
    """How many had been taken when a delivery last failed that is still on its way."""

    def others(self, delivery: DeliveryId) -> bool:
        """Whether another was taken since a delivery last failed: then they are not away."""
        return self.count > self._before.get(delivery, self.count)

    def remember(self, delivery: DeliveryId, state: str) -> None:
        """Count what was taken, and note what failed."""
        self._before.pop(delivery, None)
        if state == "sent":
            self.count += 1
        elif state != "dead":
            self._before[delivery] = self.count
        while len(self._before) > MOST_REMEMBERED:
            del self._before[next(iter(self._before))]


@dataclass(slots=True)
class Provider:
    """What the targets of one channel share."""

    channel: Channel
    breaker: Breaker = CLOSED
    limited: "Target | None" = None
    """Who was asked to slow down since the provider last took anything."""
    took: Taken = field(default_factory=Taken)
    troubled: set[str] = field(default_factory=set)
    """Addresses of which operators were told that alerts do not reach them for a while."""
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
    took: Taken = field(default_factory=Taken)

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
