"""Escaping, cutting and the values that templates see."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from monitor.alerts.letter import Reason, Span
from monitor.deliver.samples import letters
from monitor.deliver.text import header, printable, slack_cut, slack_escaped, slack_length, slack_link
from monitor.deliver.view import Passage, view
from monitor.deliver.words import WORDS, moment, offset
from monitor.stories.ids import RuleId
from monitor.stories.text import MAX_MARKS
from tests.build import NOON, a_letter, a_story


def marked(passage: Passage) -> str:
    return "".join(f"[{piece['text']}]" if piece["hit"] else piece["text"] for piece in passage)


def a_reason(story_text: str, *words: str, field: str = "summary", name: str = "Copper") -> Reason:
    spans = tuple(
        Span(field=field, start=story_text.index(w), end=story_text.index(w) + len(w), text=w) for w in words
    )
    return Reason(rule_id=RuleId(name.lower()), rule=name, spans=spans)


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("a & b", "a &amp; b"),
        ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        ('"it\'s"', '"it\'s"'),
    ],
)
def test_slack_text_is_letters_only(raw, safe):
    assert slack_escaped(raw) == safe


def test_a_link_label_cannot_end_its_link():
    assert (
        slack_link("a|b>c\nd", "https://x.example/?a=1|2>3") == "<https://x.example/?a=1%7C2%3E3|a∣b&gt;c d>"
    )


@pytest.mark.parametrize("limit", range(2, 60))
def test_a_cut_never_splits_an_entity_or_a_link(limit):
    text = "R&amp;D <https://x.example/1|a &lt;b&gt;> 😀😀 &gt;&gt;"
    cut = slack_cut(text, limit)
    assert slack_length(cut) <= limit
    kept = cut.removesuffix("…")
    assert text.startswith(kept)
    assert kept.count("<") == kept.count(">")
    assert (
        slack_escaped(kept.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")).count("&amp;") == 0
    )


@pytest.mark.parametrize(
    "raw", ["a\r\nBcc: b", "=?utf-8?q?x?=", "a\x0bb\x85c\u2028d", "x" * 5_000, "a\u202eb", "\ud800"]
)
def test_a_header_is_one_short_line_of_words(raw):
    got = header(raw)
    assert len(got.splitlines()) <= 1
    assert len(got) <= 182
    assert "=?" not in got


def test_a_terminal_shows_and_does_not_obey():
    got = printable("a\x1b[31mb\n  c\u202ed\x07\x9b5n\rE\n\x1b]0;title\x07")
    assert "\x1b" not in got
    assert all(character == "\n" or character.isprintable() for character in got)
    assert got.split("\n")[1].startswith("  c")


def test_the_words_that_matched_stand_out_in_the_summary():
    summary = "Copper prices rise. Tin follows copper."
    got = view(a_letter(a_story(summary=summary), reasons=(a_reason(summary, "Copper", "Tin follows"),)))
    assert marked(got["summary"]) == "[Copper] prices rise. [Tin follows] copper."
    assert got["passages"] == []


def test_a_match_deep_in_the_text_is_shown_in_its_sentence():
    text = (
        "First sentence. " * 200
        + "The plant dumps rare earth metals into the river! "
        + "Last sentence. " * 200
    )
    got = view(
        a_letter(
            a_story(summary="Short.", text=text), reasons=(a_reason(text, "rare earth metals", field="text"),)
        )
    )
    assert [marked(passage) for passage in got["passages"]] == [
        "The plant dumps [rare earth metals] into the river!"
    ]


def test_a_sentence_without_end_is_cut_at_words_with_ellipses():
    text = "word " * 300 + "copper " + "word " * 300
    (passage,) = view(
        a_letter(a_story(summary="S", text=text), reasons=(a_reason(text, "copper", field="text"),))
    )["passages"]
    shown = marked(passage)
    assert shown.startswith("…word")
    assert shown.endswith("word…")
    assert "[copper]" in shown
    assert len(shown) < 400


def test_every_rule_has_its_words_somewhere_even_when_only_the_headline_has_them():
    title = "Kazakhmys denies it"
    got = view(
        a_letter(
            a_story(title, summary="Nothing here."), reasons=(a_reason(title, "Kazakhmys", field="title"),)
        )
    )
    assert [marked(passage) for passage in got["passages"]] == ["[Kazakhmys] denies it"]


def test_overlapping_matches_of_two_rules_are_one():
    summary = "Rare earth metals and copper."
    reasons = (a_reason(summary, "Rare earth", name="A"), a_reason(summary, "earth metals", name="B"))
    assert (
        marked(view(a_letter(a_story(summary=summary), reasons=reasons))["summary"])
        == "[Rare earth metals] and copper."
    )


def test_spans_that_point_nowhere_are_left_out():
    span = Span(field="title", start=5, end=9_999, text="x")
    reason = Reason(
        rule_id=RuleId("x"),
        rule="X",
        spans=(span, replace(span, field="nothing", end=6), replace(span, start=-3)),
    )
    assert view(a_letter(reasons=(reason,)))["passages"] == []


def test_a_summary_that_repeats_the_headline_is_left_out():
    assert view(a_letter(a_story("Copper rises", summary="Copper rises")))["summary"] == []


def test_a_long_summary_is_about_two_lines_and_ends_with_a_sentence_or_an_ellipsis():
    got = marked(view(a_letter(a_story(summary="A sentence of six words only. " * 40)))["summary"])
    assert len(got) <= 265
    assert got.endswith(("only.…", "only. …", "…"))


@pytest.mark.parametrize("letter", list(letters()))
def test_what_templates_see_is_bounded_and_clean(letter):
    def walk(value):
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list):
            assert len(value) <= 40
            for item in value:
                walk(item)
        if isinstance(value, str):
            assert len(value) <= 2_000
            assert not set(value) & set("\x1b\u202e\r\n\0\ue000\ue001")

    walk(view(letter))


NOTHING_TO_SEE = {
    "marks": "\u0301\u0302\u0338",
    "zero width": "\u200b\u200c\u200d\u2060\ufeff",
    "bidi": "\u202e\u2066\u2069\u200f",
    "fillers": "\u3164\u115f\u1160\uffa0",
    "an empty braille cell": "\u2800",
    "tags": "\U000e0041\U000e007f",
    "selectors": "\ufe0f\ufe0e",
    "all of them": "\u0301 \u200d \u2800 \u202e\u3164",
    "nothing": "",
}


@pytest.mark.parametrize("nothing", NOTHING_TO_SEE.values(), ids=NOTHING_TO_SEE)
def test_a_headline_that_nobody_can_see_is_replaced(nothing):
    shown = view(a_letter(a_story(nothing, summary=nothing, text="Copper is up.")))
    assert shown["headline"] == "Copper is up."
    assert shown["summary"] == []
    story = a_story(nothing, summary=nothing, text="", source=nothing, authors=(nothing,))
    bare = view(a_letter(story, language="ru"))
    assert bare["headline"] == "(без заголовка)"
    assert bare["outlet"] == "news.example"
    assert bare["authors"] == []
    assert bare["passages"] == []


def test_a_mark_without_a_letter_sits_on_nothing():
    assert view(a_letter(a_story("\u0338\u200dCopper")))["headline"] == "Copper"
    assert view(a_letter(a_story("…and copper")))["headline"] == "…and copper"


@pytest.mark.parametrize("many", [1_000, 100_000])
def test_marks_without_end_on_one_letter_are_few(many):
    shown = view(a_letter(a_story("a" + "\u0301" * many + "b", summary="c" + "\u0489" * many)))
    assert len(shown["headline"]) <= 2 + MAX_MARKS
    assert sum(len(piece["text"]) for piece in shown["summary"]) <= 2 + MAX_MARKS


def test_times_are_those_of_the_receivers_clock():
    at = datetime(2026, 1, 31, 20, 5, tzinfo=UTC)
    assert moment(at, "Asia/Almaty", "en") == "1 Feb 2026, 01:05"
    assert moment(at, "Asia/Almaty", "ru") == "1 февр. 2026, 01:05"
    assert moment(at, "Asia/Almaty", "kk") == "2026 ж. 1 ақп., 01:05"
    assert moment(at, "UTC", "en", beside=at) == "20:05"
    assert [offset(NOON, zone) for zone in ("Asia/Almaty", "UTC", "America/St_Johns", "Asia/Kathmandu")] == [
        "UTC+5", "UTC", "UTC-3:30", "UTC+5:45"
    ]  # fmt: skip


def test_every_language_has_every_word():
    keys = {language: sorted(words) for language, words in WORDS.items()}
    assert keys["ru"] == keys["en"] == keys["kk"]
    for words in WORDS.values():
        assert words["fallback"].format(name="x")
        assert words["more"].format(count=2)
        assert words["sent_to"].format(receiver="x")
