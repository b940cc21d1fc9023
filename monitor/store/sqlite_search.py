"""How SQLite finds stories by their words: its full-text index FTS5, which the newest schema fills by triggers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, CursorResult, column, literal_column, select, table
from sqlalchemy.exc import SQLAlchemyError

from monitor.store import tables

_INDEX = table("story_words", column("rowid"), column("story_words"))
_ROWID: ColumnElement[int] = literal_column("stories.rowid")


def is_ours(_item: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
    """Whether a thing in the database is one of `tables`: the index and what FTS5 keeps beside it are not."""
    return not (kind == "table" and name is not None and name.startswith("story_words"))


def found(connection: Connection, terms: Sequence[tuple[str, bool]]) -> CursorResult[Any]:
    """Rows of `stories` that have every term, what was stored last first; read on only as far as is asked.

    Args:
        terms: Each a phrase, and whether its last word may go on.

    Source: sqlite.org/fts5.html#full_text_query_syntax: text in double quotes has no syntax, save the quotes.
    """
    query = " AND ".join('"' + text.replace('"', '""') + '"' + "*" * goes_on for text, goes_on in terms)
    statement = (
        select(tables.stories)
        .select_from(tables.stories.join(_INDEX, _INDEX.c.rowid == _ROWID))
        .where(_INDEX.c.story_words.op("MATCH")(query))
        .order_by(_INDEX.c.rowid.desc())
    )
    return connection.execute(statement, execution_options={"stream_results": True})


def problem(connection: Connection) -> str | None:
    """What is wrong with the index, in words; reads all of it and changes nothing.

    `PRAGMA integrity_check` does not look into it, and FTS5's own check needs the lock for writing.

    Source: sqlite.org/fts5.html#the_fts5vocab_virtual_table_module
    """
    try:
        connection.exec_driver_sql(
            "CREATE VIRTUAL TABLE temp.walked USING fts5vocab('main', 'story_words', 'row')"
        )
        walked = connection.exec_driver_sql("SELECT sum(cnt) FROM temp.walked").scalar()
        told = connection.exec_driver_sql("SELECT 1 FROM main.stories WHERE title != '' LIMIT 1").scalar()
    except SQLAlchemyError as error:
        return _damaged(str(getattr(error, "orig", None) or error))
    return _damaged("it is empty") if told and not walked else None


def rebuild(connection: Connection) -> None:
    """Make the index anew from the stories.

    Source: sqlite.org/fts5.html#the_rebuild_command
    """
    connection.exec_driver_sql("INSERT INTO story_words(story_words) VALUES ('rebuild')")


def _damaged(reason: str) -> str:
    return f"the index of words of `monitor stories search` is damaged ({reason}): `monitor db reindex` makes it anew"
