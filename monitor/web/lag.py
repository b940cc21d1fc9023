"""How late the event loop is: what everything in it waits for when something holds it up."""

import asyncio
from collections.abc import Callable

LOOK_EVERY_S = 0.25


async def watch(note: Callable[[float], None]) -> None:
    """Sleep for a short while again and again, and tell how much too long it took, in seconds; until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LOOK_EVERY_S
        await asyncio.sleep(LOOK_EVERY_S)
        note(max(0.0, loop.time() - due))
