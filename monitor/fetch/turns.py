"""Whose turn it is: so many requests to one host at once, and so many in all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Host:
    room: asyncio.Semaphore
    interested: int = 0


class Turns:
    """Room for requests. The host's room comes first, so that a slow host does not use up everybody's."""

    def __init__(self, *, per_host: int, in_flight: int) -> None:
        self._per_host = per_host
        self._all = asyncio.Semaphore(in_flight)
        self._hosts: dict[str, _Host] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Wait for room, hold it inside the block."""
        found = self._hosts.setdefault(host, _Host(asyncio.Semaphore(self._per_host)))
        found.interested += 1
        try:
            async with found.room, self._all:
                yield
        finally:
            found.interested -= 1
            if not found.interested:
                self._hosts.pop(host, None)
