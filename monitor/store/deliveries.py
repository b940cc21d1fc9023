"""The outbox: claiming, recording, waking, and what people see of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Row,
    Text,
    and_,
    bindparam,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from monitor.alerts.letter import Copy, Letter, Reason, Span
from monitor.alerts.reactions import GIVEN_UP
from monitor.rules.rule import Priority
from monitor.store import restored, tables
from monitor.store.rows import story_of
from monitor.stories.ids import DeliveryId, RuleId, SessionId, StoryId

WAITING = ("pending", "ambiguous")
"""States in which a delivery is due when its time comes."""

OPEN = (*WAITING, "held", "dead")
"""States in which people may still decide about a delivery: not being sent, not sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that this session now works on.

    Args:
        ambiguous: An earlier try may have reached the provider: ask before sending again.
        since: When that try was claimed.
        attempts: Tries that counted.
        counted_at: The first of those.
        more: Another one is due for the same target.
    """

    letter: Letter
    ambiguous: bool
    since: datetime | None
    attempts: int
    counted_at: datetime | None
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a try came to, as the row keeps it."""

    state: str
    reason: str
    next_at: datetime | None = None
    counts: bool = False
    plain: bool = False
    reference: str | None = None


_TABLE = tables.deliveries
_DUE = (
    select(_TABLE)
    .where(
        _TABLE.c.channel == bindparam("channel"),
        _TABLE.c.target == bindparam("target"),
        _TABLE.c.state.in_(WAITING),
        _TABLE.c.next_at <= bindparam("now"),
    )
    .order_by(_TABLE.c.urgency, _TABLE.c.next_at, _TABLE.c.created_at, _TABLE.c.id)
    .limit(2)
)
_CLAIM = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("this"))
    .values(
        state="sending",
        session=bindparam("session"),
        claimed_at=bindparam("claimed_at"),
        tried_at=bindparam("tried_at"),
    )
)


def claim(
    connection: Connection, *, channel: str, target: str, session: SessionId, now: datetime
) -> Claimed | None:
    """Take the next due delivery of a target: the most urgent, then the one that waited longest.

    One that cannot be read as a letter is dead, and the next is taken: it must not hold up the others for ever.
    """
    while True:
        due = connection.execute(_DUE, {"channel": channel, "target": target, "now": now}).all()
        if not due:
            return None
        row = due[0]
        tried_at = row.tried_at or now
        try:
            found = _letter(connection, row, tried_at)
            break
        except DBAPIError:
            raise
        except Exception as error:
            reason = f"what is stored of it cannot be read: {type(error).__name__}: {error}"
            _settle(connection, row.id, state="dead", reason=reason, next_at=None, ended_at=now)
    # While it is uncertain whether an earlier try arrived, the time of that try is what the provider is asked about.
    claimed_at = row.claimed_at if row.state == "ambiguous" else now
    connection.execute(
        _CLAIM, {"this": row.id, "session": session, "claimed_at": claimed_at, "tried_at": tried_at}
    )
    return Claimed(
        letter=found,
        ambiguous=row.state == "ambiguous",
        since=row.claimed_at,
        attempts=row.attempts,
        counted_at=row.counted_at,
        more=len(due) > 1,
    )


_RECORD = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("this"), _TABLE.c.session == bindparam("mine"))
    .values(
        state=bindparam("state"),
        reason=bindparam("reason"),
        next_at=bindparam("next_at"),
        session=None,
        attempts=_TABLE.c.attempts + bindparam("counts"),
        counted_at=func.coalesce(_TABLE.c.counted_at, bindparam("counted_at", type_=tables.Instant())),
        plain=or_(_TABLE.c.plain, bindparam("plain", type_=Boolean())),
        reference=func.coalesce(bindparam("reference", type_=Text()), _TABLE.c.reference),
        ended_at=func.coalesce(bindparam("ended_at", type_=tables.Instant()), _TABLE.c.ended_at),
    )
)


def record(
    connection: Connection, delivery: DeliveryId, outcome: Outcome, *, session: SessionId, now: datetime
) -> None:
    """Write what a try came to, if the delivery is still this session's."""
    connection.execute(
        _RECORD,
        {
            "this": delivery,
            "mine": session,
            "state": outcome.state,
            "reason": outcome.reason,
            "next_at": outcome.next_at,
            "counts": int(outcome.counts),
            "counted_at": now if outcome.counts else None,
            "plain": outcome.plain,
            "reference": outcome.reference,
            "ended_at": now if outcome.state in ("sent", "dead") else None,
        },
    )


def hasten(connection: Connection, now: datetime) -> int:
    """Make due whatever failed and waits for its next try: what stood in its way may be put right.

    A mail that may have arrived is not: nobody can be asked, and each repeat may be one copy more.
    """
    table = tables.deliveries
    done = connection.execute(
        update(table)
        .where(
            or_(table.c.state == "pending", and_(table.c.state == "ambiguous", table.c.channel != "email")),
            table.c.tried_at.is_not(None),
            table.c.next_at > now,
        )
        .values(next_at=now)
    )
    return done.rowcount


