"""Run every benchmark, one after another, and print one table."""

import asyncio

from tests.benchmarks import bytes_to_post, loop_lag, memory, start
from tests.benchmarks.figures import Figure, show


async def main() -> None:
    """A few minutes, on a machine that does nothing else."""
    figures: list[Figure] = []
    for benchmark in (bytes_to_post, start, memory, loop_lag):
        figures += await benchmark.measure()
    show(figures)


if __name__ == "__main__":
    asyncio.run(main())
