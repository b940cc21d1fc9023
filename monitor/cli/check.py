"""`monitor check`: every problem of a workspace at once, without the network."""

from pathlib import Path

import click

from monitor.cli import FINE, NO
from monitor.cli.answer import json_option, say_json
from monitor.cli.workspace import config_file, wait_for
from monitor.errors import SettingsError
from monitor.located import Problem, errors
from monitor.settings import Settings
from monitor.settings.reading import load, right_part


@click.command()
@json_option
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> int:
    """Find every problem in settings, feeds, rules and their tests, templates and receivers.

    Needs no network. Warnings alone leave the exit code 0.
    """
    settings, problems = _settings(config_file(ctx))
    counted = ""
    if settings is not None:
        more, counted = _written(settings)
        problems += more
    wrong = errors(problems)
    if as_json:
        say_json([problem.as_json() for problem in problems])
        return NO if wrong else FINE
    for problem in problems:
        click.echo(str(problem))
    warnings = len(problems) - len(wrong)
    verdict = f"{_count(len(wrong), 'error')}, {_count(warnings, 'warning')}" if problems else "no problems"
    click.echo(f"{counted}{verdict}")
    return NO if wrong else FINE


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _settings(file: Path) -> tuple[Settings | None, list[Problem]]:
    """The settings, or what of them names other files."""
    try:
        settings, warnings = load(file)
    except SettingsError as error:
        return right_part(file), [problem for problem in error.problems if isinstance(problem, Problem)]
    return settings, list(warnings)


def _written(settings: Settings) -> tuple[list[Problem], str]:
    """Problems of everything the settings name, and how much of it there is."""
    from monitor.deliver import trial
    from monitor.service.written import missing, read_written

    written = read_written(settings)
    problems = [
        *written.problems,
        *wait_for(trial.load(settings.templates)).problems,
        *missing(settings, written),
    ]
    counted = ", ".join(
        (
            _count(len(written.feeds), "feed"),
            _count(len(written.desk.rules), "rule"),
            _count(len(settings.receivers), "receiver"),
        )
    )
    return problems, f"{counted}: "
