"""`monitor deliveries`: what is on its way, sent or dead; send now, or never."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import TypeVar

import click

from monitor.cli import FINE, NO
from monitor.cli.alerts import vars_of
from monitor.cli.answer import json_option, say_json, say_table
from monitor.cli.why import said
from monitor.cli.workspace import opened_store, settings_of, wait_for, when
from monitor.settings import Settings
from monitor.store import deliveries as outbox
from monitor.store.deliveries import DeliveryRow
from monitor.store.store import Store
from monitor.stories.ids import DeliveryId

T = TypeVar("T")


@click.group()
def deliveries() -> None:
    """What is on its way, sent or dead; send now, or never."""


@deliveries.command("list")
@click.option(
    "--state",
    type=click.Choice(["pending", "sending", "ambiguous", "sent", "held", "dead", "suppressed"]),
    help="Only these.",
)
@click.option(
    "--limit", default=500, show_default=True, type=click.IntRange(1, 1_000_000), help="At most so many."
)
@json_option
@click.pass_context
def list_deliveries(ctx: click.Context, state: str | None, limit: int, as_json: bool) -> int:
    """List deliveries, newest first."""
    settings = settings_of(ctx)
    rows = wait_for(_rows(settings, state=state, limit=limit))
    if as_json:
        say_json([vars_of(row) for row in rows])
    else:
        say_table(
            ("written", "delivery", "state", "to", "rule", "headline", "tries", "next try", "reason"),
            (
                (
                    when(row.created_at, settings),
                    row.id,
                    row.state,
                    f"{row.channel} {row.target}",
                    row.rule,
                    row.title,
                    row.attempts,
                    when(row.next_at, settings),
                    row.reason,
                )
                for row in rows
            ),
        )
    return FINE


@deliveries.command("show")
@click.argument("delivery")
@json_option
@click.pass_context
def show(ctx: click.Context, delivery: str, as_json: bool) -> int:
    """Show one delivery."""
    settings = settings_of(ctx)
    rows = wait_for(_rows(settings, delivery=delivery))
    if not rows:
        click.echo(f"there is no delivery {delivery}", err=True)
        return NO
    row = rows[0]
    if as_json:
        say_json(vars_of(row))
        return FINE
    click.echo(f"{row.title}\n  to         {row.channel} {row.target}, for {row.receiver}")
    click.echo(f"  rule       {row.rule}\n  alert      {row.alert}\n  story      {row.story}")
    click.echo(f"  written    {when(row.created_at, settings)}\n  now        {said(row, settings)}")
    if row.reference:
        click.echo(f"  reference  {row.reference}")
    return FINE


@deliveries.command("retry")
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--dead", "state", flag_value="dead", help="Every dead delivery.")
@click.option("--held", "state", flag_value="held", help="Every delivery that is held.")
@click.pass_context
def retry(ctx: click.Context, ids: tuple[str, ...], state: str | None) -> int:
    """Send now what is pending, ambiguous, held or dead; the running service notices within five seconds.

    Where an earlier try may have arrived, the provider is asked before anything is sent.
    """

    async def each(store: Store) -> list[tuple[str, str | None]]:
        wanted = await _wanted(store, ids, state)
        now = datetime.now(UTC)
        return await _each(wanted, lambda delivery: store.retry_delivery(delivery, now=now))

    before = wait_for(_with_store(settings_of(ctx), each))
    return _say_each(before, "is due now", "cannot be sent now", none=f"no delivery is {state}")


@deliveries.command("drop")
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--held", "state", flag_value="held", help="Every delivery that is held.")
@click.option("--reason", required=True, help="Why; `monitor why` shows it.")
@click.pass_context
def drop(ctx: click.Context, ids: tuple[str, ...], state: str | None, reason: str) -> int:
    """Never send what is pending, ambiguous, held or dead; it stays in the list as suppressed, with the reason."""
    why = " ".join(reason.split())
    if not why:
        raise click.BadParameter("say why in a few words", param_hint="--reason")

    async def each(store: Store) -> list[tuple[str, str | None]]:
        now = datetime.now(UTC)
        wanted = await _wanted(store, ids, state)
        return await _each(wanted, lambda delivery: store.drop_delivery(delivery, reason=why, now=now))

    before = wait_for(_with_store(settings_of(ctx), each))
    return _say_each(before, "is never sent", "cannot be dropped", none=f"no delivery is {state}")


async def _wanted(store: Store, ids: tuple[str, ...], state: str | None) -> tuple[str, ...]:
    """The deliveries that were named, or all in a state."""
    if (state is None) != bool(ids):
        raise click.UsageError("name deliveries, or say which all: not both")
    return ids if state is None else await store.read(lambda c: outbox.all_in(c, state))


async def _each(
    ids: Iterable[str], change: Callable[[DeliveryId], Awaitable[str | None]]
) -> list[tuple[str, str | None]]:
    return [(delivery, await change(DeliveryId(delivery))) for delivery in dict.fromkeys(ids)]


def _say_each(before: list[tuple[str, str | None]], done: str, refused: str, *, none: str) -> int:
    """Say of each delivery what became of it, by the state it had."""
    if not before:
        click.echo(none, err=True)
    for delivery, state in before:
        if state in outbox.OPEN:
            click.echo(f"{delivery} {done}, it was {state}")
        elif state is None:
            click.echo(f"there is no delivery {delivery}", err=True)
        else:
            click.echo(f"{delivery} {refused}: it is {_CLOSED.get(state, state)}", err=True)
    return FINE if all(state in outbox.OPEN for _, state in before) else NO


_CLOSED = {
    "sending": "being sent at this moment",
    "sent": "sent already",
    "suppressed": "suppressed: somebody dropped it",
}


async def _with_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    async with opened_store(settings) as store:
        return await work(store)


async def _rows(
    settings: Settings, *, state: str | None = None, delivery: str | None = None, limit: int = 1
) -> tuple[DeliveryRow, ...]:
    async with opened_store(settings) as store:
        return await store.read(lambda c: outbox.listing(c, state=state, delivery=delivery, limit=limit))
