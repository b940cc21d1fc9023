"""One topic as seen from our end: what waits to be published, how much came out again, and whether it stands still."""

import asyncio
from collections.abc import Awaitable, Callable

Publish = Callable[[str, bytes, bytes], Awaitable[None]]

LOOKS = 10
"""How many looks in a row must find no movement before a lane counts as standing still."""


class Lane:
    """A bounded queue in front of a topic, and the count of what was handled behind it.

    Args:
        topic: The topic's name.
        capacity: The most messages that wait to be published; as many again may stand in the log.
    """

    def __init__(self, topic: str, capacity: int) -> None:
        self.topic = topic
        self.capacity = capacity
        self.handled = 0
        self._waiting: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue(capacity)

    @property
    def waiting(self) -> int:
        """How many messages wait to be published."""
        return self._waiting.qsize()

    def put(self, key: bytes, value: bytes) -> bool:
        """Queue a message; False where there is no room. Never waits."""
        try:
            self._waiting.put_nowait((key, value))
        except asyncio.QueueFull:
            return False
        return True

    async def pump(self, publish: Publish) -> None:
        """Publish what waits, in order, until cancelled."""
        while True:
            key, value = await self._waiting.get()
            await publish(self.topic, key, value)


class Stillness:
    """Tells a lane that is stuck from one that is busy or empty.

    It counts looks and reads no clock, so that a machine that slept, or a loop that was held up, is not taken for a
    stream that stands still.
    """

    def __init__(self) -> None:
        self._handled = 0
        self._looks = 0

    def look(self, *, handled: int, backlog: int) -> bool:
        """Look once; True when work has waited for `LOOKS` looks and nothing was handled in between."""
        if backlog == 0 or handled != self._handled:
            self._handled, self._looks = handled, 0
            return False
        self._looks += 1
        return self._looks >= LOOKS
