"""Feed documents in each format that the demo's outlets speak. Values in, bytes out; correctly escaped by their libraries."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape
from xml.etree import ElementTree as ET

from monitor.demo.outlets import Format, Outlet
from monitor.demo.stories import SampleStory

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DC = "http://purl.org/dc/elements/1.1/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RSS1 = "http://purl.org/rss/1.0/"

_CONTENT_TYPES = {
    Format.RSS2: "application/rss+xml",
    Format.RSS1: "application/rdf+xml",
    Format.ATOM: "application/atom+xml",
    Format.JSON: "application/feed+json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One story as its feed carries it now.

    Args:
        published_at: None where the publisher does not say.
        updated_at: When it was changed, or the same as `published_at`.
    """

    link: str
    title: str
    summary: str
    html: str
    published_at: datetime | None
    updated_at: datetime | None


def item(
    story: SampleStory, *, updated: bool, published_at: datetime | None, updated_at: datetime | None
) -> Item:
    """A sample story as it reads before or after its update."""
    told = story.update if updated and story.update else story
    return Item(
        link=story.link,
        title=_without_control(told.title),
        summary=_without_control(told.summary),
        html=story.html or _page(story),
        published_at=published_at,
        updated_at=updated_at,
    )


def _without_control(text: str) -> str:
    """XML 1.0 cannot carry them, not even escaped (§2.2)."""
    return "".join(character for character in text if character >= " " or character in "\t\n")


def _page(story: SampleStory) -> str:
    """The story's page: its paragraphs, and a list of other news where its outlet puts one."""
    paragraphs = [f"<p>{escape(line.strip())}</p>" for line in story.body.splitlines() if line.strip()]
    if story.tail:
        links = "".join(
            f'<li><a href="{story.at.site}other/{number}">{escape(headline)}</a></li>'
            for number, headline in enumerate(story.tail, 1)
        )
        paragraphs.append(f"<h3>{escape(story.tail_heading)}</h3><ul>{links}</ul>")
    return "\n".join(paragraphs)


def content_type(outlet: Outlet) -> str:
    """What an outlet's server calls its document."""
    return f"{_CONTENT_TYPES[outlet.format]}; charset={outlet.encoding}"


def document(outlet: Outlet, items: Sequence[Item], *, changed_at: datetime) -> bytes:
    """An outlet's feed.

    Args:
        items: Newest first.
        changed_at: When it last changed; the same document has the same bytes.
    """
    match outlet.format:
        case Format.RSS2:
            return _xml(rss2(outlet, items, changed_at), outlet)
        case Format.RSS1:
            return _xml(rss1(outlet, items), outlet)
        case Format.ATOM:
            return _xml(atom(outlet, items, changed_at), outlet)
        case Format.JSON:
            return json_feed(outlet, items)


def _xml(root: ET.Element, outlet: Outlet) -> bytes:
    return bytes(ET.tostring(root, encoding=outlet.encoding, xml_declaration=True))


def _add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def rss2(outlet: Outlet, items: Sequence[Item], changed_at: datetime) -> ET.Element:
    """Source: rssboard.org/rss-specification; full texts by the content module."""
    ET.register_namespace("content", CONTENT)
    root = ET.Element("rss", {"version": "2.0"})
    channel = _add(root, "channel")
    _add(channel, "title", outlet.name)
    _add(channel, "link", outlet.site)
    _add(channel, "description", f"News from {outlet.name}")
    _add(channel, "language", outlet.language)
    _add(channel, "lastBuildDate", format_datetime(changed_at, usegmt=True))
    for entry in items:
        element = _add(channel, "item")
        _add(element, "title", escape(entry.title, quote=False))
        _add(element, "link", entry.link)
        _add(element, "guid", entry.link, isPermaLink="true")
        if entry.published_at is not None:
            _add(element, "pubDate", format_datetime(entry.published_at, usegmt=True))
        _add(element, "description", escape(entry.summary, quote=False))
        if entry.html:
            _add(element, f"{{{CONTENT}}}encoded", entry.html)
    return root


