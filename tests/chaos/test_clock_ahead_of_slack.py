"""A clock that is ahead of Slack's, and an answer of Slack's that is lost."""

import asyncio
from datetime import timedelta

import pytest

from tests.chaos.test_clock import Clocks
from tests.chaos.test_signals import HeldSlack

pytestmark = pytest.mark.chaos


async def test_a_clock_an_hour_ahead_hides_no_post_whose_answer_was_lost(tmp_path):
    newsroom = Clocks(tmp_path)
    newsroom.slack = HeldSlack()
    async with newsroom:
        newsroom.set_clock(timedelta(hours=1))
        newsroom.slack.may_answer.clear()
        await newsroom.started(*newsroom.program())
        newsroom.publish()
        async with asyncio.timeout(60):
            while set(newsroom.on_slack()) != newsroom.all:
                await asyncio.sleep(0.02)
        await newsroom.kill()
        newsroom.slack.may_answer.set()
        await newsroom.started(*newsroom.program())
        newsroom.publish()
        await newsroom.everything_told(within=60)
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert set(newsroom.on_slack().values()) == {1}
