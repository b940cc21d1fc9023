"""What shows from outside how the service does: its pages, its damage, and the word to systemd."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog

from monitor import systemd
from monitor.errors import OperatorError
from monitor.flows.damage import Damage
from monitor.flows.progress import Progress
from monitor.service.parts import Service, SystemClock
from monitor.store import damage
from monitor.web.app import Web
from monitor.web.numbers import Gather
from monitor.web.ready import Ready

log = structlog.get_logger(__name__)


@asynccontextmanager
async def served(service: Service) -> AsyncIterator[None]:
    """Health and numbers are to be had until the block ends, unless the settings say `off`.

    Where nobody chose the port and another program has it, the service does its work all the same, and says so.
    """
    listen = service.settings.web.listen
    async with contextlib.AsyncExitStack() as stack:
        if listen is not None:
            web = Web(
                listen,
                stalled=service.progress.stalled,
                ready=_ready(service),
                collect=_gather(service),
                events=service.events,
            )
            stack.push_async_callback(web.close)
            try:
                await web.start()
            except OperatorError as error:
                if "web" in service.settings.model_fields_set:
                    raise
                await service.trouble.tell("web", "Health and metrics cannot be had", str(error))
        yield


def _ready(service: Service) -> Ready:
    return Ready(
        store=service.store,
        session=service.session,
        clock=SystemClock(),
        polling=lambda: service.polling.begun,
        damage=partial(damage.known, service.settings.database_path),
    )


def damage_of(service: Service) -> Damage:
    return Damage(
        known=partial(damage.known, service.settings.database_path),
        operators=service.trouble,
        shown=service.events.damaged,
    )


def _gather(service: Service) -> Gather:
    return Gather(
        store=service.store,
        feeds=lambda: service.in_force.feeds.keys(),
        channels=lambda: service.channels,
        fullness=service.stream.fullness,
        clock=SystemClock(),
    )


async def reassured(progress: Progress) -> None:
    """Tell systemd, where it watches, that the flows go round; a service that stands still is then started anew."""
    every = systemd.watchdog()
    while every is not None:
        stalled = progress.stalled()
        if stalled:
            log.error("flows_stalled", flows=stalled)
        else:
            systemd.notify(systemd.WELL)
        await asyncio.sleep(every.total_seconds() / 3)
