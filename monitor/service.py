"""The one place where the parts are joined, started and stopped."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from monitor.alerts.decide import Decision, Policy
from monitor.alerts.routes import NOWHERE, Route, Routes
from monitor.backoff import doubling
from monitor.deliver import channels, trial
from monitor.deliver.render import Press
from monitor.errors import RuleError, SettingsError, StoreError
from monitor.feeds import listing
from monitor.feeds.feed import Feed
from monitor.feeds.schedule import Pace, pace_of
from monitor.fetch.fetcher import HttpFetcher
from monitor.flows.dispatch import Dispatch
from monitor.flows.intake import InForce, Intake
from monitor.flows.poll import Poll, Polling
from monitor.flows.sweep import Sweep
from monitor.flows.trouble import Trouble
from monitor.located import Place, Problem, errors
from monitor.matching import desk as desks
from monitor.ports import Channel
from monitor.settings import Settings
from monitor.store import sqlite
from monitor.store.decisions import DeadLetterRow
from monitor.store.store import Store, open_sqlite
from monitor.stories.ids import ReceiverName, SessionId, StoryId, digest, new_session
from monitor.streams.app import build
from monitor.streams.handling import DeadLetter
from monitor.streams.stream import Stream

log = structlog.get_logger(__name__)

STOP_WITHIN = timedelta(seconds=14)
"""For tries in flight; with the stream's ten seconds beside it, and what is written at the end, well below 25 s."""

RESTARTS = doubling(timedelta(seconds=1), timedelta(seconds=30))
HEALTHY_AFTER = timedelta(minutes=5)
ONCE_WITHIN = timedelta(minutes=30)


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        return datetime.now(UTC)


# ---- what people wrote ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Feeds and rules as their files say, and everything that is wrong with them."""

    feeds: tuple[Feed, ...]
    desk: desks.Desk
    problems: tuple[Problem, ...]


def read_written(settings: Settings) -> Written:
    """Read feeds and rules. One bad line stops no other: what can be used is, and the rest is in `problems`."""
    names = settings.receiver_names
    feeds = listing.read(settings.feeds, receivers=names)
    desk = desks.load(settings.rules, receivers=names)
    return Written(feeds=feeds.feeds, desk=desk, problems=(*feeds.problems, *desk.problems))


def routes_of(settings: Settings) -> Routes:
    """Receivers and their addresses, in the order written."""
    return Routes(
        receivers={ReceiverName(name): tuple(_routes(settings, name)) for name in settings.receivers},
        default=tuple(ReceiverName(name) for name in settings.default_receivers),
    )


def _routes(settings: Settings, name: str) -> list[Route]:
    receiver = settings.receivers[name]
    addresses = [("slack", channel) for channel in receiver.slack] + [
        ("email", box) for box in receiver.email
    ]
    if receiver.print:
        addresses.append(("print", NOWHERE))
    return [
        Route(
            channel=channel,
            target=target,
            receiver=ReceiverName(name),
            language=receiver.language,
            timezone=receiver.timezone or settings.timezone,
        )
        for channel, target in addresses
    ]


def policy_of(settings: Settings, *, collect: timedelta | None = None) -> Policy:
    """When stories are told; `collect` in place of the operator's own."""
    alerts = settings.alerts
    return Policy(
        max_age=alerts.max_age,
        collect=alerts.collect if collect is None else collect,
        window=alerts.window,
    )


# ---- the parts, joined ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Every part of a running service."""

    feeds: tuple[Feed, ...]
    store: Store
    stream: Stream
    fetcher: HttpFetcher
    channels: Mapping[str, Channel]
    dispatch: Dispatch
    sweep: Sweep
    polling: Polling
    trouble: Trouble
    decided: asyncio.Event

    async def unfinished(self) -> str | None:
        """What still waits after everything was polled: `judging`, `sending`, or nothing."""
        if (await self.store.counts()).undecided:
            return "judging"
        due = await self.store.due_targets(SystemClock().now())
        return "sending" if self.dispatch.busy or any(map(self.dispatch.may_send, due)) else None


@asynccontextmanager
async def opened(
    settings: Settings,
    written: Written,
    *,
    collect: timedelta | None = None,
    observe: Callable[[Decision], None] | None = None,
) -> AsyncIterator[Service]:
    """Join the parts and start them; stop them in order at the end, losing nothing.

    Args:
        collect: How long to wait for copies, in place of the operator's own.
        observe: Told of every decision.

    Raises:
        Busy: Another service holds the database.
        StoreError: The database cannot be used.
    """
    clock = SystemClock()
    session = new_session()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(sqlite.held(settings.database_path))
        store = open_sqlite(settings.database_path, make=True)
        stack.push_async_callback(store.close)
        await store.begin_session(session, clock.now(), alone=True)
        stack.push_async_callback(_ended, store, session, clock)
        await store.withdraw_offers()
        tried = await trial.load(settings.templates)
        ways = channels.build(settings.slack, settings.email, press=Press(tried.templates))
        for way in ways.values():
            stack.push_async_callback(way.close)
        fetcher = HttpFetcher(
            allow=settings.network.allow, timeout=settings.polling.timeout, contact=settings.network.contact
        )
        stack.push_async_callback(fetcher.close)
        await fetcher.start()
        service = _joined(settings, written, store, fetcher, ways, session, clock, collect, observe)
        stack.push_async_callback(_stopped, service)
        await service.stream.start()
        refused = errors((*written.problems, *tried.problems))
        if refused:
            text = "\n".join(map(str, refused))
            await service.trouble.tell(f"files:{digest(text)}", "Files were refused", text)
        yield service


