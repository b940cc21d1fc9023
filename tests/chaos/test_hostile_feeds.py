"""Every bad feed at once beside fifty healthy ones, judged by when the stories of those reach Slack."""

import asyncio
import json
import re
from pathlib import Path

import pytest
import yaml

from monitor.demo.slack import SlackStandIn
from tests.chaos.hostile_servers import Bad, BadServers, Press
from tests.chaos.newsroom import RULES, Newsroom
from tests.touch.workspace_kit import typed

pytestmark = pytest.mark.chaos

FEEDS, INTERVAL = 50, 2.0
JITTER = 0.1 * INTERVAL
PUBLISHING = 5.0
MOST_BYTES = 150_000_000
"""Memory that the bad feeds may cost the service: what is on its way of ten answers of 10 MiB, and room."""


class Watch(Newsroom):
    """A newsroom that follows given feeds and notes when each desk's channel heard of its story."""

    def __init__(self, folder: Path, press: Press, bad: dict[str, Bad]) -> None:
        folder.mkdir()
        super().__init__(folder, lasts=1, desks=0)
        self.press, self.bad = press, bad
        self.slack = SlackStandIn(heard=self._hear)
        self.heard_at: dict[int, float] = {}

    def _hear(self, message) -> None:
        if found := re.search(r"Copper is up at desk (\d+)", message["text"]):
            self.heard_at.setdefault(int(found[1]), asyncio.get_running_loop().time())

    def _write_workspace(self) -> None:
        settings = {
            "rules": "rules.yaml",
            "network": {"allow": ["127.0.0.0/8"]},
            "web": "off",
            "polling": {"interval": "2s", "min_interval": "1s", "max_interval": "2s", "timeout": "3s"},
            "slack": {"token": self.slack.token, "api_url": self.slack.api_url},
            "receivers": {
                **{f"desk{n}": {"slack": [f"C0DESK{n}"]} for n in range(FEEDS)},
                "odd": {"slack": ["C0ODD"]},
                "nobody": {"print": True},
            },
            "alerts": {"collect": "0s"},
        }
        feeds = [{"url": url, "receivers": [f"desk{n}"]} for n, url in enumerate(self.press.addresses())]
        feeds += [
            {"url": feed.url, "name": name, "receivers": ["odd"], "interval": feed.interval}
            for name, feed in self.bad.items()
        ]
        (self.folder / "monitor.yaml").write_text(yaml.safe_dump(settings))
        (self.folder / "feeds.yaml").write_text(yaml.safe_dump(feeds, allow_unicode=True))
        (self.folder / "rules.yaml").write_text(RULES)

    def waits(self) -> dict[int, float]:
        """How long each desk's story took from being published to its channel."""
        return {n: at - self.press.out_at[n] for n, at in self.heard_at.items()}

    async def followed(self) -> None:
        """Wait until every feed was asked."""
        async with asyncio.timeout(60):
            while self.log.count('"not_modified"') < FEEDS:
                await asyncio.sleep(0.1)

    async def said(self, *command: str):
        """What a command answers with `--json`."""
        _, out, err = await typed(self.folder, *command, "--json")
        assert out, err
        return json.loads(out)

    def peak_bytes(self) -> int:
        """The most memory that the service itself has held."""
        assert self.process is not None
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1_024

    def children(self) -> dict[int, str]:
        """The service's children and the letter of their state."""
        assert self.process is not None
        found = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, parent = path.read_text().rpartition(")")[2].split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(parent) == self.process.pid:
                found[int(path.parent.name)] = state
        return found


