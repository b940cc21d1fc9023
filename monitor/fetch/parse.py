"""From the bytes of an answer to a `Document`. Runs only in the child process: what it calls may hang or crash."""

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import feedparser

from monitor.feeds.outcome import Document
from monitor.fetch import cleaning, cut, jsonfeed, sitemap
from monitor.fetch.dates import read_date
from monitor.fetch.decode import decode
from monitor.fetch.pages import kind_of
from monitor.fetch.prefilter import NotAFeed, Prepared, prepare
from monitor.stories.story import Entry

_MALFORMED = "the document is not well-formed"
_MAY_BE_PAGES = frozenset(("html", "not_a_feed"))
_FULL_TEXTS = frozenset(("full-text", "fulltext"))
"""What outlets that write for aggregators call the text of the article, in a namespace of the aggregator's."""

# It would look for a parser of long ago on every document, in every folder of the path, and find none.
feedparser.api.PREFERRED_XML_PARSERS.clear()

# It would join an identifier to the feed's address, so that a feed that moves would tell everything anew.
feedparser.mixin._FeedParserMixin.can_be_relative_uri.discard("id")


def _begin_caption(self: Any, attributes: Any) -> None:
    self.push("media_description", 1)


def _end_caption(self: Any) -> None:
    self.pop("media_description")


# It would take the caption of a picture for the description of the story.
feedparser.namespaces.mediarss.Namespace._start_media_description = _begin_caption
feedparser.namespaces.mediarss.Namespace._end_media_description = _end_caption


def parse(
    body: bytes,
    content_type: str | None,
    base: str | None,
    *,
    asked: str | None = None,
    seen: Mapping[bytes, bytes] = MappingProxyType({}),
) -> Document:
    """Read a feed of any format.

    Args:
        content_type: The header's value, for its charset.
        base: The address the answer came from; relative links are relative to it.
        asked: The address of the feed, where that may be another one.
        seen: Prints of items that need no reading, with the names of their entries; what has other prints is read.

    Raises:
        NotAFeed: The answer is something else.
        TooMuch: Its shape is past a limit.
        Exception: What a parser raised on input that nobody foresaw.
    """
    text = decode(body, content_type)
    try:
        return _document(text, _without_query(base or ""), seen)
    except NotAFeed as error:
        page = kind_of(text, asked=asked, came_from=base) if error.reason in _MAY_BE_PAGES else None
        raise NotAFeed(page.reason, page.detail) if page else error from None


def _without_query(address: str) -> str:
    """What links are relative to. Only a link that is a fragment alone would get the query, and with it a key that
    readers are not to see (RFC 3986 §5.2.2)."""
    try:
        return urlsplit(address)._replace(query="").geturl()
    except ValueError:
        return ""


def _document(text: str, base: str, seen: Mapping[bytes, bytes]) -> Document:
    if jsonfeed.is_json(text):
        return jsonfeed.read(text, base)
    prepared = prepare(text)
    return sitemap.read(prepared, base) if prepared.root == "urlset" else _unseen(prepared, base, seen)


def _unseen(prepared: Prepared, base: str, seen: Mapping[bytes, bytes]) -> Document:
    """Read what was not seen; all of it where what was left out could make a difference to the others."""
    found = cut.prints(prepared)
    if not seen.keys().isdisjoint(found):
        with contextlib.suppress(NotAFeed):  # some are known by their items only
            rest = _read(cut.without(prepared, (print_ in seen for print_ in found)), base)
            part = _with_prints(rest, found, seen)
            if part.prints:
                return part
    return _with_prints(_read(prepared, base), found, {})


def _with_prints(document: Document, found: Sequence[bytes], seen: Mapping[bytes, bytes]) -> Document:
    """The document with what its items are known by, unless its entries are not those of the items one by one.

    Nor where it is not well-formed: one bad item decides how all are read.
    """
    if _MALFORMED in document.problems or len(document.entries) != sum(
        print_ not in seen for print_ in found
    ):
        return document
    entries = iter(document.entries)
    names = [seen[print_] if print_ in seen else cut.name(next(entries)) for print_ in found]
    return replace(document, prints=cut.joined(found, names))


