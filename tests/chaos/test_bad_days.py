"""Kills and stops under load, judged only by what the sinks received."""

import asyncio
import random

import pytest

from tests.chaos.newsroom import Newsroom

pytestmark = pytest.mark.chaos


async def test_twenty_kills_lose_nothing_and_tell_nothing_twice_on_slack(tmp_path):
    kills = 20
    async with Newsroom(tmp_path, lasts=kills * 1.5) as newsroom:
        for _ in range(kills):
            await newsroom.start()
            await asyncio.sleep(random.uniform(0.8, 3.0))
            await newsroom.kill()
        await newsroom.start()
        await newsroom.everything_told(within=120)
        await asyncio.sleep(3)  # time for something to come that should not
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        twice = {story: count for story, count in newsroom.on_slack().items() if count > 1}
        assert twice == {}
        mails = [message["Message-ID"] for message in newsroom.mail.messages]
        assert len(set(mails)) == len(newsroom.all)  # a mail that came twice came under the same identity
        assert (
            len(mails) - len(set(mails)) <= kills * 8
        )  # only what was in flight: one for each mailbox and kill


async def test_a_stop_in_the_middle_is_quick_and_loses_and_repeats_nothing(tmp_path):
    async with Newsroom(tmp_path, lasts=10) as newsroom:
        for _ in range(3):
            await newsroom.started()
            await asyncio.sleep(random.uniform(0.5, 3.0))
            assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        await newsroom.start()
        await newsroom.everything_told(within=90)
        assert await newsroom.terminate() == 0
        assert set(newsroom.on_slack().values()) == {1}
        assert set(newsroom.by_mail().values()) == {1}
