"""From a feed's bytes to the message on Slack: the whole program, and a plain stack, over the same feeds and sinks."""

import asyncio
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.figures import Figure, cpu_seconds, percentile, show
from tests.benchmarks.newsroom import Newsroom, monitor, rules

FEEDS = 34
INTERVAL_S = 2
WARM_UP_S = 5.0
COUNT_S = float(os.environ.get("BENCH_SECONDS", "15"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "2"))


@dataclass(slots=True)
class Stack:
    """What was seen of one of the two, over all rounds; times in seconds."""

    delays: list[float] = field(default_factory=list)
    cpu: float = 0.0
    lost: int = 0
    handed_out: int = 0

    def ms(self, share: float) -> float:
        """A percentile of the delay, in milliseconds."""
        return percentile(self.delays, share) * 1e3

    def cpu_ms(self) -> float:
        """Processor time for one story, in milliseconds, children included."""
        return self.cpu / max(1, self.handed_out) * 1e3


async def _round(stack: Stack, *, plain: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Newsroom(Path(folder), feeds=FEEDS) as newsroom:
            pid = await newsroom.started(*(_plain(newsroom) if plain else _whole(newsroom)))
            await asyncio.sleep(WARM_UP_S)
            before = cpu_seconds(pid)
            await newsroom.count(COUNT_S, drain=0)
            stack.cpu += cpu_seconds(pid) - before
            await asyncio.sleep(3)
            stack.delays += newsroom.delays
            stack.lost += newsroom.lost
            stack.handed_out += newsroom.handed_out


def _whole(newsroom: Newsroom) -> tuple[str, ...]:
    return monitor(newsroom.write(interval=f"{INTERVAL_S}s", polling={"requests_per_minute": 1020}))


def _plain(newsroom: Newsroom) -> tuple[str, ...]:
    plan = {
        "urls": newsroom.urls(),
        "interval": INTERVAL_S,
        "words": [word for words in rules().values() for word in words],
        "database": str(newsroom.folder / "plain.db"),
        "token": newsroom.slack.token,
        "api_url": newsroom.slack.api_url,
    }
    path = newsroom.folder / "plan.json"
    path.write_text(json.dumps(plan))
    return ("-m", "tests.benchmarks.plain_stack", str(path))


async def measure() -> list[Figure]:
    """Turn and turn about, so that what else the machine does meets both."""
    whole, plain = Stack(), Stack()
    for _ in range(ROUNDS):
        await _round(whole, plain=False)
        await _round(plain, plain=True)
    name = "feed bytes to Slack, "
    return [
        Figure(name=f"{name}p50", value=whole.ms(0.5), unit="ms", bar=5, yardstick=plain.ms(0.5)),
        Figure(name=f"{name}p99", value=whole.ms(0.99), unit="ms", bar=25, yardstick=plain.ms(0.99)),
        Figure(name=f"{name}CPU a story", value=whole.cpu_ms(), unit="ms", yardstick=plain.cpu_ms()),
        Figure(name=f"{name}stories counted", value=len(whole.delays), unit="", yardstick=len(plain.delays)),
        Figure(name=f"{name}stories not arrived", value=whole.lost, unit="", yardstick=plain.lost),
    ]


if __name__ == "__main__":
    show(asyncio.run(measure()))
