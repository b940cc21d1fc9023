"""A workspace on disk with a feed server and both sinks, for tests that run the real service."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import yaml

from monitor.demo.feedserver import FeedServer
from monitor.demo.mail import MailCatcher
from monitor.demo.slack import SlackStandIn
from monitor.settings import Settings
from monitor.settings.reading import load

RULES = """\
rules:
  Copper:
    any: [copper]
    tests: {alert: [Copper rises again], ignore: [Gold falls]}
"""


def rss(*items: tuple[str, str], title: str = "The News", age: timedelta = timedelta(minutes=1)) -> str:
    """An RSS feed of items, each a headline and a text; all came out some time ago."""
    at = format_datetime(datetime.now(UTC) - age, usegmt=True)
    listed = "".join(
        f"<item><title>{escape(headline)}</title><link>https://news.example/{n}</link><guid>{escape(headline)}</guid>"
        f"<pubDate>{at}</pubDate><description>{escape(text)}</description></item>"
        for n, (headline, text) in enumerate(items)
    )
    return f"<rss version='2.0'><channel><title>{title}</title>{listed}</channel></rss>"


async def typed(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """Run a command in a folder as people type it, as a process of its own; gives exit code, output and talk."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MONITOR_")}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor", *arguments,
        cwd=folder, env={**inherited, **environment},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(120):
            out, err = await child.communicate()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode is not None
    return child.returncode, out.decode(), err.decode()


@dataclass
class Workspace:
    """Settings, feeds and rules in a folder, with everything they name on loopback."""

    folder: Path
    rules: str = RULES
    settings: dict[str, Any] = field(default_factory=dict)
    slack: SlackStandIn = field(default_factory=SlackStandIn)
    mail: MailCatcher = field(default_factory=MailCatcher)
    server: FeedServer = field(default_factory=FeedServer)
    feeds: list[Mapping[str, Any]] = field(default_factory=list)

    async def __aenter__(self) -> "Workspace":
        for part in (self.slack, self.mail, self.server):
            await part.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for part in (self.slack, self.mail, self.server):
            await part.close()

    def feed(self, path: str, body: Any, *, listed: Mapping[str, Any] | None = None, **values: Any) -> str:
        """Serve a feed, and list it when it is new."""
        url = self.server.serve(path, body, **values)
        if url not in [feed["url"] for feed in self.feeds]:
            self.feeds.append({"url": url, **(listed or {})})
        return url

    @property
    def file(self) -> Path:
        return self.folder / "monitor.yaml"

    def written(self) -> Path:
        """Write the files."""
        settings = {
            "rules": "rules.yaml",
            "network": {"allow": ["127.0.0.0/8"]},
            "web": "off",
            "polling": {"interval": "1s", "min_interval": "1s", "max_interval": "2s", "timeout": "5s"},
            "slack": {"token": self.slack.token, "api_url": self.slack.api_url},
            "email": {
                "host": "127.0.0.1",
                "port": self.mail.port,
                "tls": "none",
                "from": "Alerts <alerts@news.example>",
            },
            "receivers": {"metals-desk": {"slack": ["C0METALS"], "email": ["metals@news.example"]}},
            "default_receivers": ["metals-desk"],
            "alerts": {"collect": "0s"},
            **self.settings,
        }
        self.file.write_text(yaml.safe_dump(settings), encoding="utf-8")
        (self.folder / "feeds.yaml").write_text(yaml.safe_dump(self.feeds), encoding="utf-8")
        (self.folder / "rules.yaml").write_text(self.rules, encoding="utf-8")
        return self.file

    def loaded(self) -> Settings:
        """Write the files and read the settings."""
        settings, _ = load(self.written(), {})
        return settings

    def told(self) -> list[str]:
        """The headlines that Slack got."""
        return [message["text"] for message in self.slack.messages]
