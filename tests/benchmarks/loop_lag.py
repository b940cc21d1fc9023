"""How late the event loop of the service is while one poll in five parses, a body of 6 MB among them.

The service runs as a child with its own watch on the loop looking every 2 ms; `child` is that program.
"""

import asyncio
import itertools
import json
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.figures import Figure, percentile, show
from tests.benchmarks.newsroom import ENTRIES, Newsroom, document

PARSING, RESTING = 7, 28
INTERVAL_S = 2
BIG_BYTES = 6_000_000
BIG_EVERY_S = 10
BIG_ENTRIES = 200
IDLE_S = 2.0
WARM_UP_S = 8.0
COUNT_S = 20.0
LOOK_EVERY_S = 0.002
MANY = 10_000
MANY_EVERY = "10m"


def child(samples: Path, command: list[str]) -> None:
    """Run `monitor` with a finer watch on its loop, and leave what it saw in a file: when, and how late, in seconds."""
    from monitor.cli import main
    from monitor.web import lag

    seen: list[tuple[float, float]] = []
    lag.LOOK_EVERY_S = LOOK_EVERY_S
    watch = lag.watch
    lag.watch = lambda note: watch(lambda late: seen.append((time.monotonic(), late)))
    sys.argv = ["monitor", *command]
    try:
        main()
    finally:
        samples.write_text(json.dumps(seen))


async def measure() -> list[Figure]:
    """Percentiles of how late each look was."""
    late, after_start, idle = await _late(), await _late(MANY), await _idle()
    return [
        Figure(name="loop lag, a loop with nothing to do, p99", value=percentile(idle, 0.99), unit="ms"),
        Figure(name="loop lag, p50", value=percentile(late, 0.5), unit="ms"),
        Figure(name="loop lag, p99", value=percentile(late, 0.99), unit="ms", bar=10),
        Figure(name="loop lag, longest", value=max(late), unit="ms"),
        Figure(name="loop lag, looks", value=len(late), unit=""),
        Figure(
            name=f"loop lag after a start with {MANY:,} feeds, p99",
            value=percentile(after_start, 0.99),
            unit="ms",
            bar=10,
        ),
        Figure(
            name=f"loop lag after a start with {MANY:,} feeds, longest", value=max(after_start), unit="ms"
        ),
    ]


async def _late(many: int = 0) -> list[float]:
    """How late each look was, in milliseconds.

    Args:
        many: Feeds beside the others that are asked now and then; with them the watch counts from the first request on.
    """
    with tempfile.TemporaryDirectory() as folder:
        async with Newsroom(Path(folder), feeds=PARSING) as newsroom:
            resting = [
                newsroom.server.serve(f"/resting{n}.xml", document(n, range(ENTRIES, 0, -1)))
                for n in range(RESTING)
            ]
            numbers = itertools.count(BIG_ENTRIES)
            big = newsroom.server.serve("/big.xml", lambda request: _big(next(numbers)))
            settings = newsroom.write(
                interval=f"{INTERVAL_S}s", listen=f"127.0.0.1:{_free_port()}", more=resting
            )
            document_of_many = document(0, range(ENTRIES, 0, -1))
            _add(
                newsroom.folder / "feeds.yaml",
                {"url": big, "interval": f"{BIG_EVERY_S}s", "receivers": ["nobody"]},
                *(
                    {
                        "url": newsroom.server.serve(f"/many{n}.xml", document_of_many),
                        "interval": MANY_EVERY,
                        "receivers": ["nobody"],
                    }
                    for n in range(many)
                ),
            )
            samples = newsroom.folder / "samples.json"
            await newsroom.started(
                "-m", "tests.benchmarks.loop_lag", str(samples), "--config", str(settings), "run", "--log", "json"
            )  # fmt: skip
            await asyncio.sleep(0 if many else WARM_UP_S)
            began = time.monotonic()
            await asyncio.sleep(COUNT_S)
            ended = time.monotonic()
            await newsroom.end()
            return [late * 1e3 for at, late in json.loads(samples.read_text()) if began <= at <= ended]


async def _idle() -> list[float]:
    """The same look at a loop that does nothing else, on this machine, now."""
    loop, late = asyncio.get_running_loop(), []
    until = loop.time() + IDLE_S
    while (due := loop.time() + LOOK_EVERY_S) < until:
        await asyncio.sleep(LOOK_EVERY_S)
        late.append((loop.time() - due) * 1e3)
    return late


def _big(newest: int) -> bytes:
    """A feed of 6 MB with one new entry."""
    return document(99, range(newest, newest - BIG_ENTRIES, -1), repeat=BIG_BYTES // BIG_ENTRIES // 71)


def _add(feeds: Path, *more: dict[str, Any]) -> None:
    feeds.write_text(yaml.safe_dump([*yaml.safe_load(feeds.read_text()), *more]))


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    if sys.argv[1:]:
        child(Path(sys.argv[1]), sys.argv[2:])
    else:
        show(asyncio.run(measure()))
