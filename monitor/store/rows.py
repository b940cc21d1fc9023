"""Where row and value differ: the functions between them, and the statements that write rows."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Table
from sqlalchemy.dialects import postgresql, sqlite

from monitor.matching.evidence import Match
from monitor.stories.story import Story


def put_new(connection: Connection, table: Table) -> Any:
    """An INSERT that leaves alone a row which is there already; the values are given when it is executed."""
    return _put_new(connection.dialect.name, table)


def put(connection: Connection, table: Table, values: Iterable[str]) -> Any:
    """An INSERT that gives these columns their new values where the row is there already."""
    return _put(connection.dialect.name, table, tuple(values))


# Making a statement costs ten times what executing it costs, so each is made once.


@cache
def _put_new(dialect: str, table: Table) -> Any:
    return insert_into(dialect, table).on_conflict_do_nothing()


@cache
def _put(dialect: str, table: Table, columns: tuple[str, ...]) -> Any:
    statement = insert_into(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={column: statement.excluded[column] for column in columns},
    )


def insert_into(dialect: str, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, which both databases have and SQL does not."""
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)


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
