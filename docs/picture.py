"""Draws docs/alert.svg: the sample story as Slack's mail and terminal readers get it, from what the service really sends.

.venv/bin/python docs/picture.py
"""

import asyncio
import io
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from monitor import service
from monitor.deliver.channels import as_read
from monitor.demo.feedserver import FeedServer
from monitor.demo.mail import MailCatcher
from monitor.demo.newsroom import Newsroom
from monitor.demo.slack import SlackStandIn
from monitor.demo.workspace import write_workspace
from monitor.settings import load

SEED = "Hidden Rare Earth"


async def seed() -> tuple[str, str]:
    """The Slack message and the mail about the seed story."""
    slack, mail, feeds = SlackStandIn(), MailCatcher(), FeedServer()
    for part in (slack, mail, feeds):
        await part.start()
    newsroom = Newsroom(feeds)
    newsroom.open()
    with tempfile.TemporaryDirectory() as folder:
        file = write_workspace(
            Path(folder),
            feeds=newsroom.feeds,
            slack_url=slack.api_url,
            slack_token=slack.token,
            smtp_port=mail.port,
        )
        settings, _ = load(file, {})
        await asyncio.sleep(3)  # the seed appears
        await service.run_once(settings)
    posted = next(as_read(message) for message in slack.messages if SEED in str(message))
    caught = next(one for one in mail.caught if SEED in str(one.message["Subject"]))
    for part in (slack, mail, feeds):
        await part.close()
    return posted, f"Subject: {caught.message['Subject']}\n\n{caught.text()}"


def main() -> None:
    """Write the picture."""
    console = Console(record=True, width=100, file=io.StringIO())
    for title, text in zip(("Slack", "Mail, the text part"), asyncio.run(seed()), strict=True):
        console.rule(title)
        console.print(Text(re.sub(r"\*([^*\n]+)\*", r"\1", text)))
    svg = console.export_svg(title="One story, as an editor gets it")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)  # nothing is fetched when it is shown
    Path(__file__).with_name("alert.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
