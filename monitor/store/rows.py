"""Where row and value differ: the functions between them."""

from typing import Any

from sqlalchemy import Connection, Row, Table
from sqlalchemy.dialects import postgresql, sqlite

from monitor.matching.evidence import Match
from monitor.stories.story import Story


def insert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, which both databases have and SQL does not."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return dialect.insert(table)


_STORY_COLUMNS = ("id", "revision", "feed", "source", "title", "summary", "text", "link", "language",
                  "published_at", "seen_at", "reference_at", "first_answer")  # fmt: skip


def story_row(story: Story) -> dict[str, Any]:
    """A story's columns, without what became of it."""
    row = {name: getattr(story, name) for name in _STORY_COLUMNS}
    return row | {"authors": list(story.authors), "categories": list(story.categories)}


def story_of(row: Row[Any]) -> Story:
    """The story that a row tells."""
    values = {name: getattr(row, name) for name in _STORY_COLUMNS}
    return Story(**values, authors=tuple(row.authors), categories=tuple(row.categories))


def match_row(match: Match, story: Story, position: int) -> dict[str, Any]:
    """A match's columns. The rule's name and note are kept as they were: rules change, what was told does not."""
    return {
        "story": story.id,
        "revision": story.revision,
        "rule": match.rule.id,
        "position": position,
        "name": match.rule.name,
        "desk": match.rule.desk,
        "note": match.rule.note,
        "evidence": [
            {"field": e.field, "start": e.start, "end": e.end, "text": e.text, "line": e.line}
            for e in match.evidence[:50]
        ],
    }
