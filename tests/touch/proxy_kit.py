"""A forward proxy on loopback that leads each name where a test says, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(slots=True)
class Asked:
    """One request to the proxy, with header names in lower case, and when it came."""

    method: str
    target: str
    headers: dict[str, str]
    at: float


@dataclass(slots=True)
class Proxy:
    """Takes plain requests and CONNECT.

    Args:
        leads: Where hosts are: a port of loopback for each.
        login: The value of Proxy-Authorization without which nothing goes through.
        answer: Sent for everything in place of what the host says, as it is.
    """

    leads: dict[str, int] = field(default_factory=dict)
    login: str | None = None
    answer: bytes | None = None
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = lines[0].split(" ")
            pairs = [line.partition(":") for line in lines[1:] if line]
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            self.asked.append(Asked(method, target, headers, asyncio.get_running_loop().time()))
            await self._answer(method, target, headers, reader, writer)
        writer.close()

    async def _answer(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        port = self.leads.get(parts.hostname or "")
        refusal = self.answer
        if self.login is not None and headers.get("proxy-authorization") != self.login:
            refusal = plain(407)
        elif refusal is None and port is None:
            refusal = plain(502)
        if refusal is not None or port is None:
            writer.write(refusal or b"")
            await writer.drain()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            ours = ("connection", "proxy-connection", "proxy-authorization")
            kept = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if name not in ours)
            far_writer.write(f"{method} {path} HTTP/1.1\r\n{kept}connection: close\r\n\r\n".encode("latin-1"))
        await asyncio.gather(_carried(reader, far_writer), _carried(far_reader, writer))


async def _carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything from one side to the other, until one of them has enough."""
    with suppress(ConnectionError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    writer.close()


def plain(status: int, **headers: str) -> bytes:
    """An answer without a body."""
    said = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n{said}\r\n".encode()


@asynccontextmanager
async def proxying(**leads: int) -> AsyncIterator[Proxy]:
    """A proxy for the length of a block."""
    proxy = Proxy({name.replace("_", "."): port for name, port in leads.items()})
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
