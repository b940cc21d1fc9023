from datetime import timedelta

import pytest

from monitor.alerts.decide import Told, Twin, Verdict, decide
from monitor.alerts.same import keys
from monitor.rules.rule import Priority
from monitor.stories.ids import alert_id, feed_id
from tests.build import HOUR, MINUTE, NOON, POLICY, SECOND, a_match, a_route, a_rule, a_story

OTHER = feed_id("https://other.example/rss")


def judged(story=None, matches=(a_match(),), routes=(a_route(),), **values):
    return decide(story or a_story(), matches, routes=routes, policy=POLICY, now=NOON, **values)


def a_twin(story, *, feed=OTHER, age=MINUTE, targets=frozenset({"slack:C0METALS"}), key=None):
    other = a_story(story.title, feed=feed)
    return Twin(
        key=key or keys(story)[0], alert=alert_id(other.id, 1), story=other.id, feed=feed, source="Other",
        claimed_at=NOON - age, targets=targets,
    )  # fmt: skip


def test_a_story_that_meets_no_rule_is_told_to_nobody_and_says_so():
    got = judged(matches=())
    assert (got.verdict, got.deliveries, got.reason) == (Verdict.NO_RULE, (), "no rule matched")


def test_a_match_is_told_to_every_route_once_the_time_for_copies_is_over():
    got = judged(routes=(a_route(), a_route("desk@news.example", "email")))
    assert got.verdict is Verdict.TOLD
    assert got.fresh
    assert [d.next_at for d in got.deliveries] == [NOON + 45 * SECOND] * 2
    assert len({d.id for d in got.deliveries}) == 2


def test_urgent_news_does_not_wait_for_copies():
    got = judged(matches=(a_match(), a_match(a_rule("Mine disaster", priority=Priority.URGENT))))
    assert got.priority is Priority.URGENT
    assert got.deliveries[0].next_at == NOON


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        pytest.param({"published_at": NOON - 6 * HOUR}, Verdict.TOLD, id="just young enough"),
        pytest.param({"published_at": NOON - 6 * HOUR - SECOND}, Verdict.TOO_OLD, id="too old"),
        pytest.param(
            {"published_at": NOON - 9 * HOUR, "reference_at": NOON - 8 * HOUR},
            Verdict.TOLD,
            id="published during our own outage",
        ),
        pytest.param({"published_at": NOON + 5 * HOUR}, Verdict.TOLD, id="a date in the future"),
        pytest.param(
            {"published_at": NOON.replace(hour=0)}, Verdict.TOLD, id="a date of today without a time"
        ),
        pytest.param(
            {"published_at": NOON.replace(hour=0) - 24 * HOUR}, Verdict.TOO_OLD, id="a date of yesterday"
        ),
        pytest.param({"published_at": None}, Verdict.TOLD, id="undated, feed known"),
        pytest.param({"published_at": None, "first_answer": True}, Verdict.BASELINE, id="undated, feed new"),
        pytest.param({"first_answer": True}, Verdict.TOLD, id="fresh, feed new"),
    ],
)
def test_how_old_a_story_may_be(values, verdict):
    got = judged(a_story(**values))
    assert got.verdict is verdict
    assert bool(got.deliveries) == (verdict is Verdict.TOLD)


def test_a_story_too_old_says_by_how_much():
    got = judged(a_story(published_at=NOON - timedelta(days=3)))
    assert "3 days" in got.reason
    assert "6 hours" in got.reason


def test_a_copy_in_another_feed_joins_the_first_alert():
    story = a_story()
    twin = a_twin(story)
    got = judged(story, twins=(twin,))
    assert (got.verdict, got.alert, got.deliveries) == (Verdict.COPY, twin.alert, ())
    assert got.relied_on == ((twin.key, twin.alert),)


def test_a_copy_reaches_those_who_did_not_get_the_first():
    story = a_story()
    got = judged(story, routes=(a_route(), a_route("C0OTHER")), twins=(a_twin(story),))
    assert got.verdict is Verdict.COPY
    assert [d.route.target for d in got.deliveries] == ["C0OTHER"]


def test_the_same_title_again_in_the_same_feed_is_another_story():
    story = a_story("Prices of the day at the exchange", key="today")
    twin = a_twin(story, feed=story.feed)
    assert judged(story, twins=(twin,)).verdict is Verdict.TOLD


def test_the_same_text_again_in_the_same_feed_tells_nothing_new():
    story = a_story(
        summary="The very same words as this morning, with nothing added and nothing taken away.",
        key="new id",
    )
    text_key = next(key for key in keys(story) if key.startswith("text:"))
    assert judged(story, twins=(a_twin(story, feed=story.feed, key=text_key),)).verdict is Verdict.COPY


def test_after_the_window_the_same_title_is_news_again():
    story = a_story()
    assert judged(story, twins=(a_twin(story, age=73 * HOUR),)).verdict is Verdict.TOLD


def test_an_update_of_a_told_story_tells_nobody_twice():
    told = Told(alert=alert_id(a_story().id, 1), targets=frozenset({"slack:C0METALS"}))
    got = judged(a_story(revision=2), told=told)
    assert (got.verdict, got.deliveries) == (Verdict.NOTHING_NEW, ())


def test_an_update_that_concerns_another_desk_is_told_to_that_desk():
    told = Told(alert=alert_id(a_story().id, 1), targets=frozenset({"slack:C0METALS"}))
    got = judged(a_story(revision=2), routes=(a_route(), a_route("C0LAW")), told=told)
    assert got.verdict is Verdict.TOLD
    assert [d.route.target for d in got.deliveries] == ["C0LAW"]
    assert got.alert == told.alert


def test_a_match_that_nobody_is_told_of_says_so():
    got = judged(routes=())
    assert got.verdict is Verdict.NOBODY
    assert "no receiver" in got.reason
