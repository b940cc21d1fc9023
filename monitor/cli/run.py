"""`monitor run`: the service."""

import asyncio
import logging
import os
import signal
from types import FrameType

import click

from monitor.cli import FINE, OUTSIDE
from monitor.cli.logs import Format, set_up
from monitor.cli.workspace import settings_of, wait_for
from monitor.settings import Settings


@click.command()
@click.option("--once", is_flag=True, help="Poll every feed once, tell what matched, and exit (for cron).")
@click.option("--verbose", is_flag=True, help="Log at debug level.")
@click.option("--log", "form", type=click.Choice(["json", "text"]), help="How log lines are written.")
@click.pass_context
def run(ctx: click.Context, once: bool, verbose: bool, form: Format | None) -> int:
    """Run the service until it is stopped (SIGTERM or Ctrl-C).

    Alerts of receivers that print go to standard output, log lines to standard error.
    """
    signal.signal(signal.SIGTERM, _before_start)
    set_up(form, level=logging.DEBUG if verbose else logging.INFO)
    settings = settings_of(ctx)
    return wait_for(_run(settings, once))


def _before_start(number: int, frame: FrameType | None) -> None:
    """Asked to stop before anything began: there is nothing to bring to an end."""
    raise SystemExit(FINE)


async def _run(settings: Settings, once: bool) -> int:
    from monitor import service

    stop = asyncio.Event()
    # Nothing is lost by leaving at once: what was on its way is asked about at the next start.
    with service.signals(stop, at_once=lambda: os._exit(OUTSIDE)):
        if not once:
            await service.run(settings, stop=stop)
            return FINE
        unfinished = await service.run_once(settings, stop=stop)
    if unfinished is not None:
        click.echo(
            f"monitor: not everything could be finished ({unfinished}): the next run goes on", err=True
        )
        return OUTSIDE
    return FINE