async def test_every_bad_feed_at_once_holds_up_no_healthy_one(tmp_path):
    press, servers = Press(FEEDS), BadServers()
    await press.start()
    await servers.start()
    try:
        # The same healthy feeds at the same time without the bad ones tell what this machine needs for them now.
        async with (
            Watch(tmp_path / "alone", press, {}) as alone,
            Watch(tmp_path / "beside", press, servers.feeds) as beside,
        ):
            await asyncio.gather(alone.started(), beside.started())
            await asyncio.gather(alone.followed(), beside.followed(), every_kind_asked(servers, times=1))
            press.publish(over=PUBLISHING)
            await no_healthy_feed_is_held_up(alone, beside)
            await every_kind_asked(servers, times=3)
            await beside.logged('"outcome": "too_slow"', within=120)
            await each_is_named(beside, servers)
            cut_answers_are_asked_in_full(servers)
            assert servers.stolen() == []
            await what_could_be_read_was_told(beside, servers)
            await no_child_is_left_dead(beside)
            assert beside.peak_bytes() - alone.peak_bytes() < MOST_BYTES
            assert "Traceback" not in beside.log
            assert beside.log.count("service_started") == 1

            children = set(beside.children())
            assert [await one.terminate() for one in (beside, alone)] == [0, 0], beside.log[-3000:]
            assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    finally:
        await servers.close()
        await press.server.close()


async def no_healthy_feed_is_held_up(alone, beside):
    """Each story is told within its feed's interval and a second, and what the service alone was later than its interval."""
    async with asyncio.timeout(60):
        while not len(alone.heard_at) == len(beside.heard_at) == FEEDS:
            await asyncio.sleep(0.05)
    usual = max(INTERVAL + JITTER, *alone.waits().values())
    assert {n: wait for n, wait in beside.waits().items() if wait > usual + 1} == {}


async def every_kind_asked(servers, *, times):
    """Wait until each bad server was asked so often."""
    served = [name for name, feed in servers.feeds.items() if feed.server and "too_slow" not in feed.told]
    async with asyncio.timeout(90):
        while any(len(servers.asked(name)) < times for name in served):
            await asyncio.sleep(0.1)


async def each_is_named(watch, servers):
    """Each bad feed has one of its names and some more words, in the list and where trouble is shown."""
    states = await watch.said("feeds", "list")
    states = {feed["name"]: feed for feed in states if feed["name"]}
    said = {name: states[name]["outcome"] for name in servers.feeds}
    assert {name: word for name, word in said.items() if word not in servers.feeds[name].told} == {}
    failed = {name for name, feed in servers.feeds.items() if not feed.told & {"fetched", "partial"}}
    assert [name for name in failed if not states[name]["detail"]] == []
    status = await watch.said("status")
    shown = {feed["name"] for feed in status["failing"]}
    assert failed - shown <= {"what takes a parser for ever"}
    assert not shown - failed
    assert "sign in with a browser" in next(
        feed["detail"] for feed in status["failing"] if feed["name"] == "a captive portal"
    )


def cut_answers_are_asked_in_full(servers):
    """No answer that was cut is ever asked for on a condition."""
    conditions = {"if-none-match", "if-modified-since"}
    for name, feed in servers.feeds.items():
        if "partial" in feed.told:
            assert not any(conditions & headers.keys() for headers in servers.asked(name)), name


async def what_could_be_read_was_told(watch, servers):
    """Stories in a bad wrapping reach their channel as they were meant, and what was cut does not."""
    wanted = {feed.headline for feed in servers.feeds.values() if feed.headline} | {"Copper was whole"}
    missing = wanted
    for _ in range(300):
        missing = {line for line in wanted if not any(line in told for told in odd(watch))}
        if not missing:
            break
        await asyncio.sleep(0.1)
    assert missing == set()
    assert not any("Copper was cut" in told or "Copper again" in told for told in odd(watch))


def odd(watch):
    return [message["text"] for message in watch.slack.messages if message["channel"] == "C0ODD"]


async def no_child_is_left_dead(watch):
    """Those that were ended are taken away; no more of them live than the lanes have."""
    async with asyncio.timeout(30):
        while "Z" in watch.children().values() or len(watch.children()) > 4:
            await asyncio.sleep(0.2)