def release_dead(connection: Connection, *, alive: tuple[SessionId, ...], now: datetime) -> int:
    """Deliveries that a dead session was working on may have been sent: each is asked about before it is sent."""
    table = tables.deliveries
    done = connection.execute(
        update(table)
        .where(table.c.state == "sending", or_(table.c.session.is_(None), table.c.session.not_in(alive)))
        .values(state="ambiguous", session=None, next_at=now, reason="the worker that sent it died")
    )
    return done.rowcount


_DUE_TARGETS = (
    select(_TABLE.c.channel, _TABLE.c.target)
    .where(_TABLE.c.state.in_(WAITING), _TABLE.c.next_at <= bindparam("now"))
    .distinct()
)


def due_targets(connection: Connection, now: datetime) -> tuple[tuple[str, str], ...]:
    """Channel and target of everything that is due."""
    return tuple((row.channel, row.target) for row in connection.execute(_DUE_TARGETS, {"now": now}))


_EARLIEST = (
    select(_TABLE.c.next_at)
    .where(_TABLE.c.state.in_(WAITING), _TABLE.c.next_at > bindparam("after"))
    .order_by(_TABLE.c.next_at)
    .limit(1)
)


def earliest(connection: Connection, after: datetime) -> datetime | None:
    """When the next delivery falls due after an instant."""
    row = connection.execute(_EARLIEST, {"after": after}).first()
    return row.next_at if row else None


# ---- what people decide --------------------------------------------------------------------------------------


def retry(connection: Connection, delivery: DeliveryId, *, now: datetime) -> str | None:
    """Make an open delivery due now, as if it had never been tried; one that may have arrived is asked about first.

    It may have where nobody knows of an earlier try, and where a backup was put in place since.

    Returns:
        Its state before; None where there is no such delivery. Only one that was open is changed.
    """
    table = tables.deliveries
    row = connection.execute(select(table).where(table.c.id == delivery)).first()
    if row is None or row.state not in OPEN:
        return row.state if row else None
    unsure = row.state == "ambiguous" or GIVEN_UP in row.reason
    claimed_at, made = row.claimed_at, restored.made_at(connection)
    if not unsure and made is not None and restored.may_be_told(row, made):
        unsure, claimed_at = True, made
    _settle(
        connection,
        delivery,
        state="ambiguous" if unsure else "pending",
        next_at=now,
        claimed_at=claimed_at,
        attempts=0,
        counted_at=None,
        ended_at=None,
    )
    return str(row.state)


def drop(connection: Connection, delivery: DeliveryId, *, reason: str, now: datetime) -> str | None:
    """Never send an open delivery, and keep why.

    Returns:
        Its state before; None where there is no such delivery. Only one that was open is changed.
    """
    table = tables.deliveries
    state = connection.execute(select(table.c.state).where(table.c.id == delivery)).scalar()
    if state in OPEN:
        _settle(connection, delivery, state="suppressed", reason=reason, next_at=None, ended_at=now)
    return state


def _settle(connection: Connection, delivery: DeliveryId, **values: Any) -> None:
    table = tables.deliveries
    connection.execute(update(table).where(table.c.id == delivery).values(**values))


def all_in(connection: Connection, state: str) -> tuple[DeliveryId, ...]:
    """Every delivery in this state, oldest first."""
    table = tables.deliveries
    rows = connection.execute(
        select(table.c.id).where(table.c.state == state).order_by(table.c.created_at, table.c.id)
    )
    return tuple(row.id for row in rows)


# ---- the letter ----------------------------------------------------------------------------------------------


_ALERT = select(tables.alerts).where(tables.alerts.c.id == bindparam("alert"))
_STORY = select(tables.stories).where(
    tables.stories.c.id == bindparam("story"), tables.stories.c.revision == bindparam("revision")
)


def _letter(connection: Connection, row: Row[Any], tried_at: datetime) -> Letter:
    alert = connection.execute(_ALERT, {"alert": row.alert}).one()
    return letter(connection, alert, {**row._mapping, "tried_at": tried_at})


def letter(connection: Connection, alert: Row[Any], delivery: Mapping[str, Any]) -> Letter:
    """Put together what a channel needs: the story, why it came, where else it is."""
    row = connection.execute(_STORY, {"story": alert.story, "revision": alert.revision}).one()
    story = story_of(row)
    return Letter(
        delivery=delivery["id"],
        alert=alert.id,
        receiver=delivery["receiver"],
        channel=delivery["channel"],
        target=delivery["target"],
        language=delivery["language"],
        timezone=delivery["timezone"],
        priority=Priority(alert.priority),
        story=story,
        reasons=_reasons(connection, alert.id, story.id, story.revision),
        copies=_copies(connection, alert.id, story.id),
        first_tried_at=delivery["tried_at"],
        plain=delivery["plain"],
    )


