"""Turning names into addresses without threads, so that dead names cannot stop healthy feeds."""

import asyncio
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import AsyncResolver

MOST_SECONDS = 5.0
CACHED_SECONDS = 60


class BoundedResolver(AbstractResolver):
    """The asynchronous resolver, held to a time in all however many servers it asks."""

    def __init__(self, most_seconds: float = MOST_SECONDS) -> None:
        self._most = most_seconds
        self._resolver = AsyncResolver(timeout=most_seconds / 2, tries=2)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses of a name.

        Raises:
            OSError: There is no answer, or none in time.
        """
        try:
            async with asyncio.timeout(self._most):
                return await self._resolver.resolve(host, port, family)
        except TimeoutError as error:
            raise OSError(None, "no answer in time") from error

    async def close(self) -> None:
        """Give the channel back."""
        await self._resolver.close()
