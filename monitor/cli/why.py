"""`monitor why`: every stage a story went through, and what stopped it."""

from functools import partial
from typing import Any

import click

from monitor.alerts.decide import Verdict
from monitor.cli import FINE, NO
from monitor.cli.answer import json_option, say_json
from monitor.cli.workspace import opened_store, settings_of, wait_for, when
from monitor.settings import Settings
from monitor.store import deliveries, history
from monitor.store.deliveries import DeliveryRow
from monitor.store.history import Judged


@click.command()
@click.argument("story", metavar="URL-or-ID")
@json_option
@click.pass_context
def why(ctx: click.Context, story: str, as_json: bool) -> int:
    """Say what became of a story: by its address, its id, or the id of an alert or delivery."""
    settings = settings_of(ctx)
    found = wait_for(_found(settings, story))
    if as_json:
        say_json([_as_json(judged, sent) for judged, sent in found])
    elif not found:
        click.echo(f"no story with this address or id was ever seen: {story}")
    else:
        for judged, sent in found:
            _show(judged, sent, settings)
    return FINE if found else NO


async def _found(settings: Settings, story: str) -> list[tuple[Judged, tuple[DeliveryRow, ...]]]:
    async with opened_store(settings) as store:
        named = await store.read(lambda c: deliveries.listing(c, delivery=story))
        what = named[0].story if named else story
        found = await store.read(lambda c: history.find(c, what))
        return [
            (judged, await store.read(partial(deliveries.listing, story=judged.story.id))) for judged in found
        ]


def _as_json(judged: Judged, sent: tuple[DeliveryRow, ...]) -> dict[str, Any]:
    story = judged.story
    return {
        "story": story.id,
        "revision": story.revision,
        "title": story.title,
        "link": story.link,
        "source": story.source,
        "published_at": story.published_at,
        "seen_at": story.seen_at,
        "decided_at": judged.decided_at,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "rules": judged.rules,
        "alert": judged.alert,
        "deliveries": [
            {"id": d.id, "channel": d.channel, "target": d.target, "state": d.state, "attempts": d.attempts,
             "next_at": d.next_at, "ended_at": d.ended_at, "reason": d.reason}
            for d in sent
        ],
    }  # fmt: skip


def _show(judged: Judged, sent: tuple[DeliveryRow, ...], settings: Settings) -> None:
    story = judged.story
    update = f" (update {story.revision - 1})" if story.revision > 1 else ""
    click.echo(f"{story.title or story.summary[:100] or '(no title)'}{update}")
    if story.link:
        click.echo(f"  {story.link}")
    published = when(story.published_at, settings) or "not said when"
    click.echo(f"  published  {published}, by {story.source or 'an unnamed feed'}")
    click.echo(f"  seen       {when(story.seen_at, settings)}  as story {story.id}")
    if judged.decided_at is None:
        click.echo("  judged     not yet: it waits for the rules")
        return
    click.echo(f"  judged     {when(judged.decided_at, settings)}  {judged.verdict}: {judged.reason}")
    if judged.verdict == Verdict.DEAD:
        click.echo(f"             mend the cause, then: monitor stories retry {story.id}")
    if judged.rules:
        click.echo(f"  rules      {', '.join(judged.rules)}")
    if judged.alert is not None:
        click.echo(f"  alert      {judged.alert}")
    for delivery in sent:
        click.echo(f"  delivery   {delivery.channel} {delivery.target}: {said(delivery, settings)}")


def said(delivery: DeliveryRow, settings: Settings) -> str:
    """What became of a delivery, in words."""
    attempts = f", {delivery.attempts} counted tries" if delivery.attempts else ""
    reason = f" ({delivery.reason})" if delivery.reason else ""
    match delivery.state:
        case "sent":
            return f"sent {when(delivery.ended_at, settings)}{reason}"
        case "dead":
            return f"dead since {when(delivery.ended_at, settings)}{reason}{attempts}"
        case "suppressed":
            return f"suppressed {when(delivery.ended_at, settings)}{reason}{attempts}: it is never sent"
        case "pending" | "ambiguous":
            return f"{delivery.state}, next try {when(delivery.next_at, settings)}{reason}{attempts}"
        case state:
            return f"{state}{reason}"
