"""Putting right what was written by a clock that has been set since."""

from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    case,
    func,
    literal,
    select,
    type_coerce,
    update,
)

from monitor.store import decisions, tables, workers

log = structlog.get_logger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NOTICED = timedelta(seconds=5)
"""A smaller difference delays nothing that matters."""

DOUBTFUL_FROM = timedelta(hours=1)
"""A clock that was set by as much may be wrong now."""
AWAY_FOR = timedelta(days=30)
"""Where the service seems to have been away for longer, the clock may be wrong too."""

WAITING = ("pending", "ambiguous")
OPEN = (*WAITING, "sending")


def shift(connection: Connection, by: timedelta, *, now: datetime) -> None:
    """The clock was set.

    What waits is due when it would have been, and never later than was chosen when it was written: that is known of what
    was never tried; what was, is tried again now. Patience with a provider, and the time from which it is asked about a
    try, move with the clock. Nothing that happened is in the future: an alert told "in 2040" would make copies of all
    that its story's other feeds bring until then.

    Args:
        by: How far, below zero where it was set back. Where it was set more than once, the sum; the rules hold all the same.
        now: What it says since.
    """
    if abs(by) >= DOUBTFUL_FROM:
        workers.doubt_clock(connection, now)
    table = tables.deliveries
    connection.execute(
        update(table).where(table.c.state.in_(OPEN)).values(counted_at=_moved(table.c.counted_at, by, now))
    )
    if by > timedelta(0):
        return
    asked_from = _moved(table.c.claimed_at, by, now)
    connection.execute(update(table).where(table.c.state.in_(OPEN)).values(claimed_at=asked_from))
    moved = _whole(table.c.next_at) + by // timedelta(microseconds=1)
    chosen = _whole(table.c.next_at) - _whole(table.c.created_at) + _literal(now)
    due = case((table.c.tried_at.is_not(None), _literal(now)), (moved < chosen, moved), else_=chosen)
    connection.execute(
        update(table).where(table.c.state.in_(WAITING), _whole(table.c.next_at) > due).values(next_at=due)
    )
    for happened, names in (
        (tables.workers, ("renewed_at", "started_at", "ended_at")),
        (tables.claims, ("claimed_at",)),
        (tables.sightings, ("last_seen_at",)),
    ):
        when = {name: _moved(happened.c[name], by, now) for name in names}
        connection.execute(update(happened).where(happened.c[names[0]] > now).values(when))
    decisions.withdraw_offers(connection)


def since_the_last_run(connection: Connection, now: datetime) -> None:
    """Where the clock is behind what the last session wrote, it was set back while nobody ran, by that at least.

    Where it is far ahead of that, it may be wrong.
    """
    last = connection.execute(select(func.max(tables.workers.c.renewed_at))).scalar()
    if last is None:
        return
    if now - last > AWAY_FOR:
        workers.doubt_clock(connection, now)
    if last - now > NOTICED:
        log.warning("clock_was_set_back", last_run_at=last)
        shift(connection, now - last, now=now)


def _moved(column: ColumnElement[datetime], by: timedelta, now: datetime) -> ColumnElement[int]:
    """The instant moved, and no later than now; nothing where there is none."""
    there = _whole(column) + by // timedelta(microseconds=1)
    return case((there > _literal(now), _literal(now)), else_=there)


def _whole(column: ColumnElement[datetime]) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)


def _literal(instant: datetime) -> ColumnElement[int]:
    return literal((instant - _EPOCH) // timedelta(microseconds=1), BigInteger())
