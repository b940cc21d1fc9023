"""`monitor preview`: what a receiver would get."""

from pathlib import Path

import click

from monitor.alerts.letter import Letter, Reason, Span
from monitor.alerts.routes import Route, Routes
from monitor.cli import FINE, NO
from monitor.cli.answer import json_option, say_json
from monitor.cli.workspace import settings_of, wait_for
from monitor.errors import OperatorError
from monitor.located import did_you_mean
from monitor.rules.rule import Rule, Sample
from monitor.settings import Settings
from monitor.stories.ids import ReceiverName


@click.command()
@click.argument("rule", required=False)
@click.option("--receiver", help="As this receiver gets it; else everybody who is told of the rule.")
@click.option(
    "--copy", "copy_name", metavar="NAME", help="Copy a built-in template into the workspace, to change it."
)
@json_option
@click.pass_context
def preview(
    ctx: click.Context, rule: str | None, receiver: str | None, copy_name: str | None, as_json: bool
) -> int:
    """Show an alert as its receivers would get it: of a rule's own sample story, or of a made-up one.

    Nothing is sent. With --copy NAME (slack/alert.j2, email/alert.html.j2, ...) a built-in template is copied into the
    workspace's templates folder; a template that is not there stays the built-in one.
    """
    settings = settings_of(ctx)
    if copy_name is not None:
        return _copied(settings, copy_name)
    letters = _letters(settings, rule, receiver)
    shown = wait_for(_rendered(settings, letters))
    if as_json:
        say_json(
            [{"receiver": letter.receiver, "channel": letter.channel, "target": letter.target, "message": message}
             for letter, _, message in shown]
        )  # fmt: skip
        return FINE
    for letter, text, _ in shown:
        click.echo(f"--- {letter.receiver}: {letter.channel} {letter.target}")
        click.echo(text + "\n")
    return FINE


def _copied(settings: Settings, name: str) -> int:
    from monitor.deliver.render import NAMES
    from monitor.shipped import shipped

    if name not in NAMES:
        raise click.UsageError(
            f"there is no template '{name}' - {did_you_mean(name, NAMES) or 'there are: ' + ', '.join(NAMES)}"
        )
    target: Path = settings.templates / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("xb") as file:
            file.write((shipped("templates") / name).read_bytes())
    except FileExistsError:
        click.echo(f"{target} is there already and stays as it is", err=True)
        return NO
    click.echo(str(target))
    return FINE


async def _rendered(settings: Settings, letters: list[Letter]) -> list[tuple[Letter, str, object]]:
    from monitor.deliver import channels, trial
    from monitor.deliver.press import Press

    templates = await trial.load(settings.templates)
    for problem in templates.problems:
        click.echo(str(problem), err=True)
    press, sender = Press(templates.templates), settings.email.sender
    return [
        (
            letter,
            channels.preview(letter, press, sender=sender),
            channels.rendering(letter, press, sender=sender),
        )
        for letter in letters
    ]


def _letters(settings: Settings, name: str | None, receiver: str | None) -> list[Letter]:
    from monitor.service.written import read_written, routes_of

    routes = routes_of(settings)
    rule = _rule(read_written(settings).desk.rules, name) if name is not None else None
    found = _addresses(settings, routes, rule, receiver)
    return [_letter(route, rule) for route in found]


def _rule(rules: tuple[Rule, ...], name: str) -> Rule:
    for rule in rules:
        if name in (rule.name, rule.id):
            return rule
    hint = did_you_mean(name, [rule.name for rule in rules]) or "see monitor rules check"
    raise click.UsageError(f"there is no rule '{name}' - {hint}")


def _addresses(
    settings: Settings, routes: Routes, rule: Rule | None, receiver: str | None
) -> tuple[Route, ...]:
    if receiver is not None:
        if receiver not in settings.receivers:
            hint = did_you_mean(receiver, settings.receivers) or "there are: " + ", ".join(settings.receivers)
            raise click.UsageError(f"there is no receiver '{receiver}' - {hint}")
        return routes.receivers[ReceiverName(receiver)]
    told = [rule] if rule is not None else []
    found = routes.of(told, also=() if told else routes.default)
    if not found:
        raise OperatorError(
            "nobody is told of this: name a receiver with --receiver, or set default_receivers:"
        )
    return found


def _letter(route: Route, rule: Rule | None) -> Letter:
    """The rule's first sample that alerts, as a letter; a made-up story where there is no rule."""
    from dataclasses import replace

    from monitor.deliver import samples
    from monitor.matching.matcher import Matcher
    from monitor.matching.samples import story_of

    letter = samples.letter(
        channel=route.channel,
        target=route.target,
        receiver=route.receiver,
        language=route.language,
        timezone=route.timezone,
    )
    if rule is None:
        return letter
    sample = next((sample for sample in rule.samples if sample.alerts), Sample(place=rule.place, alerts=True))
    said = story_of(sample)
    story = replace(
        letter.story,
        title=said.title or letter.story.title,
        summary=said.summary,
        text=said.text,
        source=said.source or letter.story.source,
        language=said.language,
    )
    spans = tuple(
        Span(field=e.field, start=e.start, end=e.end, text=e.text)
        for match in Matcher([rule]).match(story)
        for e in match.evidence
    )
    reason = Reason(rule_id=rule.id, rule=rule.name, desk=rule.desk, note=rule.note, spans=spans)
    return replace(letter, story=story, reasons=(reason,), copies=())
