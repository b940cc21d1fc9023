"""Killed at each point of a story's way, again and again, with two hundred stories under way."""

import asyncio
import random
import signal

import pytest

from monitor.faults import Point
from monitor.flows.targets import AT_ONCE
from tests.chaos.newsroom import Newsroom

pytestmark = pytest.mark.chaos

DESKS, STORIES = 50, 4  # two hundred, few enough for each channel that Slack's pace does not hold them up
KILLS = 4


@pytest.mark.parametrize("point", Point)
async def test_a_kill_at_a_point_loses_nothing_and_repeats_at_most_what_was_under_way(tmp_path, point):
    async with Newsroom(tmp_path, lasts=6, desks=DESKS, stories=STORIES) as newsroom:
        for _ in range(KILLS):
            await newsroom.start("tests.chaos.faulted", point, str(random.randint(1, 30)))
            async with asyncio.timeout(60):
                assert await newsroom.process.wait() == -signal.SIGKILL, newsroom.log[-3000:]
        await newsroom.start()
        await newsroom.everything_told(within=90)
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert set(newsroom.on_slack().values()) == {1}  # its history is asked
        mails = [message["Message-ID"] for message in newsroom.mail.messages]
        assert len(set(mails)) == DESKS * STORIES
        assert len(mails) - len(set(mails)) <= KILLS * AT_ONCE  # what was under way at the kills
