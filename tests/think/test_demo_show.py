"""The demo's terminal shows alerts as editors read them, and nothing from a feed can act on it."""

import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from monitor.alerts.decide import Decision, NewDelivery, Verdict
from monitor.alerts.routes import Route
from monitor.demo.judge import Judgement
from monitor.demo.show import Show
from monitor.located import Place
from monitor.matching.evidence import Evidence, Match
from monitor.rules.rule import Rule
from monitor.rules.tree import Or
from monitor.stories.ids import AlertId, DeliveryId, FeedId, ReceiverName, RuleId, StoryId
from monitor.stories.story import Story

NOON = datetime(2026, 1, 2, 7, tzinfo=UTC)
RULE = Rule(id=RuleId("kazakhmys"), name="Kazakhmys", desk="metals", place=Place("metals.yaml"), tree=Or(()))


def a_story(**changes):
    values = {
        "title": "Kazakhmys answers",
        "source": "Steppe Courier",
        "link": "https://a.example/1",
    } | changes
    return Story(
        id=StoryId("s"), feed=FeedId("f"), seen_at=NOON, reference_at=NOON, published_at=NOON, **values
    )


def a_decision(story, *, verdict=Verdict.TOLD, channels=("slack", "email")):
    told = verdict is Verdict.TOLD
    return Decision(
        story=story,
        verdict=verdict,
        reason="published 3 days before",
        decided_at=NOON,
        matches=(
            Match(rule=RULE, evidence=(Evidence(field="title", start=0, end=9, text="Kazakhmys", line=3),)),
        ),
        alert=AlertId("a") if told else None,
        deliveries=tuple(
            NewDelivery(
                id=DeliveryId(f"d-{channel}"),
                route=Route(channel=channel, target="somewhere", receiver=ReceiverName("newsdesk")),
                next_at=NOON,
            )
            for channel in channels
        )
        if told
        else (),
    )


def shown(act, *, terminal=False, width=80):
    out = io.StringIO()
    act(
        Show(
            Console(
                file=out, force_terminal=terminal, width=width, color_system="standard" if terminal else None
            )
        )
    )
    return out.getvalue()


def test_an_alert_appears_once_when_its_first_message_arrived():
    def act(show):
        show.decided(a_decision(a_story(summary="Kazakhmys says no.")))
        assert show.console.file.getvalue() == ""
        show.arrived("d-slack")
        show.arrived("d-email")

    text = shown(act)
    assert text.count("● Kazakhmys answers") == 1
    assert "Steppe Courier" in text
    assert "https://a.example/1" in text
    assert "why: Kazakhmys (Kazakhmys)" in text
    assert "told: Slack somewhere, mail somewhere" in text


def test_a_message_that_arrives_before_its_decision_is_known_is_shown_too():
    def act(show):
        show.arrived("d-slack")
        show.decided(a_decision(a_story()))

    assert "● Kazakhmys answers" in shown(act)


def test_what_is_not_alerted_says_why():
    text = shown(lambda show: show.decided(a_decision(a_story(), verdict=Verdict.TOO_OLD)))
    assert "○ Kazakhmys answers" in text
    assert "not alerted: published 3 days before" in text


def test_a_sample_story_says_in_its_own_words_why_no_rule_matched():
    story = a_story(title="A dome", link="https://saryarka-times.example/copper-coloured-dome")
    text = shown(lambda show: show.decided(a_decision(story, verdict=Verdict.NO_RULE)))
    assert "copper-coloured is a colour" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_from_a_feed_acts_on_the_terminal(terminal):
    nasty = "\x1b]0;owned\x07\x1b[2J\u202e\x9b31m[red]Kazakhmys[/red] :bomb:\r"
    story = a_story(title=nasty, summary=nasty, source=nasty)

    def act(show):
        show.decided(a_decision(story))
        show.arrived("d-slack")
        show.passed_over(nasty, nasty, nasty)
        show.feed_trouble(nasty, nasty)

    text = shown(act, terminal=terminal)
    assert "[red]Kazakhmys[/red] :bomb:" in text.replace("\n", " ")
    for wild in ("\x1b]0", "\x1b[2J", "\x07", "\u202e", "\x9b", "\r"):
        assert wild not in text
    assert terminal or "\x1b" not in text


def test_a_feed_in_trouble_is_told_once_for_each_reason():
    def act(show):
        for reason in ("HTTP 404", "HTTP 404", "timeout"):
            show.feed_trouble("The Old Caravan", reason)

    text = shown(act)
    assert text.count("HTTP 404") == 1
    assert "timeout" in text


def test_the_summary_says_how_to_go_on():
    good = Judgement(expected=2, arrived=2)
    text = shown(lambda show: show.summary(good, stays=True))
    assert "Every alert arrived" in text
    assert "monitor init" in text
    assert "monitor run" in text
    assert "Ctrl-C" in text


def test_the_summary_names_what_is_missing():
    bad = Judgement(expected=2, arrived=1, missing=("'One' at slack:C0",))
    text = shown(lambda show: show.summary(bad, stays=False))
    assert "missing: 'One' at slack:C0" in text
    assert "Every alert arrived" not in text
    assert "Ctrl-C" not in text


def test_a_narrow_terminal_is_kept_to_its_width():
    def act(show):
        show.opening(feeds=14, lasts=timedelta(seconds=59), slack="http://127.0.0.1:1/", mail="127.0.0.1:2")
        show.decided(a_decision(a_story(summary="A long summary " * 10)))
        show.arrived("d-slack")
        show.summary(Judgement(expected=1, arrived=1), stays=True)

    text = re.sub(r"\x1b\[[0-9;]*m", "", shown(act, terminal=True, width=30))
    assert "https://a.example/1" in text.replace("\n", "").replace(" ", "")
    assert max(len(line) for line in text.splitlines()) <= 30
