"""When to ask a feed again. Does not poll; only answers with a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from monitor.backoff import doubling
from monitor.feeds.feed import Feed, FeedPriority
from monitor.feeds.outcome import Fetched, NotModified, Outcome, Refused, Unanswered, Unreadable

FAILING_AFTER = 3
"""Failed polls in a row after which a feed is failing; until then it is asked at its usual interval."""

RETRY_AFTER_MOST = timedelta(hours=24)
JITTER = 0.1
_WEIGHT = {FeedPriority.HIGH: 1 / 3, FeedPriority.NORMAL: 1.0, FeedPriority.LOW: 2.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the operator would have a feed asked."""

    usual: timedelta
    least: timedelta
    most: timedelta

    def held(self, wait: timedelta) -> timedelta:
        """The wait, not shorter than the least and not longer than the most."""
        return min(max(wait, self.least), self.most)


def pace_of(feed: Feed, *, interval: timedelta, least: timedelta, most: timedelta) -> Pace:
    """The pace of one feed. What the feed itself says is obeyed; the newsroom's interval is bent by priority, within
    its bounds: a high one asks three times as often, a low one half as often. An interval outside the bounds moves them.
    """
    chosen = feed.interval or interval
    least, most = min(least, chosen), max(most, chosen)
    usual = feed.interval or min(max(interval * _WEIGHT[feed.priority], least), most)
    return Pace(usual=usual, least=least, most=most)


def next_poll(pace: Pace, outcome: Outcome, *, failures: int, now: datetime, draw: float) -> datetime:
    """Choose when to ask again.

    The publisher may slow us down but never park us: its hint is held within the pace. A failing feed is asked
    ever more rarely, up to the longest interval, and never given up; `Retry-After` may make that wait longer, not shorter.

    Args:
        failures: Failed polls in a row, this one included.
        now: When the response ended, not when the request began.
        draw: A random number in [0, 1) that spreads feeds apart.

    Source: RFC 9111 §5.2.2.1 (max-age), RFC 9110 §10.2.3 (Retry-After).
    """
    jitter = 1 - JITTER + 2 * JITTER * draw
    match outcome:
        case Fetched(fresh_for=hint) | NotModified(fresh_for=hint):
            return now + max(pace.usual, min(hint or pace.usual, pace.most)) * jitter
        case Refused(retry_after=asked) if asked is not None:
            told = max(min(asked, RETRY_AFTER_MOST), pace.usual) * (1 + JITTER * draw)
            return now + max(told, _ever_longer(pace, failures) * jitter)
        case Refused() | Unanswered() | Unreadable():
            return now + _ever_longer(pace, failures) * jitter
        case _:
            assert_never(outcome)


def _ever_longer(pace: Pace, failures: int) -> timedelta:
    """The usual wait until a feed is failing, then twice as long each time."""
    if failures < FAILING_AFTER:
        return pace.usual
    slower = doubling(pace.usual, max(pace.most, pace.usual), spread=0)
    return slower.wait(failures - FAILING_AFTER + 2, 0.5)


def first_poll(feeds: int, *, usual: timedelta, now: datetime, draw: float) -> datetime:
    """When to ask a feed that was never asked: soon, but thousands of new feeds not all at once."""
    return now + min(timedelta(milliseconds=5) * feeds, usual) * draw


def still_to_wait(next_at: datetime, polled_at: datetime | None, *, now: datetime) -> timedelta:
    """How long until a feed is due, by what was chosen when it was last asked.

    Never longer than was chosen then: a clock that was wrong at that time, or was set back since, parks no feed.
    """
    wait = next_at - now
    if polled_at is not None:
        wait = min(wait, next_at - polled_at)
    return max(wait, timedelta(0))
