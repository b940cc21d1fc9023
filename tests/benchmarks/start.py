"""What a start costs: processor time of `monitor --help`, and of the service until it asks its first feed."""

import asyncio
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.figures import Figure, cpu_seconds, show
from tests.benchmarks.newsroom import Newsroom, monitor

TIMES = 5


def _command(*command: str) -> float:
    """Processor seconds of a command, the best of a few."""
    return min(_once(command) for _ in range(TIMES))


def _once(command: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run((sys.executable, *command), check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def _first_poll() -> float:
    with tempfile.TemporaryDirectory() as folder:
        async with Newsroom(Path(folder), feeds=1) as newsroom:
            pid = await newsroom.started(*monitor(newsroom.write(interval="60s")))
            return cpu_seconds(pid, children=False)


async def measure() -> list[Figure]:
    """The commands, then the service."""
    nothing = _command("-c", "pass")
    first_polls = [await _first_poll() for _ in range(TIMES)]
    return [
        Figure(name="start, python that does nothing, CPU", value=nothing, unit="s"),
        Figure(
            name="start, monitor --help, CPU", value=_command("-m", "monitor", "--help"), unit="s", bar=0.2
        ),
        Figure(name="start to first poll, CPU", value=min(first_polls), unit="s", bar=1.5),
    ]


if __name__ == "__main__":
    show(asyncio.run(measure()))
