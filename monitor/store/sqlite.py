"""What only SQLite needs: how it is opened, what it says when it is busy, who holds it."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, NullPool, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from monitor.errors import Busy, SchemaError, StoreError

BUSY_TIMEOUT_MS = 5_000

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
NOT_OURS = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)
"""Codes of SQLite, by what a person does about them."""


def open_engine(path: Path) -> Engine:
    """An engine on a SQLite file: write-ahead log, every commit on disk, writers begin at once.

    Source: sqlite.org/wal.html; sqlite.org/lang_transaction.html (a read that turns into a write fails at once
    with SQLITE_BUSY_SNAPSHOT, so writers take the lock first).
    """
    engine = create_engine(
        # A path that is written into an address as it is ends at its first "?".
        URL.create("sqlite", database=str(path.absolute())),
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def reading(path: Path) -> sqlite3.Connection:
    """A connection of the driver's own that changes nothing in a file.

    Where a change was cut short and left its journal, nobody can read the file before SQLite has undone that change.
    """
    mode = "rw" if path.with_name(path.name + "-journal").exists() else "ro"
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )


def reading_engine(path: Path) -> Engine:
    """An engine on such connections."""
    return create_engine("sqlite://", creator=lambda: reading(path), poolclass=NullPool)


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "cache_size = -16000",
        "temp_store = MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def code_of(error: BaseException) -> int | None:
    """SQLite's extended code of an error, its own or as SQLAlchemy wraps it."""
    return getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", None)


def is_busy(error: BaseException) -> bool:
    """Whether another process holds the write lock."""
    code = code_of(error)
    return code is not None and code & 0xFF in HELD


def is_full(error: BaseException) -> bool:
    """Whether there was no room for a write: the disk is full, or the file may not grow."""
    return code_of(error) in NO_ROOM


def refusal(path: Path, error: BaseException) -> str:
    """What SQLite refused about a file, and the way out, in words."""
    return f"{path}: {reason(error)}"


def reason(error: BaseException) -> str:
    """The same without the file."""
    return words(error) or f"it cannot be used as a database: {getattr(error, 'orig', None) or error}"


def words(error: BaseException) -> str | None:
    """What a person does about an error; None where SQLite's own words are all there is.

    Source: sqlite.org/rescode.html
    """
    cause = getattr(error, "orig", None) or error
    code = code_of(error) or 0
    if code & 0xFF in DAMAGED:
        return f"damaged or no database ({cause}): put a backup in its place, as Restore in docs/operations.md says"
    if code & 0xFF in NOT_OURS:
        return (
            f"it cannot be opened or written ({cause}): "
            "the file and its folder must belong to the user that runs monitor"
        )
    if code & 0xFF in HELD:
        return f"held by another program ({cause}): end it, or begin again when it is done"
    if code in NO_ROOM:
        return f"no room to grow ({cause}): make room on its disk"
    return None


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Say what is wrong with a file in words, whatever SQLite calls it.

    Raises:
        StoreError: Instead of what the driver raised; a `SchemaError` names the file too.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(refusal(path, error)) from error
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from error


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a database for one service; other commands work beside it.

    Raises:
        Busy: Another service holds it; says which process.
        StoreError: The lock file cannot be made.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(
            f"cannot make {lock}: {error.strerror} - its folder must belong to the user that runs monitor"
        ) from error
    try:
        if not _locked(descriptor):
            pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise Busy(f"process {pid} already runs a service on {path}: stop it first")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take the lock; `holder` may have it for a moment, so ask a few times."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def holder(path: Path) -> int | None:
    """The process that runs a service on a database, or None."""
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)
    return None
