"""What was decided about stories: the rows a decision is made from, and the one transaction it ends in."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, or_, select, tuple_, update

from monitor.alerts.decide import Decision, Told, Twin, Verdict, urgency
from monitor.alerts.same import keys as keys_of
from monitor.store import tables
from monitor.store.rows import insert_into, match_row, put, put_new, story_of
from monitor.stories.ids import AlertId, StoryId
from monitor.stories.story import Story


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Another story took what this decision relied on: gather and decide again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The decision is kept; these targets have something on its way (what is held is not)."""

    targets: tuple[str, ...]


_UNDECIDED = select(tables.stories).where(
    tables.stories.c.id == bindparam("story"),
    tables.stories.c.revision == bindparam("revision"),
    tables.stories.c.decided_at.is_(None),
)


def undecided(connection: Connection, story: StoryId, revision: int) -> Story | None:
    """The revision, if nothing was decided about it yet."""
    row = connection.execute(_UNDECIDED, {"story": story, "revision": revision}).first()
    return story_of(row) if row else None


_OWN_ALERT = select(tables.alert_stories.c.alert).where(tables.alert_stories.c.story == bindparam("story"))
_CLAIMS = select(tables.claims).where(tables.claims.c.key.in_(bindparam("keys", expanding=True)))


def history(connection: Connection, story: Story) -> tuple[Told | None, tuple[Twin, ...]]:
    """The alert that this story led to before, and alerts on the same story elsewhere."""
    own = connection.execute(_OWN_ALERT, {"story": story.id}).scalar()
    told = Told(alert=own, targets=_targets(connection, own)) if own else None
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
        for row in connection.execute(_CLAIMS, {"keys": keys_of(story)}).all()
        if row.story != story.id
    )
    return told, twins


_TARGETS = select(tables.deliveries.c.channel, tables.deliveries.c.target).where(
    tables.deliveries.c.alert == bindparam("alert"), tables.deliveries.c.state != "held"
)


def _targets(connection: Connection, alert: AlertId) -> frozenset[str]:
    """Who was told, or will be; what is held tells nobody."""
    rows = connection.execute(_TARGETS, {"alert": alert})
    return frozenset(f"{row.channel}:{row.target}" for row in rows)


def record(connection: Connection, decision: Decision) -> Recorded | Overtaken:
    """Write match, alert and outbox together, once: a story that was decided meanwhile changes nothing."""
    if (decision.alert or decision.relied_on) and not _stands(connection, decision):
        return Overtaken()
    if not _close(connection, decision):
        return Recorded(targets=())
    story = decision.story
    if decision.matches:
        rows = [match_row(match, story, position) for position, match in enumerate(decision.matches)]
        connection.execute(put_new(connection, tables.matches), rows)
    if decision.alert is None:
        return Recorded(targets=())
    if decision.fresh:
        _put_alert(connection, decision)
    _join(connection, decision)
    _put_deliveries(connection, decision)
    return Recorded(targets=tuple(one.route.key for one in decision.deliveries if one.next_at))


def _stands(connection: Connection, decision: Decision) -> bool:
    """Whether what the decision relied on from other stories is still so. What its own alert holds is no obstacle."""
    own = connection.execute(_OWN_ALERT, {"story": decision.story.id}).scalar()
    if own not in (None, decision.alert):
        return False
    relied_on = dict(decision.relied_on)
    rows = connection.execute(_CLAIMS, {"keys": tuple(relied_on)}) if relied_on else ()
    holders = {row.key: row.alert for row in rows}
    return all(holders.get(key) in (alert, decision.alert) for key, alert in relied_on.items())


_CLOSE = (
    update(tables.stories)
    .where(
        tables.stories.c.id == bindparam("this_story"),
        tables.stories.c.revision == bindparam("this_revision"),
        tables.stories.c.decided_at.is_(None),
    )
    .values(decided_at=bindparam("at"), verdict=bindparam("verdict"), reason=bindparam("reason"))
)


def _close(connection: Connection, decision: Decision) -> bool:
    done = connection.execute(
        _CLOSE,
        {
            "this_story": decision.story.id,
            "this_revision": decision.story.revision,
            "at": decision.decided_at,
            "verdict": decision.verdict.value,
            "reason": decision.reason,
        },
    )
    return done.rowcount > 0


def _put_alert(connection: Connection, decision: Decision) -> None:
    story = decision.story
    connection.execute(
        put_new(connection, tables.alerts),
        {
            "id": decision.alert,
            "story": story.id,
            "revision": story.revision,
            "priority": decision.priority.value,
            "created_at": decision.decided_at,
        },
    )
    values = {
        "alert": decision.alert,
        "feed": story.feed,
        "source": story.source,
        "story": story.id,
        "claimed_at": decision.decided_at,
    }
    if decision.claims:
        rows = [{"key": key, **values} for key in decision.claims]
        connection.execute(put(connection, tables.claims, values), rows)


def _join(connection: Connection, decision: Decision) -> None:
    story = decision.story
    connection.execute(
        put_new(connection, tables.alert_stories),
        {
            "story": story.id,
            "alert": decision.alert,
            "source": story.source,
            "link": story.link,
            "joined_at": decision.decided_at,
        },
    )


@cache
def _put_or_release(dialect: str) -> Any:
    """An INSERT that also sends on what was held of the same alert, because another feed brought it too."""
    table = tables.deliveries
    statement = insert_into(dialect, table)
    return statement.on_conflict_do_update(
        index_elements=[table.c.id],
        set_={name: statement.excluded[name] for name in ("state", "next_at", "reason")},
        where=and_(table.c.state == "held", statement.excluded.state == "pending"),
    )


def _put_deliveries(connection: Connection, decision: Decision) -> None:
    rows = [
        {
            "id": delivery.id,
            "alert": decision.alert,
            "channel": delivery.route.channel,
            "target": delivery.route.target,
            "receiver": delivery.route.receiver,
            "language": delivery.route.language,
            "timezone": delivery.route.timezone,
            "urgency": urgency(decision.priority),
            "state": "pending" if delivery.next_at else "held",
            "next_at": delivery.next_at,
            "reason": "" if delivery.next_at else decision.reason,
            "created_at": decision.decided_at,
        }
        for delivery in decision.deliveries
    ]
    if rows:
        connection.execute(_put_or_release(connection.dialect.name), rows)


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
    connection.execute(insert(tables.dead_letters), values)
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
