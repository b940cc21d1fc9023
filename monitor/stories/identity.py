"""When two entries are the same story of a feed, and when a story was revised."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from monitor.stories.ids import EntryKey, digest
from monitor.stories.links import canonical_link
from monitor.stories.story import Entry

_POSITION = re.compile(r"#\d{0,2}$")
"""Some outlets number an entry's place in the list behind its permalink; the number moves, the story does not."""

_FLEETING = re.compile(
    r"(?i)(?:phpsessid|jsessionid|session_?id|cache_?bust(?:er)?|no_?cache|rnd|rand|random|_)"
)
_SESSION = re.compile(r"(?i);jsessionid=[^/?#]*")


def keys(entries: Sequence[Entry]) -> tuple[EntryKey, ...]:
    """One key for each entry of a document, in order; equal keys are the same entry twice.

    The guid names an entry where it has one. Entries of one document that share a guid are told apart by their
    links, and those that share the link too by their titles. Without a guid the link names the entry, without
    both its title, date and text. A changed link does not make a new story, nor does a changed tracking parameter.
    """
    found: list[tuple[str, ...]] = [_first_name(entry) for entry in entries]
    for tell_apart in (_link, _title):
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for position, name in enumerate(found):
            groups[name].append(position)
        for name, positions in groups.items():
            if len({tell_apart(entries[position]) for position in positions}) > 1:
                for position in positions:
                    found[position] = (*name, tell_apart(entries[position]))
    return tuple(EntryKey(digest("entry", *name)) for name in found)


def fingerprint(entry: Entry) -> str:
    """What a revision changes: title, summary, text and link. Times, authors and categories are not in it."""
    return digest(
        "text", *(_normal(part) for part in (entry.title, entry.summary, entry.content)), _link(entry)
    )


def _first_name(entry: Entry) -> tuple[str, ...]:
    guid = _normal(entry.guid or "")
    if guid:
        return ("guid", _permanent(guid) if _is_link(guid) else guid)
    if entry.link:
        return ("link", _link(entry))
    published = entry.published_at.isoformat() if entry.published_at else ""
    return ("text", _title(entry), published, _normal(entry.summary or entry.content))


def _is_link(guid: str) -> bool:
    return guid.startswith(("http://", "https://"))


def _permanent(link: str) -> str:
    """The link without what changes between two polls; a fragment that says more than a position is kept."""
    fragment = "" if _POSITION.search(link) else link.partition("#")[2]
    try:
        address, _, query = canonical_link(_SESSION.sub("", link)).partition("?")
    except ValueError:
        return link
    parameters = parse_qsl(query, keep_blank_values=True)
    kept = urlencode([(name, value) for name, value in parameters if not _FLEETING.fullmatch(name)])
    return address + (f"?{kept}" if kept else "") + (f"#{fragment}" if fragment else "")


def _link(entry: Entry) -> str:
    return _permanent(entry.link) if entry.link else ""


def _title(entry: Entry) -> str:
    return _normal(entry.title)


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
