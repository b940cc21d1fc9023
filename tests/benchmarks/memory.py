"""Memory of the service with 2,000 feeds, once each was asked; the children that read feeds not counted."""

import asyncio
import tempfile
import time
from pathlib import Path

from tests.benchmarks.figures import Figure, resident_mb, show
from tests.benchmarks.newsroom import Newsroom, document, monitor

FEEDS = 2_000
MOST_S = 150


async def measure() -> list[Figure]:
    """Before and after the first round over all feeds."""
    with tempfile.TemporaryDirectory() as folder:
        async with Newsroom(Path(folder), feeds=1) as newsroom:
            quiet = [
                newsroom.server.serve(f"/quiet{n}.xml", document(n, range(10, 0, -1))) for n in range(FEEDS)
            ]
            pid = await newsroom.started(*monitor(newsroom.write(interval="60s", more=quiet)))
            at_start = resident_mb(pid)
            until = time.monotonic() + MOST_S
            while len(newsroom.server.asked) <= FEEDS and time.monotonic() < until:
                await asyncio.sleep(0.2)
            await asyncio.sleep(5)
            asked = len(newsroom.server.asked) - 1
            return [
                Figure(name="memory at the first poll", value=at_start, unit="MB"),
                Figure(name=f"memory, {asked:,} feeds asked", value=resident_mb(pid), unit="MB", bar=180),
            ]


if __name__ == "__main__":
    show(asyncio.run(measure()))
