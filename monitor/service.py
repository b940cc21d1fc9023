"""The one place where the parts are joined, started and stopped."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from monitor import systemd
from monitor.alerts.decide import Decision, Policy
from monitor.alerts.routes import NOWHERE, Route, Routes
from monitor.backoff import doubling
from monitor.deliver import channels, trial
from monitor.deliver.press import Press
from monitor.errors import OperatorError, RuleError, SettingsError, StoreError
from monitor.feeds import listing
from monitor.feeds.feed import Feed
from monitor.feeds.schedule import Pace, pace_of
from monitor.fetch.fetcher import HttpFetcher, fetcher_of
from monitor.flows.damage import Damage
from monitor.flows.dispatch import Dispatch
from monitor.flows.intake import InForce, Intake
from monitor.flows.poll import Poll, Polling
from monitor.flows.progress import Progress
from monitor.flows.reload import Reload, look
from monitor.flows.space import Space
from monitor.flows.sweep import Sweep
from monitor.flows.trouble import Trouble
from monitor.located import Place, Problem, errors
from monitor.matching import desk as desks
from monitor.ports import Channel
from monitor.settings import Settings, load
from monitor.store import damage, sqlite
from monitor.store.decisions import DeadLetterRow
from monitor.store.store import Store, open_sqlite
from monitor.stories.ids import ReceiverName, SessionId, StoryId, digest, new_session
from monitor.streams.app import build
from monitor.streams.handling import DeadLetter
from monitor.streams.stream import Stream
from monitor.web.app import Web
from monitor.web.events import Events
from monitor.web.numbers import Gather
from monitor.web.ready import Ready

log = structlog.get_logger(__name__)

STOP_WITHIN = timedelta(seconds=14)
"""For tries in flight; with the stream's ten seconds beside it, and what is written at the end, well below 25 s."""

END_WITHIN_S = 1.0
"""For the note that the service ended in good order: a database that somebody holds must not hold up the stop."""

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
    feed_problems: tuple[Problem, ...]
    secret_files: tuple[Path, ...] = ()
    """Those that feeds name."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that is wrong."""
        return (*self.feed_problems, *self.desk.problems)


def read_written(settings: Settings) -> Written:
    """Read feeds and rules. One bad line stops no other: what can be used is, and the rest is in `problems`."""
    names = settings.receiver_names
    feeds = listing.read(settings.feeds, receivers=names)
    desk = desks.load(settings.rules, receivers=names)
    return Written(
        feeds=feeds.feeds, desk=desk, feed_problems=feeds.problems, secret_files=feeds.secret_files
    )


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


def watched(settings: Settings) -> tuple[Path, ...]:
    """The files and folders whose change is put in force; those with secrets too, so that a mended token is used at once."""
    return (settings.file, *settings.feeds, *settings.rules, settings.templates, *settings.secret_files)


def operators_of(settings: Settings) -> tuple[Route, ...]:
    """Where trouble is told; nowhere without an ops receiver."""
    return routes_of(settings).receivers[ReceiverName(settings.ops_receiver)] if settings.ops_receiver else ()


def policy_of(settings: Settings, *, collect: timedelta | None = None) -> Policy:
    """When stories are told; `collect` in place of the operator's own."""
    alerts = settings.alerts
    return Policy(
        max_age=alerts.max_age,
        collect=alerts.collect if collect is None else collect,
        window=alerts.window,
        most_per_feed=alerts.most_per_feed,
    )


