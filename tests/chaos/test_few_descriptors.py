"""A process that may have few files open: it asks more slowly, and no feed is blamed for it."""

import asyncio
import json
import os
import resource
import subprocess
import sys
from contextlib import AsyncExitStack

import pytest
import yaml

from monitor.demo.feedserver import FeedServer
from tests.chaos.newsroom import ROOT
from tests.chaos.on_demand import OnDemand

pytestmark = pytest.mark.chaos

FEW = 64
SERVERS, FEEDS_EACH = 25, 4


class Crowded(OnDemand):
    """Beside the desks, a hundred feeds at twenty-five servers, all of which take their time."""

    async def __aenter__(self):
        self.others = [FeedServer() for _ in range(SERVERS)]
        self.stack = AsyncExitStack()
        for server in self.others:
            await server.start()
            self.stack.push_async_callback(server.close)
            for n in range(FEEDS_EACH):
                body = f"<rss version='2.0'><channel><title>Feed {n}</title></channel></rss>"
                server.serve(f"/{n}.xml", body, etag=False, delay=0.5)
        return await super().__aenter__()

    async def __aexit__(self, *error):
        await super().__aexit__(*error)
        await self.stack.aclose()

    def _write_workspace(self):
        super()._write_workspace()
        file = self.folder / "feeds.yaml"
        others = [{"url": server.url(f"/{n}.xml")} for server in self.others for n in range(FEEDS_EACH)]
        file.write_text(yaml.safe_dump([*yaml.safe_load(file.read_text()), *others]))

    def rounds(self):
        """How often the feed was asked that was asked least."""
        return min(len(server.asked[f"/{n}.xml"]) for server in self.others for n in range(FEEDS_EACH))


async def status(newsroom):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor", "--config", str(newsroom.folder / "monitor.yaml"), "status", "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=ROOT,
    )  # fmt: skip
    out, _ = await process.communicate()
    return json.loads(out)


async def test_with_sixty_four_descriptors_a_hundred_feeds_are_asked_and_everything_is_told(tmp_path):
    async with Crowded(tmp_path, web={"listen": "127.0.0.1:0"}) as newsroom:
        await newsroom.start()
        resource.prlimit(newsroom.process.pid, resource.RLIMIT_NOFILE, (FEW, FEW))
        await newsroom.logged("service_started")
        async with asyncio.timeout(90):
            while newsroom.rounds() < 3:
                await asyncio.sleep(0.1)
        newsroom.publish()
        await newsroom.everything_told(within=60)
        said = await status(newsroom)
        assert said["ok"], said
        assert said["feeds"]["failed"] == said["feeds"]["failing"] == 0, said
        assert "Too many open files" not in newsroom.log
        assert await newsroom.terminate() == 0, newsroom.log[-3000:]
        assert newsroom.told_once()


def test_the_service_takes_as_many_open_files_as_it_may_and_says_when_those_are_few(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "run", "--log", "json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, 2 * FEW)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = json.loads(done.stderr.splitlines()[0])
    assert (said["event"], said["limit"]) == ("few_open_files", 2 * FEW)
    assert done.returncode == 2  # there is no workspace here
