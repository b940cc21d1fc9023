"""A copy that was put in place of the database: what it does not know to be sent may have been sent since.

The copy carries the minute it was made in SQLite's `user_version`, which the database itself has at 0. Ids come from
what feeds say, so a story that is seen again leads to the same delivery: a provider can be asked for it.
"""

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, or_, update

from monitor.alerts.decide import Decision
from monitor.store import tables

NEW_FEEDS_FOR = timedelta(days=30)
"""How long after a copy was made a feed that it does not know may be one that was followed before the restore."""

MARGIN = timedelta(minutes=2)
"""Of what is written as whole minutes; asking once too often costs nothing."""

REASON = "a backup was put in place: it may have been sent since"


def mark(copy: sqlite3.Connection, now: datetime) -> None:
    """Let a copy say when it was made."""
    copy.execute(f"PRAGMA user_version = {int(now.timestamp()) // 60}")


def made_at(connection: Connection) -> datetime | None:
    """When the copy was made that this database was; None where it never was one."""
    minute = connection.exec_driver_sql("PRAGMA user_version").scalar()
    return datetime.fromtimestamp(minute * 60, UTC) if minute else None


def doubt_waiting(connection: Connection, made: datetime) -> None:
    """Have everything asked about that waited when the copy was made."""
    table = tables.deliveries
    connection.execute(
        update(table)
        .where(
            table.c.state == "pending",
            table.c.created_at <= made + MARGIN,
            or_(table.c.claimed_at.is_(None), table.c.claimed_at <= made + MARGIN),
        )
        .values(state="ambiguous", claimed_at=made, reason=REASON)
    )


def may_be_told(delivery: Row[Any], made: datetime) -> bool:
    """Whether somebody may have had a delivery sent since the copy was made: it was open then, or may have been written."""
    if delivery.claimed_at is not None and delivery.claimed_at > made + MARGIN:
        return False
    return bool(delivery.created_at <= made + NEW_FEEDS_FOR)


def doubt(connection: Connection, decision: Decision, made: datetime) -> None:
    """Have the deliveries of a story asked about that may have been told between the copy and the restore.

    That is so where its feed was not read well since: only then is the story's absence from the copy no proof.
    """
    story = decision.story
    unknown_feed = story.first_answer and decision.decided_at - made < NEW_FEEDS_FOR
    if decision.alert is None or not (unknown_feed or story.reference_at <= made + MARGIN):
        return
    table = tables.deliveries
    connection.execute(
        update(table)
        .where(table.c.alert == decision.alert, table.c.state == "pending", table.c.tried_at.is_(None))
        .values(state="ambiguous", claimed_at=made, reason=REASON)
    )
