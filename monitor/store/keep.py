"""What is old enough to let go: found in a reader, dropped in small transactions that look again before they drop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Table,
    bindparam,
    delete,
    func,
    or_,
    select,
    type_coerce,
)

from monitor.store import tables
from monitor.store.polls import SEEN_AGAIN_AFTER

MOST_AT_ONCE = 500
"""Rows a transaction, so that no other writer waits for long."""

ENDED = ("sent", "dead", "suppressed", "digested")
"""States that nothing leads out of by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Older than these may go.

    Args:
        alerts: For alerts with their deliveries, members and matches.
        sightings: For entries that their feed no longer has.
    """

    stories: datetime
    alerts: datetime
    sightings: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of row that is let go.

    Args:
        age: The column that says how old a row is.
        may_go: Whether a row is old and nothing needs it, as SQL that is quick for one row.
        among: Narrows the search further, where that is too slow for one row; finding only.
        first: Run before the rows with these keys go.
    """

    table: Table
    age: str
    may_go: Callable[[Limits], ColumnElement[bool]]
    among: Callable[[Select[Any], Limits], Select[Any]] | None = None
    first: Callable[[Connection, Sequence[tuple[Any, ...]], Limits], None] | None = None

    def find(self, connection: Connection, limits: Limits) -> tuple[tuple[Any, ...], ...]:
        """Keys of the oldest rows that may go."""
        statement = select(*self.table.primary_key.columns).where(self.may_go(limits))
        if self.among is not None:
            statement = self.among(statement, limits)
        rows = connection.execute(statement.order_by(self.table.c[self.age]).limit(MOST_AT_ONCE))
        return tuple(tuple(row) for row in rows)

    def drop(self, connection: Connection, keys: Sequence[tuple[Any, ...]], limits: Limits) -> int:
        """Let these go, save those that may not go any more."""
        if self.first is not None:
            self.first(connection, keys, limits)
        columns = self.table.primary_key.columns
        one = [column == bindparam(f"key_{n}") for n, column in enumerate(columns)]
        statement = delete(self.table).where(*one, self.may_go(limits))
        values = [{f"key_{n}": part for n, part in enumerate(key)} for key in keys]
        return connection.execute(statement, values).rowcount


def _old_alert(limits: Limits) -> ColumnElement[bool]:
    alerts, deliveries = tables.alerts, tables.deliveries
    open_ = select(deliveries.c.id).where(deliveries.c.alert == alerts.c.id, deliveries.c.state.not_in(ENDED))
    return (alerts.c.created_at < limits.alerts) & ~open_.exists()


def _matches_and_claims(connection: Connection, keys: Sequence[tuple[Any, ...]], limits: Limits) -> None:
    """What names an alert without a foreign key; its deliveries and members go with it by themselves."""
    alerts, matches, members, claims = tables.alerts, tables.matches, tables.alert_stories, tables.claims
    named = select(alerts.c.id).where(alerts.c.id.in_([key[0] for key in keys]), _old_alert(limits))
    going = connection.execute(named).scalars().all()
    theirs = select(members.c.story).where(members.c.alert.in_(going))
    connection.execute(delete(matches).where(matches.c.story.in_(theirs)))
    connection.execute(delete(claims).where(claims.c.alert.in_(going)))


def _old_story(limits: Limits) -> ColumnElement[bool]:
    stories, members = tables.stories, tables.alert_stories
    # The story an alert was made for is a member of it too.
    told = select(members.c.story).where(members.c.story == stories.c.id)
    return (stories.c.seen_at < limits.stories) & stories.c.decided_at.is_not(None) & ~told.exists()


def _old_sighting(limits: Limits) -> ColumnElement[bool]:
    return tables.sightings.c.last_seen_at < limits.sightings


def _gone_from_its_feed(statement: Select[Any], limits: Limits) -> Select[Any]:
    """Only entries that a later answer of their feed did not have, or whose feed is asked no more.

    A feed that answers "not modified" for months still has its entries, though none is read: they keep their identity.
    """
    sightings, feeds = tables.sightings, tables.feeds
    newest = (
        select(sightings.c.feed, func.max(_microseconds(sightings.c.last_seen_at)).label("at"))
        .group_by(sightings.c.feed)
        .subquery()
    )
    renewed = SEEN_AGAIN_AFTER // timedelta(microseconds=1)
    return (
        statement.join(newest, newest.c.feed == sightings.c.feed)
        .outerjoin(feeds, feeds.c.id == sightings.c.feed)
        .where(
            or_(
                newest.c.at > _microseconds(sightings.c.last_seen_at) + renewed,
                feeds.c.polled_at.is_(None),
                feeds.c.polled_at < limits.sightings,
            )
        )
    )


def _microseconds(column: ColumnElement[datetime]) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)


def _old_dead_letter(limits: Limits) -> ColumnElement[bool]:
    return tables.dead_letters.c.created_at < limits.stories


KINDS = (
    Kind(table=tables.alerts, age="created_at", may_go=_old_alert, first=_matches_and_claims),
    Kind(table=tables.stories, age="seen_at", may_go=_old_story),
    Kind(table=tables.sightings, age="last_seen_at", may_go=_old_sighting, among=_gone_from_its_feed),
    Kind(table=tables.dead_letters, age="created_at", may_go=_old_dead_letter),
)
