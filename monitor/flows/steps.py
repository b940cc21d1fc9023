"""Noticing that somebody set the clock, by another that nobody sets."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.ports import Clock

_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady() -> float:
    """Seconds on the clock that nobody sets; it goes on while the machine sleeps, where the system has such a one.

    Source: clock_gettime(2).
    """
    return time.clock_gettime(_CLOCK)


NOTICED = timedelta(seconds=5)
"""A smaller step delays nothing that matters. A clock that is put right slowly makes none."""

_APART_S = 0.5


@dataclass(slots=True, kw_only=True)
class Steps:
    """Says how far the wall clock was set since it was last asked.

    Args:
        steady: Seconds on a clock that nobody sets.
    """

    clock: Clock
    steady: Callable[[], float] = steady
    _wall: datetime | None = field(default=None, init=False)
    _at: float = field(default=0.0, init=False)

    def look(self) -> timedelta:
        """How far it was set, below zero where it was set back; nothing for less than five seconds, and at first."""
        wall, at = self._both()
        before, self._wall = self._wall, wall
        passed, self._at = at - self._at, at
        if before is None:
            return timedelta(0)
        step = wall - before - timedelta(seconds=passed)
        return step if abs(step) > NOTICED else timedelta(0)

    def _both(self) -> tuple[datetime, float]:
        """Both clocks at one instant: a process that was stopped between the two looks again."""
        while True:
            before, wall, after = self.steady(), self.clock.now(), self.steady()
            if after - before < _APART_S:
                return wall, after
