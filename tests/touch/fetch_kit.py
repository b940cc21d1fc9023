"""A server on loopback that answers byte for byte as a test says, and a fetcher that may reach it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network

from monitor.fetch.fetcher import HttpFetcher

LOOPBACK = [ip_network("127.0.0.0/8")]
Answerer = Callable[[str, dict[str, str], asyncio.StreamWriter], Awaitable[None]]


def feed(*titles, end="</channel></rss>"):
    """A small feed."""
    items = "".join(f"<item><title>{title}</title><guid>{title}</guid></item>" for title in titles)
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{items}{end}'.encode()


def head(status="200 OK", length=None, **headers):
    """The head of an answer; underscores in names become dashes."""
    lines = [f"HTTP/1.1 {status}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(body, status="200 OK", **headers):
    """A whole answer."""
    return head(status, length=len(body), **headers) + body


class Server:
    """Answers each path from a table of bytes or of coroutines, and remembers what it was asked."""

    def __init__(self, host="127.0.0.1", tls=None):
        self.tls = tls
        self.answers: dict[str, bytes | Answerer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.host = host

    async def start(self):
        """Listen."""
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self):
        """Stop; connections that still wait are cut."""
        self._server.close()

    def url(self, path="/feed", userinfo=""):
        """The address of a path."""
        return f"http://{userinfo}{self.host}:{self.port}{path}"

    async def _serve(self, reader, writer):
        try:
            raw = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            path = raw[0].split(" ")[1]
            headers = {
                line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in raw[1:] if line
            }
            self.asked.append((path, headers))
            answer = self.answers[path]
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(path, headers, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(host="127.0.0.1", tls=None) -> AsyncIterator[Server]:
    """A server for the length of a block."""
    server = Server(host, tls)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@asynccontextmanager
async def fetching(**options) -> AsyncIterator[HttpFetcher]:
    """A started fetcher for the length of a block; loopback is allowed."""
    fetcher = HttpFetcher(**{"allow": LOOPBACK, "timeout": timedelta(seconds=30), **options})
    await fetcher.start()
    try:
        yield fetcher
    finally:
        await fetcher.close()