# ---- the parts, joined ---------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Service:
    """Every part of a running service.

    Args:
        settings, in_force, press, channels: As the files say now; `reloaded` replaces them.
        retired: Channels that were replaced, with sends perhaps still under way; closed at the end.
    """

    settings: Settings
    in_force: InForce
    press: Press
    channels: Mapping[str, Channel]
    store: Store
    stream: Stream
    fetcher: HttpFetcher
    dispatch: Dispatch
    sweep: Sweep
    polling: Polling
    trouble: Trouble
    events: Events
    session: SessionId
    decided: asyncio.Event
    progress: Progress
    retired: list[Channel] = field(default_factory=list)
    secret_files: tuple[Path, ...] = ()
    """Those that feeds name; watched also while one is missing."""
    refused: str | None = None
    """Which mistakes in files operators were told of last; None when there are none."""

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """The feeds that are followed."""
        return tuple(self.in_force.feeds.values())

    async def unfinished(self) -> str | None:
        """What still waits after everything was polled: `judging`, `sending`, or nothing."""
        if (await self.store.counts()).undecided:
            return "judging"
        due = await self.store.due_targets(SystemClock().now())
        return "sending" if self.dispatch.busy or any(map(self.dispatch.may_send, due)) else None


async def reloaded(service: Service) -> None:
    """Read every file again and put in force what is right; what is wrong is told, and the old version stays.

    Database, broker, polling, network and web are for a new start.
    """
    try:
        settings, _ = load(service.settings.file)
    except SettingsError as error:
        await _tell_refused(service, error.problems)
        return
    written = await asyncio.to_thread(read_written, settings)
    tried = await trial.load(settings.templates, service.press.templates)
    service.secret_files = written.secret_files
    force = service.in_force
    if written.desk.usable and written.desk.rules:
        force.judge = written.desk.matcher
    if written.feeds and not errors(written.feed_problems):
        force.feeds = {feed.id: feed for feed in written.feeds}
        await service.polling.replace(written.feeds)
    service.press.templates = tried.templates
    force.routes, force.policy = routes_of(settings), policy_of(settings)
    service.trouble.routes = operators_of(settings)
    if (settings.slack, settings.email) != (service.settings.slack, service.settings.email):
        service.retired.extend(service.channels.values())
        service.channels = channels.build(settings.slack, settings.email, press=service.press)
        service.dispatch.use(service.channels)
        service.trouble.channels = service.channels
        await service.store.hasten(SystemClock().now())
        service.dispatch.look()
    service.settings = settings
    log.info("files_reloaded", feeds=len(force.feeds), rules=len(written.desk.rules))
    await _tell_refused(service, (*written.problems, *tried.problems))


async def _tell_refused(service: Service, problems: Iterable[object]) -> None:
    """Operators hear of files that cannot be used, once for the same mistakes."""
    refused = errors(problem for problem in problems if isinstance(problem, Problem))
    service.events.refused(len({problem.place.file for problem in refused}))
    if refused:
        text = "\n".join(map(str, refused))
        service.refused = f"files:{digest(text)}"
        await service.trouble.tell(service.refused, "Files were refused", text)
    elif service.refused is not None:
        await service.trouble.over(service.refused, "The refused files are right again", "They are in force.")
        service.refused = None


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
        press = Press(tried.templates)
        fetcher = fetcher_of(settings.network, settings.polling)
        stack.push_async_callback(fetcher.close)
        await fetcher.start()
        service = _joined(settings, written, store, fetcher, press, session, clock, collect, observe)
        stack.push_async_callback(_closed, service)
        stack.push_async_callback(_stopped, service)
        await service.stream.start()
        await _tell_refused(service, (*written.problems, *tried.problems))
        yield service


async def _ended(store: Store, session: SessionId, clock: SystemClock) -> None:
    try:
        async with asyncio.timeout(END_WITHIN_S):
            await store.end_session(session, clock.now())
    except (StoreError, TimeoutError) as error:
        log.warning("session_end_not_kept", reason=str(error) or "another process holds the database")


async def _closed(service: Service) -> None:
    for way in (*service.channels.values(), *service.retired):
        await way.close()


async def _stopped(service: Service) -> None:
    await asyncio.gather(service.stream.stop(), service.dispatch.stop(STOP_WITHIN))


