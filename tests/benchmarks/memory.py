"""Memory of the service with 2,000 feeds, once each was asked, and later; the children that read feeds not counted."""

import asyncio
import os
import tempfile
import time
from pathlib import Path

from tests.benchmarks.figures import Figure, resident_mb, show
from tests.benchmarks.newsroom import Newsroom, document, monitor

FEEDS = 2_000
WITH_NEWS = 34
MOST_S = 150
MINUTES = float(os.environ.get("BENCH_MINUTES", "0"))
"""How long to go on after that; 60 says whether memory stays what it is."""


async def measure() -> list[Figure]:
    """Before and after the first round over all feeds, and some time later."""
    with tempfile.TemporaryDirectory() as folder:
        async with Newsroom(Path(folder), feeds=WITH_NEWS) as newsroom:
            quiet = [
                newsroom.server.serve(f"/quiet{n}.xml", document(n, range(10, 0, -1)))
                for n in range(FEEDS - WITH_NEWS)
            ]
            pid = await newsroom.started(*monitor(newsroom.write(interval="60s", more=quiet)))
            at_start = resident_mb(pid)
            until = time.monotonic() + MOST_S
            while len(newsroom.server.asked) < FEEDS and time.monotonic() < until:
                await asyncio.sleep(0.2)
            await asyncio.sleep(5)
            figures = [
                Figure(name="memory at the first poll", value=at_start, unit="MB"),
                Figure(
                    name=f"memory, {len(newsroom.server.asked):,} feeds asked",
                    value=resident_mb(pid),
                    unit="MB",
                    bar=180,
                ),
            ]
            if MINUTES:
                await asyncio.sleep(MINUTES * 60)
                name = f"memory, {MINUTES:g} minutes later"
                figures.append(Figure(name=name, value=resident_mb(pid), unit="MB", bar=180))
            return figures


if __name__ == "__main__":
    show(asyncio.run(measure()))
