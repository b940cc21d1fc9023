"""Running the service: until it is told to stop, or once."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from types import FrameType

import structlog

from monitor import systemd
from monitor.alerts.decide import Decision
from monitor.backoff import doubling
from monitor.flows.reload import Reload, look
from monitor.service.health import damage_of, reassured, served
from monitor.service.parts import Service, opened
from monitor.service.reload import reloaded
from monitor.service.written import usable, watched
from monitor.settings import Settings

log = structlog.get_logger(__name__)

RESTARTS = doubling(timedelta(seconds=1), timedelta(seconds=30))
HEALTHY_AFTER = timedelta(minutes=5)
ONCE_WITHIN = timedelta(minutes=30)

STOP_AT_MOST_S = 24.0
"""A stop that takes longer hangs, on a disk or a folder that does not answer."""


async def run(
    settings: Settings,
    *,
    stop: asyncio.Event | None = None,
    reload: asyncio.Event | None = None,
    observe: Callable[[Decision], None] | None = None,
    ready: Callable[[Service], None] | None = None,
) -> None:
    """Run the service until it is told to stop.

    Args:
        stop: Set it to stop in good order; SIGTERM and SIGINT set it too where `signals` is used.
        reload: Set it to have the files loaded, changed or not; SIGHUP sets it too.
        ready: Told when polling begins.

    Raises:
        OperatorError: There is nothing to do with these files, or another service holds the database.
        StreamError: The stream stopped or stands still.
    """
    before = look(watched(settings))
    written = usable(settings)
    before |= look(written.secret_files)
    stop = stop or asyncio.Event()
    async with opened(settings, written, observe=observe) as service, served(service):
        log.info("service_started", feeds=len(written.feeds), rules=len(written.desk.rules))
        files = Reload(
            paths=lambda: (*watched(service.settings), *service.secret_files),
            load=partial(reloaded, service),
            loaded=before,
            asked=reload or asyncio.Event(),
        )
        flows = [
            asyncio.create_task(reassured(service.progress), name="watchdog"),
            asyncio.create_task(_supervised("polling", service.polling.run), name="polling"),
            asyncio.create_task(_supervised("reload", files.run), name="reload"),
            asyncio.create_task(_supervised("sweep", service.sweep.run), name="sweep"),
            asyncio.create_task(_supervised("dispatch", service.dispatch.run), name="dispatch"),
            asyncio.create_task(_supervised("damage", damage_of(service).run), name="damage"),
        ]
        stream = asyncio.create_task(service.stream.wait_stopped(), name="stream")
        asked = asyncio.create_task(stop.wait(), name="asked-to-stop")
        systemd.notify(systemd.READY)
        if ready is not None:
            ready(service)
        try:
            await asyncio.wait({stream, asked}, return_when=asyncio.FIRST_COMPLETED)
            if stream.done():
                stream.result()  # raises what stopped it
        finally:
            log.info("service_stopping")
            systemd.notify(systemd.STOPPING)
            await _cancelled(*flows, stream, asked)
    log.info("service_stopped")


async def run_once(
    settings: Settings,
    *,
    stop: asyncio.Event | None = None,
    observe: Callable[[Decision], None] | None = None,
) -> str | None:
    """Poll every feed once, tell what matched without waiting for copies, and come back.

    Returns:
        What could not be finished (`judging`, `sending`), or None: everything was told.

    Raises:
        OperatorError: As `run`.
        StreamError: As `run`.
    """
    written = usable(settings)
    async with opened(settings, written, collect=timedelta(0), observe=observe) as service:
        flows = [
            asyncio.create_task(_supervised("sweep", service.sweep.run), name="sweep"),
            asyncio.create_task(_supervised("dispatch", service.dispatch.run), name="dispatch"),
        ]
        stream = asyncio.create_task(service.stream.wait_stopped(), name="stream")
        work = asyncio.create_task(_everything_once(service), name="once")
        asked = asyncio.create_task((stop or asyncio.Event()).wait(), name="asked-to-stop")
        try:
            await asyncio.wait(
                {stream, work, asked},
                return_when=asyncio.FIRST_COMPLETED,
                timeout=ONCE_WITHIN.total_seconds(),
            )
            if stream.done():
                stream.result()
            waiting = await service.store.backlog()
            left = any(waiting.by_state.get(state) for state in ("pending", "sending", "ambiguous"))
            if not work.done():
                return await service.unfinished() or "polling"
            work.result()
            return "sending" if left else None
        finally:
            await _cancelled(*flows, stream, work, asked)


async def _everything_once(service: Service) -> None:
    await service.polling.once()
    while True:
        service.decided.clear()
        waiting = await service.unfinished()
        if waiting is None:
            return
        if waiting == "sending":
            service.dispatch.look()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await service.decided.wait()


async def _supervised(name: str, flow: Callable[[], Awaitable[None]]) -> None:
    """Run a flow for ever. A bug ends one round of it, with a traceback; the next begins after a pause."""
    failures = 0
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        try:
            await flow()
        except Exception:
            log.exception("flow_failed", flow=name)
        if loop.time() - began > HEALTHY_AFTER.total_seconds():
            failures = 0
        failures += 1
        await asyncio.sleep(RESTARTS.wait(failures, 0.5).total_seconds())


async def _cancelled(*tasks: "asyncio.Task[object] | asyncio.Task[None] | asyncio.Task[bool]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def signals(
    stop: asyncio.Event, at_once: Callable[[], None], reload: asyncio.Event | None = None
) -> Iterator[None]:
    """Let SIGTERM and SIGINT stop the service in good order, and SIGHUP set `reload`; a second stop calls `at_once`.

    So does a stop that hangs. When the block has ended there is nothing left to stop: a first signal changes nothing
    about how the process ends, a second one still ends it at once.
    """
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        if stop.is_set():
            at_once()
        log.info("stop_asked", signal=number.name)
        stop.set()
        _limited(at_once)

    def asked_late(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            at_once()
        stop.set()

    if stop.is_set():
        _limited(at_once)
    stops = (signal.SIGTERM, signal.SIGINT)
    for number in stops:
        loop.add_signal_handler(number, asked, number)
    if reload is not None:
        loop.add_signal_handler(signal.SIGHUP, reload.set)
    try:
        yield
    finally:
        for number in (*stops, signal.SIGHUP):
            loop.remove_signal_handler(number)
            signal.signal(number, asked_late if number in stops else signal.SIG_IGN)


def _limited(at_once: Callable[[], None]) -> None:
    """End a stop that hangs, even where it holds the loop."""

    def hangs() -> None:
        log.error("stop_hangs", after_s=STOP_AT_MOST_S)
        at_once()

    limit = threading.Timer(STOP_AT_MOST_S, hangs)
    limit.daemon = True
    limit.start()
