"""The parts of a running service: how they are joined, what holds them, and in which order they start and stop."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from monitor.alerts.decide import Decision
from monitor.deliver import channels, trial
from monitor.deliver.press import Press
from monitor.errors import StoreError
from monitor.feeds.feed import Feed
from monitor.feeds.schedule import Pace, pace_of
from monitor.fetch.fetcher import HttpFetcher, fetcher_of
from monitor.flows.dispatch import Dispatch
from monitor.flows.intake import InForce, Intake
from monitor.flows.poll import Poll
from monitor.flows.polling import Polling
from monitor.flows.progress import Progress
from monitor.flows.space import Space
from monitor.flows.sweep import Sweep
from monitor.flows.trouble import Trouble
from monitor.located import Problem, errors
from monitor.ports import Channel
from monitor.service.written import Written, operators_of, policy_of, routes_of
from monitor.settings import Settings
from monitor.store import sqlite
from monitor.store.decisions import DeadLetterRow
from monitor.store.store import Store, open_sqlite
from monitor.stories.ids import SessionId, StoryId, digest, new_session
from monitor.streams.app import build
from monitor.streams.handling import DeadLetter
from monitor.streams.stream import Stream
from monitor.web.events import Events

log = structlog.get_logger(__name__)

STOP_WITHIN = timedelta(seconds=14)
"""For tries in flight; with the stream's ten seconds beside it, and what is written at the end, well below 25 s."""

END_WITHIN_S = 1.0
"""For the note that the service ended in good order: a database that somebody holds must not hold up the stop."""


class SystemClock:
    """The machine's wall clock."""

    def now(self) -> datetime:
        """The present instant, aware, UTC."""
        return datetime.now(UTC)


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

    async def tell_refused(self, problems: Iterable[object]) -> None:
        """Operators hear of files that cannot be used, once for the same mistakes."""
        refused = errors(problem for problem in problems if isinstance(problem, Problem))
        self.events.refused(len({problem.place.file for problem in refused}))
        if refused:
            text = "\n".join(map(str, refused))
            self.refused = f"files:{digest(text)}"
            await self.trouble.tell(self.refused, "Files were refused", text)
        elif self.refused is not None:
            await self.trouble.over(self.refused, "The refused files are right again", "They are in force.")
            self.refused = None


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
        await service.tell_refused((*written.problems, *tried.problems))
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
    """Both to their end, whatever the other raises: what is under way needs the store, which closes next."""
    ends = await asyncio.gather(
        service.stream.stop(), service.dispatch.stop(STOP_WITHIN), return_exceptions=True
    )
    for end in ends:
        if isinstance(end, BaseException):
            raise end


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
