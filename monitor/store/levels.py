"""How much waits, for metrics: what it costs to ask does not grow with all that was ever stored."""

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from monitor.feeds.health import FeedHealth, FeedState
from monitor.feeds.schedule import FAILING_AFTER
from monitor.store import tables
from monitor.store.deliveries import WAITING
from monitor.stories.ids import FeedId

OPEN = (*WAITING, "sending", "held", "dead")
"""States that a delivery can be in and that somebody may have to care for."""

MOST_COUNTED = 50_000
"""Of one kind; more are told as so many."""

_ONCE = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What waits, and for how long it has.

    Args:
        deliveries: By channel and state.
        oldest_undelivered_at: When the oldest delivery that is not sent, dead or held was written.
    """

    feeds: Mapping[FeedHealth, int]
    undecided: int
    oldest_undecided_at: datetime | None
    dead_letters: int
    deliveries: Mapping[tuple[str, str], int]
    oldest_undelivered_at: datetime | None


def levels(connection: Connection, feeds: Set[FeedId]) -> Levels:
    """Count what waits, of no kind more than `MOST_COUNTED`, and the states of the feeds that are followed."""
    stories = tables.stories
    waiting = (
        select(stories.c.seen_at)
        .where(stories.c.decided_at.is_(None))
        .order_by(stories.c.offered_at)
        .limit(MOST_COUNTED)
        .subquery()
    )
    undecided, oldest = connection.execute(select(func.count(), func.min(waiting.c.seen_at))).one()
    letters = select(tables.dead_letters.c.id).limit(MOST_COUNTED).subquery()
    return Levels(
        feeds=_feeds(connection, feeds),
        undecided=undecided,
        oldest_undecided_at=oldest,
        dead_letters=connection.execute(select(func.count()).select_from(letters)).scalar_one(),
        deliveries=_deliveries(connection),
        oldest_undelivered_at=_oldest_undelivered(connection),
    )


def _feeds(connection: Connection, followed: Set[FeedId]) -> Mapping[FeedHealth, int]:
    table = tables.feeds
    rows = connection.execute(select(table.c.id, table.c.polled_at.is_not(None), table.c.failures))
    # Few kinds, many feeds: each kind is judged once.
    kinds = Counter((asked, min(failures, FAILING_AFTER)) for id_, asked, failures in rows if id_ in followed)
    found = Counter({FeedHealth.NEW: len(followed) - kinds.total()})
    for (asked, failures), count in kinds.items():
        state = FeedState(polled_at=_ONCE if asked else None, failures=failures)
        found[state.health] += count
    return {health: found[health] for health in FeedHealth}


def _deliveries(connection: Connection) -> Mapping[tuple[str, str], int]:
    table = tables.deliveries
    found: dict[tuple[str, str], int] = {}
    for state in OPEN:
        some = select(table.c.channel).where(table.c.state == state).limit(MOST_COUNTED).subquery()
        for channel, count in connection.execute(
            select(some.c.channel, func.count()).group_by(some.c.channel)
        ):
            found[channel, state] = count
    return found


def _oldest_undelivered(connection: Connection) -> datetime | None:
    table = tables.deliveries
    some = (
        select(table.c.created_at)
        .where(table.c.state.in_((*WAITING, "sending")))
        .limit(MOST_COUNTED)
        .subquery()
    )
    found: datetime | None = connection.execute(select(func.min(some.c.created_at))).scalar_one()
    return found
