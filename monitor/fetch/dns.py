"""Turning names into addresses without threads, so that dead names cannot stop healthy feeds."""

import asyncio
import socket
from collections.abc import Sequence

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import AsyncResolver

from monitor.fetch.guard import Network, is_allowed, literal

MOST_SECONDS = 5.0
CACHED_SECONDS = 60


class BoundedResolver(AbstractResolver):
    """The asynchronous resolver, held to a time in all however many servers it asks.

    Args:
        near: Networks whose names are remembered, for `is_near`.
    """

    def __init__(self, most_seconds: float = MOST_SECONDS, near: Sequence[Network] = ()) -> None:
        self._most = most_seconds
        self._resolver = AsyncResolver(timeout=most_seconds / 2, tries=2)
        self._near, self._names = near, set[str]()

    def is_near(self, host: str) -> bool:
        """Whether a host is an address in the near networks, or a name that led to nothing else when last asked."""
        address = literal(host)
        return host in self._names if address is None else is_allowed(address, self._near)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of a name.

        Raises:
            OSError: There is no answer, or none in time.
        """
        try:
            async with asyncio.timeout(self._most):
                found = await self._resolver.resolve(host, port, family)
        except TimeoutError as error:
            raise OSError(None, "no answer in time") from error
        addresses = [literal(one["host"]) for one in found]
        if all(address is not None and is_allowed(address, self._near) for address in addresses):
            self._names.add(host)
        else:
            self._names.discard(host)
        return found

    async def close(self) -> None:
        """Give the channel back."""
        await self._resolver.close()
