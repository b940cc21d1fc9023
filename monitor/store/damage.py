"""That a database is damaged, noted beside it: whoever looks is told, whichever pages they read themselves.

Damage shows only to those who read the damaged page. A service whose stories cannot be stored would look well to a
command that counts feeds.
"""

import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy import Engine, ExceptionContext, event

from monitor.store import sqlite

log = structlog.get_logger(__name__)

READ_FAILED = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)


def note(path: Path) -> Path:
    """Where it is noted; a file that moves away with the database when it is replaced."""
    return path.with_name(path.name + ".damaged")


def watch(engine: Engine, path: Path) -> None:
    """Note it when an answer of this engine's database shows damage; where no note can be written, the log has it."""
    logged = False

    def failed(context: ExceptionContext) -> None:
        nonlocal logged
        error = context.original_exception
        if not _is_damage(error):
            return
        noted = _noted(path, error)
        if noted or (noted is None and not logged):
            logged = True
            log.error("database_damaged", database=str(path), reason=str(error))

    event.listen(engine, "handle_error", failed)


def known(path: Path) -> str | None:
    """What was found, and when, in words; None where nothing was."""
    try:
        found = note(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
    return f"{path} is damaged ({found or 'the note of it is empty'}): `monitor db check` says where"


def forget(path: Path) -> None:
    """The database was read from end to end and is whole."""
    with suppress(OSError):
        note(path).unlink(missing_ok=True)


def _is_damage(error: BaseException) -> bool:
    code = sqlite.code_of(error)
    return code is not None and (code & 0xFF in sqlite.DAMAGED or code in READ_FAILED)


def _noted(path: Path, error: BaseException) -> bool | None:
    """Whether this is the first finding, now noted; None where it cannot be: then the next finding tries again."""
    try:
        with note(path).open("x", encoding="utf-8") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {error}\n")
    except FileExistsError:
        return False
    except OSError:
        return None
    return True
