"""Whose turn it is: so many requests to one server at once and so long between two of them, and so many in all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

PATIENCE_S = 0.8
"""A request that lasts longer gives up its room at its server, so that one bad feed delays no other by a second."""

MOST_SLOW = 8
"""Such requests at one server; beyond them a server that answers nobody is asked no faster than it answers."""


@dataclass(slots=True)
class _Server:
    room: asyncio.Semaphore
    door: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Who holds it begins next."""
    next_at: float = 0.0
    """Before this, by the loop's clock, no spaced request begins."""
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
    """Room for requests. The server's room comes first, so that a slow one does not use up everybody's.

    Args:
        per_host, in_flight: Requests at once, to one server and in all.
        spacing_s: Seconds from the beginning of one request to a server to the beginning of the next.
    """

    def __init__(self, *, per_host: int, in_flight: int, spacing_s: float = 0.0) -> None:
        self._per_host, self._spacing_s = per_host, spacing_s
        self._all = asyncio.Semaphore(in_flight)
        self._servers: dict[str, _Server] = {}

    @asynccontextmanager
    async def turn(self, server: str, *, spaced: bool = True) -> AsyncIterator[None]:
        """Wait for room at a server, hold it inside the block. Who came first begins first.

        Args:
            spaced: Whether to keep the distance to the request before.
        """
        found = self._servers.setdefault(server, _Server(asyncio.Semaphore(self._per_host)))
        found.interested += 1
        try:
            await found.room.acquire()
            place = _Place(found)
            try:
                await self._begin(found, spaced)
                lasts = asyncio.get_running_loop().call_later(PATIENCE_S, place.lasts)
                try:
                    yield
                finally:
                    lasts.cancel()
                    self._all.release()
            finally:
                place.end()
        finally:
            found.interested -= 1
            self._leave(server, found)

    async def _begin(self, server: _Server, spaced: bool) -> None:
        """Take one of everybody's places, at the right time.

        The time is waited for without a place. Then one request of a server at a time waits for a place, so that the
        distance is kept between beginnings however long places are short.
        """
        loop = asyncio.get_running_loop()
        async with server.door:
            if spaced:
                await asyncio.sleep(server.next_at - loop.time())
            await self._all.acquire()
            if spaced:
                server.next_at = loop.time() + self._spacing_s

    def _leave(self, name: str, server: _Server) -> None:
        """Forget a server that nobody is interested in, once its distance is kept."""
        if server.interested or self._servers.get(name) is not server:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= server.next_at:
            del self._servers[name]
        else:
            loop.call_at(server.next_at, self._leave, name, server)
