"""Flows that go round, and those that stand still."""

import asyncio
from datetime import timedelta

from monitor.flows.progress import Progress


async def test_a_flow_that_goes_round_is_not_stalled_and_one_that_stands_still_is():
    progress = Progress(stalled_after=timedelta(milliseconds=20))
    polling, _ = progress.of("polling"), progress.of("sweep")
    assert progress.stalled() == ()
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < 0.05:
        await asyncio.sleep(0.005)
    polling()
    assert progress.stalled() == ("sweep",)
