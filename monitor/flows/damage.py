"""Telling operators that the database is damaged, which only those see who read the damaged pages."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from monitor.ports import Operators

LOOK_EVERY_S = 5.0
TROUBLE = "database"


@dataclass(slots=True, kw_only=True)
class Damage:
    """Looks whether damage was found, while the service goes on with what can be read.

    Args:
        known: What was found, in words, or None.
        shown: Told at each look whether there is any.
    """

    known: Callable[[], str | None]
    operators: Operators
    shown: Callable[[bool], None]

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            found = self.known()
            self.shown(found is not None)
            if found is not None:
                await self.operators.tell(
                    TROUBLE,
                    "The database is damaged",
                    f"{found}. What needs the damaged part fails and is tried again, the rest goes on: "
                    "put a backup in its place soon, as Restore in docs/operations.md says.",
                )
            else:
                await self.operators.over(
                    TROUBLE, "The database is whole again", "It was read from end to end."
                )
            await asyncio.sleep(LOOK_EVERY_S)
