"""`monitor feeds find`: the feeds of a page."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click

from monitor.cli import FINE, NO, OUTSIDE
from monitor.cli.answer import json_option, say_json, say_table
from monitor.cli.workspace import fetching, wait_for
from monitor.feeds import listing
from monitor.feeds.outcome import Ask, Document, Fetched, Refused, Unanswered
from monitor.secret import masked_url


@dataclass(frozen=True, slots=True)
class _Search:
    """What a search came to: feeds by address, and why the page itself gave no answer, if it gave none."""

    feeds: dict[str, Document]
    detail: str | None = None
    unanswered: bool = False


@click.command("find")
@click.argument("url")
@json_option
@click.pass_context
def find(ctx: click.Context, url: str, as_json: bool) -> int:
    """Find the feeds of a page: those it names, else those at the usual addresses. Each is polled once."""
    address = url if "://" in url else f"https://{url}"
    wrong = listing.bad_address(address)
    if wrong:
        raise click.UsageError(
            f"'{masked_url(url)}' is no address of a page: {wrong} - write it like https://news.example/"
        )
    found = wait_for(_search(ctx, address))
    if as_json:
        say_json([_as_json(address, document) for address, document in found.feeds.items()])
    elif found.feeds:
        say_table(
            ("address", "title", "format", "entries"),
            ((masked_url(a), d.title, d.format, len(d.entries)) for a, d in found.feeds.items()),
        )
    if not found.feeds:
        click.echo(
            f"no feed found at {masked_url(address)}" + (f": {found.detail}" if found.detail else ""),
            err=True,
        )
    if found.unanswered and not found.feeds:
        return OUTSIDE
    return FINE if found.feeds else NO


def _as_json(address: str, document: Document) -> dict[str, Any]:
    return {
        "url": masked_url(address),
        "title": document.title,
        "format": document.format,
        "language": document.language,
        "entries": len(document.entries),
    }


async def _search(ctx: click.Context, address: str) -> _Search:
    from monitor.fetch import discovery
    from monitor.fetch.pages import challenge

    async with fetching(ctx) as fetcher:
        page = await fetcher.page(address)
        if isinstance(page, Unanswered):
            return _Search({}, page.detail, unanswered=True)
        if isinstance(page, Refused):
            return _Search(await _feeds_at(fetcher, discovery.usual(address)), page.detail)
        itself = await fetcher.read(page.body, page.content_type, page.url)
        if isinstance(itself, Fetched):
            return _Search({address: itself.document})
        named = await _feeds_at(fetcher, discovery.linked(page.body, page.url))
        detail = challenge(page.guard).detail if page.guard else None
        return _Search(named or await _feeds_at(fetcher, discovery.usual(page.url)), detail)


async def _feeds_at(fetcher: Any, addresses: Iterable[str]) -> dict[str, Document]:
    """Those that answer as feeds; the same document at several addresses counts once."""
    asked = list(addresses)
    outcomes = await asyncio.gather(*(fetcher.fetch(Ask(url=address)) for address in asked))
    found: dict[str, Document] = {}
    for address, outcome in zip(asked, outcomes, strict=True):
        if isinstance(outcome, Fetched) and outcome.document not in found.values():
            found[address] = outcome.document
    return found