async def _ended(store: Store, session: SessionId, clock: SystemClock) -> None:
    try:
        await store.end_session(session, clock.now())
    except StoreError as error:
        log.warning("session_end_not_kept", reason=str(error))


async def _stopped(service: Service) -> None:
    await asyncio.gather(service.stream.stop(), service.dispatch.stop(STOP_WITHIN))


def _joined(
    settings: Settings,
    written: Written,
    store: Store,
    fetcher: HttpFetcher,
    ways: Mapping[str, Channel],
    session: SessionId,
    clock: SystemClock,
    collect: timedelta | None,
    observe: Callable[[Decision], None] | None,
) -> Service:
    decided = asyncio.Event()

    def told(decision: Decision) -> None:
        decided.set()
        if observe is not None:
            observe(decision)

    async def on_story(story: StoryId, revision: int) -> None:
        await intake(story, revision)

    async def on_dead(letter: DeadLetter) -> None:
        await _bury(store, clock, letter)
        decided.set()
        await trouble.tell(f"dead:{letter.reason}", "A message could not be worked on", letter.reason)

    def on_nudge(target: str) -> None:
        dispatch.wake(target)

    stream = build(settings.broker, on_story=on_story, on_nudge=on_nudge, on_dead=on_dead)
    routes = routes_of(settings)
    operators = routes.of([], also=[ReceiverName(settings.ops_receiver)] if settings.ops_receiver else [])
    trouble = Trouble(store=store, publisher=stream, clock=clock, routes=operators)
    dispatch = Dispatch(store=store, channels=ways, session=session, clock=clock, operators=trouble)
    intake = Intake(
        store=store,
        publisher=stream,
        in_force=InForce(
            judge=written.desk.matcher,
            routes=routes,
            feeds={feed.id: feed for feed in written.feeds},
            policy=policy_of(settings, collect=collect),
        ),
        clock=clock,
        decided=told,
    )
    sweep = Sweep(
        store=store,
        publisher=stream,
        clock=clock,
        session=session,
        fullness=stream.fullness,
        freed=dispatch.look,
        window=settings.alerts.window,
    )
    stream.on_assigned = sweep.soon
    poll = Poll(store=store, fetcher=fetcher, publisher=stream, clock=clock, pace_of=partial(_pace, settings))
    polling = Polling(
        poll,
        written.feeds,
        interval=settings.polling.interval,
        requests_per_minute=settings.polling.requests_per_minute,
        operators=trouble,
    )
    return Service(
        feeds=written.feeds,
        store=store,
        stream=stream,
        fetcher=fetcher,
        channels=ways,
        dispatch=dispatch,
        sweep=sweep,
        polling=polling,
        trouble=trouble,
        decided=decided,
    )


def _pace(settings: Settings, feed: Feed) -> Pace:
    polling = settings.polling
    return pace_of(feed, interval=polling.interval, least=polling.min_interval, most=polling.max_interval)


async def _bury(store: Store, clock: SystemClock, letter: DeadLetter) -> None:
    await store.bury(
        DeadLetterRow(
            topic=letter.topic,
            partition=letter.partition,
            position=letter.offset,
            key=letter.key,
            value=letter.value,
            story=letter.story,
            revision=letter.revision,
            reason=letter.reason,
            created_at=clock.now(),
        )
    )


# ---- running -------------------------------------------------------------------------------------------------


async def run(
    settings: Settings,
    *,
    stop: asyncio.Event | None = None,
    observe: Callable[[Decision], None] | None = None,
    ready: Callable[[Service], None] | None = None,
) -> None:
    """Run the service until it is told to stop.

    Args:
        stop: Set it to stop in good order; SIGTERM and SIGINT set it too where `signals` is used.
        ready: Told when polling begins.

    Raises:
        OperatorError: There is nothing to do with these files, or another service holds the database.
        StreamError: The stream stopped or stands still.
    """
    written = usable(settings)
    stop = stop or asyncio.Event()
    async with opened(settings, written, observe=observe) as service:
        log.info("service_started", feeds=len(written.feeds), rules=len(written.desk.rules))
        flows = [
            asyncio.create_task(_supervised("polling", service.polling.run), name="polling"),
            asyncio.create_task(_supervised("sweep", service.sweep.run), name="sweep"),
            asyncio.create_task(_supervised("dispatch", service.dispatch.run), name="dispatch"),
        ]
        stream = asyncio.create_task(service.stream.wait_stopped(), name="stream")
        asked = asyncio.create_task(stop.wait(), name="asked-to-stop")
        if ready is not None:
            ready(service)
        try:
            await asyncio.wait({stream, asked}, return_when=asyncio.FIRST_COMPLETED)
            if stream.done():
                stream.result()  # raises what stopped it
        finally:
            log.info("service_stopping")
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


def usable(settings: Settings) -> Written:
    """What the files say.

    Raises:
        SettingsError: No feed can be used.
        RuleError: No rule can be used.
    """
    written = read_written(settings)
    wrong, here = errors(written.problems), Place(str(settings.file))
    if not written.feeds:
        raise SettingsError(
            (*wrong, Problem(here, "there are no feeds to follow", "list some where feeds: says"))
        )
    if not written.desk.rules:
        raise RuleError((*wrong, Problem(here, "there are no rules", "write some where rules: says")))
    return written


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
def signals(stop: asyncio.Event, at_once: Callable[[], None]) -> Iterator[None]:
    """Let SIGTERM and SIGINT stop the service in good order; a second one calls `at_once`."""
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        if stop.is_set():
            at_once()
        log.info("stop_asked", signal=number.name)
        stop.set()

    handled = (signal.SIGTERM, signal.SIGINT)
    for number in handled:
        loop.add_signal_handler(number, asked, number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
