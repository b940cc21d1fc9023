"""`monitor rules`: check, test and try rules, without a network and without sending anything."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click

from monitor.cli import FINE, NO
from monitor.cli.answer import json_option

_PATH = click.Path(exists=True, path_type=Path)


def _paths_argument(command: Any) -> Any:
    return click.argument("paths", nargs=-1, metavar="[PATH]...", type=_PATH)(command)


def _rules_option(command: Any) -> Any:
    text = "A rule file or a folder of them; may be repeated. Else the workspace's rules."
    return click.option("--rules", "paths", multiple=True, metavar="PATH", type=_PATH, help=text)(command)


@click.group()
def rules() -> None:
    """Check, test and try rules.

    PATH is a rule file or a folder of them; without it, the workspace's rules are meant.
    """


@rules.command()
@_paths_argument
@json_option
@click.pass_context
def check(ctx: click.Context, paths: tuple[Path, ...], as_json: bool) -> int:
    """Find every problem in rule files: one line each, with its place. Warnings alone are fine."""
    from monitor.cli.answer import say_json
    from monitor.matching.desk import load

    where, receivers = _where(ctx, paths)
    desk = load(where, receivers=receivers, relative_to=_here(paths))
    if as_json:
        say_json([problem.as_json() for problem in desk.problems])
    else:
        for problem in desk.problems:
            click.echo(str(problem))
        _say(f"{len(desk.rules)} rules in {len(desk.files)} files, {len(desk.results)} samples: "
             + _outcome(len(desk.problems)))  # fmt: skip
    return FINE if desk.usable else NO


@rules.command()
@_paths_argument
@json_option
@click.pass_context
def test(ctx: click.Context, paths: tuple[Path, ...], as_json: bool) -> int:
    """Try the samples inside the rules: each must alert, or must not, as its rule says."""
    from monitor.cli.answer import say_json
    from monitor.located import errors
    from monitor.matching import samples
    from monitor.rules import book

    where, receivers = _where(ctx, paths)
    read = book.read(where, receivers=receivers, relative_to=_here(paths))
    results = samples.run(read)
    failed = samples.problems(results)
    broken = errors(read.problems)
    if as_json:
        say_json([_result(result) for result in results])
        for problem in broken:
            _say(str(problem))
    else:
        for problem in (*broken, *failed):
            click.echo(str(problem))
        _say(f"{len(results)} samples in {len(read.rules)} rules: {len(failed)} failed")
    return NO if failed or broken else FINE


@rules.command()
@_rules_option
@click.option(
    "--stories",
    metavar="FILE",
    type=click.File("rb"),
    default="-",
    help="Stories as JSON lines; else standard input.",
)
@json_option
@click.pass_context
def match(ctx: click.Context, paths: tuple[Path, ...], stories: Any, as_json: bool) -> int:
    """Read stories as JSON lines and write the rules that hold for each, one line for every line read.

    The answer is JSON lines with and without --json.
    """
    from monitor.cli.story_lines import answers
    from monitor.matching.matcher import Matcher

    book = _readable(ctx, paths)
    if book is None:
        return NO
    matcher = Matcher(book.rules)
    out = click.get_binary_stream("stdout")
    code = FINE
    for line, fine in answers(stories, matcher):
        out.write(line.encode() + b"\n")
        out.flush()
        if not fine:
            code = NO
    return code


@rules.command()
@click.argument("story")
@click.option("--rule", "name", metavar="NAME", help="Only this rule.")
@_rules_option
@json_option
@click.pass_context
def explain(ctx: click.Context, story: str, name: str | None, paths: tuple[Path, ...], as_json: bool) -> int:
    """Say of each rule whether it alerts on a story: what was found, what failed, what stopped it.

    STORY is a text (its first line is the headline), a JSON object as `rules match` reads it, `-` for either on
    standard input, or the id or address of a stored story.
    """
    from monitor.cli.answer import say_json
    from monitor.cli.story_lines import Unreadable, typed_story
    from monitor.matching import explain as explaining
    from monitor.matching.matcher import Matcher

    book = _readable(ctx, paths)
    if book is None:
        return NO
    chosen = _chosen(book.rules, name)
    try:
        told = typed_story(ctx, sys.stdin.read() if story == "-" else story)
    except Unreadable as error:
        raise click.UsageError(str(error), ctx) from error
    if told is None:
        _say(f"no story is stored under {story}: give its text, or JSON, or poll its feed first")
        return NO
    matcher = Matcher(chosen)
    explanations = [explaining.explain(rule, matcher, told) for rule in chosen]
    if as_json:
        say_json([_explanation(item) for item in explanations])
        return FINE
    for item in sorted(explanations, key=lambda item: not item.alerts):
        click.echo(f"{'ALERT' if item.alerts else '-':5} {item.rule.name}: {item.in_words()}")
    return FINE


def _where(ctx: click.Context, paths: tuple[Path, ...]) -> tuple[tuple[Path, ...], Collection[str] | None]:
    """Which rules are meant, and who may stand in `to:`."""
    from monitor.cli.workspace import receivers_if_any, settings_of

    if paths:
        return paths, receivers_if_any(ctx)
    settings = settings_of(ctx)
    return settings.rules, settings.receiver_names


def _here(paths: tuple[Path, ...]) -> Path | None:
    """Paths are shown as they were given; those of the workspace as seen from here."""
    return None if paths else Path.cwd()


def _readable(ctx: click.Context, paths: tuple[Path, ...]) -> Any:
    """The rules meant, or None once their errors have been said."""
    from monitor.located import errors
    from monitor.rules import book

    where, receivers = _where(ctx, paths)
    read = book.read(where, receivers=receivers, relative_to=_here(paths))
    for problem in errors(read.problems):
        _say(str(problem))
    return read if read.usable else None


def _chosen(every: tuple[Any, ...], name: str | None) -> tuple[Any, ...]:
    from monitor.located import did_you_mean

    if name is None:
        return every
    chosen = tuple(rule for rule in every if name in (rule.name, rule.id))
    if not chosen:
        hint = did_you_mean(name, [rule.name for rule in every])
        raise click.UsageError(f"there is no rule '{name}'" + (f" - {hint}" if hint else ""))
    return chosen


def _result(result: Any) -> dict[str, object]:
    from monitor.matching.samples import story_of

    return {
        "rule": result.rule.name,
        "sample": story_of(result.sample).title or result.sample.text or result.sample.summary,
        "expected": result.expected,
        "met": result.met,
        "passed": result.passed,
        "why": result.why or None,
        "file": result.place.file,
        "line": result.place.line,
        "column": result.place.column,
    }


def _explanation(item: Any) -> dict[str, object]:
    return {
        "rule": item.rule.name,
        "alert": item.alerts,
        "found": item.found,
        "failed": item.failed,
        "stopped": item.stopped,
    }


def _outcome(problems: int) -> str:
    return f"{problems} problems" if problems else "no problems"


def _say(text: str) -> None:
    click.echo(text, err=True)
