"""`monitor status`: how the service is, and whether it needs a person."""

import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import click

from monitor.cli import FINE, NO
from monitor.cli.answer import json_option, say_json
from monitor.cli.waiting import MOST_READ, STATES, Waiting, waiting
from monitor.cli.workspace import opened_store, settings_of, wait_for, when
from monitor.deliver import trial
from monitor.errors import StoreError
from monitor.feeds import listing
from monitor.feeds.feed import Feed
from monitor.feeds.health import FeedHealth, FeedState
from monitor.flows.space import LEAST_FREE_BYTES
from monitor.located import Problem, errors
from monitor.matching import desk as desks
from monitor.settings import Settings
from monitor.store import damage, dead, deliveries, sqlite, workers
from monitor.store.dead import DeadStory
from monitor.store.deliveries import Backlog, DeliveryRow
from monitor.store.history import Counts
from monitor.store.workers import Worker

LATE = timedelta(minutes=15)
"""A delivery or a story that has waited longer needs a person."""

RESTORE = "Restore in docs/operations.md is the way back"
MOST_SHOWN = 10
SHOWN_FOR = timedelta(days=7)
"""How long a dead delivery asks for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What `status` knows."""

    now: datetime
    process: int | None
    last: Worker | None
    feeds: tuple[tuple[Feed, FeedState], ...]
    counts: Counts
    backlog: Backlog
    dead: tuple[DeliveryRow, ...]
    waiting: tuple[Waiting, ...]
    free_bytes: int
    dead_stories: tuple[DeadStory, ...]
    refused: tuple[Problem, ...]
    damage: str | None


@click.command()
@json_option
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> int:
    """Say how the service is: whether it runs, feeds by state, what waits, the last errors.

    The exit code is 1 when something needs a person.
    """
    settings = settings_of(ctx)
    try:
        found = wait_for(_gathered(settings))
    except StoreError as error:
        return _unreadable(settings, error, as_json)
    needs = _needs(found, settings)
    if as_json:
        say_json(_as_json(found, needs))
    else:
        _show(found, needs, settings)
    return NO if needs else FINE


def _unreadable(settings: Settings, error: StoreError, as_json: bool) -> int:
    """Say what there is to say without the database."""
    process = sqlite.holder(settings.database_path)
    need = damage.known(settings.database_path)
    need = f"{need}; {RESTORE}" if need else str(error)
    if as_json:
        say_json({"ok": False, "needs": [need], "service": {"running": process is not None, "pid": process}})
    else:
        click.echo("service     " + ("does not run" if process is None else f"runs as process {process}"))
        click.echo(f"needs you   {need}")
    return NO


async def _gathered(settings: Settings) -> Status:
    now = datetime.now(UTC)
    written = listing.read(settings.feeds, receivers=settings.receiver_names)
    desk = desks.load(settings.rules, receivers=settings.receiver_names)
    tried = await trial.load(settings.templates)
    async with opened_store(settings) as store:
        states = await store.feed_states()
        sessions = await store.read(workers.latest)
        return Status(
            now=now,
            process=sqlite.holder(settings.database_path),
            last=sessions[0] if sessions else None,
            feeds=tuple((feed, states.get(feed.id, FeedState())) for feed in written.feeds),
            counts=await store.counts(),
            backlog=await store.backlog(),
            dead=await store.read(lambda c: deliveries.listing(c, state="dead", limit=100)),
            dead_stories=tuple(await store.read(lambda c: dead.listing(c, limit=100))),
            waiting=waiting(
                [
                    row
                    for state in STATES
                    for row in await store.read(partial(deliveries.listing, state=state, limit=MOST_READ))
                ]
            ),
            free_bytes=shutil.disk_usage(settings.database_path.parent).free,
            refused=errors((*written.problems, *desk.problems, *tried.problems)),
            damage=damage.known(settings.database_path),
        )


