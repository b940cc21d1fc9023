"""Sessions of workers: a lease belongs to one, and one that is not renewed is dead."""

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from monitor.store import tables
from monitor.stories.ids import SessionId

DEAD_AFTER = timedelta(seconds=15)

CLOCK_DOUBTED = SessionId("clock-doubted")
"""No run of a worker, but the instant since which the clock may be wrong: kept among them, it is set back with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One run of one worker."""

    session: SessionId
    pid: int
    host: str
    started_at: datetime
    renewed_at: datetime
    ended_at: datetime | None


def begin(connection: Connection, session: SessionId, now: datetime, *, alone: bool) -> None:
    """Enter a session.

    Args:
        alone: This worker holds the whole database, so every session before it has ended.
    """
    table = tables.workers
    if alone:
        connection.execute(
            update(table).where(table.c.ended_at.is_(None)).values(ended_at=table.c.renewed_at)
        )
    connection.execute(
        insert(table).values(
            session=session, pid=os.getpid(), host=socket.gethostname(), started_at=now, renewed_at=now
        )
    )


def renew(connection: Connection, session: SessionId, now: datetime) -> None:
    """Say that the session lives."""
    table = tables.workers
    connection.execute(update(table).where(table.c.session == session).values(renewed_at=now))


def end(connection: Connection, session: SessionId, now: datetime) -> None:
    """Say that the session has ended in good order."""
    table = tables.workers
    connection.execute(update(table).where(table.c.session == session).values(renewed_at=now, ended_at=now))


def alive(connection: Connection, now: datetime) -> tuple[SessionId, ...]:
    """Sessions that have neither ended nor gone silent."""
    table = tables.workers
    rows = connection.execute(
        select(table.c.session).where(table.c.ended_at.is_(None), table.c.renewed_at > now - DEAD_AFTER)
    )
    return tuple(row.session for row in rows)


def latest(connection: Connection) -> Sequence[Worker]:
    """The last sessions, newest first."""
    table = tables.workers
    rows = connection.execute(
        select(table).where(table.c.session != CLOCK_DOUBTED).order_by(table.c.started_at.desc()).limit(10)
    )
    return [Worker(**row._mapping) for row in rows]


def doubt_clock(connection: Connection, now: datetime) -> None:
    """Keep that the clock may be wrong since now."""
    table = tables.workers
    connection.execute(delete(table).where(table.c.session == CLOCK_DOUBTED))
    begin(connection, CLOCK_DOUBTED, now, alone=False)
    end(connection, CLOCK_DOUBTED, now)


def clock_doubted_at(connection: Connection) -> datetime | None:
    """Since when the clock may be wrong, or may have been; None where it was not doubted for long."""
    table = tables.workers
    return connection.execute(select(table.c.started_at).where(table.c.session == CLOCK_DOUBTED)).scalar()


def forget(connection: Connection, *, before: datetime) -> None:
    """Drop sessions that ended long ago."""
    table = tables.workers
    connection.execute(table.delete().where(table.c.renewed_at < before))
