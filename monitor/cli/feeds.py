"""`monitor feeds`: the feed list and its state, one poll, what is read from an answer, what a feed said lately."""

import json
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from monitor.cli import FINE, NO, OUTSIDE
from monitor.cli.answer import json_option, say_json, say_table
from monitor.cli.feed_files import add, export, import_feeds, remove, the_feed
from monitor.cli.feed_search import find
from monitor.cli.stories import outline
from monitor.cli.workspace import config_file, fetching, opened_store, settings_of, wait_for, when
from monitor.errors import StoreError
from monitor.feeds import listing
from monitor.feeds.feed import Feed, SecretHeaders
from monitor.feeds.health import FeedHealth, FeedState
from monitor.feeds.outcome import (
    Ask,
    Fetched,
    NotModified,
    Outcome,
    Refused,
    Unanswered,
    Unreadable,
    is_good,
    name_of,
)
from monitor.located import Problem, errors
from monitor.settings import Settings
from monitor.store.feed_history import stories_of
from monitor.store.history import Judged


@click.group()
def feeds() -> None:
    """The feed list: its state, changes to it, the feeds of a page, one poll."""


for _command in (add, remove, import_feeds, export, find):
    feeds.add_command(_command)


@feeds.command("list")
@click.option(
    "--state", type=click.Choice([health.value for health in FeedHealth]), help="Only feeds in this state."
)
@json_option
@click.pass_context
def list_feeds(ctx: click.Context, state: str | None, as_json: bool) -> int:
    """List the feeds with their state: new, ok, failed (once or twice), failing (three times in a row)."""
    settings = settings_of(ctx)
    found = listing.read(settings.feeds, receivers=settings.receiver_names)
    for problem in found.problems:
        click.echo(str(problem), err=True)
    states = wait_for(_states(settings))
    rows = [(feed, states.get(feed.id, FeedState())) for feed in found.feeds]
    rows = [(feed, at) for feed, at in rows if state is None or at.health.value == state]
    if as_json:
        places = dict(zip((feed.url for feed in found.feeds), found.places, strict=True))
        say_json([_as_json(feed, at) | {"place": str(places[feed.url])} for feed, at in rows])
    else:
        say_table(
            ("state", "name", "address", "last good poll", "next poll", "what came of the last"),
            (
                (
                    at.health.value,
                    feed.name,
                    feed.shown_url,
                    when(at.good_at, settings),
                    when(at.next_at, settings),
                    f"{at.outcome} {at.detail}".strip(),
                )
                for feed, at in rows
            ),
        )
    return NO if any(problem.severity == "error" for problem in found.problems) else FINE


async def _states(settings: Settings) -> dict[Any, FeedState]:
    """The feeds' states, or none where no service has run yet."""
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(opened_store(settings))
        except StoreError:
            return {}
        return await store.feed_states()


def _as_json(feed: Feed, state: FeedState) -> dict[str, Any]:
    return {
        "id": feed.id,
        "url": feed.shown_url,
        "name": feed.name,
        "group": feed.group,
        "language": feed.language,
        "priority": feed.priority,
        "receivers": feed.receivers,
        "headers": [name for name, _ in feed.headers],
        "state": state.health,
        "failures": state.failures,
        "polled_at": state.polled_at,
        "good_at": state.good_at,
        "next_at": state.next_at,
        "outcome": state.outcome,
        "detail": state.detail,
    }


@feeds.command("history")
@click.argument("feed", metavar="URL-or-NAME")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="At most so many."
)
@json_option
@click.pass_context
def history(ctx: click.Context, feed: str, limit: int, as_json: bool) -> int:
    """Show a feed's state and its last stories, newest first, with what became of each."""
    settings = settings_of(ctx)
    meant = the_feed(feed, listing.every(settings.feeds, []))
    state, stories = wait_for(_history(settings, meant, limit))
    if as_json:
        say_json({"feed": _as_json(meant, state), "stories": [outline(one) for one in stories]})
        return FINE
    detail = f"{state.outcome} {state.detail}".strip() or "never asked"
    click.echo(f"{meant.name or meant.shown_url}: {state.health.value}, {detail}")
    click.echo(
        f"  last good poll {when(state.good_at, settings) or 'none'}, next {when(state.next_at, settings) or 'at once'}"
    )
    say_table(
        ("seen", "published", "story", "verdict", "headline"),
        (
            (
                when(one.story.seen_at, settings),
                when(one.story.published_at, settings),
                one.story.id,
                f"{one.verdict}: {one.reason}" if one.verdict else "not judged yet",
                one.story.title or one.story.summary[:100],
            )
            for one in stories
        ),
    )
    return FINE


