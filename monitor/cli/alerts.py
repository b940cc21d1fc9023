"""`monitor alerts`: what was told."""

from typing import Any

import click

from monitor.cli import FINE, NO
from monitor.cli.answer import json_option, say_json, say_table
from monitor.cli.why import said
from monitor.cli.workspace import opened_store, settings_of, wait_for, when
from monitor.settings import Settings
from monitor.store import deliveries, history
from monitor.store.deliveries import DeliveryRow
from monitor.store.history import AlertRow


@click.group()
def alerts() -> None:
    """What was told."""


@alerts.command("list")
@click.option(
    "--limit", default=100, show_default=True, type=click.IntRange(1, 100_000), help="At most so many."
)
@json_option
@click.pass_context
def list_alerts(ctx: click.Context, limit: int, as_json: bool) -> int:
    """List alerts, newest first."""
    settings = settings_of(ctx)
    rows = wait_for(_alerts(settings, limit=limit))
    if as_json:
        say_json([as_dict(row) for row in rows])
    else:
        say_table(
            ("when", "alert", "rules", "headline", "outlets", "deliveries"),
            (
                (
                    when(row.created_at, settings),
                    row.id,
                    ", ".join(row.rules),
                    row.story.title,
                    ", ".join(row.outlets),
                    ", ".join(f"{count} {state}" for state, count in row.states.items()),
                )
                for row in rows
            ),
        )
    return FINE


@alerts.command("show")
@click.argument("alert")
@json_option
@click.pass_context
def show(ctx: click.Context, alert: str, as_json: bool) -> int:
    """Show one alert: its story, why it came, and who was told."""
    settings = settings_of(ctx)
    rows = wait_for(_alerts(settings, alert=alert))
    if not rows:
        click.echo(f"there is no alert {alert}", err=True)
        return NO
    sent = wait_for(_deliveries(settings, alert))
    row = rows[0]
    if as_json:
        say_json(as_dict(row) | {"summary": row.story.summary, "deliveries": [vars_of(d) for d in sent]})
        return FINE
    click.echo(f"{row.story.title or '(no title)'}\n  {row.story.link or '(no link)'}")
    click.echo(f"  told       {when(row.created_at, settings)}, {row.priority}")
    click.echo(f"  rules      {', '.join(row.rules)}")
    click.echo(f"  outlets    {', '.join(row.outlets)}")
    click.echo(f"  story      {row.story.id}")
    for delivery in sent:
        click.echo(f"  delivery   {delivery.channel} {delivery.target}: {said(delivery, settings)}")
    return FINE


async def _alerts(settings: Settings, *, alert: str | None = None, limit: int = 1) -> tuple[AlertRow, ...]:
    async with opened_store(settings) as store:
        return await store.read(lambda c: history.alerts(c, alert=alert, limit=limit))


async def _deliveries(settings: Settings, alert: str) -> tuple[DeliveryRow, ...]:
    async with opened_store(settings) as store:
        return await store.read(lambda c: deliveries.listing(c, alert=alert))


def as_dict(row: AlertRow) -> dict[str, Any]:
    """An alert as `--json` shows it."""
    return {
        "id": row.id,
        "created_at": row.created_at,
        "priority": row.priority,
        "story": row.story.id,
        "revision": row.story.revision,
        "title": row.story.title,
        "link": row.story.link,
        "source": row.story.source,
        "published_at": row.story.published_at,
        "rules": row.rules,
        "outlets": row.outlets,
        "states": row.states,
    }


def vars_of(delivery: DeliveryRow) -> dict[str, Any]:
    """A delivery as `--json` shows it."""
    return {name: getattr(delivery, name) for name in DeliveryRow.__slots__}
