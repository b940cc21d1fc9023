"""Room on the disk: feeds wait while there is none, and what is stored goes on its way all the same."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from monitor.ports import Operators

LEAST_FREE_BYTES = 50_000_000
LOOK_EVERY_S = 5.0
PAUSE_S = 15.0
"""How long feeds wait after the database had no room, before one tries again."""
FRESH_FOR_S = 1.0
"""However many feeds are due, the disk is looked at once in this time."""

TROUBLE = "disk"


@dataclass(slots=True, kw_only=True)
class Space:
    """Says when there is room for what polls bring.

    Args:
        free: Bytes free where the database lies.
        went_round: Called each time it looks while feeds wait.
        pause_s, look_every_s: Seconds.
    """

    free: Callable[[], int]
    operators: Operators
    went_round: Callable[[], None] = lambda: None
    pause_s: float = PAUSE_S
    look_every_s: float = LOOK_EVERY_S
    _full_until: float = field(default=0.0, init=False)
    _next_look: float = field(default=0.0, init=False)

    def filled(self) -> None:
        """The database had no room for something."""
        self._full_until = asyncio.get_running_loop().time() + self.pause_s
        self._next_look = 0.0

    async def wait(self) -> None:
        """Come back when there is room; operators hear of the wait, and of its end."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._next_look:
            return
        while (reason := self._why_not()) is not None:
            self.went_round()
            await self.operators.tell(
                TROUBLE,
                "The disk is full, and feeds are not asked",
                f"{reason}. Make room: feeds are then asked again by themselves, and nothing that they still carry "
                "is lost. Alerts that are stored go out meanwhile.",
            )
            await asyncio.sleep(self.look_every_s)
        self._next_look = loop.time() + FRESH_FOR_S
        await self.operators.over(TROUBLE, "There is room on the disk again", "Feeds are asked as before.")

    def _why_not(self) -> str | None:
        if asyncio.get_running_loop().time() < self._full_until:
            return "The database could not grow"
        free = self.free()
        if free < LEAST_FREE_BYTES:
            return f"{free / 1e6:.0f} MB are free where the database lies, and {LEAST_FREE_BYTES / 1e6:.0f} MB are needed"
        return None
