"""An index of the words of stories, for `monitor stories search`. On SQLite only: what it needs is not SQL."""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    # The text stays in `stories`; the index keeps words and where they stand. Й and й are one letter, й and и are two.
    # Nothing is ranked, so no lengths are kept; merging less often makes storing a story a fifth cheaper.
    """
    CREATE VIRTUAL TABLE story_words USING fts5(
        title, summary, text, content='stories', content_rowid='rowid',
        tokenize="unicode61 remove_diacritics 0", columnsize=0
    )
    """,
    "INSERT INTO story_words(story_words, rank) VALUES ('automerge', 8)",
    """
    CREATE TRIGGER story_words_added AFTER INSERT ON stories BEGIN
        INSERT INTO story_words(rowid, title, summary, text) VALUES (new.rowid, new.title, new.summary, new.text);
    END
    """,
    """
    CREATE TRIGGER story_words_removed AFTER DELETE ON stories BEGIN
        INSERT INTO story_words(story_words, rowid, title, summary, text)
        VALUES ('delete', old.rowid, old.title, old.summary, old.text);
    END
    """,
    """
    CREATE TRIGGER story_words_changed AFTER UPDATE OF title, summary, text ON stories BEGIN
        INSERT INTO story_words(story_words, rowid, title, summary, text)
        VALUES ('delete', old.rowid, old.title, old.summary, old.text);
        INSERT INTO story_words(rowid, title, summary, text) VALUES (new.rowid, new.title, new.summary, new.text);
    END
    """,
    "INSERT INTO story_words(story_words) VALUES ('rebuild')",
)


def upgrade() -> None:
    """Make the index, keep it in step with `stories`, and put in what is there."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for statement in _STATEMENTS:
        op.execute(statement)
