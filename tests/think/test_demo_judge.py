"""The judge sees what is missing, what is too much and what came twice."""

from email.message import EmailMessage

import pytest

from monitor.demo.judge import Arrived, Expected, expectations, from_mail, from_slack, judge
from monitor.demo.mail import Caught
from monitor.demo.stories import SEED, sample_stories
from monitor.demo.workspace import targets

SLACK, MAIL = "slack:C0NEWSDESK", "email:newsdesk@news.example"
RULES = frozenset({"kazakhmys"})
ONE = Expected(
    title="One", keys=frozenset({"one", "one-copy"}), rules=RULES, targets=frozenset({SLACK, MAIL})
)


def arrived(target=SLACK, *stories, delivery="d1", rules=None):
    return Arrived(target=target, delivery=delivery, stories=frozenset(stories or ("one",)), rules=rules)


BY_SLACK = arrived(SLACK)
BY_MAIL = arrived(MAIL, rules=RULES)


@pytest.mark.parametrize(
    ("messages", "missing", "extra", "twice"),
    [
        pytest.param([BY_SLACK, BY_MAIL], 0, 0, 0, id="as it should be"),
        pytest.param([], 2, 0, 0, id="nothing came"),
        pytest.param([BY_MAIL], 1, 0, 0, id="one target was forgotten"),
        pytest.param([BY_SLACK, BY_SLACK, BY_MAIL], 0, 0, 1, id="twice"),
        pytest.param([BY_SLACK, arrived(delivery="d2"), BY_MAIL], 0, 0, 1, id="two alerts on one story"),
        pytest.param([arrived(SLACK, "one-copy"), BY_MAIL], 0, 0, 0, id="the copy came first"),
        pytest.param(
            [BY_SLACK, arrived(SLACK, "one-copy", delivery="d2"), BY_MAIL], 0, 0, 1, id="a copy told again"
        ),
        pytest.param([BY_SLACK, BY_MAIL, arrived(SLACK, "other")], 0, 1, 0, id="a story nobody asked for"),
        pytest.param(
            [BY_SLACK, BY_MAIL, arrived("slack:C0OTHER")], 0, 1, 0, id="somebody who was not to be told"
        ),
        pytest.param([BY_SLACK, arrived(MAIL, rules=frozenset())], 1, 0, 0, id="a rule is not named"),
        pytest.param([BY_SLACK, arrived(MAIL, rules=RULES | {"ktz"})], 0, 1, 0, id="a rule too many"),
    ],
)
def test_judge(messages, missing, extra, twice):
    got = judge([ONE], messages)
    assert (len(got.missing), len(got.extra), len(got.twice)) == (missing, extra, twice)
    assert got.fine is (not (missing or extra or twice))


def test_a_message_about_no_story_is_not_judged():
    trouble = Arrived(target=MAIL, delivery="x", stories=frozenset())
    assert judge([ONE], [BY_SLACK, BY_MAIL, trouble]).fine


def test_what_is_expected_of_the_samples_joins_copies_and_leaves_the_silent_out():
    expected = expectations()
    seed = next(one for one in expected if SEED in one.keys)
    assert seed.rules == {"kazakhmys", "rare-earths"}
    assert "kazakhmys-denies-copy" in seed.keys
    silent = {story.key for story in sample_stories() if story.silent or not (story.rules or story.update)}
    assert not silent & {key for one in expected for key in one.keys}


def test_russian_and_kazakh_outlets_are_told_to_their_desks_too():
    by_language = {story.language: targets(story) for story in sample_stories()}
    assert len(by_language["en"]) == 2
    assert by_language["ru"] - by_language["en"] == {"slack:C0RUSSIAN", "email:russian@news.example"}
    assert by_language["kk"] - by_language["en"] == {"slack:C0KAZAKH", "email:kazakh@news.example"}


def test_a_slack_message_is_known_by_its_links_and_its_metadata():
    posted = {
        "channel": "C0NEWSDESK",
        "ts": "1.0",
        "text": "Kazakhmys",
        "blocks": [
            {"type": "section", "text": {"text": f"<https://steppe-courier.example/{SEED}|Kazakhmys>"}}
        ],
        "metadata": {"event_type": "news_alert", "event_payload": {"delivery": "abc"}},
    }
    assert from_slack(posted) == Arrived(target=SLACK, delivery="abc", stories=frozenset({SEED}))


def test_a_mail_is_known_by_its_headers_and_its_parts():
    message = EmailMessage()
    message["X-Monitor-Rule"] = "kazakhmys, rare-earths"
    message["X-Monitor-Delivery"] = "abc"
    message.set_content(f"Казахмыс\nhttps://steppe-courier.example/{SEED}\n")
    message.add_alternative("<p>Казахмыс</p>", subtype="html")
    caught = Caught(
        sender="alerts@news.example",
        recipients=("newsdesk@news.example",),
        content=message.as_bytes(),
        encrypted=False,
        login=None,
    )
    assert from_mail(caught) == Arrived(
        target=MAIL, delivery="abc", stories=frozenset({SEED}), rules=frozenset({"kazakhmys", "rare-earths"})
    )
