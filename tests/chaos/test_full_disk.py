"""A database that cannot grow: the service lives, says so, and goes on by itself."""

import resource

import pytest

from tests.chaos.newsroom import Newsroom

pytestmark = pytest.mark.chaos


async def test_a_full_disk_is_waited_out_and_nothing_is_lost_or_repeated(tmp_path):
    async with Newsroom(tmp_path, lasts=10) as newsroom:
        await newsroom.started()
        written = (tmp_path / "data" / "monitor.db-wal").stat().st_size  # far more than the log has
        resource.prlimit(newsroom.process.pid, resource.RLIMIT_FSIZE, (written, resource.RLIM_INFINITY))
        await newsroom.logged("The disk is full")
        assert newsroom.process.returncode is None
        resource.prlimit(
            newsroom.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )
        await newsroom.logged("There is room on the disk again")
        await newsroom.everything_told(within=90)
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert set(newsroom.on_slack().values()) == {1}
        assert set(newsroom.by_mail().values()) == {1}
