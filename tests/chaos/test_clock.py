"""The clock of the machine, set while the service runs and while it does not: forwards, back, far, over both changes of summer time."""

import asyncio
import json
import socket
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import aiohttp
import pytest
import yaml

from tests.chaos.newsroom import ROOT
from tests.chaos.on_demand import OnDemand

pytestmark = pytest.mark.chaos

RIGHT, HOUR = timedelta(0), timedelta(hours=1)
JUST_BOOTED = datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC)
END_OF_SUMMER_TIME = datetime(2026, 10, 25, 0, 59, 57, tzinfo=UTC)
BEGIN_OF_SUMMER_TIME = datetime(2027, 3, 28, 0, 59, 57, tzinfo=UTC)
END_OF_32_BITS = datetime(2038, 1, 19, 3, 14, 5, tzinfo=UTC)
FAR = datetime(2040, 2, 29, 12, tzinfo=UTC)

LONGEST_SILENCE_S = 20.0
"""Between two polls of a feed that is asked every second or so: long for a slow machine, short beside a clock's hour."""


class Clocks(OnDemand):
    """The program's clock is the test's; beside the desks there is one feed that is asked once an hour."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        zones = {f"desk{n}": {"slack": [f"C0DESK{n}"], "email": [f"desk{n}@news.example"], "timezone": zone}
                 for n, zone in enumerate(("Europe/Berlin", "Asia/Almaty"))}  # fmt: skip
        super().__init__(
            folder,
            receivers=zones,
            polling={"max_interval": "1h"},
            web={"listen": f"127.0.0.1:{self.port}"},
            alerts={"collect": "1s"},
        )
        self.set_clock(RIGHT)

    def _write_workspace(self):
        super()._write_workspace()
        self.feeds.serve("/hourly.xml", "<rss version='2.0'><channel><title>Hourly</title></channel></rss>")
        file = self.folder / "feeds.yaml"
        hourly = {"url": self.feeds.url("/hourly.xml"), "interval": "1h"}
        file.write_text(yaml.safe_dump([*yaml.safe_load(file.read_text()), hourly]))

    def set_clock(self, to):
        """Set the program's clock to an instant, or so far ahead of this machine's."""
        self.ahead = to - datetime.now(UTC) if isinstance(to, datetime) else to
        new = self.folder / "ahead.new"
        new.write_text(str(self.ahead.total_seconds()))
        new.replace(self.folder / "ahead")

    @property
    def publishers(self):
        """How far the publishers' clocks are ahead: all the world lives in 2038; only this machine can be an hour off."""
        return self.ahead if self.ahead > 2 * HOUR else RIGHT

    def program(self):
        return "tests.chaos.clocked", str(self.folder / "ahead")

    async def is_well(self):
        """Wait until health says so: a disk that is busy with others may answer late, a wrong clock would not pass."""
        async with asyncio.timeout(60), aiohttp.ClientSession(f"http://127.0.0.1:{self.port}") as session:
            for path in ("/livez", "/readyz"):
                while not await self._is_fine(session, path):
                    await asyncio.sleep(0.2)

    async def _is_fine(self, session, path):
        async with session.get(path) as answer:
            return answer.status == 200

    async def status(self):
        """What `monitor status` says by the same clock."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *self.program(), "--config", str(self.folder / "monitor.yaml"), "status", "--json",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=ROOT,
        )  # fmt: skip
        out, _ = await process.communicate()
        return json.loads(out)

    async def jump(self, to):
        """Set the clock while a story waits to be told, and publish another: both are told, and all is well."""
        self.publish(ahead=self.publishers)
        await self.taken_in()
        self.set_clock(to)
        self.publish(ahead=self.publishers)
        await self.everything_told(within=60)
        await self.is_well()

    async def all_is_told_and_kept(self):
        """Everything was told once, and nothing of it was dropped for its age."""
        said = await self.status()
        assert said["ok"], said
        assert said["stories"]["stored"] >= len(self.all)
        assert await self.terminate() == 0, self.log[-3000:]
        assert self.told_once()

    def longest_silence(self):
        """Seconds."""
        gaps = [b - a for times in self.asked_at.values() for a, b in pairwise(times)]
        return max(gaps)


async def test_a_clock_that_is_set_brings_no_storm_no_silence_and_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    async with Clocks(tmp_path) as newsroom:
        await newsroom.started(*newsroom.program())
        for to in (HOUR, RIGHT, END_OF_SUMMER_TIME, BEGIN_OF_SUMMER_TIME, END_OF_32_BITS, FAR, RIGHT):
            await newsroom.jump(to)
        assert newsroom.longest_silence() < LONGEST_SILENCE_S
        took = asyncio.get_running_loop().time() - newsroom.asked_at[0][0]
        assert max(map(len, newsroom.asked_at.values())) <= took / 0.9 + 2  # a second, less its jitter
        assert len(newsroom.feeds.asked["/hourly.xml"]) == 1
        await newsroom.all_is_told_and_kept()


async def test_a_clock_that_was_wrong_at_a_start_loses_and_repeats_nothing(tmp_path):
    async with Clocks(tmp_path) as newsroom:
        for to in (RIGHT, FAR, JUST_BOOTED):
            newsroom.set_clock(to)
            await newsroom.started(*newsroom.program())
            newsroom.publish(ahead=newsroom.publishers)
            await newsroom.everything_told(within=60)
            await newsroom.is_well()
            if to is not JUST_BOOTED:
                await newsroom.all_is_told_and_kept()
        await newsroom.jump(RIGHT)  # the clock was not set at boot, and is now
        assert len(newsroom.feeds.asked["/hourly.xml"]) <= 2  # fourteen years later it was due
        await newsroom.all_is_told_and_kept()
