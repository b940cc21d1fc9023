"""`monitor run`: the service."""

import asyncio
import logging
import os
import resource
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Literal

import click

from monitor.cli import FINE, OUTSIDE

MOST_FILES = 65_536
FEW_FILES = 512
"""With fewer open files, feeds are asked more slowly than the network allows."""

STOPS = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class Early:
    """What signals asked for before there was a loop to hear them. None of them ends the process by itself."""

    heard: set[int] = field(default_factory=set)

    def listen(self) -> None:
        """Hear them from now on."""
        for number in (*STOPS, signal.SIGHUP):
            signal.signal(number, self._hear)

    def asks(self, *numbers: int) -> bool:
        """Whether one of these was heard."""
        return not self.heard.isdisjoint(numbers)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if number in STOPS and self.asks(*STOPS):
            _leave()
        self.heard.add(number)


class Unwaited(ThreadPoolExecutor):
    """Threads that the end of the loop does not wait for: one that hangs must not hold it up."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)


@click.command()
@click.option("--once", is_flag=True, help="Poll every feed once, tell what matched, and exit (for cron).")
@click.option("--verbose", is_flag=True, help="Log at debug level.")
@click.option("--log", "form", type=click.Choice(["json", "text"]), help="How log lines are written.")
@click.pass_context
def run(ctx: click.Context, once: bool, verbose: bool, form: Literal["json", "text"] | None) -> int:
    """Run the service until it is stopped (SIGTERM or Ctrl-C); SIGHUP reads its files again.

    Alerts of receivers that print go to standard output, log lines to standard error.
    """
    early = Early()
    early.listen()
    # Everything that takes long to load comes after: a signal that nobody hears ends the process.
    from monitor.cli.logs import set_up
    from monitor.cli.workspace import config_file, settings_of, wait_for
    from monitor.errors import SettingsError

    set_up(form, level=logging.DEBUG if verbose else logging.INFO)
    _open_more_files()
    try:
        settings = settings_of(ctx)
    except SettingsError as error:
        from monitor.service.written import wrong_beside

        raise SettingsError((*error.problems, *wrong_beside(config_file(ctx)))) from error
    return wait_for(_run(settings, once, early))


async def _run(settings: Any, once: bool, early: Early) -> int:
    from monitor.service import life

    if early.asks(*STOPS):
        return FINE
    asyncio.get_running_loop().set_default_executor(Unwaited(thread_name_prefix="aside"))
    stop, reload = asyncio.Event(), asyncio.Event()
    if early.asks(*STOPS):
        stop.set()
    with life.signals(stop, at_once=_leave, reload=reload):
        if early.asks(*STOPS):
            stop.set()
        if early.asks(signal.SIGHUP):
            reload.set()
        if not once:
            await life.run(settings, stop=stop, reload=reload)
            return FINE
        unfinished = await life.run_once(settings, stop=stop)
    if unfinished is not None:
        click.echo(
            f"monitor: not everything could be finished ({unfinished}): the next run goes on", err=True
        )
        return OUTSIDE
    return FINE


def _leave() -> None:
    """End at once. Nothing is lost: what was on its way is asked about at the next start."""
    os._exit(OUTSIDE)


def _open_more_files() -> None:
    """Take as many open files as this process may have: the usual limit is meant for programs that use `select`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    while soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            break
        except (ValueError, OSError):  # what this system calls a limit is not what it allows
            wanted //= 2
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and limit < FEW_FILES:
        import structlog

        structlog.get_logger(__name__).warning("few_open_files", limit=limit, better=FEW_FILES)
