"""Making a document harmless and small before a parser sees it. Everything here is linear in the document.

Gone afterwards: the document type and every entity it declares, whatever stands before the root, items past the
limit, an item that was cut off. Refused: nesting and attributes without measure. What is no feed at all is named.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.entities import html5

from monitor.fetch.dates import read_date

MAX_ITEMS = 2_000
MAX_DEPTH = 200
MAX_ELEMENTS = 400_000
MAX_ATTRIBUTES = 200

_TOKEN = re.compile(
    r"<(?:"
    r"!\[CDATA\[[^\]]*+(?:\](?!\]>)[^\]]*+)*+(?:\]\]>|\Z)"
    r"|!--[^-]*+(?:-(?!->)[^-]*+)*+(?:-->|\Z)"
    r"|[?!][^<>]*+>"
    r"""|(?P<close>/)?(?P<name>[A-Za-z_][^\s<>/='"]*+)(?P<rest>(?:[^<>"']++|"[^<"]*+"|'[^<']*+')*+)>"""
    r")"
)
_ROOT = re.compile(r"<([A-Za-z_][^\s<>/]*+)")
_ITEMS = {"rss": "item", "rdf": "item", "channel": "item", "feed": "entry", "urlset": "url"}
_OTHER_ROOTS = {"sitemapindex": "an index of sitemaps", "opml": "a list of feeds (OPML)"}
_PAGE_SHELL = frozenset(("html", "body"))
"""A feed right inside these is a feed; one further down in a page is not looked for."""
_PAGE_PARTS = frozenset(["html", "head", "body", "title", "meta"])
_PAGE_BEGINNINGS = frozenset(["div", "p", "br", "b", "script", "center", "h1", "pre", "span", "table"])
_ATTRIBUTE = re.compile(r"""=\s*+["']""")
_NUMBER = re.compile(r"&#(?:[xX]([0-9a-fA-F]++)|([0-9]++));?")
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31}+;)")
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
_SERIOUS = frozenset("<>&\"'")
_DATE = re.compile(r"<(?:pubDate|published|updated|dc:date|lastmod)\b[^>]*>\s*([^<]{8,40})", re.IGNORECASE)


