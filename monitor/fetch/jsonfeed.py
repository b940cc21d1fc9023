"""JSON Feed 1 and 1.1, read as they are written; a document that was cut off gives the items before the cut."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from monitor.feeds.outcome import Document
from monitor.fetch import cleaning
from monitor.fetch.dates import read_date
from monitor.fetch.prefilter import MAX_ITEMS, NotAFeed, TooMuch
from monitor.stories.story import Entry

_VERSION = re.compile(r"https?://(?:www\.)?jsonfeed\.org/version/([0-9.]{1,10})")
_ITEMS = re.compile(r'"items"\s*:\s*\[')


def is_json(text: str) -> bool:
    """Whether an answer is JSON rather than XML."""
    return text.lstrip()[:1] in ("{", "[")


def read(text: str, base: str) -> Document:
    """Read a JSON Feed.

    Raises:
        NotAFeed: It is other JSON.
        TooMuch: It is nested too deeply.

    Source: jsonfeed.org/version/1.1.
    """
    try:
        feed, complete = _load(text)
    except RecursionError as error:
        raise TooMuch("it is nested too deeply") from error
    version = _VERSION.fullmatch(str(feed.get("version") or "").strip().rstrip("/"))
    items = feed.get("items")
    if not isinstance(items, list) or not (version or feed.get("title") or feed.get("home_page_url")):
        raise NotAFeed("not_a_feed", "this is JSON, but not a JSON Feed")
    home = cleaning.link(feed.get("home_page_url"), base)
    base = base or cleaning.link(feed.get("feed_url"), "") or home or ""
    authors = tuple(_authors(feed))
    read_items = [_entry(item, base, authors) for item in _newest(items) if isinstance(item, dict)]
    entries = tuple(item for item in read_items if item.title or item.summary or item.content or item.link)
    problems = [] if complete else ["the document is cut off"]
    empty = len(items) - len(entries)
    if empty:
        problems.append(f"{empty} items were left out")
    return Document(
        format="json" + (version[1].replace(".", "") if version else ""),
        title=cleaning.clean_claimed_plain(feed.get("title"), limit=cleaning.MAX_TITLE, lines=False),
        language=cleaning.language(feed.get("language")),
        link=home,
        entries=entries,
        complete=complete,
        dropped=empty + (0 if complete else 1),
        problems=tuple(problems),
    )


def _load(text: str) -> tuple[dict[str, Any], bool]:
    """The feed, and whether it was whole."""
    try:
        feed = json.loads(text, parse_int=_integer)
    except ValueError:
        feed = _load_cut(text)
        if feed is None:
            raise NotAFeed("not_a_feed", "this is no JSON that can be read") from None
        return feed, False
    if not isinstance(feed, dict):
        raise NotAFeed("not_a_feed", "this is JSON, but not a JSON Feed")
    return feed, True


def _load_cut(text: str) -> dict[str, Any] | None:
    """The whole items of a document that ends too early, under what was said before them."""
    found = _ITEMS.search(text)
    if found is None:
        return None
    decoder = json.JSONDecoder(parse_int=_integer)
    try:
        feed = json.loads(text[: found.start()].rstrip().rstrip(",") + "}")
    except ValueError:
        feed = {}
    if not isinstance(feed, dict):
        return None
    items: list[Any] = []
    position = found.end()
    while True:
        while text[position : position + 1].isspace() or text[position : position + 1] == ",":
            position += 1
        try:
            item, position = decoder.raw_decode(text, position)
        except ValueError:
            break
        items.append(item)
    return {**feed, "items": items} if items else None


def _integer(digits: str) -> int:
    """A number, without the time that thousands of digits would take."""
    return int(digits) if len(digits) <= 40 else 0


def _newest(items: list[Any]) -> list[Any]:
    """At most so many items: from the end that has the younger dates, else from the beginning."""
    if len(items) <= MAX_ITEMS:
        return items
    dates = [
        read_date(item.get("date_published")) if isinstance(item, dict) else None
        for item in (items[0], items[-1])
    ]
    oldest_first = dates[0] is not None and dates[1] is not None and dates[0] < dates[1]
    return items[-MAX_ITEMS:] if oldest_first else items[:MAX_ITEMS]


def _entry(item: dict[str, Any], base: str, authors: Iterable[object]) -> Entry:
    html, text = item.get("content_html"), item.get("content_text")
    return Entry(
        guid=cleaning.guid(item.get("id")),
        link=cleaning.link(item.get("url"), base) or cleaning.link(item.get("external_url"), base),
        title=cleaning.clean_claimed_plain(item.get("title"), limit=cleaning.MAX_TITLE, lines=False),
        summary=cleaning.clean_claimed_plain(item.get("summary"), limit=cleaning.MAX_SUMMARY),
        content=cleaning.clean(html, limit=cleaning.MAX_CONTENT, markup=True)
        or cleaning.clean(text, limit=cleaning.MAX_CONTENT, markup=False),
        authors=cleaning.names(_authors(item)) or cleaning.names(authors),
        categories=cleaning.words(_list(item.get("tags"))),
        language=cleaning.language(item.get("language")),
        published_at=read_date(item.get("date_published")),
        updated_at=read_date(item.get("date_modified")),
        enclosures=cleaning.links(
            (part.get("url") for part in _list(item.get("attachments")) if isinstance(part, dict)), base
        ),
    )


def _authors(item: dict[str, Any]) -> Iterator[object]:
    for author in (*_list(item.get("authors")), item.get("author")):
        if isinstance(author, dict):
            yield author.get("name")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
