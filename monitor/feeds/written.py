"""A feed as one line of YAML, and as OPML."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from lxml import etree

from monitor.feeds.feed import Feed

_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9._~/?&=%+:@;!$()*-]*[A-Za-z0-9_~/=%+]")
_PLAIN_WORD = re.compile(r"[^\W\d_][\w./&-]*(?: [\w./&-]+)*")
_TYPED = frozenset(("true", "false", "null", "yes", "no", "on", "off"))
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is to be written of a feed; what is None or empty is left to the list's defaults."""

    url: str
    name: str | None = None
    group: str | None = None
    language: str | None = None
    interval: str | None = None
    priority: str | None = None
    receivers: tuple[str, ...] = field(default=())


def entry_of(feed: Feed) -> Entry:
    """A feed of another list, so that it can be written; a language that YAML lists would refuse is left out."""
    language = (feed.language or "").replace("_", "-").lower()
    return Entry(
        url=feed.url,
        name=_one_line(feed.name),
        group=_one_line(feed.group),
        language=language if re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8})*", language) else None,
        interval=_length(feed.interval),
        priority=None if feed.priority == "normal" else str(feed.priority),
        receivers=tuple(feed.receivers),
    )


def _one_line(text: str | None) -> str | None:
    return " ".join((text or "").split()) or None


def _length(span: timedelta | None) -> str | None:
    if span is None:
        return None
    seconds = int(span.total_seconds())
    for letter, unit in _UNITS:
        if seconds % unit == 0:
            return f"{seconds // unit}{letter}"
    return f"{seconds}s"


# ---- YAML ----------------------------------------------------------------------------------------------------


def as_yaml(entry: Entry) -> str:
    """One line that may stand in a list of either style: the address alone, or a mapping in braces."""
    url = entry.url if _PLAIN_URL.fullmatch(entry.url) else _quoted(entry.url)
    said = {
        "name": entry.name,
        "group": entry.group,
        "language": entry.language,
        "interval": entry.interval,
        "priority": entry.priority,
    }
    pairs = [f"{key}: {_text(value)}" for key, value in said.items() if value]
    if entry.receivers:
        pairs.append(f"receivers: [{', '.join(_text(name) for name in entry.receivers)}]")
    return f"{{url: {', '.join((_quoted(entry.url), *pairs))}}}" if pairs else url


def _text(value: str) -> str:
    is_plain = _PLAIN_WORD.fullmatch(value) and value.lower() not in _TYPED and value.isprintable()
    return value if is_plain or re.fullmatch(r"[1-9]\d{0,8}[smhd]", value) else _quoted(value)


def _quoted(value: str) -> str:
    """In double quotation marks. YAML 1.2 reads JSON's strings; what cannot be seen is escaped as well."""
    return "".join(
        character if character.isprintable() else f"\\U{ord(character):08x}"
        for character in json.dumps(value, ensure_ascii=False)
    )


# ---- OPML ----------------------------------------------------------------------------------------------------


def as_opml(feeds: Iterable[Feed]) -> bytes:
    """A subscription list. `a/b` is folder b in folder a; addresses stand as they are, secrets included.

    Source: OPML 2.0, "Subscription lists".
    """
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = "Feeds of this newsroom"
    body = etree.SubElement(root, "body")
    folders: dict[tuple[str, ...], etree._Element] = {(): body}
    for feed in feeds:
        steps = tuple(_for_xml(step) for step in (feed.group or "").split("/") if step.strip())
        for depth in range(1, len(steps) + 1):
            if steps[:depth] not in folders:
                above = folders[steps[: depth - 1]]
                folders[steps[:depth]] = etree.SubElement(above, "outline", text=steps[depth - 1])
        name = _for_xml(feed.name or "") or _for_xml(urlsplit(feed.url).hostname or "feed")
        said = {"type": "rss", "text": name, "title": name, "xmlUrl": _for_xml(feed.url)}
        if feed.language:
            said["language"] = feed.language
        etree.SubElement(folders[steps], "outline", said)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _for_xml(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(c if c.isprintable() else " " for c in text).strip()
