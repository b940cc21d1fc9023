"""What was decided about stories: the rows a decision is made from, and the one transaction it ends in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, tuple_, update

from monitor.alerts.decide import Decision, Told, Twin, Verdict, urgency
from monitor.alerts.same import keys as keys_of
from monitor.store import tables
from monitor.store.rows import insert, match_row, story_of
from monitor.stories.ids import AlertId, StoryId
from monitor.stories.story import Story


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Another story took what this decision relied on: gather and decide again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The decision is kept; these targets have something on its way."""

    targets: tuple[str, ...]


class _Overtaken(Exception):
    """Undoes the savepoint."""


def undecided(connection: Connection, story: StoryId, revision: int) -> Story | None:
    """The revision, if nothing was decided about it yet."""
    table = tables.stories
    row = connection.execute(
        select(table).where(table.c.id == story, table.c.revision == revision, table.c.decided_at.is_(None))
    ).first()
    return story_of(row) if row else None


def history(connection: Connection, story: Story) -> tuple[Told | None, tuple[Twin, ...]]:
    """The alert that this story led to before, and alerts on the same story elsewhere."""
    own = connection.execute(
        select(tables.alert_stories.c.alert).where(tables.alert_stories.c.story == story.id)
    ).scalar()
    told = Told(alert=own, targets=_targets(connection, own)) if own else None
    table = tables.claims
    rows = connection.execute(select(table).where(table.c.key.in_(keys_of(story)))).all()
    twins = tuple(
        Twin(
            key=row.key,
            alert=row.alert,
            story=row.story,
            feed=row.feed,
            source=row.source,
            claimed_at=row.claimed_at,
            targets=_targets(connection, row.alert),
        )
        for row in rows
        if row.story != story.id
    )
    return told, twins


def _targets(connection: Connection, alert: AlertId) -> frozenset[str]:
    table = tables.deliveries
    rows = connection.execute(select(table.c.channel, table.c.target).where(table.c.alert == alert))
    return frozenset(f"{row.channel}:{row.target}" for row in rows)


def record(connection: Connection, decision: Decision) -> Recorded | Overtaken:
    """Write match, alert and outbox together, once: a story that was decided meanwhile changes nothing."""
    savepoint = connection.begin_nested()
    try:
        answer = _record(connection, decision)
    except _Overtaken:
        savepoint.rollback()
        return Overtaken()
    savepoint.commit()
    return answer


def _record(connection: Connection, decision: Decision) -> Recorded:
    if not _close(connection, decision):
        return Recorded(targets=())
    story = decision.story
    if decision.matches:
        rows = [match_row(match, story, position) for position, match in enumerate(decision.matches)]
        connection.execute(insert(connection, tables.matches).on_conflict_do_nothing(), rows)
    if decision.alert is None:
        return Recorded(targets=())
    _check_claims(connection, decision)
    if decision.fresh:
        _put_alert(connection, decision)
    _join(connection, decision)
    for delivery in decision.deliveries:
        route = delivery.route
        connection.execute(
            insert(connection, tables.deliveries)
            .values(
                id=delivery.id,
                alert=decision.alert,
                channel=route.channel,
                target=route.target,
                receiver=route.receiver,
                language=route.language,
                timezone=route.timezone,
                urgency=urgency(decision.priority),
                state="pending",
                next_at=delivery.next_at,
                created_at=decision.decided_at,
            )
            .on_conflict_do_nothing()
        )
    return Recorded(targets=tuple(delivery.route.key for delivery in decision.deliveries))


def _close(connection: Connection, decision: Decision) -> bool:
    table = tables.stories
    done = connection.execute(
        update(table)
        .where(
            table.c.id == decision.story.id,
            table.c.revision == decision.story.revision,
            table.c.decided_at.is_(None),
        )
        .values(decided_at=decision.decided_at, verdict=decision.verdict.value, reason=decision.reason)
    )
    return done.rowcount > 0


