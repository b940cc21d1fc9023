"""Children that read documents, in two lanes, so that a document that takes long never holds up one that does not."""

import asyncio
import contextlib
import os
import sys
from dataclasses import replace
from typing import assert_never

import structlog
from msgspec import structs

from monitor.feeds.outcome import Document, Unreadable
from monitor.fetch.wire import LENGTH, MAX_REPLY_BYTES, Reply, Request, decode_reply, framed
from monitor.secret import bare

log = structlog.get_logger(__name__)

QUICK_SECONDS = 0.5
SLOW_SECONDS = 20.0
QUICK_MEMORY_BYTES = 512 << 20
SLOW_MEMORY_BYTES = 1 << 30
MOST_READS = 500
"""Documents after which a child is replaced, whatever it may have kept of them."""

MOST_WAITING_SLOW = 20
_MOST_WAITED_SECONDS = 300
_START_SECONDS = 30
_AGAIN = frozenset(("too_slow", "too_much_memory", "crashed"))
_GONE = {
    "too_slow": "reading it did not end in time; the reading process was ended",
    "crashed": "the reading process ended on it",
}


class ChildGone(Exception):
    """A child ended, or had to be ended, before it answered."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Child:
    """One process, and the one request it works on."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.reads = 0

    @classmethod
    async def start(cls, memory_bytes: int, nice: int) -> "Child":
        """Start one and wait until it is warm.

        Raises:
            ChildGone: It did not become ready.
        """
        arguments = ("--parent", str(os.getpid()), "--memory", str(memory_bytes), "--nice", str(nice))
        making = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                sys.executable, "-P", "-s", "-m", "monitor.fetch.child", *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                env=bare(os.environ),
            )
        )  # fmt: skip
        try:
            process = await asyncio.shield(making)
        except asyncio.CancelledError:  # a process that was begun is ended, or the loop would close over it
            with contextlib.suppress(OSError):
                await cls(await making).close()
            raise
        except OSError as error:
            raise ChildGone("could not be started") from error
        child = cls(process)
        try:
            await child._answer(_START_SECONDS)
        except BaseException:
            await child.close()
            raise
        return child

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ask(self, request: Request, wall_seconds: float) -> Reply:
        """Have a document read.

        Raises:
            ChildGone: The child died of it or did not answer in time; it is of no use any more.
        """
        self.reads += 1
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(framed(request))
            return await self._answer(wall_seconds)
        except ConnectionError as error:
            raise ChildGone("crashed") from error

    async def _answer(self, wall_seconds: float) -> Reply:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(wall_seconds):
                await self._process.stdin.drain()
                (size,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
                if size > MAX_REPLY_BYTES:
                    raise ChildGone("crashed")
                return decode_reply(await self._process.stdout.readexactly(size))
        except TimeoutError as error:
            raise ChildGone("too_slow") from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise ChildGone(await self._cause()) from error

    async def _cause(self) -> str:
        """Why it ended: the kernel ends it with a signal of its own when its CPU time is spent."""
        code = await self._process.wait()
        return "too_slow" if -code in (24, 27) else "crashed"  # SIGXCPU, SIGPROF

    async def close(self) -> None:
        """End it, at once if it is busy."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.stdout is not None:  # what it still said must be taken, or its end is never noticed
            await self._process.stdout.read()
        await self._process.wait()


class Lane:
    """Children with the same limits, and a queue in front of them."""

    def __init__(self, *, children: int, seconds: float, memory_bytes: int, nice: int = 0) -> None:
        self._count = children
        self._seconds, self._memory_bytes, self._nice = seconds, memory_bytes, nice
        self._free: asyncio.Queue[Child] = (
            asyncio.LifoQueue()
        )  # the one that read last has its memory at hand
        self._all: set[Child] = set()
        self._renewals: set[asyncio.Task[None]] = set()
        self.waiting = 0

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of this lane."""
        return tuple(child.pid for child in self._all)

    def start(self) -> None:
        """Begin to start children; requests wait for the first of them."""
        for _ in range(self._count):
            self._renew(None)

    async def read(self, request: Request) -> Reply:
        """Read a document within the lane's limits."""
        self.waiting += 1
        try:
            async with asyncio.timeout(_MOST_WAITED_SECONDS):
                child = await self._free.get()
        except TimeoutError:
            return Reply(reason="not_read", detail="no reading process was free")
        finally:
            self.waiting -= 1
        request = structs.replace(request, seconds=self._seconds)
        worn = True
        try:
            # Wall time only ends a child that is stopped or starved; CPU time is what a document is given.
            reply = await child.ask(request, self._seconds * 3 + 10)
            worn = child.reads >= MOST_READS or reply.reason in _AGAIN
        except ChildGone as gone:
            reply = Reply(reason=gone.reason, detail=_GONE.get(gone.reason, ""), seconds=self._seconds)
        finally:
            if worn:
                self._renew(child)
            else:
                self._free.put_nowait(child)
        return reply

    async def close(self) -> None:
        """End every child."""
        for task in self._renewals:
            task.cancel()
        await asyncio.gather(*self._renewals, return_exceptions=True)
        await asyncio.gather(*(child.close() for child in self._all))
        self._all.clear()

    def _renew(self, old: Child | None) -> None:
        task = asyncio.create_task(self._replace(old))
        self._renewals.add(task)
        task.add_done_callback(self._renewals.discard)

    async def _replace(self, old: Child | None) -> None:
        """End a child and start another, trying until one starts."""
        if old is not None:
            await old.close()
            self._all.discard(old)
        wait = 0.1
        while True:
            try:
                child = await Child.start(self._memory_bytes, self._nice)
            except ChildGone as gone:
                log.error("reader_not_started", reason=gone.reason)
                await asyncio.sleep(wait)
                wait = min(wait * 2, 30)
                continue
            self._all.add(child)
            self._free.put_nowait(child)
            return


class Reader:
    """Reads documents: in the quick lane, and what that could not read once more in the slow one."""

    def __init__(self, *, quick_children: int = 2) -> None:
        self._quick_children = max(quick_children, 2)
        self.quick: Lane | None = None
        self.slow: Lane | None = None

    def start(self) -> None:
        """Start the children; does not wait until they are warm."""
        self.quick = Lane(
            children=self._quick_children, seconds=QUICK_SECONDS, memory_bytes=QUICK_MEMORY_BYTES
        )
        self.slow = Lane(children=1, seconds=SLOW_SECONDS, memory_bytes=SLOW_MEMORY_BYTES, nice=10)
        self.quick.start()
        self.slow.start()

    async def read(
        self,
        body: bytes,
        content_type: str | None,
        base: str | None,
        *,
        slow: bool = False,
        asked: str | None = None,
        seen: bytes = b"",
    ) -> Document | Unreadable:
        """Read a document.

        Args:
            base: What relative links are relative to.
            slow: Go to the slow lane at once.
            asked: The address of the feed, where it may have been answered from another one.
            seen: Prints of items that need no reading, joined.
        """
        assert self.quick is not None, "start() comes first"
        request = Request(body, content_type, base, 0, asked, seen)
        reply = None if slow else await self.quick.read(request)
        if reply is None or reply.reason in _AGAIN:
            reply = await self._read_slowly(request)
        needed_long = reply.seconds > 0.8 * QUICK_SECONDS
        match reply.document:
            case Document() as document:
                return replace(document, slow=needed_long)
            case None:
                return Unreadable(reason=reply.reason, detail=reply.detail, slow=needed_long)
            case other:
                assert_never(other)

    async def _read_slowly(self, request: Request) -> Reply:
        assert self.slow is not None
        if self.slow.waiting >= MOST_WAITING_SLOW:
            return Reply(
                reason="too_slow", detail="too many slow documents are waiting", seconds=QUICK_SECONDS
            )
        return await self.slow.read(request)

    async def close(self) -> None:
        """End the children."""
        for lane in (self.quick, self.slow):
            if lane is not None:
                await lane.close()
        self.quick = self.slow = None
