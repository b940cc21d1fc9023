"""A SQLite database as a file: whether it is whole, and a consistent copy of it while the service runs."""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from monitor.errors import SchemaError, StoreError
from monitor.store import restored, schema, sqlite, sqlite_search

PAGES_A_STEP = 2_000


def problems(path: Path) -> tuple[str, ...]:
    """Everything wrong with a database, in words; reads all of it and changes nothing.

    Raises:
        StoreError: There is no file.
    """
    return _found(path, _everything)


def wholeness(path: Path) -> tuple[str, ...]:
    """As `problems`, whichever schema the database has.

    Raises:
        StoreError: There is no file.
    """
    return _found(path, _damage)


def _found(path: Path, look: Callable[[Connection], Iterator[str]]) -> tuple[str, ...]:
    if not path.is_file():
        raise StoreError(f"there is no database at {path}")
    engine = sqlite.reading_engine(path)
    found: list[str] = []
    try:
        with engine.connect() as connection:
            found.extend(look(connection))
    except SQLAlchemyError as error:
        found.append(sqlite.reason(error))
    except SchemaError as error:
        found.append(str(error))
    finally:
        engine.dispose()
    return tuple(found)


def _everything(connection: Connection) -> Iterator[str]:
    yield from _damage(connection)
    schema.check(connection)
    if (wrong := sqlite_search.problem(connection)) is not None:
        yield wrong


def _damage(connection: Connection) -> Iterator[str]:
    whole = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    yield from (str(line) for line in whole if line != "ok")
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield f"row {row[1]} of {row[0]} belongs to a row of {row[2]} that is not there"


def reindex(path: Path) -> None:
    """Make the index of words anew, beside the service, which waits meanwhile.

    Raises:
        StoreError: There is no database, it has another schema, or the index cannot be made.
    """
    if not path.is_file():
        raise StoreError(f"there is no database at {path}")
    engine = sqlite.open_engine(path)
    try:
        with sqlite.translated(path), engine.begin() as connection:
            schema.check(connection)
            sqlite_search.rebuild(connection)
    finally:
        engine.dispose()


def backup(
    path: Path, target: Path, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Copy a database as it is now into a new file, beside whoever writes to it.

    The copy grows under another name and gets its own only when it is whole and on disk. It says when it was made.

    Args:
        progress: Told after each step how many pages are copied, of how many.

    Raises:
        StoreError: There is such a file already, or no database, or it cannot be written, or the copy is damaged.

    Source: sqlite.org/backup.html; sqlite.org/isolation.html (one snapshot in write-ahead mode).
    """
    _refuse_existing(target)
    if not path.is_file():
        raise StoreError(f"there is no database at {path} yet: `monitor run` makes it")
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        os.close(descriptor)
    except OSError as error:
        raise StoreError(f"cannot write into {target.parent}: {error.strerror}") from error
    try:
        _copy(path, Path(name), progress)
        wrong = wholeness(Path(name))
        if wrong:
            raise StoreError(f"the copy would be damaged, so there is none: {'; '.join(wrong[:5])}")
        _refuse_existing(target)
        Path(name).rename(target)
        _sync(target.parent)
    except sqlite3.Error as error:
        raise StoreError(f"cannot copy to {target}: {_why(path, target, error)}") from error
    except OSError as error:
        raise StoreError(f"cannot copy {path} to {target}: {error.strerror}") from error
    finally:
        for beside in ("", "-journal", "-wal", "-shm"):
            Path(name + beside).unlink(missing_ok=True)


def _why(path: Path, target: Path, error: sqlite3.Error) -> str:
    """Room is short where the copy goes; all else is about what is copied."""
    return sqlite.refusal(target if sqlite.is_full(error) else path, error)


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise StoreError(f"{target} is there already and stays as it is: name another file")


def _copy(path: Path, part: Path, progress: Callable[[int, int], None]) -> None:
    begun_at = datetime.now(UTC)
    with closing(sqlite.reading(path)) as source, closing(sqlite3.connect(part)) as copy:
        # Inside one reading transaction every step sees the same snapshot; without it a writer starts the copy anew.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(
            copy, pages=PAGES_A_STEP, progress=lambda _status, left, total: progress(total - left, total)
        )
        restored.mark(copy, begun_at)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole without a log beside it


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
