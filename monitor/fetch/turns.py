"""Whose turn it is: so many requests to one server at once, and so many in all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

PATIENCE_S = 0.8
"""A request that lasts longer gives up its room at its server, so that one bad feed delays no other by a second."""

MOST_SLOW = 8
"""Such requests at one server; beyond them a server that answers nobody is asked no faster than it answers."""


@dataclass(slots=True)
class _Server:
    room: asyncio.Semaphore
    interested: int = 0
    slow: int = 0


class _Place:
    """The room that one request holds at its server, until it is given back: at its end, or when it proves slow."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._held, self._slow = True, False

    def lasts(self) -> None:
        """It takes long: let another one in, unless too many take long already."""
        if self._held and self._server.slow < MOST_SLOW:
            self._server.slow += 1
            self._held, self._slow = False, True
            self._server.room.release()

    def end(self) -> None:
        """It has ended."""
        if self._held:
            self._server.room.release()
        if self._slow:
            self._server.slow -= 1
        self._held = self._slow = False


class Turns:
    """Room for requests. The server's room comes first, so that a slow one does not use up everybody's."""

    def __init__(self, *, per_host: int, in_flight: int) -> None:
        self._per_host = per_host
        self._all = asyncio.Semaphore(in_flight)
        self._servers: dict[str, _Server] = {}

    @asynccontextmanager
    async def turn(self, server: str) -> AsyncIterator[None]:
        """Wait for room at a server (host and port), hold it inside the block."""
        found = self._servers.setdefault(server, _Server(asyncio.Semaphore(self._per_host)))
        found.interested += 1
        try:
            await found.room.acquire()
            place = _Place(found)
            try:
                async with self._all:
                    lasts = asyncio.get_running_loop().call_later(PATIENCE_S, place.lasts)
                    try:
                        yield
                    finally:
                        lasts.cancel()
            finally:
                place.end()
        finally:
            found.interested -= 1
            if not found.interested:
                self._servers.pop(server, None)