def _read(prepared: Prepared, base: str) -> Document:
    # Bytes must come as a stream: given bytes, feedparser tries to open them as a file or an address first.
    parsed = feedparser.parse(
        io.BytesIO(prepared.text.encode("utf-8")),
        response_headers={"content-type": "application/xml; charset=utf-8", "content-location": base},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    version = parsed.get("version") or ""
    entries = parsed.get("entries") or []
    if not version and not entries:
        raise NotAFeed("not_a_feed", f"<{prepared.root}> is here without what makes it a feed")
    feed = _mapping(parsed.get("feed"))
    base = base or _own_address(feed)
    authors = (
        tuple(_authors(feed)) if version.startswith("atom") else ()
    )  # RFC 4287 §4.2.1: they hold for entries too
    read = tuple(_entry(item, base, version, authors) for item in _mappings(entries))
    kept = tuple(entry for entry in read if _says_something(entry))
    problems = list(prepared.problems)
    if parsed.get("bozo"):
        problems.append(_MALFORMED)
    if len(kept) < len(read):
        problems.append(f"{len(read) - len(kept)} items have nothing in them")
    return Document(
        format=version or prepared.root,
        title=_text(feed, "title", version, limit=cleaning.MAX_TITLE, lines=False),
        language=cleaning.language(feed.get("language")),
        link=cleaning.link(feed.get("link"), base),
        entries=kept,
        complete=prepared.complete,
        dropped=prepared.dropped + len(read) - len(kept),
        problems=tuple(problems),
    )


def _entry(item: dict[str, Any], base: str, version: str, authors: Iterable[object]) -> Entry:
    link = cleaning.link(item.get("link"), base)
    published, updated = _date(item, "published") or _date(item, "created"), _date(item, "updated")
    if published is None and not version.startswith("atom"):
        published = updated  # dc:date, the only date of RSS 1.0, says when an item came out
    return Entry(
        guid=cleaning.guid(item.get("id")),
        link=link or _other_link(item, base),
        title=_text(item, "title", version, limit=cleaning.MAX_TITLE, lines=False),
        summary=_summary(item, version),
        content=_content(item, version),
        authors=cleaning.names(_authors(item)) or cleaning.names(authors),
        categories=cleaning.words(tag.get("term") or tag.get("label") for tag in _mappings(item.get("tags"))),
        language=_language(item),
        published_at=published,
        updated_at=updated,
        enclosures=cleaning.links(_enclosures(item), base),
    )


def _says_something(entry: Entry) -> bool:
    return bool(entry.title or entry.summary or entry.content or entry.link)


def _text(holder: dict[str, Any], field: str, version: str, *, limit: int, lines: bool = True) -> str:
    detail = _mapping(holder.get(f"{field}_detail"))
    return _cleaned(holder.get(field), detail.get("type"), version, limit=limit, lines=lines)


def _cleaned(value: object, kind: object, version: str, *, limit: int, lines: bool = True) -> str:
    """A text by its declared type. Atom's claim is believed nearly always; RSS declares none (the type is the parser's
    own idea), so there it is guessed."""
    if not version.startswith("atom"):
        return cleaning.clean(value, limit=limit, markup=None, lines=lines)
    if isinstance(kind, str) and "html" in kind:
        return cleaning.clean(value, limit=limit, markup=True, lines=lines)
    return cleaning.clean_claimed_plain(value, limit=limit, lines=lines)


def _summary(item: dict[str, Any], version: str) -> str:
    """The summary, unless it is only the copy of the content that the parser makes. Where there is no text at all, what
    a video or picture says of itself."""
    value = item.get("summary")
    if not value and not item.get("content"):
        return _cleaned(item.get("media_description"), None, version, limit=cleaning.MAX_SUMMARY)
    if any(part.get("value") == value for part in _mappings(item.get("content"))):
        return ""
    return _text(item, "summary", version, limit=cleaning.MAX_SUMMARY)


def _content(item: dict[str, Any], version: str) -> str:
    """The longest of the contents: some feeds carry the same text in several forms, some under names of their own."""
    parts = [(part.get("value"), part.get("type")) for part in _mappings(item.get("content"))]
    parts += [(value, "text/html") for name, value in item.items() if name.rpartition("_")[2] in _FULL_TEXTS]
    texts = (
        _cleaned(value, kind, version, limit=cleaning.MAX_CONTENT)
        for value, kind in parts
        if not str(kind or "").startswith(("image/", "audio/", "video/"))
    )
    return max(texts, key=len, default="") or _cleaned(
        item.get("turbo_content"), "text/html", version, limit=cleaning.MAX_CONTENT
    )


def _authors(item: dict[str, Any]) -> Iterator[object]:
    """Everybody who is named; a single one as the document says it, since the parser cuts names at what it takes for
    an e-mail address."""
    named = [author["name"] for author in _mappings(item.get("authors")) if author.get("name")]
    return iter(named if len(named) > 1 else [item.get("author") or (named[0] if named else None)])


def _language(item: dict[str, Any]) -> str | None:
    for field in ("title_detail", "summary_detail"):
        if found := cleaning.language(_mapping(item.get(field)).get("language")):
            return found
    return cleaning.language(item.get("language"))


def _date(item: dict[str, Any], field: str) -> Any:
    # Asked for "updated", feedparser answers with "published" where there is no other: ask the mapping itself.
    return read_date(dict.get(item, field), dict.get(item, f"{field}_parsed"))


def _enclosures(item: dict[str, Any]) -> Iterator[object]:
    for entry_link in _mappings(item.get("links")):
        if entry_link.get("rel") == "enclosure":
            yield entry_link.get("href")
    for field in ("media_content", "media_thumbnail"):
        for media in _mappings(item.get(field)):
            yield media.get("url")


def _other_link(item: dict[str, Any], base: str) -> str | None:
    """A link where the usual one is missing: another kind of link, or a guid that is an address."""
    for entry_link in _mappings(item.get("links")):
        is_page = entry_link.get("rel", "alternate") in ("alternate", "via", "related")
        if is_page and (found := cleaning.link(entry_link.get("href"), base)):
            return found
    identifier = item.get("id")
    is_address = isinstance(identifier, str) and identifier.startswith(("http://", "https://"))
    return cleaning.link(identifier, base) if is_address else None


def _own_address(feed: dict[str, Any]) -> str:
    """What links are relative to when nobody said where the document came from: itself, else its site."""
    own = (found.get("href") for found in _mappings(feed.get("links")) if found.get("rel") == "self")
    for candidate in (*own, feed.get("link")):
        if address := cleaning.link(candidate, ""):
            return address
    return ""


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(values: object) -> Iterable[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