async def _history(settings: Settings, feed: Feed, limit: int) -> tuple[FeedState, tuple[Judged, ...]]:
    async with AsyncExitStack() as stack:
        try:
            store = await stack.enter_async_context(opened_store(settings))
        except StoreError:
            return FeedState(), ()
        states = await store.feed_states([feed.id])
        return states.get(feed.id, FeedState()), await store.read(lambda c: stories_of(c, feed.id, limit))


@feeds.command("parse")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--content-type", metavar="CT", help="As the server would send it.")
@click.option("--base", metavar="URL", help="What relative links are relative to.")
def parse(files: tuple[Path, ...], content_type: str | None, base: str | None) -> int:
    """Read answers as the service would; one JSON object a line for each file."""
    from monitor.cli.parse import parse_files

    async def work() -> int:
        code = FINE
        async for found in parse_files(files, content_type, base):
            click.echo(json.dumps(found, ensure_ascii=False))
            if found["outcome"] not in ("parsed", "empty"):
                code = NO
        return code

    return wait_for(work())


@feeds.command("poll")
@click.argument("url")
@json_option
@click.pass_context
def poll(ctx: click.Context, url: str, as_json: bool) -> int:
    """Ask one feed once and show what it said. Changes nothing. A feed of the list is asked with its login."""
    wrong = listing.bad_address(url)
    if wrong:
        raise click.UsageError(f"'{url}' is no address of a feed: {wrong}")
    outcome = wait_for(_polled(ctx, url))
    if as_json:
        say_json(_outcome_as_json(outcome))
    else:
        _show(outcome)
    return FINE if is_good(outcome) else OUTSIDE


async def _polled(ctx: click.Context, url: str) -> Outcome:
    headers = _headers_of(ctx, url)
    async with fetching(ctx) as fetcher:
        outcome: Outcome = await fetcher.fetch(Ask(url=url, headers=headers))
    return outcome


def _headers_of(ctx: click.Context, url: str) -> SecretHeaders:
    """What the feed list says that this feed's server is shown, where it lists the feed; else its problems are told."""
    if not config_file(ctx).exists():
        return ()
    settings = settings_of(ctx)
    problems: list[Problem] = []
    listed = [feed for feed, _ in listing.every(settings.feeds, problems) if feed.url == url.strip()]
    if listed:
        return listed[0].headers
    for problem in errors(problems):
        click.echo(str(problem), err=True)
    return ()


def _outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    answer: dict[str, Any] = {"outcome": name_of(outcome)}
    match outcome:
        case Fetched(document=document, fresh_for=fresh_for, bytes=size):
            answer |= {
                "format": document.format,
                "title": document.title,
                "language": document.language,
                "bytes": size,
                "fresh_for_seconds": fresh_for / timedelta(seconds=1) if fresh_for else None,
                "problems": document.problems,
                "dropped": document.dropped,
                "entries": document.entries,
            }
        case Refused(retry_after=retry_after, detail=detail):
            answer |= {
                "detail": detail,
                "retry_after_seconds": retry_after / timedelta(seconds=1) if retry_after else None,
            }
        case Unanswered(detail=detail) | Unreadable(detail=detail):
            answer["detail"] = detail
        case NotModified():
            pass
    return answer


def _show(outcome: Outcome) -> None:
    if not isinstance(outcome, Fetched):
        detail = "" if isinstance(outcome, NotModified) else outcome.detail
        click.echo(f"{name_of(outcome)}{': ' + detail if detail else ''}")
        return
    document = outcome.document
    click.echo(
        f"{document.title or '(no title)'} - {document.format}, {len(document.entries)} entries, {outcome.bytes} bytes"
    )
    for problem in document.problems:
        click.echo(f"  odd: {problem}")
    for entry in document.entries:
        at = entry.published_at.isoformat(timespec="minutes") if entry.published_at else "undated"
        click.echo(f"  {at}  {entry.title or entry.summary[:100] or '(no title)'}")
        if entry.link:
            click.echo(f"      {entry.link}")
