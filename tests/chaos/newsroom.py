"""A newsroom to break things in: feeds that keep publishing, sinks that answer slowly, and the service as a process."""

import asyncio
import random
import re
import signal
import sys
from collections import Counter
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from xml.sax.saxutils import escape

import yaml
from aiohttp import web

from monitor.demo.feedserver import FeedServer
from monitor.demo.mail import Caught, MailCatcher
from monitor.demo.slack import SlackStandIn

ROOT = Path(__file__).parents[2]
RULES = "rules:\n  Copper: [copper]\n"


class SlowSlack(SlackStandIn):
    """Takes a message, then takes its time to answer: a kill meanwhile loses the answer."""

    async def _answer(self, method, asked, request):
        await asyncio.sleep(random.uniform(0, 0.05))
        answer = await super()._answer(method, asked, request)
        await asyncio.sleep(random.uniform(0, 0.15))
        return answer


class SlowMail(MailCatcher):
    """As slow as the stand-in."""

    async def keep(self, caught: Caught) -> None:
        await super().keep(caught)
        await asyncio.sleep(random.uniform(0, 0.15))


class Newsroom:
    """Desks, each with a feed, a Slack channel and a mailbox of its own.

    Args:
        lasts: Seconds until the last story is out.
    """

    def __init__(self, folder: Path, *, lasts: float, desks: int = 8, stories: int = 15) -> None:
        self.folder = folder
        self.lasts, self.desks, self.stories = lasts, desks, stories
        self.all = {title(desk, number) for desk in range(desks) for number in range(stories)}
        self.slack, self.mail, self.feeds = SlowSlack(), SlowMail(), FeedServer()
        self.began = 0.0
        self.process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Newsroom":
        for part in (self.slack, self.mail, self.feeds):
            await part.start()
        self.began = asyncio.get_running_loop().time()
        for desk in range(self.desks):
            self.feeds.serve(f"/{desk}.xml", lambda request, desk=desk: self._document(desk))
        self._write_workspace()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        for part in (self.slack, self.mail, self.feeds):
            await part.close()

    def _document(self, desk: int) -> web.Response:
        """Stories one after another, the newest first, and the old ones staying."""
        elapsed = asyncio.get_running_loop().time() - self.began
        out = min(self.stories, int(elapsed / self.lasts * self.stories) + 1)
        now = format_datetime(datetime.now(UTC), usegmt=True)
        items = "".join(
            f"<item><guid>{desk}-{n}</guid><title>{escape(title(desk, n))}</title><link>https://desk{desk}.example/{n}</link>"
            f"<pubDate>{now}</pubDate><description>Copper is in story {n} of desk {desk}.</description></item>"
            for n in reversed(range(out))
        )
        body = f"<rss version='2.0'><channel><title>Desk {desk}</title>{items}</channel></rss>"
        return web.Response(text=body, content_type="application/rss+xml")

    def _write_workspace(self) -> None:
        receivers = {
            f"desk{d}": {"slack": [f"C0DESK{d}"], "email": [f"desk{d}@news.example"]}
            for d in range(self.desks)
        }
        settings = {
            "rules": "rules.yaml",
            "network": {"allow": ["127.0.0.0/8"]},
            "web": "off",
            "polling": {"interval": "1s", "min_interval": "1s", "max_interval": "2s"},
            "slack": {"token": self.slack.token, "api_url": self.slack.api_url},
            "email": {
                "host": "127.0.0.1",
                "port": self.mail.port,
                "tls": "none",
                "from": "alerts@news.example",
            },
            "receivers": {**receivers, "nobody": {"print": True}},
            "alerts": {"collect": "0s"},
        }
        feeds = [{"url": self.feeds.url(f"/{d}.xml"), "receivers": [f"desk{d}"]} for d in range(self.desks)]
        (self.folder / "monitor.yaml").write_text(yaml.safe_dump(settings))
        (self.folder / "feeds.yaml").write_text(yaml.safe_dump(feeds))
        (self.folder / "rules.yaml").write_text(RULES)

    # ---- the service

    async def start(self, *program: str) -> None:
        """Start the service, or another program that does; comes back at once."""
        with (self.folder / "service.log").open("ab") as file:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *(program or ("monitor",)),
                "--config", str(self.folder / "monitor.yaml"), "run", "--log", "json",
                stdout=file, stderr=file, cwd=ROOT,
            )  # fmt: skip

    async def started(self, *program: str) -> None:
        """Start the service, or another program that does, and wait until it polls."""
        before = self.log.count("service_started") if (self.folder / "service.log").exists() else 0
        await self.start(*program)
        async with asyncio.timeout(60):
            while self.log.count("service_started") == before:
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def terminate(self, within: float = 25) -> int:
        """Ask it to stop; gives its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(within):
            return await self.process.wait()

    async def logged(self, words: str, within: float = 60) -> None:
        """Wait until the service has logged some words."""
        async with asyncio.timeout(within):
            while words not in self.log:
                await asyncio.sleep(0.1)

    @property
    def log(self) -> str:
        """What the service wrote."""
        return (self.folder / "service.log").read_text()

    # ---- what arrived

    def on_slack(self) -> Counter[str]:
        """How often each story was told on Slack, by its headline."""
        return Counter(headline(posted["text"]) for posted in self.slack.messages)

    def by_mail(self) -> Counter[str]:
        """How often each story was mailed."""
        return Counter(headline(str(message["Subject"])) for message in self.mail.messages)

    async def told(self, number: int, within: float = 60) -> None:
        """Wait until Slack got so many messages."""
        async with asyncio.timeout(within):
            while len(self.slack.messages) < number:
                await asyncio.sleep(0.1)

    async def everything_told(self, within: float) -> None:
        """Wait until every story reached both sinks."""
        async with asyncio.timeout(within):
            while not self.is_told():
                await asyncio.sleep(0.1)

    def is_told(self) -> bool:
        """Whether every story reached both sinks."""
        return set(self.on_slack()) == self.all == set(self.by_mail())


def title(desk: int, number: int) -> str:
    """A headline that no other story has."""
    return f"Copper at desk {desk} is up again, report {number} of the day"


_TITLE = re.compile(r"Copper at desk \d+ is up again, report \d+ of the day")


def headline(text: str) -> str:
    """The headline in whatever a sink got."""
    found = _TITLE.search(text)
    return found[0] if found else text