def _check_claims(connection: Connection, decision: Decision) -> None:
    """What the decision relied on from other stories must still be so."""
    table = tables.claims
    for key, alert in decision.relied_on:
        holder = connection.execute(select(table.c.alert).where(table.c.key == key)).scalar()
        if holder != alert:
            raise _Overtaken
    own = connection.execute(
        select(tables.alert_stories.c.alert).where(tables.alert_stories.c.story == decision.story.id)
    ).scalar()
    if own is not None and own != decision.alert:
        raise _Overtaken


def _put_alert(connection: Connection, decision: Decision) -> None:
    story = decision.story
    connection.execute(
        insert(connection, tables.alerts)
        .values(
            id=decision.alert,
            story=story.id,
            revision=story.revision,
            priority=decision.priority.value,
            created_at=decision.decided_at,
        )
        .on_conflict_do_nothing()
    )
    for key in decision.claims:
        values = {
            "alert": decision.alert,
            "feed": story.feed,
            "source": story.source,
            "story": story.id,
            "claimed_at": decision.decided_at,
        }
        connection.execute(
            insert(connection, tables.claims)
            .values(key=key, **values)
            .on_conflict_do_update(index_elements=["key"], set_=values)
        )


def _join(connection: Connection, decision: Decision) -> None:
    story = decision.story
    connection.execute(
        insert(connection, tables.alert_stories)
        .values(
            story=story.id,
            alert=decision.alert,
            source=story.source,
            link=story.link,
            joined_at=decision.decided_at,
        )
        .on_conflict_do_nothing()
    )


# ---- the sweep -----------------------------------------------------------------------------------------------


def stale(
    connection: Connection, *, offered_before: datetime, now: datetime, limit: int
) -> tuple[tuple[StoryId, int], ...]:
    """Undecided revisions that were last offered before an instant, oldest first; stamped as offered now."""
    table = tables.stories
    due = (
        select(table.c.id, table.c.revision)
        .where(
            table.c.decided_at.is_(None),
            or_(table.c.offered_at.is_(None), table.c.offered_at < offered_before),
        )
        .order_by(table.c.offered_at, table.c.seen_at)
        .limit(limit)
    )
    rows = connection.execute(
        update(table)
        .where(tuple_(table.c.id, table.c.revision).in_(due))
        .values(offered_at=now)
        .returning(table.c.id, table.c.revision, table.c.seen_at)
    ).all()
    return tuple(
        (row.id, row.revision) for row in sorted(rows, key=lambda row: (row.seen_at, row.id, row.revision))
    )


def withdraw_offers(connection: Connection) -> None:
    """Forget when undecided revisions were offered: that log is gone."""
    table = tables.stories
    connection.execute(update(table).where(table.c.decided_at.is_(None)).values(offered_at=None))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterRow:
    """A message that could not be worked on."""

    topic: str
    partition: int
    position: int
    key: bytes | None
    value: bytes | None
    story: StoryId | None
    revision: int | None
    reason: str
    created_at: datetime


def bury(connection: Connection, letter: DeadLetterRow) -> None:
    """Keep a message that could not be worked on; its story is closed, so that it is not offered for ever."""
    values: dict[str, Any] = {name: getattr(letter, name) for name in DeadLetterRow.__slots__}
    connection.execute(insert(connection, tables.dead_letters).values(**values))
    if letter.story is not None:
        table = tables.stories
        connection.execute(
            update(table)
            .where(
                table.c.id == letter.story,
                table.c.revision == letter.revision,
                table.c.decided_at.is_(None),
            )
            .values(decided_at=letter.created_at, verdict=Verdict.DEAD.value, reason=letter.reason)
        )


def forget_claims(connection: Connection, *, before: datetime) -> int:
    """Drop claims that are outside every window."""
    table = tables.claims
    done = connection.execute(table.delete().where(table.c.claimed_at < before))
    return done.rowcount
