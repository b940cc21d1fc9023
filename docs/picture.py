"""Draws docs/alert.png: the mail that the sample story really becomes, in a browser. Needs Chromium.

.venv/bin/python docs/picture.py
"""

import asyncio
import subprocess
import tempfile
from pathlib import Path

from monitor.demo.feedserver import FeedServer
from monitor.demo.mail import MailCatcher
from monitor.demo.newsroom import Newsroom
from monitor.demo.slack import SlackStandIn
from monitor.demo.workspace import write_workspace
from monitor.service import life
from monitor.settings.reading import load

PICTURE = Path(__file__).with_name("alert.png")
SEED_APPEARS_S = 3


async def seed(folder: Path) -> str:
    """The HTML of the mail about the seed story."""
    slack, mail, feeds = SlackStandIn(), MailCatcher(), FeedServer()
    for part in (slack, mail, feeds):
        await part.start()
    newsroom = Newsroom(feeds)
    newsroom.open()
    file = write_workspace(
        folder, feeds=newsroom.feeds, slack_url=slack.api_url, slack_token=slack.token, smtp_port=mail.port
    )
    await asyncio.sleep(SEED_APPEARS_S)
    await life.run_once(load(file, {})[0])
    caught = next(one for one in mail.caught if "Hidden Rare Earth" in str(one.message["Subject"]))
    for part in (slack, mail, feeds):
        await part.close()
    return caught.text("html")


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = folder / "alert.html"
        page.write_text(asyncio.run(seed(folder)), encoding="utf-8")
        subprocess.run(
            ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=680,600",
             f"--screenshot={PICTURE}", page.as_uri()],
            check=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
