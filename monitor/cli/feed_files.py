"""`monitor feeds add / remove / import / export`: the feed list as its owner's files."""

import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from monitor.cli import FINE, NO
from monitor.cli.answer import json_option, say_json
from monitor.cli.workspace import settings_of
from monitor.errors import OperatorError
from monitor.feeds import editing, listing
from monitor.feeds.feed import Feed, FeedPriority
from monitor.feeds.written import Entry, as_opml, entry_of
from monitor.located import Place, Problem, did_you_mean, duration, errors
from monitor.secret import masked_url
from monitor.settings import Settings

_WAY_OUT = "write it like https://news.example/rss"
_MOST_LINES = 50_000


def _file_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--file",
        "file",
        type=click.Path(path_type=Path),
        help="The list to write to (else the first YAML one).",
    )(command)


def _read_interval(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    try:
        if value is not None and duration(value).total_seconds() < 1:
            raise click.BadParameter("this must be at least 1s")
    except ValueError as error:
        raise click.BadParameter(" - ".join(str(part) for part in error.args)) from error
    return value


def _read_language(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(listing.LANGUAGE, value):
        raise click.BadParameter(f"'{value}' is no code of a language - write it like ru")
    return value


# ---- add -----------------------------------------------------------------------------------------------------


@click.command("add")
@click.argument("url")
@click.option("--name", help="How people are shown it.")
@click.option("--group", help="Its folder; a/b is folder b in folder a.")
@click.option("--language", callback=_read_language, help="Its language, such as ru, where it does not say.")
@click.option("--interval", callback=_read_interval, help="How often to ask, such as 5m.")
@click.option(
    "--priority", type=click.Choice([one.value for one in FeedPriority]), help="Asked before others."
)
@click.option("--receiver", "receivers", multiple=True, help="Who else gets its alerts; may be repeated.")
@_file_option
@json_option
@click.pass_context
def add(
    ctx: click.Context,
    /,
    url: str,
    receivers: tuple[str, ...],
    file: Path | None,
    as_json: bool,
    **said: Any,
) -> int:
    """Add one feed to the end of the list; everything else in the file stays as it is."""
    settings = settings_of(ctx)
    url = _good(url)
    for name in receivers:
        if name not in settings.receiver_names:
            hint = did_you_mean(name, settings.receiver_names) or "add it to receivers: in the settings"
            raise click.UsageError(f"there is no receiver '{name}' - {hint}")
    known = _everything(settings)
    if url in known:
        click.echo(f"{known[url]}: {masked_url(url)} is listed already", err=True)
        return NO
    target = _target(settings, file)
    entry = Entry(url=url, receivers=receivers, **said)
    _write_to(target, [entry])
    if as_json:
        say_json({"url": masked_url(url), "file": str(target), "added": True})
    else:
        click.echo(f"added to {target}: {masked_url(url)}")
    return FINE


def _good(url: str) -> str:
    wrong = listing.bad_address(url)
    if wrong:
        raise click.UsageError(f"'{masked_url(url)}' is no address of a feed: {wrong} - {_WAY_OUT}")
    return url.strip()


def _everything(settings: Settings) -> dict[str, Place]:
    """Every address that is listed anywhere, and where first."""
    found: dict[str, Place] = {}
    for feed, place in listing.every(settings.feeds, []):
        found.setdefault(feed.url, place)
    return found


def _target(settings: Settings, file: Path | None) -> Path:
    """The file to write to.

    Raises:
        OperatorError: There is none that takes new feeds.
    """
    target = file or editing.yaml_file(settings.feeds)
    if target is None or listing.is_opml(target):
        raise OperatorError(
            "an OPML list is only read, never written: name a YAML file with --file and in feeds: of the settings"
        )
    if target.is_dir():
        target = editing.yaml_file([target]) or target
    read = {one.resolve() for path in settings.feeds for one in (*listing.files(path), path)}
    if target.resolve() not in read and target.resolve().parent not in read:
        click.echo(f"{target} is not in feeds: of the settings, so the service does not read it", err=True)
    return target


def _write_to(target: Path, entries: list[Entry]) -> None:
    before = editing.bytes_of(target)
    editing.write(target, before, editing.added(before, str(target), entries))


# ---- remove --------------------------------------------------------------------------------------------------


@click.command("remove")
@click.argument("feed", metavar="URL-or-NAME")
@_file_option
@json_option
@click.pass_context
def remove(ctx: click.Context, feed: str, file: Path | None, as_json: bool) -> int:
    """Take one feed out of the list, with its lines and the comments on them; nothing else changes."""
    settings = settings_of(ctx)
    problems: list[Problem] = []
    listed = list(listing.every([file] if file else settings.feeds, problems))
    for problem in errors(problems):
        click.echo(str(problem), err=True)
    url = the_feed(feed, listed).url
    files = dict.fromkeys(Path(place.file) for one, place in listed if one.url == url)
    for place in (place for one, place in listed if one.url == url):
        if listing.is_opml(Path(place.file)):
            raise OperatorError(
                f"{place}: an OPML list is only read, never written: take the feed out by hand"
            )
    edits = [
        (path, before := editing.bytes_of(path), editing.removed(before, str(path), url)) for path in files
    ]
    places: list[Place] = []
    for path, before, (after, removed) in edits:
        editing.write(path, before, after)
        places.extend(removed)
    if as_json:
        say_json({"url": masked_url(url), "removed": [str(place) for place in places]})
    else:
        for place in places:
            click.echo(f"removed from {place}: {masked_url(url)}")
    return FINE


_MEANINGS: tuple[Callable[[Feed], str | None], ...] = (
    lambda feed: feed.url,
    lambda feed: feed.id,
    lambda feed: feed.shown_url,
    lambda feed: feed.name,
)


class NoSuchFeed(click.ClickException):
    """What was named is no feed of the list, or several."""

    exit_code = NO


def the_feed(named: str, listed: Iterable[tuple[Feed, Place]]) -> Feed:
    """The one feed that an address, an id or a name stands for.

    Raises:
        NoSuchFeed: None does, or several do.
    """
    listed = list(listed)
    for meant in _MEANINGS:
        found = {feed.url: (feed, place) for feed, place in listed if meant(feed) == named.strip()}
        if len(found) == 1:
            return next(iter(found.values()))[0]
        if found:
            places = "".join(f"\n  {place}: {feed.shown_url}" for feed, place in found.values())
            raise NoSuchFeed(
                f"several feeds are called '{masked_url(named)}': name one by its address{places}"
            )
    names = [text for feed, _ in listed for text in (feed.name, feed.shown_url) if text]
    hint = did_you_mean(named, names) or "see monitor feeds list"
    raise NoSuchFeed(f"no feed of the list has the address or name '{masked_url(named)}' - {hint}")


# ---- import --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """What another list holds."""

    feeds: list[Feed]
    problems: list[Problem]


@click.command("import")
@click.argument("source", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_file_option
@json_option
@click.pass_context
def import_feeds(ctx: click.Context, source: Path, file: Path | None, as_json: bool) -> int:
    """Add what is new in an OPML file, a YAML list, or a text of addresses, one a line. Folders become groups."""
    settings = settings_of(ctx)
    found = _read_source(source, settings)
    known = _everything(settings)
    new = {feed.url: entry_of(feed) for feed in found.feeds if feed.url not in known}
    kept = {feed.url for feed in found.feeds if feed.url in known}
    target = _target(settings, file)
    if new:
        _write_to(target, list(new.values()))
    if as_json:
        say_json(
            {
                "file": str(target),
                "added": [masked_url(url) for url in new],
                "kept": [masked_url(url) for url in sorted(kept)],
                "refused": [problem.as_json() for problem in found.problems],
            }
        )
    else:
        for url, entry in new.items():
            click.echo(f"added    {masked_url(url)}" + (f"  ({entry.group})" if entry.group else ""))
        for url in sorted(kept):
            click.echo(f"kept     {masked_url(url)}  as it stands at {known[url]}")
        for problem in found.problems:
            click.echo(f"refused  {problem}")
        click.echo(f"{len(new)} added to {target}, {len(kept)} kept, {len(found.problems)} refused")
    return NO if found.problems else FINE


def _read_source(source: Path, settings: Settings) -> _Found:
    """Every feed of a file in any of the three forms; what cannot be taken is a problem with its place."""
    with source.open("rb") as file:
        head = file.read(4_000).decode("utf-8-sig", "replace")
    first = next((line for line in head.splitlines() if line.strip() and not line.startswith("#")), "")
    problems: list[Problem] = []
    if listing.is_opml(source) or first.lstrip().startswith("<"):
        feeds = [feed for feed, _ in listing.in_opml(source, problems)]
    elif source.suffix.lower() in listing.YAML_SUFFIXES or first.startswith(("- ", "feeds:", "defaults:")):
        feeds = [feed for feed, _ in listing.every_yaml(source, problems)]
    else:
        feeds = list(_addresses(source, problems))
    found = _Found([], list(errors(problems)))
    for feed in feeds:
        unknown = [name for name in feed.receivers if name not in settings.receiver_names]
        if unknown:
            message = f"{feed.shown_url}: there is no receiver '{unknown[0]}'"
            found.problems.append(
                Problem(Place(str(source)), message, "add it to receivers: in the settings")
            )
        elif feed.headers:
            message = f"{feed.shown_url}: auth and headers are not taken along"
            found.problems.append(
                Problem(Place(str(source)), message, "write this feed into the list by hand")
            )
        else:
            found.feeds.append(feed)
    return found


def _addresses(source: Path, problems: list[Problem]) -> Iterable[Feed]:
    with source.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            wrong = listing.bad_address(text)
            if wrong is None and number <= _MOST_LINES:
                yield Feed(url=text)
                continue
            shown = masked_url(text[:200])
            message = f"{shown!r} is no address of a feed: {wrong or 'this file is too long'}"
            problems.append(Problem(Place(str(source), number), message, _WAY_OUT))
            if number > _MOST_LINES:
                return


# ---- export --------------------------------------------------------------------------------------------------


@click.command("export")
@json_option
@click.pass_context
def export(ctx: click.Context, as_json: bool) -> int:
    """Write the list as OPML to standard output, with its folders and with its secrets."""
    settings = settings_of(ctx)
    found = listing.read(settings.feeds, receivers=settings.receiver_names)
    for problem in found.problems:
        click.echo(str(problem), err=True)
    secret = sum(feed.shown_url != feed.url for feed in found.feeds)
    if secret:
        addresses = "1 address holds" if secret == 1 else f"{secret} addresses hold"
        click.echo(
            f"{addresses} a password or a key, which stand in this export: keep it to yourself", err=True
        )
    shown = sum(bool(feed.headers) for feed in found.feeds)
    if shown:
        feeds = "1 feed says" if shown == 1 else f"{shown} feeds say"
        click.echo(f"{feeds} auth or headers, which have no place in this export", err=True)
    if as_json:
        say_json([{"url": feed.url, **_said(feed)} for feed in found.feeds])
    else:
        sys.stdout.write(as_opml(found.feeds).decode())
    return NO if errors(found.problems) else FINE


def _said(feed: Feed) -> dict[str, Any]:
    entry = entry_of(feed)
    names = ("name", "group", "language", "interval", "priority", "receivers")
    return {name: getattr(entry, name) for name in names}
