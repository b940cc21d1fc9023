"""Where the feeds of a page may be: what the page names, and where sites usually keep them. Asks nobody."""

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

from monitor.feeds.listing import bad_address

MOST_BYTES = 512 << 10
MOST_CANDIDATES = 20
USUAL_PATHS = ("/rss", "/feed", "/rss.xml", "/atom.xml", "/feed.xml", "/index.xml")

_TYPES = frozenset(
    ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml",
     "application/json", "application/xml", "text/xml")
)  # fmt: skip
# Bounded repeats: a page of a million open brackets costs no more than one of words.
_TAG = re.compile(r"<(link|base)\b([^<>]{0,4000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"""([a-z-]{1,40})\s{0,20}=\s{0,20}(?:"([^"]{0,2100})"|'([^']{0,2100})'|([^\s"'>]{1,2100}))""",
    re.IGNORECASE,
)


def linked(page: bytes, address: str) -> tuple[str, ...]:
    """The addresses that a page gives for its feeds, in its order, each once.

    Args:
        page: HTML; only its first 512 kB are looked at.
        address: Where it came from, for relative links; a `<base>` goes before it.

    Source: RSS Autodiscovery 1.0; HTML, 4.6.7.1 (rel=alternate).
    """
    found: dict[str, None] = {}
    base = address
    for tag in _TAG.finditer(page[:MOST_BYTES].decode("utf-8", "replace")):
        said = {
            m[1].lower(): unescape(m[2] or m[3] or m[4] or "").strip() for m in _ATTRIBUTE.finditer(tag[2])
        }
        href = _joined(base, said.get("href", ""))
        if tag[1].lower() == "base":
            base = href or base
        elif href and _is_feed_link(said):
            found[href] = None
    return tuple(found)[:MOST_CANDIDATES]


def usual(address: str) -> tuple[str, ...]:
    """Where sites usually keep their feeds."""
    parts = urlsplit(address)
    return tuple(f"{parts.scheme}://{parts.netloc}{path}" for path in USUAL_PATHS)


def _is_feed_link(said: dict[str, str]) -> bool:
    rel = said.get("rel", "").lower().split()
    return "alternate" in rel and said.get("type", "").partition(";")[0].strip().lower() in _TYPES


def _joined(base: str, href: str) -> str | None:
    try:
        url = urljoin(base, href) if href else ""
    except ValueError:
        return None
    return url if url and bad_address(url) is None else None