class NotAFeed(Exception):
    """The answer is something else: `reason` is `html`, `empty` or `not_a_feed`, or a page's kind."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(detail)


class TooMuch(Exception):
    """The document goes past a limit of shape, not of size."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document fit for a parser.

    Args:
        root: Lower-case name of the root element, without prefix.
        complete: Whether the root element is closed.
        dropped: Items left out.
        problems: What was odd, for a person.
        items: Where each item stands in the text (start, end); empty where one cannot be told from the next.
        context: The tags with attributes in front of the first item.
    """

    text: str
    root: str
    complete: bool = True
    dropped: int = 0
    problems: tuple[str, ...] = ()
    items: tuple[tuple[int, int], ...] = ()
    context: str = ""


@dataclass(slots=True)
class _Survey:
    """Where things stand in a document."""

    context: list[str] = field(default_factory=list)

    ancestors: tuple[str, ...] = ()
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    root_end: int | None = None


def prepare(text: str) -> Prepared:
    """Find the feed in an answer and make it harmless.

    Raises:
        NotAFeed: There is none.
        TooMuch: It is nested too deeply, or has elements or attributes beyond measure.
    """
    start, root = _find_root(text)
    body = _NAMED.sub(_named, _NUMBER.sub(_number, text[start:]))
    return _within_limits(body, _local(root), _survey(body, root, _ITEMS[_local(root)]))


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()


def _find_root(text: str) -> tuple[int, str]:
    """Where the feed's root element begins, and its name; some answers carry a program's warnings in front of it."""
    if not text.strip():
        raise NotAFeed("empty", "the answer is empty")
    first: str | None = None
    for position, name in _outer_elements(text):
        local = _local(name)
        if local in _ITEMS:
            return position, name
        first = first or local
        if local in _OTHER_ROOTS:
            raise NotAFeed("not_a_feed", f"this is {_OTHER_ROOTS[local]}")
        if local in _PAGE_PARTS and local not in _PAGE_SHELL:
            break
    if first in _PAGE_PARTS or first in _PAGE_BEGINNINGS:
        raise NotAFeed("html", "a web page came instead of a feed")
    raise NotAFeed(
        "not_a_feed", f"the root element is <{first[:40]}>" if first else "this is neither XML nor JSON"
    )


def _outer_elements(text: str, most: int = 50) -> Iterator[tuple[int, str]]:
    """Places and names of the first elements, outside comments and the document type."""
    position = 0
    for _ in range(most * 4):
        position = text.find("<", position)
        if position < 0:
            return
        if text.startswith("<!--", position):
            position = _behind(text, "-->", position + 4)
        elif text[position : position + 9].upper() == "<!DOCTYPE":
            position = _doctype_end(text, position + 9)
        elif text.startswith(("<?", "<!"), position):
            position = _behind(text, ">", position)
        elif found := _ROOT.match(text, position):
            yield position, found[1]
            position = found.end()
        else:
            position += 1


def _behind(text: str, mark: str, position: int) -> int:
    found = text.find(mark, position)
    return len(text) if found < 0 else found + len(mark)


_DOCTYPE_PART = re.compile(
    r"""[^\[\]<>"']++|"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|<!--[^-]*+(?:-(?!->)[^-]*+)*+(?:-->|\Z)|.""", re.DOTALL
)


def _doctype_end(text: str, position: int) -> int:
    """Behind a document type: its `>` outside quotation marks, comments and the internal subset."""
    depth = 0
    for part in _DOCTYPE_PART.finditer(text, position):
        match part[0]:
            case "[":
                depth += 1
            case "]":
                depth -= 1
            case ">" if depth <= 0:
                return part.end()
    return len(text)


def _number(found: re.Match[str]) -> str:
    """A reference that names no character becomes the one for unknown characters."""
    digits, base = (found[1], 16) if found[1] else (found[2], 10)
    code = int(digits.lstrip("0") or "0", base) if len(digits) < 40 and len(digits.lstrip("0")) < 9 else 0
    if code in (9, 10, 13) or 0x20 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or 0x10000 <= code < 0x110000:
        return found[0] if found[0].endswith(";") else found[0] + ";"
    return "\ufffd"


def _named(found: re.Match[str]) -> str:
    """A character that HTML has a name for stands for itself; what XML needs escaped stays as it is."""
    character = html5.get(found[1])
    return found[0] if character is None or _SERIOUS & set(character) else character


def _survey(text: str, root: str, item: str) -> _Survey:
    """Walk over the tags once: where items begin and end, and whether the root is closed."""
    survey = _Survey()
    stack: list[str] = []
    elements = 0
    for token in _TOKEN.finditer(text):
        name, rest = token["name"], token["rest"]
        if name is None:
            continue
        if token["close"]:
            if _local(name) == item and len(stack) == len(survey.ancestors) + 1:
                survey.ends.append(token.end())
            if name == root:
                survey.root_end = token.end()
            _close(stack, name)
            continue
        elements += 1
        if elements > MAX_ELEMENTS or (
            rest.count("=") > MAX_ATTRIBUTES and len(_ATTRIBUTE.findall(rest)) > MAX_ATTRIBUTES
        ):
            raise TooMuch("it has elements or attributes beyond measure")
        if _local(name) == item:
            _item_begins(survey, stack, token.start())
        if rest and not survey.starts:
            survey.context.append(token[0])
        if rest.endswith("/"):
            if not stack:
                survey.root_end = token.end()
            continue
        stack.append(name)
        if len(stack) > MAX_DEPTH:
            raise TooMuch(f"it is nested deeper than {MAX_DEPTH} levels")
    return survey


def _item_begins(survey: _Survey, stack: list[str], position: int) -> None:
    """Note an item. It stands where the first one stood: an item inside an unclosed one is the next one."""
    if not survey.starts and len(stack) <= 3:
        survey.ancestors = tuple(stack)
    if (survey.starts and len(stack) < len(survey.ancestors)) or len(stack) > len(survey.ancestors) + 1:
        return
    del stack[len(survey.ancestors) :]
    survey.starts.append(position)


def _close(stack: list[str], name: str) -> None:
    """Close an element; what was left open inside it closes with it, and an end without a start is ignored."""
    if stack and stack[-1] == name:
        stack.pop()
        return
    for depth in range(len(stack) - 1, -1, -1):
        if stack[depth] == name:
            del stack[depth:]
            return


def _within_limits(text: str, root: str, survey: _Survey) -> Prepared:
    """Leave out an item that was cut off, and what is past the limit: the oldest, where dates say which those are."""
    starts = survey.starts
    complete, dropped, problems = survey.root_end is not None, 0, []
    text = text[: survey.root_end]
    if not complete:
        problems.append("the document is cut off")
        text, dropped = _without_cut_item(text, survey)
        starts = starts[: len(starts) - dropped]
    if len(starts) > MAX_ITEMS:
        dropped += len(starts) - MAX_ITEMS
        problems.append(f"only {MAX_ITEMS} of {len(starts)} items were read")
        if _is_oldest_first(text, starts):
            text = text[: starts[0]] + text[starts[-MAX_ITEMS] :]
        else:
            text = text[: starts[MAX_ITEMS]] + _closing(survey)
    items = _items(survey) if complete and not dropped else ()
    return Prepared(
        _DECLARATION + text, root, complete, dropped, tuple(problems), items, "".join(survey.context)
    )


def _items(survey: _Survey) -> tuple[tuple[int, int], ...]:
    """Where items begin and end behind the declaration, if each ends before the next begins."""
    if len(survey.starts) != len(survey.ends):
        return ()
    edges = [edge for item in zip(survey.starts, survey.ends, strict=True) for edge in item]
    if edges != sorted(edges):
        return ()
    front = len(_DECLARATION)
    return tuple((start + front, end + front) for start, end in zip(edges[::2], edges[1::2], strict=True))


def _without_cut_item(text: str, survey: _Survey) -> tuple[str, int]:
    """The document up to its last whole item, closed again, and how many items that left out."""
    if survey.starts and (not survey.ends or survey.ends[-1] <= survey.starts[-1]):
        return text[: survey.starts[-1]] + _closing(survey), 1
    return (text[: survey.ends[-1]] if survey.ends else text) + _closing(survey), 0


def _closing(survey: _Survey) -> str:
    """The end tags of what stands around the items."""
    return "".join(f"</{name}>" for name in reversed(survey.ancestors))


def _is_oldest_first(text: str, starts: list[int]) -> bool:
    """Whether the last item is younger than the first one, by their own dates."""
    first, last = text[starts[0] : starts[1]], text[starts[-1] : starts[-1] + 20_000]
    dates = [read_date(found[1]) if (found := _DATE.search(item)) else None for item in (first, last)]
    return dates[0] is not None and dates[1] is not None and dates[0] < dates[1]