def _joined(
    settings: Settings,
    written: Written,
    store: Store,
    fetcher: HttpFetcher,
    press: Press,
    session: SessionId,
    clock: SystemClock,
    collect: timedelta | None,
    observe: Callable[[Decision], None] | None,
) -> Service:
    decided, progress = asyncio.Event(), Progress()

    def told(decision: Decision) -> None:
        decided.set()
        events.taken_in(decision.verdict)
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
    ways = channels.build(settings.slack, settings.email, press=press)
    events = Events(clock, ways)
    trouble = Trouble(
        store=store, publisher=stream, clock=clock, routes=operators_of(settings), channels=ways
    )
    press.operators = trouble
    dispatch = Dispatch(
        store=store,
        channels=ways,
        session=session,
        clock=clock,
        operators=trouble,
        tried=events.tried,
        went_round=progress.of("dispatch"),
    )
    in_force = InForce(
        judge=written.desk.matcher,
        routes=routes_of(settings),
        feeds={feed.id: feed for feed in written.feeds},
        policy=policy_of(settings, collect=collect),
    )
    intake = Intake(
        store=store,
        publisher=stream,
        in_force=in_force,
        clock=clock,
        operators=trouble,
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
        keep=settings.keep,
        operators=trouble,
        clock_was_set=dispatch.clock_was_set,
        went_round=progress.of("sweep"),
    )
    stream.on_assigned = sweep.soon
    poll = Poll(
        store=store,
        fetcher=fetcher,
        publisher=stream,
        clock=clock,
        pace_of=partial(_pace, settings),
        polled=events.polled,
    )
    polling = Polling(
        poll,
        written.feeds,
        interval=settings.polling.interval,
        requests_per_minute=settings.polling.requests_per_minute,
        operators=trouble,
        space=Space(
            free=partial(_free_bytes, settings.database_path.parent),
            operators=trouble,
            went_round=progress.of("polling"),
        ),
        went_round=progress.of("polling"),
    )
    return Service(
        settings=settings,
        in_force=in_force,
        press=press,
        channels=ways,
        store=store,
        stream=stream,
        fetcher=fetcher,
        dispatch=dispatch,
        sweep=sweep,
        polling=polling,
        trouble=trouble,
        events=events,
        session=session,
        decided=decided,
        progress=progress,
        secret_files=written.secret_files,
    )


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


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
    async with opened(settings, written, observe=observe) as service, _served(service):
        log.info("service_started", feeds=len(written.feeds), rules=len(written.desk.rules))
        files = Reload(
            paths=lambda: (*watched(service.settings), *service.secret_files),
            load=partial(reloaded, service),
            loaded=before,
            asked=reload or asyncio.Event(),
        )
        flows = [
            asyncio.create_task(_reassured(service.progress), name="watchdog"),
            asyncio.create_task(_supervised("polling", service.polling.run), name="polling"),
            asyncio.create_task(_supervised("reload", files.run), name="reload"),
            asyncio.create_task(_supervised("sweep", service.sweep.run), name="sweep"),
            asyncio.create_task(_supervised("dispatch", service.dispatch.run), name="dispatch"),
            asyncio.create_task(_supervised("damage", _damage(service).run), name="damage"),
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


@asynccontextmanager
async def _served(service: Service) -> AsyncIterator[None]:
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


def _damage(service: Service) -> Damage:
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


async def _reassured(progress: Progress) -> None:
    """Tell systemd, where it watches, that the flows go round; a service that stands still is then started anew."""
    every = systemd.watchdog()
    while every is not None:
        stalled = progress.stalled()
        if stalled:
            log.error("flows_stalled", flows=stalled)
        else:
            systemd.notify(systemd.WELL)
        await asyncio.sleep(every.total_seconds() / 3)


async def _cancelled(*tasks: "asyncio.Task[object] | asyncio.Task[None] | asyncio.Task[bool]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def signals(
    stop: asyncio.Event, at_once: Callable[[], None], reload: asyncio.Event | None = None
) -> Iterator[None]:
    """Let SIGTERM and SIGINT stop the service in good order, and SIGHUP set `reload`; a second stop calls `at_once`.

    When the block has ended there is nothing left to stop, and no signal changes how the process ends.
    """
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        if stop.is_set():
            at_once()
        log.info("stop_asked", signal=number.name)
        stop.set()

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
            signal.signal(number, signal.SIG_IGN)
