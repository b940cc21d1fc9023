"""A process that is stopped for two minutes in the middle of its work. Named so that it begins first: it costs time, and no work."""

import asyncio
import signal

import pytest

from tests.chaos.newsroom import Newsroom

pytestmark = pytest.mark.chaos


async def test_two_minutes_without_a_processor_lose_and_repeat_nothing(tmp_path):
    async with Newsroom(tmp_path, lasts=140, desks=3, stories=12) as newsroom:
        await newsroom.started()
        await newsroom.logged('"outcome": "sent"')
        newsroom.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(120)  # the length of the stop is what is tested
        newsroom.process.send_signal(signal.SIGCONT)
        await newsroom.everything_told(within=90)
        assert "clock_was_set" not in newsroom.log
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert set(newsroom.on_slack().values()) == {1} == set(newsroom.by_mail().values())
