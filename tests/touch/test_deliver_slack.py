"""Slack, against the stand-in: what is posted, what each answer becomes, and finding what was posted."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.alerts.letter import Absent, Copy, Found, Letter, Reason, Span, Stage, Unknowable
from monitor.alerts.reactions import react
from monitor.deliver.press import Press
from monitor.deliver.render import SLACK, Templates, shipped_templates
from monitor.deliver.samples import letters
from monitor.deliver.slack import SlackChannel
from monitor.demo.slack import Fault, SlackStandIn, checked, delivery_of
from monitor.rules.rule import Priority
from monitor.secret import Secret
from monitor.stories.ids import RuleId, client_message_id
from tests.build import NOON, SECOND, a_letter, a_story


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandIn]:
    stand_in = await SlackStandIn().start()
    yield stand_in
    await stand_in.close()


@pytest.fixture
async def channel(slack: SlackStandIn) -> AsyncIterator[SlackChannel]:
    made = SlackChannel(Secret(slack.token), Press(), api_url=slack.api_url)
    yield made
    await made.close()


def texts(message: dict) -> list[str]:
    found = []
    for block in message["blocks"]:
        found += (
            [block["text"]["text"]]
            if block["type"] == "section"
            else [e["text"] for e in block.get("elements", ())]
        )
    return found


async def posted(slack: SlackStandIn, channel: SlackChannel, letter: Letter) -> dict:
    reply = await channel.send(letter)
    assert reply.ok, reply
    return slack.messages[-1]


async def test_an_alert_shows_headline_outlet_times_rules_notes_matches_and_copies(slack, channel):
    summary = "The ministry spoke. It named rare earth metals and copper. More follows."
    at = summary.index("rare earth")
    letter = a_letter(
        a_story("Kazakhmys denies allegations", summary=summary, source="Orda.kz", link="https://orda.kz/5366?a=1&b=2"),
        timezone="Asia/Almaty",
        priority=Priority.URGENT,
        reasons=(
            Reason(rule_id=RuleId("rare-earths"), rule="Rare earths", desk="Metals", note="Call the ministry.",
                   spans=(Span(field="summary", start=at, end=at + 17, text="rare earth metals"),)),
        ),
        copies=(Copy(source="Kursiv", link="https://kursiv.example/1", seen_at=NOON + 40 * SECOND),),
    )  # fmt: skip
    message = await posted(slack, channel, letter)
    whole = "\n".join(texts(message))
    assert "*<https://orda.kz/5366?a=1&amp;b=2|Kazakhmys denies allegations>*" in whole
    assert "*Orda.kz*" in whole
    assert "published 2 Mar 2026, 16:59" in whole
    assert "seen 17:00 (UTC+5)" in whole
    assert "*Rare earths*" in whole
    assert "Metals" in whole
    assert "_Call the ministry._" in whole
    assert "It named *rare earth metals* and copper." in whole
    assert "Also at: <https://kursiv.example/1|Kursiv> 17:00" in whole
    assert "Urgent" in whole
    assert message["text"] == "🔴 Orda.kz: Kazakhmys denies allegations — Rare earths"


async def test_a_post_carries_its_delivery_and_unfurls_nothing(slack, channel):
    letter = a_letter()
    message = await posted(slack, channel, letter)
    assert message["metadata"] == {"event_type": "news_alert", "event_payload": {"delivery": letter.delivery}}
    assert message["client_msg_id"] == client_message_id(letter.delivery)
    assert message["unfurl_links"] is False
    assert message["unfurl_media"] is False
    assert all(text["verbatim"] is True for text in _text_objects(message["blocks"]))


def _text_objects(value: object) -> list[dict]:
    if isinstance(value, list):
        return [found for item in value for found in _text_objects(item)]
    if isinstance(value, dict):
        own = [value] if value.get("type") == "mrkdwn" else []
        return own + [found for item in value.values() for found in _text_objects(item)]
    return []


@pytest.mark.parametrize(
    "title",
    ["<!channel> minister resigns", "<@U0ADMIN> & <#C0SECRET>", "<https://evil.example|https://bank.example>",
     "a|b > c", "&lt;!here&gt;", "*bold* _it_ `code` ~x~", "Z" + "\u0335" * 5000, "a\ud800b\0c\u202excod.exe"],
)  # fmt: skip
async def test_a_hostile_headline_stays_letters(slack, channel, title):
    letter = a_letter(
        a_story(title, summary=title, source=title, link="https://news.example/1"),
        reasons=(
            Reason(
                rule_id=RuleId("x"),
                rule="X",
                note=title,
                spans=(Span(field="title", start=0, end=4, text=title[:4]),),
            ),
        ),
    )
    message = await posted(slack, channel, letter)
    for text in [*texts(message), message["text"]]:
        links = [part.split(">", 1)[0] for part in text.split("<")[1:]]
        assert all(link.startswith("https://news.example/1|") for link in links), text
        assert "\u202e" not in text
        assert "\0" not in text


@pytest.mark.parametrize("letter", list(letters()))
@pytest.mark.parametrize("priority", list(Priority))
async def test_every_sample_keeps_within_slacks_limits(slack, channel, letter, priority):
    message = await posted(
        slack, channel, replace(letter, channel="slack", target="C0123ABCD", priority=priority)
    )
    checked(message)
    assert message["text"]


async def test_a_template_of_too_many_and_too_long_blocks_is_clamped(slack):
    source = "{% for i in range(80) %}{{ section() }}{% for j in range(8) %}& <x> {{ headline }} {% endfor %}{% endfor %}"
    press = Press(Templates({SLACK: source.replace("& <x>", "&amp; " * 9)}))
    channel = SlackChannel(Secret(slack.token), press, api_url=slack.api_url)
    message = await posted(slack, channel, a_letter(a_story("😀" * 30)))
    assert len(message["blocks"]) <= 45
    assert not any(text.endswith(("&a…", "&am…", "&amp…", "&…")) for text in texts(message))
    await channel.close()


async def test_a_broken_template_falls_back_to_the_plain_form_and_says_so(slack):
    press = Press(Templates({**shipped_templates().sources, SLACK: "{{ nothing_of_that_name }}"}))
    channel = SlackChannel(Secret(slack.token), press, api_url=slack.api_url)
    message = await posted(slack, channel, a_letter(a_story("Copper & tin")))
    assert "blocks" not in message
    assert message["text"].startswith("Copper &amp; tin\nThe News")
    assert "slack/alert.j2" in message["text"]
    await channel.close()


async def test_a_plain_letter_has_no_blocks_and_its_link(slack, channel):
    message = await posted(
        slack, channel, a_letter(a_story("Copper rises", link="https://news.example/1"), plain=True)
    )
    assert "blocks" not in message
    assert "Copper rises" in message["text"]
    assert "https://news.example/1" in message["text"]


@pytest.mark.parametrize(
    ("fault", "stage", "code"),
    [
        pytest.param(Fault(error="channel_not_found"), Stage.ANSWERED, "channel_not_found", id="a word"),
        pytest.param(Fault(status=500), Stage.ANSWERED, "http_500", id="an empty 500"),
        pytest.param(Fault(status=503, body="<html>busy</html>"), Stage.ANSWERED, "http_503", id="a page"),
        pytest.param(
            Fault(status=500, error="internal_error"), Stage.ANSWERED, "internal_error", id="a word in a 500"
        ),
        pytest.param(
            Fault(body="<html>log in</html>"), Stage.WRITTEN, "unreadable", id="a page where Slack should be"
        ),
        pytest.param(Fault(reset=True), Stage.WRITTEN, "reset", id="broken off"),
        pytest.param(
            Fault(status=429, error="ratelimited", retry_after=7),
            Stage.ANSWERED,
            "ratelimited",
            id="slow down",
        ),
    ],
)
async def test_each_way_to_fail_is_a_reply(slack, channel, fault, stage, code):
    slack.faults.append(fault)
    reply = await channel.send(a_letter())
    assert (reply.stage, reply.code) == (stage, code)
    assert not slack.messages


async def test_retry_after_is_heard(slack, channel):
    slack.faults.append(Fault(status=429, retry_after=7))
    assert (await channel.send(a_letter())).retry_after == timedelta(seconds=7)


async def test_an_answer_that_never_comes_is_a_timeout_that_may_have_arrived(slack, monkeypatch):
    monkeypatch.setattr("monitor.deliver.slack.TIMEOUT_S", 0.3)
    channel = SlackChannel(Secret(slack.token), Press(), api_url=slack.api_url)
    slack.faults.append(Fault(hang=True))
    reply = await channel.send(a_letter())
    assert (reply.stage, reply.code) == (Stage.WRITTEN, "timeout")
    await channel.close()


async def test_nobody_listening_is_certain():
    channel = SlackChannel(Secret("xoxb-1"), Press(), api_url="http://127.0.0.1:1/api/")
    reply = await channel.send(a_letter())
    assert (reply.stage, reply.code) == (Stage.CONNECT, "connect")
    await channel.close()


async def test_a_wrong_token_is_refused_and_never_shown(slack):
    channel = SlackChannel(Secret("xoxb-secret-9"), Press(), api_url=slack.api_url)
    reply = await channel.send(a_letter())
    reaction = react("slack", reply, attempts=0, first_counted_at=None, now=NOON, draw=0)
    assert reply.code == "invalid_auth"
    assert "xoxb" not in f"{reply} {reaction}"
    await channel.close()


async def test_a_refused_form_goes_through_as_plain_text(slack, channel):
    slack.faults.append(Fault(error="invalid_blocks"))
    letter = a_letter()
    reaction = react("slack", await channel.send(letter), attempts=0, first_counted_at=None, now=NOON, draw=0)
    assert reaction.plain
    assert reaction.next_at == NOON
    assert (await channel.send(replace(letter, plain=True))).ok


async def test_a_message_whose_answer_was_lost_is_found(slack, channel):
    slack.faults.append(Fault(reset=True, after=True))
    letter, before = a_letter(), datetime.now(UTC)
    assert (await channel.send(letter)).code == "reset"
    assert await channel.find(letter, before) == Found(slack.messages[0]["ts"])


async def test_what_never_arrived_is_absent(slack, channel):
    await channel.send(a_letter(a_story("Another story")))
    assert await channel.find(a_letter(), datetime.now(UTC)) == Absent()


async def test_a_delivery_is_found_behind_many_newer_messages(slack, channel):
    letter, before = a_letter(), datetime.now(UTC)
    await channel.send(letter)
    first = slack.messages[0]
    others = {**first, "metadata": {}, "client_msg_id": ""}
    slack.messages += [{**others, "ts": f"{float(first['ts']) + n / 1000:.6f}"} for n in range(1, 450)]
    assert await channel.find(letter, before) == Found(first["ts"])


async def test_pages_of_long_before_are_not_asked_for(slack, channel):
    letter = a_letter()
    await channel.send(letter)
    first = slack.messages[0]
    others = {**first, "metadata": {}, "client_msg_id": ""}
    slack.messages += [{**others, "ts": f"{float(first['ts']) + n / 1000:.6f}"} for n in range(1, 450)]
    assert await channel.find(letter, datetime.now(UTC) + timedelta(minutes=11)) == Absent()
    assert [method for method, _ in slack.calls].count("conversations.history") == 1


@pytest.mark.parametrize("word", ["unknown_method", "missing_scope", "not_in_channel"])
async def test_a_channel_that_can_never_be_read_is_unknowable(slack, channel, word):
    slack.faults.append(Fault(method="conversations.history", error=word))
    assert await channel.find(a_letter(), NOON) == Unknowable()


async def test_a_channel_that_cannot_be_read_now_says_why(slack, channel):
    slack.faults.append(Fault(method="conversations.history", status=503))
    finding = await channel.find(a_letter(), NOON)
    assert isinstance(finding, Unknowable)
    assert finding.reply is not None
    assert finding.reply.code == "http_503"


async def test_an_odd_history_is_no_crash(slack, channel):
    for body in ("[]", '{"ok": true, "messages": [1, {"metadata": 5}, null]}', '{"ok": true, "messages": 3}'):
        slack.faults.append(Fault(method="conversations.history", body=body))
        assert isinstance(await channel.find(a_letter(), NOON), Unknowable | Absent)


async def test_the_same_letter_makes_the_same_message(slack, channel):
    letter = a_letter()
    first, second = await posted(slack, channel, letter), await posted(slack, channel, letter)
    assert json.dumps({**first, "ts": ""}) == json.dumps({**second, "ts": ""})
    assert delivery_of(first) == letter.delivery
