"""`monitor deliveries`: what is on its way, sent or dead."""

import click

from monitor.cli import FINE, NO
from monitor.cli.alerts import vars_of
from monitor.cli.answer import json_option, say_json, say_table
from monitor.cli.why import said
from monitor.cli.workspace import open_store, settings_of, wait_for, when
from monitor.settings import Settings
from monitor.store import deliveries as outbox
from monitor.store.deliveries import DeliveryRow


@click.group()
def deliveries() -> None:
    """What is on its way, sent or dead."""


@deliveries.command("list")
@click.option(
    "--state", type=click.Choice(["pending", "sending", "ambiguous", "sent", "dead"]), help="Only these."
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


async def _rows(
    settings: Settings, *, state: str | None = None, delivery: str | None = None, limit: int = 1
) -> tuple[DeliveryRow, ...]:
    store = open_store(settings)
    try:
        return await store.read(lambda c: outbox.listing(c, state=state, delivery=delivery, limit=limit))
    finally:
        await store.close()
