"""Whether the flows go round. A loop that answers is not enough: one that hangs would be a silent zero."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

STALLED_AFTER = timedelta(minutes=5)
"""Every flow goes round within a minute; a database that another process holds for a while is waited for."""


@dataclass(slots=True)
class Progress:
    """When each flow last went round, on the clock of the loop, which no jump of the wall clock moves."""

    stalled_after: timedelta = STALLED_AFTER
    _rounds: dict[str, float] = field(default_factory=dict)

    def of(self, flow: str) -> Callable[[], None]:
        """What a flow calls each time it goes round; it counts from now on."""
        self._round(flow)
        return partial(self._round, flow)

    def stalled(self) -> tuple[str, ...]:
        """The flows that stand still."""
        now = asyncio.get_running_loop().time()
        return tuple(
            flow for flow, at in self._rounds.items() if now - at > self.stalled_after.total_seconds()
        )

    def _round(self, flow: str) -> None:
        self._rounds[flow] = asyncio.get_running_loop().time()
