"""What the tests of the stream share: a desk that remembers what reached it, and a stream that is stopped at the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from monitor.streams.app import build
from monitor.streams.embedded import Consumer, Transport
from monitor.streams.handling import DeadLetter
from monitor.streams.log import Log
from monitor.streams.stream import Stream

PATIENCE = 20
"""Seconds after which a test that waits for something gives up."""


class Desk:
    """Takes what comes off the stream. `judge` and `grave` may be replaced to misbehave."""

    def __init__(self) -> None:
        self.stories: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.nudges: asyncio.Queue[str] = asyncio.Queue()
        self.letters: asyncio.Queue[DeadLetter] = asyncio.Queue()
        self.judge: Callable[[str, int], Awaitable[None]] = self._nothing
        self.grave: Callable[[DeadLetter], Awaitable[None]] = self._nothing
        self.wake: Callable[[str], None] = lambda target: None

    async def on_story(self, story: str, revision: int) -> None:
        self.stories.put_nowait((story, revision))
        await self.judge(story, revision)

    def on_nudge(self, target: str) -> None:
        self.nudges.put_nowait(target)
        self.wake(target)

    async def on_dead(self, letter: DeadLetter) -> None:
        self.letters.put_nowait(letter)
        await self.grave(letter)

    async def _nothing(self, *_: Any) -> None:
        pass


def stream_for(desk: Desk, broker: str = "embedded://", **how: Any) -> Stream:
    return build(broker, on_story=desk.on_story, on_nudge=desk.on_nudge, on_dead=desk.on_dead, **how)


@asynccontextmanager
async def running(desk: Desk, **how: Any) -> AsyncIterator[Stream]:
    """A stream that runs, for no longer than a test may take."""
    stream = stream_for(desk, **how)
    async with asyncio.timeout(PATIENCE):
        await stream.start()
        try:
            yield stream
        finally:
            await stream.stop()


async def take(queue: asyncio.Queue[Any], count: int) -> list[Any]:
    """The next so many things that arrive."""
    return [await queue.get() for _ in range(count)]


def transport_of(stream: Stream) -> Transport:
    return stream._app.transport


def log_of(stream: Stream) -> Log:
    return transport_of(stream).log


def reader_of(stream: Stream) -> Consumer:
    return stream._app.consumer


async def inject(stream: Stream, topic: str, value: bytes | None, key: bytes | None = b"k") -> None:
    """Put raw bytes on a topic, as a stranger could."""
    await stream._app.producer.send_and_wait(topic, key, value, None, None, None)


async def all_done_with(stream: Stream) -> None:
    """Wait until everything published is acknowledged, committed and freed."""
    while any(stream._backlog(lane) for lane in stream._lanes):
        await reader_of(stream).commit()
        await asyncio.sleep(0)
