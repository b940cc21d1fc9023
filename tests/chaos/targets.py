"""A newsroom whose targets misbehave: feeds that publish when told, and when each story was served and arrived where."""

import asyncio
import json
import re
import signal
import sys
from collections import Counter
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from monitor.demo.mail import Caught, MailCatcher
from monitor.demo.slack import Fault, Message, SlackStandIn
from tests.chaos.newsroom import ROOT, RULES, Newsroom

FOR_EVER = 1_000_000
OPS = "C0OPS"
"""Where operators are told on Slack; `ops@news.example` by mail."""


class Slack(SlackStandIn):
    """Fails at every story whose headline has one word, whatever else it takes."""

    never = "unspeakable"

    def _fault(self, method, asked):
        if method == "chat.postMessage" and self.never in str(asked.get("text")):
            return Fault(status=500)
        return super()._fault(method, asked)


class Targets(Newsroom):
    """Desks with a feed each and the targets that a test gives them; operators can be reached both ways."""

    def __init__(self, folder: Path, desks: dict[str, dict[str, list[str]]], **email: Any) -> None:
        super().__init__(folder, lasts=1, desks=0, stories=0)
        self.slack = Slack(heard=self._on_slack)
        self.mail = MailCatcher(heard=self._by_mail)
        self.receivers = desks
        self.email = {"tls": "none", **email}
        self.published: dict[str, list[str]] = {desk: [] for desk in desks}
        self.served: dict[str, float] = {}
        self.arrived: dict[tuple[str, str], list[float]] = {}

    async def __aenter__(self) -> "Targets":
        await super().__aenter__()
        for desk in self.receivers:
            self.feeds.serve(f"/{desk}.xml", lambda request, desk=desk: self._feed(desk))
        return self

    def _feed(self, desk: str) -> web.Response:
        now = format_datetime(datetime.now(UTC), usegmt=True)
        for title in self.published[desk]:
            self.served.setdefault(title, asyncio.get_running_loop().time())
        items = "".join(
            f"<item><guid>{title}</guid><title>{title}</title><link>https://{desk}.example/{n}</link>"
            f"<pubDate>{now}</pubDate><description>{title}, says {desk}.</description></item>"
            for n, title in reversed(list(enumerate(self.published[desk])))
        )
        body = f"<rss version='2.0'><channel><title>{desk}</title>{items}</channel></rss>"
        return web.Response(text=body, content_type="application/rss+xml")

    def _write_workspace(self) -> None:
        self.write_settings()
        feeds = [
            {"url": self.feeds.url(f"/{desk}.xml"), "receivers": [desk], "name": desk}
            for desk in self.receivers
        ]
        (self.folder / "feeds.yaml").write_text(yaml.safe_dump(feeds))
        (self.folder / "rules.yaml").write_text(RULES)

    def write_settings(self, **email: Any) -> None:
        """Write `monitor.yaml`, with other settings for mail where given."""
        settings = {
            "rules": "rules.yaml",
            "templates": "templates",
            "network": {"allow": ["127.0.0.0/8"]},
            "web": "off",
            "polling": {"interval": "1s", "min_interval": "1s", "max_interval": "1s"},
            "slack": {"token": self.slack.token, "api_url": self.slack.api_url},
            "email": {"host": "127.0.0.1", "port": self.mail.port, "from": "alerts@news.example"}
            | self.email
            | email,
            "receivers": {
                **self.receivers,
                "ops": {"slack": [OPS], "email": ["ops@news.example"]},
                "printer": {"print": True},
            },
            "default_receivers": ["printer"],
            "ops_receiver": "ops",
            "alerts": {"collect": "0s"},
        }
        written = self.folder / "settings.new"
        written.write_text(yaml.safe_dump(settings))
        written.replace(self.folder / "monitor.yaml")

    def use(self, **email: Any) -> None:
        """Put other settings for mail in force."""
        self.write_settings(**email)
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    # ---- what goes out and what arrives

    def publish(self, desk: str, what: str = "copper") -> str:
        """Put a new story into a desk's feed; gives its headline."""
        title = f"Copper {desk} {what} report {len(self.published[desk])}"
        self.published[desk].append(title)
        return title

    def _on_slack(self, message: Message) -> None:
        self._noted(str(message["text"]), str(message["channel"]))

    def _by_mail(self, caught: Caught) -> None:
        self._noted(str(caught.message["Subject"]), caught.recipients[0])

    def _noted(self, text: str, target: str) -> None:
        found = _TITLE.search(text)
        title = found[0] if found else text
        self.arrived.setdefault((title, target), []).append(asyncio.get_running_loop().time())

    async def told(self, title: str, target: str, within: float = 60) -> None:
        """Wait until a story has arrived somewhere."""
        await until(lambda: (title, target) in self.arrived, within, lambda: self.missed(title, target))

    def missed(self, title: str, target: str) -> str:
        """What to show when a story did not arrive in time."""
        lines = [line for line in self.log.splitlines() if target in line]
        return f"{title} did not reach {target}:\n" + "\n".join(lines[-15:])

    def delay(self, title: str, target: str) -> float:
        """Seconds between the feed's answer with a story and its arrival."""
        return self.arrived[title, target][0] - self.served[title]

    def times(self) -> Counter[tuple[str, str]]:
        """How often each story arrived at each target; notices to operators not counted."""
        return Counter({key: len(when) for key, when in self.arrived.items() if _TITLE.search(key[0])})

    def notices(self, target: str) -> list[str]:
        """What operators were told somewhere."""
        return [
            title
            for (title, where), when in self.arrived.items()
            for _ in when
            if where == target and not _TITLE.search(title)
        ]

    # ---- commands

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run a command beside the service: its exit code and its answer."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "monitor", "--config", str(self.folder / "monitor.yaml"), *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        answer, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, answer.decode()

    async def deliveries(self) -> dict[tuple[str, str], dict[str, Any]]:
        """What `deliveries list --json` says, by headline and target."""
        _, answer = await self.command("deliveries", "list", "--json")
        return {(row["title"], row["target"]): row for row in json.loads(answer)}


def desk_of(title: str) -> str:
    """Whose story it is."""
    return title.split()[1]


_TITLE = re.compile(r"Copper \w+ \w+ report \d+")


async def until(holds: Any, within: float, otherwise: Any) -> None:
    """Wait until something holds; say what was missing where it does not in time."""
    try:
        async with asyncio.timeout(within):
            while not holds():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(otherwise()) from None
