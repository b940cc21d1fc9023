"""What became of stories and alerts, for people who ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from monitor.store import tables
from monitor.store.rows import story_of
from monitor.stories.ids import AlertId, StoryId
from monitor.stories.links import canonical_link
from monitor.stories.story import Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One revision of a story and what became of it."""

    story: Story
    decided_at: datetime | None
    verdict: str | None
    reason: str | None
    rules: tuple[str, ...]
    alert: AlertId | None


def find(connection: Connection, what: str) -> tuple[Judged, ...]:
    """Every revision of the stories with this id or address, oldest first."""
    table = tables.stories
    wanted = [table.c.id == what]
    if what.startswith(("http://", "https://")):
        bare = canonical_link(what)
        host, _, path = bare.partition("/")
        likely = or_(
            table.c.link == what, table.c.link.contains(f"{host}/{path}".split("?")[0], autoescape=True)
        )
        rows = connection.execute(
            select(table).where(likely).order_by(table.c.seen_at, table.c.revision).limit(500)
        )
        return tuple(judged(connection, row) for row in rows if row.link and canonical_link(row.link) == bare)
    alert = connection.execute(select(tables.alerts.c.story).where(tables.alerts.c.id == what)).scalar()
    if alert is not None:
        wanted = [table.c.id == alert]
    rows = connection.execute(select(table).where(*wanted).order_by(table.c.revision))
    return tuple(judged(connection, row) for row in rows)


def judged(connection: Connection, row: Row[Any]) -> Judged:
    """What became of the revision in a row of `stories`."""
    matches, members = tables.matches, tables.alert_stories
    rules = connection.execute(
        select(matches.c.name)
        .where(matches.c.story == row.id, matches.c.revision == row.revision)
        .order_by(matches.c.position)
    ).scalars()
    alert = connection.execute(select(members.c.alert).where(members.c.story == row.id)).scalar()
    return Judged(
        story=story_of(row),
        decided_at=row.decided_at,
        verdict=row.verdict,
        reason=row.reason,
        rules=tuple(rules),
        alert=alert,
    )


def stories_since(connection: Connection, after: datetime, limit: int = 500) -> tuple[Judged, ...]:
    """Revisions that were decided after an instant, in the order of deciding."""
    table = tables.stories
    rows = connection.execute(
        select(table).where(table.c.decided_at > after).order_by(table.c.decided_at, table.c.id).limit(limit)
    ).all()
    return tuple(judged(connection, row) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """An alert as people see it."""

    id: AlertId
    created_at: datetime
    priority: str
    story: Story
    rules: tuple[str, ...]
    outlets: tuple[str, ...]
    states: dict[str, int]


def alerts(connection: Connection, *, alert: str | None = None, limit: int = 100) -> tuple[AlertRow, ...]:
    """Alerts, newest first."""
    table, stories = tables.alerts, tables.stories
    statement = select(table).order_by(table.c.created_at.desc(), table.c.id).limit(limit)
    if alert is not None:
        statement = statement.where(table.c.id == alert)
    found = []
    for row in connection.execute(statement).all():
        story = connection.execute(
            select(stories).where(stories.c.id == row.story, stories.c.revision == row.revision)
        ).one()
        members = connection.execute(
            select(tables.alert_stories).where(tables.alert_stories.c.alert == row.id)
            .order_by(tables.alert_stories.c.joined_at)
        ).all()  # fmt: skip
        found.append(
            AlertRow(
                id=row.id,
                created_at=row.created_at,
                priority=row.priority,
                story=story_of(story),
                rules=_rules(connection, [member.story for member in members]),
                outlets=tuple(member.source for member in members),
                states=_states(connection, row.id),
            )
        )
    return tuple(found)


def _rules(connection: Connection, stories: Sequence[StoryId]) -> tuple[str, ...]:
    table = tables.matches
    rows = connection.execute(
        select(table.c.name).where(table.c.story.in_(stories)).order_by(table.c.revision, table.c.position)
    )
    return tuple(dict.fromkeys(row.name for row in rows))


def _states(connection: Connection, alert: AlertId) -> dict[str, int]:
    table = tables.deliveries
    rows = connection.execute(
        select(table.c.state, func.count()).where(table.c.alert == alert).group_by(table.c.state)
    )
    return {state: count for state, count in rows}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much there is."""

    stories: int
    undecided: int
    oldest_undecided_at: datetime | None
    dead_letters: int


def counts(connection: Connection) -> Counts:
    """Count stories, and what waits to be judged."""
    table = tables.stories
    waiting = connection.execute(
        select(func.count(), func.min(table.c.seen_at)).where(table.c.decided_at.is_(None))
    ).one()
    return Counts(
        stories=connection.execute(select(func.count()).select_from(table)).scalar_one(),
        undecided=waiting[0],
        oldest_undecided_at=waiting[1],
        dead_letters=connection.execute(select(func.count()).select_from(tables.dead_letters)).scalar_one(),
    )
