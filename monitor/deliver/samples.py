"""Letters of every size and shape, made up, for trying templates and for `preview` and `send-test`."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from monitor.alerts.letter import Copy, Language, Letter, Reason, Span
from monitor.rules.rule import Priority
from monitor.stories.ids import AlertId, DeliveryId, FeedId, ReceiverName, RuleId, StoryId
from monitor.stories.story import Story

NOON = datetime(2026, 3, 14, 7, 0, tzinfo=UTC)

_TITLE = "Harbour town opens its rebuilt tram line two years late"
_SUMMARY = (
    "The first trams crossed the harbour bridge on Saturday morning, two years later than planned. The city says that "
    "the line will carry nine thousand people a day; shopkeepers along the route ask who pays for the lost trade."
)


def letter(
    *,
    channel: str = "print",
    target: str = "-",
    receiver: str = "desk",
    language: Language = "en",
    timezone: str = "UTC",
) -> Letter:
    """An ordinary alert about a story of our own."""
    spans = (_span("title", _TITLE, "tram line"), _span("summary", _SUMMARY, "harbour bridge"))
    return Letter(
        delivery=DeliveryId("sampledelivery00"),
        alert=AlertId("samplealert00000"),
        receiver=ReceiverName(receiver),
        channel=channel,
        target=target,
        language=language,
        timezone=timezone,
        story=Story(
            id=StoryId("samplestory00000"),
            feed=FeedId("samplefeed000000"),
            source="The Harbour Post",
            title=_TITLE,
            summary=_SUMMARY,
            link="https://harbour-post.example/news/tram-line-opens",
            authors=("City desk",),
            language="en",
            published_at=NOON,
            seen_at=NOON + timedelta(seconds=38),
            reference_at=NOON,
        ),
        reasons=(
            Reason(
                rule_id=RuleId("trams"),
                rule="Trams",
                desk="City",
                note="Ask the transport office.",
                spans=spans,
            ),
        ),
        copies=(
            Copy(source="City Wire", link="https://city-wire.example/1", seen_at=NOON + timedelta(minutes=2)),
        ),
        first_tried_at=NOON + timedelta(minutes=1),
    )


def _span(field: str, text: str, word: str) -> Span:
    start = text.index(word)
    return Span(field=field, start=start, end=start + len(word), text=word)


def letters() -> Iterator[Letter]:
    """One letter for each way in which alerts differ: bare, ordinary, urgent, huge, hostile; in every language."""
    usual = letter()
    yield usual
    yield replace(usual, language="ru", timezone="Asia/Almaty", priority=Priority.URGENT)
    yield replace(usual, language="kk", trial=True, copies=())
    yield _bare(usual)
    yield _huge(usual)
    yield _hostile(usual)


def _bare(usual: Letter) -> Letter:
    story = replace(usual.story, source="", title="", summary="", link=None, authors=(), published_at=None)
    return replace(usual, story=story, reasons=(Reason(rule_id=RuleId("all"), rule="Everything"),), copies=())


def _huge(usual: Letter) -> Letter:
    text = "Ұзақ мәтін, длинный текст, a long text. " * 1_500
    story = replace(
        usual.story, title=text[:10_000], summary=text[:20_000], text=text, authors=("Name " * 30,) * 20
    )
    spans = tuple(
        Span(field="text", start=at, end=at + 10, text=text[at : at + 10]) for at in range(0, 40_000, 400)
    )
    reason = Reason(
        rule_id=RuleId("long"),
        rule="A rule with a long name " * 20,
        desk="Desk " * 50,
        note="Note " * 400,
        spans=spans,
    )
    copies = tuple(
        Copy(source="Outlet " * 20, link="https://example.com/" + "a" * 1_900, seen_at=NOON)
        for _ in range(60)
    )
    return replace(usual, story=story, reasons=(reason,) * 40, copies=copies)


def _hostile(usual: Letter) -> Letter:
    title = "<!channel> *bold* _&_ `x` \u202egnp.exe {{ 7*7 }} {% for %} <b>\x1b[31m</b>\r\nBcc: a@b.example =?utf-8?q?x?="
    story = replace(
        usual.story, title=title, summary=title * 3, source=title, link="https://example.com/?a=1&b=%3E|x"
    )
    spans = (
        Span(field="title", start=0, end=10, text=title[:10]),
        Span(field="title", start=5, end=9_999, text="?"),
    )
    return replace(
        usual, story=story, reasons=(Reason(rule_id=RuleId("x"), rule=title, note=title, spans=spans),)
    )
