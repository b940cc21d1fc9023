"""Feeds that have news at every poll, a Slack that takes it, and the program under measurement as a child process."""

import asyncio
import re
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from monitor.demo.feedserver import FeedServer
from monitor.demo.slack import Message, SlackStandIn

ENTRIES = 10
RULES = 200
NUMBER = re.compile(r"report (\d+-\d+) ")
PUBLISHED = format_datetime(datetime.now(UTC), usegmt=True)
STOP_S = 25
START_S = 60


class Newsroom:
    """Feeds and Slack on loopback, in this process; every feed has a receiver and a channel of its own.

    Args:
        feeds: How many have one new entry whenever they are asked.
        delays: Seconds from handing out a feed's bytes to the arrival of the story on Slack, of the stories since `count`.
    """

    def __init__(self, folder: Path, *, feeds: int) -> None:
        self.folder = folder
        self.feeds = feeds
        self.server = FeedServer()
        self.slack = SlackStandIn(heard=self._arrived)
        self.delays: list[float] = []
        self.handed_out = 0
        self._at: dict[str, float] = {}
        self._next = [ENTRIES] * feeds
        self._counting = False
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Newsroom":
        await self.server.start()
        await self.slack.start()
        for feed in range(self.feeds):
            self.server.serve(f"/{feed}.xml", lambda request, feed=feed: self._document(feed))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.end()
        await self.slack.close()
        await self.server.close()

    # ---- stories

    def urls(self) -> list[str]:
        """The addresses of the feeds."""
        return [self.server.url(f"/{feed}.xml") for feed in range(self.feeds)]

    def _document(self, feed: int) -> web.Response:
        newest = self._next[feed]
        self._next[feed] += 1
        body = document(feed, range(newest, newest - ENTRIES, -1))
        if self._counting:
            self.handed_out += 1
            self._at[f"{feed}-{newest}"] = time.monotonic()
        return web.Response(body=body, content_type="application/rss+xml")

    def _arrived(self, message: Message) -> None:
        now = time.monotonic()
        for found in set(NUMBER.findall(str(message["text"]))):
            began = self._at.pop(found, None)
            if began is not None:
                self.delays.append(now - began)

    async def count(self, seconds: float, *, drain: float = 3.0) -> None:
        """Count the stories handed out from now on, for so long; then wait for the last ones to arrive."""
        self._counting = True
        await asyncio.sleep(seconds)
        self._counting = False
        await asyncio.sleep(drain)

    @property
    def lost(self) -> int:
        """Stories that were handed out and never arrived."""
        return len(self._at)

    # ---- the program

    def write(
        self,
        *,
        interval: str,
        polling: Mapping[str, Any] | None = None,
        listen: str = "off",
        more: Sequence[str] = (),
    ) -> Path:
        """Write a workspace for `monitor`; feeds in `more` tell nobody in particular. Gives the settings file."""
        receivers = {f"desk{feed}": {"slack": [f"C0DESK{feed}"]} for feed in range(self.feeds)}
        settings = {
            "rules": "rules.yaml",
            "network": {"allow": ["127.0.0.0/8"]},
            "web": listen if listen == "off" else {"listen": listen},
            "polling": {"interval": interval, "min_interval": "1s", **(polling or {})},
            "slack": {"token": self.slack.token, "api_url": self.slack.api_url},
            "receivers": {**receivers, "nobody": {"print": True}},
            "alerts": {"collect": "0s"},
        }
        feeds: list[dict[str, Any]] = [
            {"url": url, "receivers": [f"desk{n}"]} for n, url in enumerate(self.urls())
        ]
        feeds += [{"url": url, "receivers": ["nobody"]} for url in more]
        (self.folder / "monitor.yaml").write_text(yaml.safe_dump(settings))
        (self.folder / "feeds.yaml").write_text(yaml.safe_dump(feeds))
        (self.folder / "rules.yaml").write_text(yaml.safe_dump({"rules": rules()}))
        return self.folder / "monitor.yaml"

    async def start(self, *command: str) -> int:
        """Start a Python program with the log in the folder; gives its process id."""
        with (self.folder / "program.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdout=log, stderr=log
            )
        return self._process.pid

    async def started(self, *command: str) -> int:
        """Start it and wait until it asks a feed for the first time.

        Raises:
            RuntimeError: It ended instead, or took a minute.
        """
        pid = await self.start(*command)
        assert self._process is not None
        until = time.monotonic() + START_S
        while not any(self.server.asked.values()):
            if self._process.returncode is not None or time.monotonic() > until:
                raise RuntimeError(
                    f"the program did not start:\n{(self.folder / 'program.log').read_text()[-2_000:]}"
                )
            await asyncio.sleep(0.005)
        return pid

    async def end(self) -> None:
        """Stop the program, by force if it does not stop when asked."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def monitor(settings: Path) -> tuple[str, ...]:
    """The service, as a command."""
    return ("-m", "monitor", "--config", str(settings), "run", "--log", "json")


def rules() -> dict[str, list[str]]:
    """Rules of one word each; only Copper is ever in a story."""
    return {"Copper": ["copper"], **{f"Topic {n}": [f"mineral{n:03d}"] for n in range(RULES - 1)}}


def document(feed: int, numbers: Sequence[int], *, repeat: int = 2) -> bytes:
    """A feed of short entries, the newest first; an entry stays what it was."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{feed}-{n}</guid><title>{_metal(n)}, report {feed}-{n} of the day</title>"
        f"<link>https://desk{feed}.example/{n}</link><pubDate>{PUBLISHED}</pubDate>"
        f"<description>{f'{_metal(n)} rose again as mines in the north reported less than a year ago. ' * repeat}</description></item>"
        for n in numbers
    )
    return f"<rss version='2.0'><channel><title>Desk {feed}</title>{items}</channel></rss>".encode()


def _metal(number: int) -> str:
    """What a feed holds when it is first asked matches no rule, or Slack's pace would delay what comes after."""
    return "Nickel" if number <= ENTRIES else "Copper"
