from datetime import timedelta

import pytest

from monitor.feeds.feed import FeedPriority
from monitor.feeds.outcome import Document, Fetched, NotModified, Refused, Unanswered
from monitor.feeds.schedule import Pace, first_poll, next_poll, pace_of, still_to_wait
from tests.build import HOUR, MINUTE, NOON, SECOND, a_feed

PACE = Pace(usual=15 * MINUTE, least=MINUTE, most=HOUR)


def wait(outcome, *, failures=0, pace=PACE, draw=0.5):
    return next_poll(pace, outcome, failures=failures, now=NOON, draw=draw) - NOON


def test_a_good_answer_is_asked_again_at_the_usual_interval():
    assert wait(Fetched(document=Document())) == 15 * MINUTE


@pytest.mark.parametrize(
    ("hint", "expected"),
    [(5 * MINUTE, 15 * MINUTE), (30 * MINUTE, 30 * MINUTE), (24 * HOUR, HOUR), (None, 15 * MINUTE)],
)
def test_the_publisher_may_slow_us_down_but_never_park_us(hint, expected):
    assert wait(NotModified(fresh_for=hint)) == expected


def test_retry_after_is_heeded_up_to_a_day():
    assert wait(Refused(status=429, retry_after=2 * HOUR), failures=1, draw=0) == 2 * HOUR
    assert wait(Refused(status=503, retry_after=timedelta(days=30)), failures=1, draw=0) == timedelta(
        hours=24
    )


def test_retry_after_makes_no_failing_feed_come_sooner():
    refused = Refused(status=503, retry_after=SECOND)
    assert [wait(refused, failures=n) for n in (3, 50)] == [30 * MINUTE, HOUR]
    assert wait(Refused(status=503, retry_after=2 * HOUR), failures=50, draw=0) == 2 * HOUR


def test_a_failing_feed_is_asked_more_rarely_but_never_given_up():
    waits = [wait(Unanswered(reason="dns"), failures=n) for n in (1, 2, 3, 4, 5, 50)]
    assert waits == [15 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, HOUR, HOUR]


def test_jitter_keeps_feeds_apart():
    assert wait(NotModified(), draw=0) < wait(NotModified(), draw=0.99)


def test_a_feeds_own_interval_is_obeyed_and_priority_bends_the_newsrooms():
    def usual(**values):
        return pace_of(a_feed(**values), interval=15 * MINUTE, least=MINUTE, most=HOUR).usual

    assert usual(interval=10 * SECOND) == 10 * SECOND
    assert usual(priority=FeedPriority.HIGH) == 5 * MINUTE
    assert usual(priority=FeedPriority.LOW) == 30 * MINUTE


def test_an_interval_below_the_bounds_is_what_the_operator_wants():
    pace = pace_of(a_feed(), interval=SECOND, least=MINUTE, most=HOUR)
    assert (pace.usual, pace.least) == (SECOND, SECOND)


def test_new_feeds_are_asked_soon_but_thousands_not_all_at_once():
    assert first_poll(10, usual=15 * MINUTE, now=NOON, draw=0.99) - NOON < SECOND
    assert first_poll(10_000, usual=15 * MINUTE, now=NOON, draw=0.99) - NOON > 40 * SECOND


@pytest.mark.parametrize(
    ("since", "left"),
    [
        pytest.param(5 * MINUTE, 10 * MINUTE, id="as it should be"),
        pytest.param(HOUR, timedelta(0), id="long due"),
        pytest.param(-HOUR, 15 * MINUTE, id="the clock was set back"),
        pytest.param(-100_000 * HOUR, 15 * MINUTE, id="it was polled by a clock that was years ahead"),
    ],
)
def test_no_clock_parks_a_feed_for_longer_than_was_chosen(since, left):
    assert still_to_wait(NOON + 15 * MINUTE, NOON, now=NOON + since) == left


def test_a_feed_that_was_never_asked_waits_for_its_first_time():
    assert still_to_wait(NOON + SECOND, None, now=NOON) == SECOND
