"""Finding stored stories by their words, in any script. Not matching: rules never look here."""

import re
import unicodedata

from sqlalchemy import Connection

from monitor.store import sqlite_search
from monitor.store.history import Judged, judged
from monitor.stories.ids import StoryId

LONGEST = 1_000
"""Characters of a query that are read."""
MOST_TERMS = 50

_PIECE = re.compile(r'"([^"]*)"?|([^\s"]+)')


def terms(query: str) -> tuple[tuple[str, bool], ...]:
    """Read what somebody typed: words, `"phrases in quotes"` and `beginnings*`; all of them must be there.

    Any text is a query; what is no word is passed over, and so is what follows the first 1,000 characters.

    Returns:
        Each a phrase, and whether its last word may go on.
    """
    text = unicodedata.normalize("NFC", query[:LONGEST].encode("utf-8", "replace").decode("utf-8"))
    printable = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)
    found = []
    for phrase, word in _PIECE.findall(printable):
        if any(character.isalnum() for character in phrase or word):
            found.append((phrase or word.rstrip("*"), word.endswith("*")))
    return tuple(found[:MOST_TERMS])


def search(connection: Connection, query: str, *, limit: int) -> tuple[Judged, ...]:
    """Stories whose title, summary or text have what the query asks for, newest first, each once."""
    wanted = terms(query)
    if not wanted:
        return ()
    newest: dict[StoryId, Judged] = {}
    rows = sqlite_search.found(connection, wanted)
    for row in rows:
        if row.id not in newest:
            newest[row.id] = judged(connection, row)
        if len(newest) == limit:
            break
    rows.close()
    return tuple(sorted(newest.values(), key=lambda one: one.story.seen_at, reverse=True))
