"""A web server on loopback that answers as feeds do, well-behaved ones and others. For the demo and the tests."""

import asyncio
import gzip as gzip_format
import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

Body = bytes | str | Callable[[web.Request], bytes | str | web.StreamResponse]
"""What an address answers, or what makes it anew for every request."""

HOST = "127.0.0.1"
_DRIP_BYTES = 64
_CLOSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came.

    Args:
        headers: Names in lower case.
        answered: The status that was answered.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    body: Body
    content_type: str
    status: int
    headers: Mapping[str, str]
    etag: bool
    gzip: bool
    delay: float
    drip: float
    cut: int | None


@dataclass(slots=True)
class FeedServer:
    """Serves what a script puts in place, on a free port of loopback, and keeps a record of who asked.

    Args:
        asked: Every request to a path, oldest first.
    """

    asked: dict[str, list[Asked]] = field(default_factory=lambda: defaultdict(list))
    _pages: dict[str, _Page] = field(default_factory=dict)
    _runner: web.AppRunner | None = None
    _port: int = 0

    async def start(self) -> None:
        """Begin to answer."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop answering; requests under way are cut off."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def url(self, path: str) -> str:
        """The address of a path, which begins with a slash."""
        return f"http://{HOST}:{self._port}{path}"

    def serve(
        self,
        path: str,
        body: Body = b"",
        *,
        content_type: str = "application/rss+xml; charset=utf-8",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        etag: bool = True,
        gzip: bool = False,
        delay: float = 0.0,
        drip: float = 0.0,
        cut: int | None = None,
    ) -> str:
        """Say what a path answers from now on.

        Args:
            path: With its leading slash, without a query.
            body: Text goes out as UTF-8. A function is called for every request; if it returns a response of
                its own, nothing else here applies to it, `delay` aside.
            headers: Sent as they are. A `Last-Modified` among them is compared with `If-Modified-Since`.
            etag: Whether a good answer carries an ETag that follows from its bytes, and a request that knows it
                gets 304.
            gzip: Whether to compress for clients that accept it.
            delay: Seconds before the first byte.
            drip: Seconds between pieces of 64 bytes.
            cut: After how many bytes of the body (as sent) the connection is dropped.

        Returns:
            The address.

        Source: RFC 9110 §13.1.2 (If-None-Match goes before If-Modified-Since), §15.4.5 (304).
        """
        self._pages[path] = _Page(
            body=body,
            content_type=content_type,
            status=status,
            headers=dict(headers or {}),
            etag=etag,
            gzip=gzip,
            delay=delay,
            drip=drip,
            cut=cut,
        )
        return self.url(path)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        page = self._pages.get(request.path)
        if page is None:
            return self._noted(request, web.Response(status=404, text="no such page"))
        if page.delay:
            await asyncio.sleep(page.delay)
        made = page.body(request) if callable(page.body) else page.body
        if isinstance(made, web.StreamResponse):
            return self._noted(request, made)
        body = made.encode() if isinstance(made, str) else made
        headers = {"Content-Type": page.content_type, **page.headers}
        if page.etag and page.status == 200:
            headers["ETag"] = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
        if page.status == 200 and _knows(request, headers):
            del headers["Content-Type"]
            return self._noted(request, web.Response(status=304, headers=headers))
        if page.gzip:
            headers["Vary"] = "Accept-Encoding"
            if "gzip" in request.headers.get("Accept-Encoding", ""):
                headers["Content-Encoding"] = "gzip"
                body = gzip_format.compress(body, mtime=0)
        if page.drip or page.cut is not None:
            return await self._slowly(request, page, headers, body)
        return self._noted(request, web.Response(status=page.status, body=body, headers=headers))

    async def _slowly(
        self, request: web.Request, page: _Page, headers: Mapping[str, str], body: bytes
    ) -> web.StreamResponse:
        """Send piece by piece, all of it or up to where the connection is to break."""
        response = web.StreamResponse(status=page.status, headers=headers)
        response.content_length = len(body)
        self._noted(request, response)
        await response.prepare(request)
        end = len(body) if page.cut is None else page.cut
        step = _DRIP_BYTES if page.drip else max(end, 1)
        for start in range(0, end, step):
            await response.write(body[start : min(start + step, end)])
            await asyncio.sleep(page.drip)
        if end < len(body):
            if request.transport is not None:
                request.transport.close()
        else:
            await response.write_eof()
        return response

    def _noted(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        self.asked[request.path].append(
            Asked(
                method=request.method,
                path=request.path_qs,
                headers={name.lower(): value for name, value in request.headers.items()},
                answered=response.status,
            )
        )
        return response


def _knows(request: web.Request, headers: Mapping[str, str]) -> bool:
    """Whether the client has this very answer already."""
    known = request.headers.get("If-None-Match")
    if known is not None:
        tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
        return headers.get("ETag") in tags or ("*" in tags and "ETag" in headers)
    since = request.headers.get("If-Modified-Since")
    return since is not None and since == headers.get("Last-Modified")
