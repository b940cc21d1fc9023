"""`monitor stories`: what was stored, found by words, id or address."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import click

from monitor.cli import FINE, NO
from monitor.cli.answer import json_option, say_json, say_table
from monitor.cli.workspace import opened_store, settings_of, wait_for, when
from monitor.settings import Settings
from monitor.store import dead as dead_stories
from monitor.store import history
from monitor.store import search as words
from monitor.store.dead import DeadStory
from monitor.store.history import Judged


@click.group()
def stories() -> None:
    """What was stored, found by words, id or address."""


@stories.command("search")
@click.argument("query", nargs=-1, required=True)
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 100_000), help="At most so many."
)
@json_option
@click.pass_context
def search(ctx: click.Context, query: tuple[str, ...], limit: int, as_json: bool) -> int:
    """Find stories that have all of these words in title, summary or text, newest first.

    "words in quotes" stand together, `word*` stands for every word that begins so. Capitals do not matter.
    The exit code is 1 when there is none.
    """
    settings = settings_of(ctx)
    text = " ".join(query)
    found = wait_for(_search(settings, text, limit))
    if as_json:
        say_json([as_dict(judged) for judged in found])
    elif not words.terms(text):
        click.echo("there is no word in this query", err=True)
    elif not found:
        click.echo("no stored story has all of these words", err=True)
    else:
        say_table(
            ("seen", "story", "source", "headline", "became", "link"),
            (
                (
                    when(one.story.seen_at, settings),
                    one.story.id,
                    one.story.source,
                    one.story.title or one.story.summary[:100],
                    one.verdict or "not judged yet",
                    one.story.link,
                )
                for one in found
            ),
        )
    return FINE if found else NO


@stories.command("show")
@click.argument("story", metavar="ID-or-URL")
@json_option
@click.pass_context
def show(ctx: click.Context, story: str, as_json: bool) -> int:
    """Show a stored story, every revision of it, the newest first."""
    settings = settings_of(ctx)
    found = wait_for(_find(settings, story))
    if as_json:
        say_json([as_dict(judged) | _whole(judged) for judged in found])
    elif not found:
        click.echo(f"no story with this address or id is stored: {story}", err=True)
    for judged in () if as_json else found:
        _show(judged, settings)
    return FINE if found else NO


@stories.command("retry")
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option(
    "--dead", is_flag=True, help="Every story whose judging failed; messages of no such story are dropped."
)
@click.pass_context
def retry(ctx: click.Context, ids: tuple[str, ...], dead: bool) -> int:
    """Judge stories again whose judging failed; the running service notices within five seconds.

    Mend the cause first: what fails again is dead again.
    """
    if dead == bool(ids):
        raise click.UsageError("name stories, or say --dead")
    found, dropped = wait_for(_revived(settings_of(ctx), ids))
    for reason in dropped:
        click.echo(f"a message of no dead story is dropped: {reason}")
    for one in found:
        click.echo(f"{one.story} is judged again: {one.title}")
    missing = [story for story in ids if story not in {one.story for one in found}]
    for story in missing:
        click.echo(f"no judging of a story {story} failed", err=True)
    if not found and not dropped and dead:
        click.echo("no story is dead", err=True)
    return NO if missing else FINE


async def _revived(settings: Settings, ids: tuple[str, ...]) -> tuple[list[DeadStory], Sequence[str]]:
    """Revive these, or all; then also drop what belongs to none, and say why it was kept."""
    async with opened_store(settings) as store:
        found: list[DeadStory] = []
        for story in dict.fromkeys(ids) or (None,):
            found += await store.read(partial(dead_stories.listing, story=story))
        await store.revive(found)
        return found, () if ids else await store.clear_other_letters()


async def _search(settings: Settings, query: str, limit: int) -> tuple[Judged, ...]:
    async with opened_store(settings) as store:
        return await store.read(lambda c: words.search(c, query, limit=limit))


async def _find(settings: Settings, story: str) -> tuple[Judged, ...]:
    async with opened_store(settings) as store:
        return (await store.read(lambda c: history.find(c, story)))[::-1]


def outline(judged: Judged) -> dict[str, Any]:
    """A story among others of its feed as `--json` lists it."""
    story = judged.story
    return {
        "id": story.id,
        "revision": story.revision,
        "title": story.title,
        "link": story.link,
        "published_at": story.published_at,
        "seen_at": story.seen_at,
        "verdict": judged.verdict,
        "reason": judged.reason,
        "rules": judged.rules,
    }


def as_dict(judged: Judged) -> dict[str, Any]:
    """A story as `--json` lists it."""
    story = judged.story
    return outline(judged) | {"source": story.source, "language": story.language, "alert": judged.alert}


def _whole(judged: Judged) -> dict[str, Any]:
    story = judged.story
    return {
        "feed": story.feed,
        "summary": story.summary,
        "text": story.text,
        "authors": story.authors,
        "categories": story.categories,
    }


def _show(judged: Judged, settings: Settings) -> None:
    story = judged.story
    lines = {
        "story": f"{story.id}, revision {story.revision}",
        "link": story.link,
        "source": story.source,
        "authors": ", ".join(story.authors),
        "categories": ", ".join(story.categories),
        "language": story.language,
        "published": when(story.published_at, settings),
        "seen": when(story.seen_at, settings),
        "became": f"{judged.verdict}: {judged.reason}" if judged.verdict else "not judged yet",
    }
    click.echo(story.title or "(no title)")
    for name, value in lines.items():
        if value:
            click.echo(f"  {name:<10} {value}")
    for text in dict.fromkeys((story.summary, story.text)):
        if text:
            click.echo(f"\n{text}")
    click.echo()
