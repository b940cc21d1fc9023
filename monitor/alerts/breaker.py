"""Leaving a target or a provider alone while it is away. A value and what becomes of it; holds no timer.

There is one breaker for each target and one for each provider. When a pause is over, whoever comes first tries;
success forgets everything, failure begins a longer pause.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.alerts.reactions import Reaction
from monitor.backoff import Backoff

PAUSES = Backoff(tuple(timedelta(seconds=seconds) for seconds in (0.6, 3, 10, 20, 40, 60)), spread=0.25)
"""The first is less than a second at its longest, so that one bad story delays no other by more; the last is short
too, so that a recovery is felt within about a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """How it stands with a target or a provider.

    Args:
        failures: In a row; tries that failed while a pause was on count as part of the one that began it.
        paused_until: Nobody tries before; None while all is well.
        reason: Why, in words.
    """

    failures: int = 0
    paused_until: datetime | None = None
    reason: str = ""


CLOSED = Breaker()


def is_open(breaker: Breaker, now: datetime) -> bool:
    """Whether to leave it alone at this instant."""
    return breaker.paused_until is not None and now < breaker.paused_until


def paused(breaker: Breaker, reaction: Reaction, now: datetime, draw: float) -> Breaker:
    """The breaker after a reaction that pauses; one that does not changes nothing.

    Args:
        draw: A random number in [0, 1) that spreads the pause.
    """
    if reaction.pauses is None:
        return breaker
    still_open = is_open(breaker, now)
    failures = breaker.failures if still_open else breaker.failures + 1
    pause = reaction.pause_for if reaction.pause_for is not None else PAUSES.wait(failures, draw)
    until = now + pause
    if (
        still_open and breaker.paused_until is not None
    ):  # many were on their way when it broke: the longest pause holds
        until = max(until, breaker.paused_until)
    return Breaker(failures=failures, paused_until=until, reason=reaction.reason)


def recovered(breaker: Breaker, now: datetime) -> Breaker:
    """The breaker after a success.

    A pause that is still on holds: that try was on its way when the pause began, and who asks for time gets it.
    """
    return breaker if is_open(breaker, now) else CLOSED
