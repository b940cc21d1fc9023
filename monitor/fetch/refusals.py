"""What a server means by an error status: its head says it, or its page may, which the reading process looks at."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import aiohttp

from monitor.feeds.outcome import Document, Refused, Unreadable
from monitor.fetch.bodies import BadEncoding, Body, TooLarge
from monitor.fetch.pages import KINDS, LOOKED_AT, PORTAL, Kind, challenge, guard_in

_MAY_SAY_MORE = frozenset((202, 401, 403, 405, 429, 503))
"""Statuses that guards, networks and walls answer with; the page of any other is not even taken."""

_NETWORK_AUTHENTICATION_REQUIRED = 511
_PAGE_SECONDS = 2.0
_WAY_OUT = {
    401: ": it wants a login, or another one; see `auth:` in the feed list",
    410: ": the feed is gone for good; take it out of the feed list or look for its new address",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A refusal that came with a page, not looked at yet.

    Args:
        url: Where it came from after redirects, without user and password.
    """

    refused: Refused
    page: bytes
    content_type: str | None
    url: str


async def refusal(response: aiohttp.ClientResponse, retry_after: timedelta | None) -> Refused | Shown:
    """What follows from an error status, under the name of what refuses where the head of the answer tells.

    Source: RFC 6585 §6 (511).
    """
    status = response.status
    refused = Refused(
        status=status,
        retry_after=retry_after,
        detail=f"the server answered {status}{_WAY_OUT.get(status, '')}",
    )
    if guard := guard_in(response.headers, status):
        return _as(refused, challenge(guard))
    if status == _NETWORK_AUTHENTICATION_REQUIRED:
        return _as(refused, PORTAL)
    page = await _page(response) if status in _MAY_SAY_MORE else b""
    if not page:
        return refused
    url = str(response.url.with_user(None))
    return Shown(refused=refused, page=page, content_type=response.headers.get("Content-Type"), url=url)


def named(shown: Shown, read: Document | Unreadable) -> Refused:
    """The refusal under the name of its page, now that it was read; without one, as it was."""
    if isinstance(read, Unreadable) and read.reason in KINDS:
        return _as(shown.refused, Kind(read.reason, read.detail))
    return shown.refused


def _as(refused: Refused, kind: Kind) -> Refused:
    return replace(refused, reason=kind.reason, detail=f"the server answered {refused.status}: {kind.detail}")


async def _page(response: aiohttp.ClientResponse) -> bytes:
    """As much of a page as comes soon, and nothing of a long one, which is a site's own."""
    body = Body(LOOKED_AT)
    try:
        async with asyncio.timeout(_PAGE_SECONDS):
            async for chunk in response.content.iter_chunked(16 << 10):
                body.feed(chunk)
    except TooLarge:
        return b""
    except (BadEncoding, TimeoutError, aiohttp.ClientError, OSError):
        pass  # whatever ends it early, the status has been said
    return body.content()
