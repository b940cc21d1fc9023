"""The same care for the fields of every format: plain text, safe links, no more of them than anybody needs."""

import re
from collections.abc import Iterable, Iterator

from monitor.fetch.markup import (
    has_certain_markup,
    looks_like_markup,
    text_of,
    unescape,
    unescape_signs,
    unescape_whole,
)
from monitor.stories.links import safe_link
from monitor.stories.text import plain

MAX_TITLE = 2_000
MAX_SUMMARY = 20_000
MAX_CONTENT = 64_000
MAX_GUID = 1_000
MAX_NAMES = 20
MAX_CATEGORIES = 100
MAX_ENCLOSURES = 20
MAX_MARKUP = 400_000
"""Characters of HTML that are read at most for one field."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,3}")
_EMAIL_AND_NAME = re.compile(r"\s*[^\s@<>()]{1,100}@[^\s@<>()]{1,100}\s*\(([^()]{1,200})\)\s*")
_NAME_AND_EMAIL = re.compile(r"\s*([^@<>()]{1,200}?)\s*[<(][^\s@<>()]{1,100}@[^\s@<>()]{1,100}[>)]\s*")


def clean(value: object, *, limit: int, markup: bool | None, lines: bool = True) -> str:
    """A text field as plain text.

    Args:
        markup: Whether it is HTML, or None where the format leaves that to be guessed.
        lines: Keep line breaks: those of plain text, and one for each block of HTML.
    """
    if not isinstance(value, str) or not value:
        return ""
    text = value[:MAX_MARKUP]
    if markup or (markup is None and looks_like_markup(text)):
        text = text_of(text)
    elif markup is None:
        text = unescape_whole(text)
    return plain(text, limit=limit, newlines=lines)


def clean_claimed_plain(value: object, *, limit: int, lines: bool = True) -> str:
    """A field that its document calls plain text: HTML all the same where that is certain.

    Nobody means a reference by number or to a typographical sign as it stands; `&amp;` and `&lt;` may be meant so.
    """
    if not isinstance(value, str):
        return ""
    text = value[:MAX_MARKUP]
    if has_certain_markup(text):
        return clean(text, limit=limit, markup=True, lines=lines)
    return clean(unescape_signs(text), limit=limit, markup=False, lines=lines)


def guid(value: object) -> str | None:
    """An identifier, as it came but for white space and control characters; too long a one keeps its beginning."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    return plain(value, limit=MAX_GUID) or None


def link(value: object, base: str) -> str | None:
    """An absolute http(s) link. What careless publishers do is forgiven: escaping twice, `www.` without a scheme."""
    if not isinstance(value, str):
        return None
    text = unescape(value).strip()
    return safe_link(f"http://{text}" if text.startswith("www.") else text, base)


def names(values: Iterable[object]) -> tuple[str, ...]:
    """Authors without their e-mail addresses, each once."""
    return tuple(_some((_name(value) for value in values), MAX_NAMES))


def words(values: Iterable[object]) -> tuple[str, ...]:
    """Categories, each once."""
    return tuple(
        _some((clean(value, limit=200, markup=None, lines=False) for value in values), MAX_CATEGORIES)
    )


def links(values: Iterable[object], base: str) -> tuple[str, ...]:
    """Enclosures that have a safe link, each once."""
    return tuple(_some((link(value, base) or "" for value in values), MAX_ENCLOSURES))


def language(value: object) -> str | None:
    """A language tag as BCP 47 spells it (`ru`, `en-GB`), or None."""
    text = value.strip() if isinstance(value, str) else ""
    if not _LANGUAGE.fullmatch(text):
        return None
    first, *rest = text.replace("_", "-").split("-")
    return "-".join((first.lower(), *(part.upper() if len(part) == 2 else part for part in rest)))


def _name(value: object) -> str:
    text = value[:1_000] if isinstance(value, str) else ""
    if found := _EMAIL_AND_NAME.fullmatch(text) or _NAME_AND_EMAIL.fullmatch(text):
        text = found[1]
    return clean(text, limit=200, markup=None, lines=False)


def _some(values: Iterable[str], most: int) -> Iterator[str]:
    seen: set[str] = set()
    for value in values:
        if value and value not in seen:
            seen.add(value)
            yield value
            if len(seen) >= most:
                return
