"""What becomes of a story: one decision, which explains itself. Values in, a value out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum

from monitor.alerts.routes import Route
from monitor.alerts.same import keys
from monitor.matching.evidence import Match
from monitor.rules.rule import Priority
from monitor.stories.ids import AlertId, DeliveryId, FeedId, StoryId, alert_id, delivery_id
from monitor.stories.story import Story

IMPOSSIBLE = timedelta(days=2)
"""Nobody publishes so far in the future: the date or our own clock is wrong, and a feed's whole past would look new."""


class Verdict(StrEnum):
    """What became of a story, in one word."""

    TOLD = "told"
    NO_RULE = "no_rule"
    TOO_OLD = "too_old"
    BASELINE = "baseline"
    COPY = "copy"
    NOTHING_NEW = "nothing_new"
    NOBODY = "nobody"
    HELD = "held"  # to be told, once somebody says so
    DEAD = "dead"  # judging it raised; the dead letter says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An earlier alert on this very story."""

    alert: AlertId
    targets: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """An alert on the same story in another feed."""

    key: str
    alert: AlertId
    story: StoryId
    feed: FeedId
    source: str
    claimed_at: datetime
    targets: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the operator says about when to tell.

    Args:
        most_per_feed: Alerts of one feed that are sent within ten minutes, or None for no limit.
    """

    max_age: timedelta
    collect: timedelta
    window: timedelta
    most_per_feed: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A row of the outbox; without `next_at` it is held until somebody decides."""

    id: DeliveryId
    route: Route
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of one revision of a story, and every row that follows from it.

    Args:
        reason: The verdict in words.
        alert: The alert this story belongs to; `fresh` says that it is new with this decision.
        claims: Keys that the alert takes for itself, so that copies find it.
        relied_on: Keys that were free, or the twin's, when this was decided; if that changed, decide again.
    """

    story: Story
    verdict: Verdict
    reason: str
    decided_at: datetime
    matches: tuple[Match, ...] = ()
    alert: AlertId | None = None
    fresh: bool = False
    priority: Priority = Priority.NORMAL
    deliveries: tuple[NewDelivery, ...] = ()
    claims: tuple[str, ...] = ()
    relied_on: tuple[tuple[str, AlertId | None], ...] = ()


def decide(
    story: Story,
    matches: tuple[Match, ...],
    *,
    routes: Sequence[Route],
    policy: Policy,
    now: datetime,
    told: Told | None = None,
    twins: tuple[Twin, ...] = (),
) -> Decision:
    """Decide what becomes of a story that was just judged.

    Args:
        matches: The rules that held for it.
        routes: Who is told of those rules.
        told: The alert that an earlier revision of it led to.
        twins: Alerts that hold one of its keys.
    """
    if not matches:
        return _silent(story, Verdict.NO_RULE, "no rule matched", now)
    if (late := _too_late(story, policy.max_age)) is not None:
        return _silent(story, *late, now, matches)
    if told is not None:
        return _told_before(story, matches, routes, told, policy, now)
    twin = _twin(story, twins, policy.window, now)
    if twin is not None:
        return _copy(story, matches, routes, twin, policy, now)
    if not routes:
        return _nobody(story, matches, twins, now)
    return _alert(story, matches, routes, twins, policy, now)


def hold(decision: Decision, reason: str) -> Decision:
    """The same decision, but what would be sent is kept until somebody decides about it."""
    return replace(
        decision,
        verdict=Verdict.HELD,
        reason=f"{decision.reason}; held: {reason}",
        deliveries=tuple(replace(delivery, next_at=None) for delivery in decision.deliveries),
    )


def _silent(
    story: Story, verdict: Verdict, reason: str, now: datetime, matches: tuple[Match, ...] = ()
) -> Decision:
    return Decision(story=story, verdict=verdict, reason=reason, decided_at=now, matches=matches)


def _nobody(story: Story, matches: tuple[Match, ...], twins: tuple[Twin, ...], now: datetime) -> Decision:
    return Decision(
        story=story,
        verdict=Verdict.NOBODY,
        reason="its rules name no receiver, and there are no default receivers",
        decided_at=now,
        matches=matches,
        relied_on=_held(keys(story), twins),
    )


def _held(claims: Iterable[str], twins: Iterable[Twin]) -> tuple[tuple[str, AlertId | None], ...]:
    """Who holds these keys, as far as this decision knows."""
    holders = {twin.key: twin.alert for twin in twins}
    return tuple((key, holders.get(key)) for key in claims)


def _too_late(story: Story, max_age: timedelta) -> tuple[Verdict, str] | None:
    """Whether a story is too old to tell.

    It is measured against the previous good poll of its feed, so what appeared during our own outage is told.
    """
    if story.published_at is None:
        if story.first_answer:
            return Verdict.BASELINE, "undated, and its feed was read for the first time"
        return None
    if story.first_answer and story.published_at - story.seen_at > IMPOSSIBLE:
        return Verdict.BASELINE, "dated in the future, and its feed was read for the first time"
    age = story.reference_at - _published(story.published_at)
    if age <= max_age:
        return None
    return (
        Verdict.TOO_OLD,
        f"published {_spoken(age)} before its feed was last read; the limit is {_spoken(max_age)}",
    )


def _published(claimed: datetime) -> datetime:
    """The latest that a claim can mean: midnight to the second is a date without a time, which means that whole day."""
    return claimed + timedelta(days=1) if claimed.time() == time.min else claimed


def _spoken(length: timedelta) -> str:
    """A length of time as people say it."""
    minutes = int(length.total_seconds() // 60)
    for size, unit in ((60 * 24, "days"), (60, "hours")):
        if minutes >= 2 * size:
            return f"{minutes // size} {unit}"
    return f"{minutes} minutes" if minutes != 1 else "1 minute"


def _told_before(
    story: Story,
    matches: tuple[Match, ...],
    routes: Sequence[Route],
    told: Told,
    policy: Policy,
    now: datetime,
) -> Decision:
    new = [route for route in routes if route.key not in told.targets]
    verdict = Verdict.TOLD if new else Verdict.NOTHING_NEW
    reason = "an update that concerns others as well" if new else "an update of a story that was told already"
    priority = _priority(matches)
    return Decision(
        story=story,
        verdict=verdict,
        reason=reason,
        decided_at=now,
        matches=matches,
        alert=told.alert,
        priority=priority,
        deliveries=_deliveries(told.alert, new, priority, policy, now),
    )


def _twin(story: Story, twins: Iterable[Twin], window: timedelta, now: datetime) -> Twin | None:
    """The oldest alert on the same story. The same title counts between feeds only, the same text anywhere."""
    near = [
        twin
        for twin in twins
        if now - twin.claimed_at <= window and (twin.feed != story.feed or twin.key.startswith("text:"))
    ]
    return min(near, key=lambda twin: (twin.claimed_at, twin.key), default=None)


def _copy(
    story: Story,
    matches: tuple[Match, ...],
    routes: Sequence[Route],
    twin: Twin,
    policy: Policy,
    now: datetime,
) -> Decision:
    new = [route for route in routes if route.key not in twin.targets]
    priority = _priority(matches)
    return Decision(
        story=story,
        verdict=Verdict.COPY,
        reason=f"a copy of story {twin.story} from {twin.source}, which has alert {twin.alert}"
        + ("; told to those who did not get that" if new else ""),
        decided_at=now,
        matches=matches,
        alert=twin.alert,
        priority=priority,
        deliveries=_deliveries(twin.alert, new, priority, policy, now),
        relied_on=((twin.key, twin.alert),),
    )


def _alert(
    story: Story,
    matches: tuple[Match, ...],
    routes: Sequence[Route],
    twins: tuple[Twin, ...],
    policy: Policy,
    now: datetime,
) -> Decision:
    alert = alert_id(story.id, story.revision)
    priority = _priority(matches)
    claims = keys(story)
    return Decision(
        story=story,
        verdict=Verdict.TOLD,
        reason="alerted: " + ", ".join(match.rule.name for match in matches),
        decided_at=now,
        matches=matches,
        alert=alert,
        fresh=True,
        priority=priority,
        deliveries=_deliveries(alert, routes, priority, policy, now),
        claims=claims,
        relied_on=_held(claims, twins),
    )


def _deliveries(
    alert: AlertId, routes: Sequence[Route], priority: Priority, policy: Policy, now: datetime
) -> tuple[NewDelivery, ...]:
    """Urgent news does not wait for copies."""
    next_at = now if priority is Priority.URGENT else now + policy.collect
    return tuple(
        NewDelivery(id=delivery_id(alert, route.channel, route.target), route=route, next_at=next_at)
        for route in routes
    )


_ORDER = (Priority.URGENT, Priority.NORMAL, Priority.LOW)


def _priority(matches: Iterable[Match]) -> Priority:
    """The most urgent of the rules."""
    return min((match.rule.priority for match in matches), key=_ORDER.index)


def urgency(priority: Priority) -> int:
    """Its place in the queue: 0 goes first."""
    return _ORDER.index(priority)
