"""`monitor send-test`: a test alert through the real channel."""

from dataclasses import replace
from datetime import UTC, datetime

import click

from monitor.alerts.letter import Letter, Reply
from monitor.alerts.reactions import react
from monitor.alerts.routes import Route
from monitor.cli import FINE, OUTSIDE
from monitor.cli.answer import json_option, say_json
from monitor.cli.workspace import settings_of, wait_for
from monitor.located import did_you_mean
from monitor.settings import Settings
from monitor.stories.ids import DeliveryId, new_session


@click.command()
@click.argument("receiver")
@json_option
@click.pass_context
def send_test(ctx: click.Context, receiver: str, as_json: bool) -> int:
    """Send a test alert to every address of a receiver. It says that it is a test."""
    settings = settings_of(ctx)
    if receiver not in settings.receivers:
        hint = did_you_mean(receiver, settings.receivers) or "there are: " + ", ".join(settings.receivers)
        raise click.UsageError(f"there is no receiver '{receiver}' - {hint}")
    tried = wait_for(_tried(settings, receiver))
    if as_json:
        say_json(
            [{"channel": route.channel, "target": route.target, "sent": reply.ok, "reason": _said(route, reply)}
             for route, reply in tried]
        )  # fmt: skip
    else:
        for route, reply in tried:
            click.echo(f"{route.channel} {route.target}: {_said(route, reply)}", err=route.channel == "print")
    return FINE if all(reply.ok for _, reply in tried) else OUTSIDE


def _said(route: Route, reply: Reply) -> str:
    if reply.ok:
        return "sent"
    reaction = react(route.channel, reply, attempts=0, first_counted_at=None, now=datetime.now(UTC), draw=0.5)
    return reaction.trouble or reaction.reason


async def _tried(settings: Settings, receiver: str) -> list[tuple[Route, Reply]]:
    from monitor.deliver import channels, trial
    from monitor.deliver.press import Press
    from monitor.service.written import routes_of

    templates = await trial.load(settings.templates)
    for problem in templates.problems:
        click.echo(str(problem), err=True)
    ways = channels.build(settings.slack, settings.email, press=Press(templates.templates))
    routes = next(found for name, found in routes_of(settings).receivers.items() if name == receiver)
    try:
        return [(route, await ways[route.channel].send(_letter(route))) for route in routes]
    finally:
        for way in ways.values():
            await way.close()


def _letter(route: Route) -> Letter:
    """A sample alert to an address, with an identity of its own: two tests are two messages."""
    from monitor.deliver import samples

    now = datetime.now(UTC)
    sample = samples.letter(
        channel=route.channel,
        target=route.target,
        receiver=route.receiver,
        language=route.language,
        timezone=route.timezone,
    )
    return replace(
        sample,
        delivery=DeliveryId(f"test{new_session()[:12]}"),
        story=replace(sample.story, published_at=now, seen_at=now),
        first_tried_at=now,
        trial=True,
    )
