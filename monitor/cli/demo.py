"""`monitor demo`: the whole service on loopback, and what editors would get from it."""

import asyncio
import logging
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console

from monitor.cli import FINE, NO
from monitor.cli.logs import set_up
from monitor.cli.workspace import wait_for
from monitor.demo.feedserver import FeedServer
from monitor.demo.judge import Judgement, expectations, from_mail, from_slack, judge
from monitor.demo.mail import MailCatcher
from monitor.demo.newsroom import Newsroom
from monitor.demo.show import Show
from monitor.demo.slack import SlackStandIn, delivery_of
from monitor.demo.stories import sample_stories
from monitor.demo.workspace import CHANNELS, write_workspace
from monitor.errors import StoreError
from monitor.located import duration
from monitor.service import life
from monitor.service.parts import Service
from monitor.settings.reading import load

SETTLE = timedelta(seconds=15)
"""After the last story: so long may its alert take, before the demo says what is missing."""

QUIET = timedelta(seconds=3)
"""After the last story, when everything is there: so long may something come that should not."""


class _Length(click.ParamType):
    name = "length"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        try:
            return duration(value)
        except ValueError as error:
            self.fail(f"{error.args[0]} - {error.args[1]}", param, ctx)


@click.command()
@click.option(
    "--for",
    "lasts",
    type=_Length(),
    metavar="90s",
    help="End by itself after this; exit 1 if an alert is missing.",
)
@click.option("--verbose", is_flag=True, help="Log what the service does.")
def demo(lasts: timedelta | None, verbose: bool) -> int:
    """See the whole service at work on this machine: sample feeds, a Slack stand-in and a mail catcher.

    Prints what editors would get, and what was not alerted and why. Stays until Ctrl-C, which leaves nothing behind.
    """
    set_up(level=logging.INFO if verbose else logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="monitor-demo-"))
    try:
        return wait_for(_demo(folder, lasts))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _demo(folder: Path, lasts: timedelta | None) -> int:
    """Start sinks, feeds and service; show what happens until it is over."""
    stage = Stage(folder, lasts)
    await stage.open()
    try:
        with life.signals(stage.stop, stage.leave_at_once):
            running = asyncio.create_task(
                life.run(stage.settings, stop=stage.stop, observe=stage.show.decided, ready=stage.begin)
            )
            watching = asyncio.create_task(stage.watch())
            await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
            stage.stop.set()
            await asyncio.gather(running, watching)
        return FINE if stage.judgement is None or stage.judgement.fine else NO
    finally:
        await stage.close()


class Stage:
    """Everything the demo needs around the service.

    Args:
        lasts: When to end; None stays until interrupted.
    """

    def __init__(self, folder: Path, lasts: timedelta | None) -> None:
        self.stop = asyncio.Event()
        self.show = Show(Console(file=sys.stdout))
        self.judgement: Judgement | None = None
        self._folder = folder
        self._lasts = lasts
        self._feeds = FeedServer()
        self._slack = SlackStandIn(
            channels=CHANNELS, heard=lambda posted: self.show.arrived(delivery_of(posted) or "")
        )
        self._mail = MailCatcher(heard=lambda caught: self.show.arrived(from_mail(caught).delivery))
        self._newsroom = Newsroom(self._feeds)
        self._service: Service | None = None

    async def open(self) -> None:
        """Start the sinks and the feed server, and write the workspace."""
        for part in (self._slack, self._mail, self._feeds):
            await part.start()
        self._newsroom.open()
        file = write_workspace(
            self._folder,
            feeds=self._newsroom.feeds,
            slack_url=self._slack.api_url,
            slack_token=self._slack.token,
            smtp_port=self._mail.port,
        )
        self.settings, _ = load(file, {})
        self.show.opening(
            feeds=len(self._newsroom.feeds),
            lasts=self._newsroom.length,
            slack=self._slack.api_url,
            mail=f"127.0.0.1:{self._mail.port}",
        )

    async def close(self) -> None:
        """Stop what listens."""
        for part in (self._slack, self._mail, self._feeds):
            await part.close()

    def leave_at_once(self) -> None:
        """Go now, and leave nothing behind."""
        shutil.rmtree(self._folder, ignore_errors=True)
        os._exit(130)

    def begin(self, running: Service) -> None:
        """The service polls."""
        self._service = running

    async def watch(self) -> None:
        """Show feeds in trouble as they show; after the last story, judge and say how to go on."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        over_at: float | None = None
        while not self.stop.is_set():
            await self._troubles()
            if self._newsroom.over and over_at is None:
                over_at = loop.time()
            settled = over_at is not None and loop.time() - over_at > SETTLE.total_seconds()
            if self.judgement is None and over_at is not None:
                judgement = self._judged()
                if settled or (judgement.fine and loop.time() - over_at > QUIET.total_seconds()):
                    self._tell(judgement)
            if self._lasts is not None and loop.time() - began > self._lasts.total_seconds():
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(0.25):
                    await self.stop.wait()
        if self._lasts is not None and self.judgement is None:
            self._tell(self._judged())

    def _judged(self) -> Judgement:
        """What arrived, held against all that may come and, where the demo was cut short, against what must have."""
        arrived = [from_slack(posted) for posted in self._slack.messages]
        arrived += [from_mail(caught) for caught in self._mail.caught]
        must = [
            s for s in sample_stories() if s.last_change <= self._newsroom.elapsed - SETTLE.total_seconds()
        ]
        judgement = judge(expectations(), arrived)
        if self._newsroom.over:
            return judgement
        return replace(judgement, missing=judge(expectations(must), arrived).missing)

    def _tell(self, judgement: Judgement) -> None:
        self.judgement = judgement
        self.show.summary(judgement, stays=self._lasts is None)

    async def _troubles(self) -> None:
        if self._service is None or self.stop.is_set():
            return
        names = {feed.id: feed.name or feed.shown_url for feed in self._service.feeds}
        try:
            states = await self._service.store.feed_states()
        except StoreError:
            return  # it is closing
        for feed, state in states.items():
            if state.failures:
                self.show.feed_trouble(names.get(feed, feed), state.detail or state.outcome)
