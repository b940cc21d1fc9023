"""A SQLite database as a file: whether it is whole, and a consistent copy of it while the service runs."""

import os
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from monitor.errors import SchemaError, StoreError
from monitor.store import schema

PAGES_A_STEP = 2_000


def problems(path: Path) -> tuple[str, ...]:
    """Everything wrong with a database, in words; reads all of it and changes nothing.

    Raises:
        StoreError: There is no file.
    """
    if not path.is_file():
        raise StoreError(f"there is no database at {path}")
    engine = create_engine("sqlite://", creator=lambda: _reading(path), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            whole = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            found = [str(line) for line in whole if line != "ok"]
            for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
                found.append(f"row {row[1]} of {row[0]} belongs to a row of {row[2]} that is not there")
            try:
                schema.check(connection)
            except SchemaError as error:
                found.append(str(error))
    except SQLAlchemyError as error:
        found = [str(getattr(error, "orig", None) or error)]
    finally:
        engine.dispose()
    return tuple(found)


def backup(
    path: Path, target: Path, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> None:
    """Copy a database as it is now into a new file, beside whoever writes to it.

    The copy grows under another name and gets its own only when it is whole and on disk.

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
        wrong = problems(Path(name))
        if wrong:
            raise StoreError(f"the copy would be damaged, so there is none: {'; '.join(wrong[:5])}")
        _refuse_existing(target)
        Path(name).rename(target)
        _sync(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"cannot copy {path} to {target}: {error}") from error
    finally:
        for beside in ("", "-journal", "-wal", "-shm"):
            Path(name + beside).unlink(missing_ok=True)


def _refuse_existing(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise StoreError(f"{target} is there already and stays as it is: name another file")


def _copy(path: Path, part: Path, progress: Callable[[int, int], None]) -> None:
    with closing(_reading(path)) as source, closing(sqlite3.connect(part)) as copy:
        # Inside one reading transaction every step sees the same snapshot; without it a writer starts the copy anew.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(
            copy, pages=PAGES_A_STEP, progress=lambda _status, left, total: progress(total - left, total)
        )
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole without a log beside it


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=5,
        isolation_level=None,
        check_same_thread=False,
    )


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