def _needs(found: Status, settings: Settings) -> list[str]:
    """What needs a person, one sentence each."""
    needs = []
    if found.process is None and found.last is not None:
        if found.last.ended_at is None:
            needs.append("the service died: start it again, nothing is lost")
        elif found.now - found.last.ended_at > 2 * settings.polling.max_interval:
            needs.append("no service has run for a long time")
    if found.damage is not None:
        needs.append(f"{found.damage}; {RESTORE}")
    if found.refused:
        files = sorted({problem.place.file for problem in found.refused})
        needs.append(f"{', '.join(files)} cannot be used, what was in force before stays: monitor check")
    if found.free_bytes < LEAST_FREE_BYTES:
        needs.append(
            f"the disk is full ({found.free_bytes / 1e6:.0f} MB free): feeds wait until there is room"
        )
    failing = [feed for feed, state in found.feeds if state.health is FeedHealth.FAILING]
    if failing:
        needs.append(f"{len(failing)} of {len(found.feeds)} feeds fail: monitor feeds list --state failing")
    dead = [row for row in found.dead if row.ended_at is None or found.now - row.ended_at < SHOWN_FOR]
    if dead:
        needs.append(f"{len(dead)} deliveries are dead: monitor deliveries list --state dead")
    if held := found.backlog.by_state.get("held"):
        needs.append(
            f"{held} deliveries are held: monitor deliveries list --state held, then retry or drop --held"
        )
    if found.backlog.oldest_at is not None and found.now - found.backlog.oldest_at > LATE:
        needs.append(
            f"a delivery has waited since {when(found.backlog.oldest_at, settings)}: monitor deliveries list"
        )
    waiting = found.counts.oldest_undecided_at
    if waiting is not None and found.now - waiting > LATE:
        needs.append(f"a story has waited to be judged since {when(waiting, settings)}")
    if found.counts.dead_letters:
        needs.append(
            f"{found.counts.dead_letters} messages could not be worked on: mend the cause, then monitor stories retry --dead"
        )
    return needs


def _as_json(found: Status, needs: list[str]) -> dict[str, Any]:
    last = found.last
    return {
        "ok": not needs,
        "needs": needs,
        "service": {
            "running": found.process is not None,
            "pid": found.process,
            "since": last.started_at if last and found.process is not None else None,
            "not_since": (last.ended_at or last.renewed_at) if last and found.process is None else None,
        },
        "feeds": _by_state(found),
        "stories": {
            "stored": found.counts.stories,
            "undecided": found.counts.undecided,
            "oldest_undecided_at": found.counts.oldest_undecided_at,
            "dead_letters": found.counts.dead_letters,
            "dead": [asdict(one) for one in found.dead_stories],
        },
        "deliveries": {"by_state": found.backlog.by_state, "oldest_undelivered_at": found.backlog.oldest_at},
        "waiting": [asdict(one) for one in found.waiting],
        "refused": [problem.as_json() for problem in found.refused],
        "failing": [
            {"name": feed.name, "url": feed.shown_url, "outcome": state.outcome, "detail": state.detail,
             "failures": state.failures, "good_at": state.good_at}
            for feed, state in found.feeds
            if state.health is FeedHealth.FAILING
        ],
    }  # fmt: skip


def _by_state(found: Status) -> dict[str, int]:
    counts = Counter(state.health.value for _, state in found.feeds)
    return {health.value: counts.get(health.value, 0) for health in FeedHealth}


def _show(found: Status, needs: list[str], settings: Settings) -> None:
    click.echo(_service_line(found, settings))
    click.echo("feeds       " + ", ".join(f"{count} {state}" for state, count in _by_state(found).items()))
    click.echo(f"stories     {found.counts.stories} stored, {found.counts.undecided} wait to be judged")
    states = (
        ", ".join(f"{count} {state}" for state, count in sorted(found.backlog.by_state.items())) or "none yet"
    )
    click.echo(f"deliveries  {states}")
    if found.backlog.oldest_at is not None:
        click.echo(f"            oldest undelivered: {when(found.backlog.oldest_at, settings)}")
    unwell = [(feed, state) for feed, state in found.feeds if state.failures]
    unwell.sort(key=lambda one: -one[1].failures)
    for feed, state in unwell[:MOST_SHOWN]:
        said = state.detail or state.outcome
        click.echo(f"{state.health.value:<11} {feed.name or feed.shown_url}: {said}")
    if len(unwell) > MOST_SHOWN:
        click.echo(f"            and {len(unwell) - MOST_SHOWN} more: monitor feeds list")
    for who in found.waiting[:MOST_SHOWN]:
        click.echo(f"waiting     {who.channel} {who.target}: {who.deliveries} ({who.reason})")
    for row in found.dead[:MOST_SHOWN]:
        click.echo(f"dead        {row.channel} {row.target}: {row.title} ({row.reason})")
    for one in found.dead_stories[:MOST_SHOWN]:
        click.echo(f"not judged  {one.story} {one.title}: {one.reason}")
    for need in needs:
        click.echo(f"needs you   {need}")


def _service_line(found: Status, settings: Settings) -> str:
    last = found.last
    if found.process is not None:
        since = f" since {when(last.started_at, settings)}" if last else ""
        return f"service     runs as process {found.process}{since}"
    if last is None:
        return "service     has never run"
    how = "stopped" if last.ended_at else "died"
    return f"service     does not run: {how} {when(last.ended_at or last.renewed_at, settings)}"
