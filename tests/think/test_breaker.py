"""How long a target or a provider is left alone."""

from monitor.alerts.answers import Pause
from monitor.alerts.breaker import CLOSED, Breaker, is_open, paused, recovered
from monitor.alerts.reactions import Reaction
from tests.build import MINUTE, NOON, SECOND

AWAY = Reaction(state="pending", pauses=Pause.TARGET, reason="away")
THROTTLED = Reaction(state="pending", pauses=Pause.PROVIDER, pause_for=30 * SECOND, reason="slow down")
OWN_FAULT = Reaction(state="pending", counts=True, reason="its own fault")


def test_one_failure_delays_others_by_less_than_a_second():
    breaker = paused(CLOSED, AWAY, NOON, draw=0.999)
    assert is_open(breaker, NOON)
    assert not is_open(breaker, NOON + 0.8 * SECOND)


def test_pauses_grow_until_a_minute():
    breaker, now, pauses = CLOSED, NOON, []
    for _ in range(10):
        breaker = paused(breaker, AWAY, now, draw=0.5)
        pauses.append(breaker.paused_until - now)
        now = breaker.paused_until
    assert pauses == sorted(pauses)
    assert pauses[-1] == MINUTE


def test_failures_that_were_on_their_way_together_count_as_one():
    breaker = CLOSED
    for _ in range(20):
        breaker = paused(breaker, AWAY, NOON, draw=0.5)
    assert breaker.failures == 1
    assert breaker.paused_until == NOON + 0.6 * SECOND


def test_a_pause_that_was_asked_for_is_kept():
    breaker = paused(CLOSED, THROTTLED, NOON, draw=0.5)
    assert breaker.paused_until == NOON + 30 * SECOND
    assert paused(breaker, AWAY, NOON + SECOND, draw=0.5).paused_until == NOON + 30 * SECOND


def test_a_success_does_not_end_a_pause_that_is_on():
    breaker = paused(CLOSED, THROTTLED, NOON, draw=0.5)
    assert recovered(breaker, NOON + SECOND) == breaker


def test_a_success_after_the_pause_forgets_everything():
    breaker = paused(CLOSED, AWAY, NOON, draw=0.5)
    assert recovered(breaker, NOON + MINUTE) == CLOSED


def test_a_delivery_that_fails_for_reasons_of_its_own_pauses_nobody():
    assert paused(CLOSED, OWN_FAULT, NOON, draw=0.5) == CLOSED
    assert not is_open(Breaker(), NOON)
