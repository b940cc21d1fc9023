"""What follows from one try to deliver. Sends nothing and knows no clock.

Only a permanent answer makes a delivery dead. While a provider or a target is away no attempt counts and no time
runs out, so nothing is lost to an outage however long; what fails for reasons of its own, as when its target takes
others meanwhile, is dead after a day of attempts.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.alerts.answers import SOON, Pause, Row, State, row_of
from monitor.alerts.letter import Reply

GIVEN_UP = "given up after"
"""How the reason begins of a delivery that died of too many tries, any of which may have arrived."""
PATIENCE = timedelta(hours=24)
"""How long after its first attempt that counted a delivery is given up."""
LEAST_ATTEMPTS = 6
"""How many must have counted by then: an attempt before a long outage and one after it are no day of attempts."""
LONGEST_PAUSE = timedelta(hours=1)
"""Nobody can send us away for longer, whatever is asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What follows from a reply.

    Args:
        state: What the delivery is now; `ambiguous` means that the provider may have it, so ask before sending again.
        next_at: When it is due again; None for sent and dead.
        counts: Whether this was a real attempt, one that brings the end of patience nearer.
        pauses: Whom else to leave alone, or None when only this delivery waits.
        pause_for: How long, or None to let the breaker choose by its failures in a row.
        plain: Send it in its barest form next time.
        reason: In words, for people; holds no secret.
        trouble: What an operator must know because only a person can put it right.
    """

    state: State
    next_at: datetime | None = None
    counts: bool = False
    pauses: Pause | None = None
    pause_for: timedelta | None = None
    plain: bool = False
    reason: str = ""
    trouble: str | None = None


def react(
    channel: str,
    reply: Reply,
    *,
    attempts: int,
    first_counted_at: datetime | None,
    now: datetime,
    draw: float,
    plain: bool = False,
    others_taken: bool = False,
    provider_takes: bool = True,
) -> Reaction:
    """Say what follows from a reply.

    Args:
        channel: `slack`, `email` or `print`.
        attempts: Tries of this delivery that counted before this one.
        first_counted_at: When the first of those was.
        draw: A random number in [0, 1) that spreads the waits.
        plain: The letter was already in its barest form, so there is none to fall back to.
        others_taken: Since this delivery last failed its target took another.
        provider_takes: Since then its provider took another, from whomever: it is not away, so that this one may be given up.
    """
    if reply.ok:
        return Reaction(state="sent", counts=True, reason="sent")
    row = row_of(channel, reply)
    reason = f"{row.means} ({_said(reply)})"
    counts = row.counts or (row.counts_beside and others_taken)
    may_end = provider_takes or others_taken or row.ends_alone
    worn_out = counts and may_end and _is_worn_out(attempts + 1, first_counted_at, now)
    if worn_out:
        reason = f"{GIVEN_UP} {attempts + 1} attempts in {PATIENCE // timedelta(hours=1)} hours: {reason}"
    if worn_out or row.state == "dead" or (row.plain and plain):
        return Reaction(
            state="dead", counts=True, reason=reason, trouble=_trouble(row, reason, "a delivery was given up")
        )
    pause = _pause(row, reply, draw)
    return Reaction(
        state=row.state,
        next_at=now + (pause if pause is not None else row.wait.wait(attempts + 1, draw)),
        counts=counts,
        pauses=row.pauses,
        pause_for=pause,
        plain=row.plain,
        reason=reason,
        trouble=_trouble(row, reason, None),
    )


def unanswered(
    channel: str,
    reply: Reply,
    *,
    attempts: int,
    first_counted_at: datetime | None,
    now: datetime,
    draw: float,
    others_taken: bool = False,
) -> Reaction:
    """Say what follows when a provider was asked for a delivery and gave no answer: it stays ambiguous and waits.

    Where the target takes others all the while, it is given up after a day like any other.
    """
    reaction = react(
        channel,
        reply,
        attempts=attempts,
        first_counted_at=first_counted_at if others_taken else None,
        now=now,
        draw=draw,
        others_taken=others_taken,
    )
    reason = f"not known whether it was sent: {reaction.reason}"
    if reaction.state == "dead":
        return replace(reaction, reason=reason)
    return replace(
        reaction,
        state="ambiguous",
        next_at=now + (reaction.pause_for or SOON.wait(attempts + 1, draw)),
        counts=reaction.counts and others_taken,
        plain=False,
        reason=reason,
    )


def _is_worn_out(attempts: int, first_counted_at: datetime | None, now: datetime) -> bool:
    return first_counted_at is not None and now - first_counted_at >= PATIENCE and attempts >= LEAST_ATTEMPTS


def _pause(row: Row, reply: Reply, draw: float) -> timedelta | None:
    """How long to leave alone: as long as we were asked to, within an hour, else as the row says."""
    if row.pauses is None:
        return None
    second = timedelta(seconds=1)
    if reply.retry_after is not None:
        return min(max(reply.retry_after, second), LONGEST_PAUSE) + draw * second
    return row.pause_for + draw * second if row.pause_for is not None else None


def _trouble(row: Row, reason: str, otherwise: str | None) -> str | None:
    todo = row.trouble or otherwise
    return f"{reason}: {todo}" if todo else None


def _said(reply: Reply) -> str:
    """The answer in the provider's words, short."""
    detail = " ".join(reply.detail.split())[:200]
    return f"{reply.code}: {detail}" if detail and detail != reply.code else reply.code
