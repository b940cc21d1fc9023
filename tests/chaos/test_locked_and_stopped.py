"""A database that somebody else holds, and a process that is stopped and continued."""

import asyncio
import signal
import sqlite3

import pytest

from tests.chaos.newsroom import Newsroom

pytestmark = pytest.mark.chaos


async def told_once(newsroom):
    await newsroom.everything_told(within=90)
    assert await newsroom.terminate() == 0, newsroom.log[-3000:]
    assert set(newsroom.on_slack().values()) == {1}
    assert set(newsroom.by_mail().values()) == {1}


async def test_a_database_that_another_process_holds_for_half_a_minute_is_waited_for(tmp_path):
    async with Newsroom(tmp_path, lasts=30) as newsroom:
        await newsroom.started()
        other = sqlite3.connect(tmp_path / "data" / "monitor.db", isolation_level=None, timeout=10)
        try:
            other.execute("BEGIN IMMEDIATE")
            before = len(newsroom.slack.messages)
            await asyncio.sleep(30)  # the length of the lock is what is tested
            other.execute("ROLLBACK")
        finally:
            other.close()
        assert "another process holds the database" in newsroom.log
        assert (
            len(newsroom.slack.messages) - before <= newsroom.desks * 2
        )  # nothing is sent that is not claimed
        await told_once(newsroom)


async def test_a_process_that_was_stopped_and_continued_goes_on_where_it_was(tmp_path):
    async with Newsroom(tmp_path, lasts=10) as newsroom:
        await newsroom.started()
        await asyncio.sleep(2)
        newsroom.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(20)  # the length of the stop is what is tested
        newsroom.process.send_signal(signal.SIGCONT)
        await told_once(newsroom)