def rss1(outlet: Outlet, items: Sequence[Item]) -> ET.Element:
    """Source: web.resource.org/rss/1.0/spec; dates by the Dublin Core module."""
    for prefix, name in (("rdf", RDF), ("dc", DC), ("content", CONTENT), ("", RSS1)):
        ET.register_namespace(prefix, name)
    root = ET.Element(f"{{{RDF}}}RDF")
    channel = ET.SubElement(root, f"{{{RSS1}}}channel", {f"{{{RDF}}}about": outlet.site})
    _add(channel, f"{{{RSS1}}}title", outlet.name)
    _add(channel, f"{{{RSS1}}}link", outlet.site)
    _add(channel, f"{{{RSS1}}}description", f"News from {outlet.name}")
    _add(channel, f"{{{DC}}}language", outlet.language)
    order = _add(_add(channel, f"{{{RSS1}}}items"), f"{{{RDF}}}Seq")
    for entry in items:
        ET.SubElement(order, f"{{{RDF}}}li", {f"{{{RDF}}}resource": entry.link})
    for entry in items:
        element = ET.SubElement(root, f"{{{RSS1}}}item", {f"{{{RDF}}}about": entry.link})
        _add(element, f"{{{RSS1}}}title", escape(entry.title, quote=False))
        _add(element, f"{{{RSS1}}}link", entry.link)
        _add(element, f"{{{RSS1}}}description", escape(entry.summary, quote=False))
        if entry.published_at is not None:
            _add(element, f"{{{DC}}}date", entry.published_at.isoformat())
        if entry.html:
            _add(element, f"{{{CONTENT}}}encoded", entry.html)
    return root


def atom(outlet: Outlet, items: Sequence[Item], changed_at: datetime) -> ET.Element:
    """Source: RFC 4287."""
    ET.register_namespace("", ATOM)
    root = ET.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": outlet.language})
    _add(root, f"{{{ATOM}}}title", outlet.name)
    _add(root, f"{{{ATOM}}}id", outlet.site)
    _add(root, f"{{{ATOM}}}link", None, href=outlet.site, rel="alternate")
    _add(root, f"{{{ATOM}}}updated", changed_at.isoformat())
    _add(_add(root, f"{{{ATOM}}}author"), f"{{{ATOM}}}name", outlet.name)
    for entry in items:
        element = _add(root, f"{{{ATOM}}}entry")
        _add(element, f"{{{ATOM}}}title", entry.title, type="text")
        _add(element, f"{{{ATOM}}}id", entry.link)
        _add(element, f"{{{ATOM}}}link", None, href=entry.link, rel="alternate")
        if entry.published_at is not None:
            _add(element, f"{{{ATOM}}}published", entry.published_at.isoformat())
        _add(element, f"{{{ATOM}}}updated", (entry.updated_at or changed_at).isoformat())
        _add(element, f"{{{ATOM}}}summary", entry.summary, type="text")
        if entry.html:
            _add(element, f"{{{ATOM}}}content", entry.html, type="html")
    return root


def json_feed(outlet: Outlet, items: Sequence[Item]) -> bytes:
    """Source: jsonfeed.org/version/1.1."""
    entries = []
    for entry in items:
        fields: dict[str, str] = {
            "id": entry.link,
            "url": entry.link,
            "title": entry.title,
            "summary": entry.summary,
        }
        fields |= {"content_html": entry.html} if entry.html else {"content_text": entry.summary}
        if entry.published_at is not None:
            fields["date_published"] = entry.published_at.isoformat()
        entries.append(fields)
    whole = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": outlet.name,
        "home_page_url": outlet.site,
        "language": outlet.language,
        "items": entries,
    }
    return json.dumps(whole, ensure_ascii=False, indent=1).encode(outlet.encoding)
