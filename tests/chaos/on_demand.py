"""A newsroom whose desks publish when they are told, and which knows when its feeds were asked."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import yaml
from aiohttp import web

from tests.chaos.newsroom import Newsroom, title


class OnDemand(Newsroom):
    """Nothing is out until `publish`.

    Args:
        change: What the settings say that others do not, section by section.
    """

    def __init__(self, folder: Path, *, desks: int = 2, **change: dict[str, object]) -> None:
        super().__init__(folder, lasts=0, desks=desks)
        self.all = set()
        self.change = change
        self.items: dict[int, list[tuple[str, datetime]]] = {desk: [] for desk in range(desks)}
        self.asked_at: dict[int, list[float]] = {desk: [] for desk in range(desks)}

    def _write_workspace(self) -> None:
        super()._write_workspace()
        file = self.folder / "monitor.yaml"
        settings = yaml.safe_load(file.read_text())
        for section, values in self.change.items():
            before = settings.get(section)
            settings[section] = {**before, **values} if isinstance(before, dict) else values
        file.write_text(yaml.safe_dump(settings))

    def _document(self, desk: int) -> web.Response:
        self.asked_at[desk].append(asyncio.get_running_loop().time())
        items = "".join(
            f"<item><guid>{desk}-{n}</guid><title>{name}</title><link>https://desk{desk}.example/{n}</link>"
            f"<pubDate>{format_datetime(at, usegmt=True)}</pubDate></item>"
            for n, (name, at) in reversed(list(enumerate(self.items[desk])))
        )
        body = f"<rss version='2.0'><channel><title>Desk {desk}</title>{items}</channel></rss>"
        return web.Response(text=body, content_type="application/rss+xml")

    def publish(self, *, ahead: timedelta = timedelta(0)) -> None:
        """Every desk has one more story.

        Args:
            ahead: How far the publishers' clocks are ahead of this machine's.
        """
        for desk, items in self.items.items():
            name = title(desk, len(items))
            items.append((name, datetime.now(UTC) + ahead))
            self.all.add(name)

    async def taken_in(self) -> None:
        """Wait until everything that is published now was read: every feed was asked once more, and then again."""
        before = {desk: len(times) for desk, times in self.asked_at.items()}
        async with asyncio.timeout(60):
            while any(len(self.asked_at[desk]) < count + 2 for desk, count in before.items()):
                await asyncio.sleep(0.05)

    def told_once(self) -> bool:
        """Whether every story that was told was told once to each sink."""
        return set(self.on_slack().values()) == {1} == set(self.by_mail().values())
