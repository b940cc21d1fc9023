"""`feeds parse`: what the service would read from answers that lie in files."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.feeds.outcome import Document, Fetched, Unanswered, Unreadable
from monitor.fetch.bodies import MAX_BODY_BYTES
from monitor.fetch.fetcher import read_in_hand
from monitor.fetch.lanes import Reader
from monitor.stories.story import Entry

_WORDS = {
    **dict.fromkeys(("html", "challenge", "captive_portal", "login_page"), "not_a_feed"),
    "not_a_feed": "not_a_feed",
    "empty": "empty",
    "too_large": "too_large",
    "refused": "refused",
}
"""Reasons as `feeds parse` says them; every other one is `failed`."""


async def parse_files(
    files: Sequence[Path], content_type: str | None, base: str | None
) -> AsyncIterator[dict[str, Any]]:
    """Read each file as an answer, in order.

    Args:
        content_type: The header that came with it, for its charset.
        base: The address it came from, for relative links.

    Returns:
        An object for each file: file, outcome, format, title, language, entries, dropped, problems.
    """
    reader = Reader()
    reader.start()
    try:
        for file in files:
            yield {"file": str(file), **await _parsed(reader, file, content_type, base)}
    finally:
        await reader.close()


async def _parsed(reader: Reader, file: Path, content_type: str | None, base: str | None) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            body = opened.read(MAX_BODY_BYTES + 1)
    except OSError as error:
        return _without_document("failed", f"the file cannot be read: {error.strerror}")
    match await read_in_hand(reader, body, content_type, base):
        case Fetched(document=document):
            return _with_document(document)
        case Unanswered(reason=reason, detail=detail) | Unreadable(reason=reason, detail=detail):
            return _without_document(_WORDS.get(reason, "failed"), detail or reason)


def _with_document(document: Document) -> dict[str, Any]:
    return {
        "outcome": "parsed",
        "format": document.format,
        "title": document.title,
        "language": document.language,
        "entries": [_entry(entry) for entry in document.entries],
        "dropped": document.dropped,
        "problems": list(document.problems),
    }


def _without_document(outcome: str, problem: str) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "format": None,
        "title": None,
        "language": None,
        "entries": [],
        "dropped": 0,
        "problems": [problem],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.guid,
        "link": entry.link,
        "title": entry.title,
        "summary": entry.summary,
        "content": entry.content,
        "authors": list(entry.authors),
        "categories": list(entry.categories),
        "language": entry.language,
        "published_at": _instant(entry.published_at),
        "updated_at": _instant(entry.updated_at),
        "enclosures": list(entry.enclosures),
    }


def _instant(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