_REASONS = (
    select(tables.matches)
    .join(tables.alert_stories, tables.alert_stories.c.story == tables.matches.c.story)
    .where(tables.alert_stories.c.alert == bindparam("alert"))
    .order_by(
        tables.matches.c.story != bindparam("story"),
        tables.matches.c.revision != bindparam("revision"),
        tables.matches.c.revision,
        tables.matches.c.position,
    )
)


def _reasons(connection: Connection, alert: str, story: StoryId, revision: int) -> tuple[Reason, ...]:
    """The rules that held for the story, then those that held only for its copies or later revisions."""
    rows = connection.execute(_REASONS, {"alert": alert, "story": story, "revision": revision})
    found: dict[RuleId, Reason] = {}
    for row in rows:
        spans = _spans(row.evidence) if (row.story, row.revision) == (story, revision) else ()
        found.setdefault(
            row.rule, Reason(rule_id=row.rule, rule=row.name, desk=row.desk, note=row.note, spans=spans)
        )
    return tuple(found.values())


def _spans(evidence: list[dict[str, Any]]) -> tuple[Span, ...]:
    return tuple(Span(field=e["field"], start=e["start"], end=e["end"], text=e["text"]) for e in evidence)


_COPIES = (
    select(tables.alert_stories)
    .where(
        tables.alert_stories.c.alert == bindparam("alert"), tables.alert_stories.c.story != bindparam("story")
    )
    .order_by(tables.alert_stories.c.joined_at)
    .limit(40)
)


def _copies(connection: Connection, alert: str, story: StoryId) -> tuple[Copy, ...]:
    rows = connection.execute(_COPIES, {"alert": alert, "story": story})
    return tuple(Copy(source=row.source, link=row.link, seen_at=row.joined_at) for row in rows)


# ---- for people ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A delivery as people see it."""

    id: DeliveryId
    state: str
    channel: str
    target: str
    receiver: str
    rule: str
    story: StoryId
    title: str
    alert: str
    attempts: int
    next_at: datetime | None
    reason: str
    created_at: datetime
    ended_at: datetime | None
    reference: str | None


def listing(
    connection: Connection,
    *,
    state: str | None = None,
    alert: str | None = None,
    story: StoryId | None = None,
    delivery: str | None = None,
    limit: int = 500,
) -> tuple[DeliveryRow, ...]:
    """Deliveries, newest first."""
    table, alerts, stories = tables.deliveries, tables.alerts, tables.stories
    wanted: list[ColumnElement[bool]] = []
    if state is not None:
        wanted.append(table.c.state == state)
    if alert is not None:
        wanted.append(table.c.alert == alert)
    if delivery is not None:
        wanted.append(table.c.id == delivery)
    if story is not None:
        members = tables.alert_stories
        wanted.append(table.c.alert.in_(select(members.c.alert).where(members.c.story == story)))
    rows = connection.execute(
        select(table, alerts.c.story, stories.c.title)
        .join(alerts, alerts.c.id == table.c.alert)
        .join(stories, and_(stories.c.id == alerts.c.story, stories.c.revision == alerts.c.revision))
        .where(*wanted)
        .order_by(table.c.created_at.desc(), table.c.id)
        .limit(limit)
    ).all()
    rules = _rules_of(connection, {row.alert for row in rows})
    fields = DeliveryRow.__slots__
    return tuple(
        DeliveryRow(
            **{f: getattr(row, f) for f in fields if f != "rule"}, rule=", ".join(rules.get(row.alert, ()))
        )
        for row in rows
    )


def _rules_of(connection: Connection, alerts: set[str]) -> dict[str, list[str]]:
    matches, members = tables.matches, tables.alert_stories
    rows = connection.execute(
        select(members.c.alert, matches.c.name, matches.c.position)
        .join(matches, matches.c.story == members.c.story)
        .where(members.c.alert.in_(alerts))
        .order_by(members.c.joined_at, matches.c.position)
    )
    names: dict[str, list[str]] = {}
    for row in rows:
        if row.name not in names.setdefault(row.alert, []):
            names[row.alert].append(row.name)
    return names


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How the outbox stands.

    Args:
        oldest_at: When the oldest delivery that is due and not sent was written.
    """

    by_state: dict[str, int]
    oldest_at: datetime | None


def backlog(connection: Connection) -> Backlog:
    """Count the outbox by state."""
    table = tables.deliveries
    counts = connection.execute(select(table.c.state, func.count()).group_by(table.c.state))
    oldest = connection.execute(
        select(table.c.created_at)
        .where(table.c.state.in_((*WAITING, "sending")))
        .order_by(table.c.created_at)
        .limit(1)
    ).first()
    return Backlog(
        by_state={state: count for state, count in counts}, oldest_at=oldest.created_at if oldest else None
    )
