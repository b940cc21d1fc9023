"""A letter as the plain values that templates see. Live objects never reach a template."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict

from monitor.alerts.letter import Copy, Language, Letter, Reason, Span
from monitor.deliver.text import clean, readable
from monitor.deliver.words import WORDS, moment, offset
from monitor.rules.rule import Priority
from monitor.stories.links import host_of, safe_link
from monitor.stories.text import plain

HEADLINE_LIMIT = 300
SUMMARY_LIMIT = 260
"""Two lines on a desk's screen."""
AROUND_LIMIT = 160
"""Characters of a sentence shown on each side of a match."""
MOST_RULES = 8
MOST_COPIES = 6
MOST_PASSAGES = 3
MOST_WORDS = 5


class Piece(TypedDict):
    """A stretch of text; `hit` says that it is what matched."""

    text: str
    hit: bool


Passage = list[Piece]


class RuleView(TypedDict):
    """One rule that matched."""

    id: str
    name: str
    desk: str
    note: str
    words: list[str]


class CopyView(TypedDict):
    """The same story elsewhere."""

    outlet: str
    link: str | None
    seen: str


class View(TypedDict):
    """Everything a template may name. docs/templates.md explains each."""

    headline: str
    link: str | None
    domain: str
    outlet: str
    authors: list[str]
    published: str
    seen: str
    zone: str
    summary: Passage
    passages: list[Passage]
    rules: list[RuleView]
    more_rules: int
    copies: list[CopyView]
    more_copies: int
    urgent: bool
    trial: bool
    receiver: str
    language: Language
    say: dict[str, str]
    story: str
    delivery: str


def view(letter: Letter) -> View:
    """Put a letter into plain values, each clean and bounded."""
    story = letter.story
    say = dict(WORDS[letter.language])
    headline = readable(plain(story.title, limit=HEADLINE_LIMIT)) or _first_readable(
        (story.summary, story.text), limit=HEADLINE_LIMIT // 2
    )
    shown = _Shown.of(letter, headline)
    reasons = letter.reasons[:MOST_RULES]
    return View(
        headline=headline or say["no_headline"],
        link=safe_link(story.link),
        domain=host_of(safe_link(story.link)),
        outlet=_first_readable((story.source,), limit=80)
        or host_of(safe_link(story.link))
        or str(story.feed),
        authors=[
            name for name in (readable(plain(author, limit=60)) for author in story.authors[:3]) if name
        ],
        published=moment(story.published_at, letter.timezone, letter.language) if story.published_at else "",
        seen=moment(story.seen_at, letter.timezone, letter.language, beside=story.published_at),
        zone=offset(story.seen_at, letter.timezone),
        summary=shown.summary if _is_seen(shown.summary) else [],
        passages=[passage for passage in shown.passages if _is_seen(passage)],
        rules=[_rule(reason) for reason in reasons],
        more_rules=len(letter.reasons) - len(reasons),
        copies=[_copy(copy, letter) for copy in letter.copies[:MOST_COPIES]],
        more_copies=max(0, len(letter.copies) - MOST_COPIES),
        urgent=letter.priority is Priority.URGENT,
        trial=letter.trial,
        receiver=plain(letter.receiver, limit=60),
        language=letter.language,
        say=say,
        story=str(story.id),
        delivery=str(letter.delivery),
    )


def _first_readable(texts: Iterable[str], *, limit: int) -> str:
    return next((shown for text in texts if (shown := readable(plain(text, limit=limit)))), "")


def _is_seen(passage: Passage) -> bool:
    return any(readable(piece["text"].strip("…")) for piece in passage)


def _rule(reason: Reason) -> RuleView:
    words: dict[str, str] = {}
    for span in reason.spans:
        word = plain(span.text, limit=60)
        if word:
            words.setdefault(word.casefold(), word)
    return RuleView(
        id=str(reason.rule_id),
        name=plain(reason.rule, limit=80) or str(reason.rule_id),
        desk=plain(reason.desk, limit=60),
        note=plain(reason.note, limit=300),
        words=list(words.values())[:MOST_WORDS],
    )


def _copy(copy: Copy, letter: Letter) -> CopyView:
    link = safe_link(copy.link)
    return CopyView(
        outlet=_named(readable(plain(copy.source, limit=60)), host_of(link)),
        link=link,
        seen=moment(copy.seen_at, letter.timezone, letter.language, beside=letter.story.seen_at),
    )


def _named(outlet: str, host: str) -> str:
    """An outlet's name; where it reads like an address, the host that its link really leads to stands beside it."""
    known = outlet.casefold()
    if host and "." in outlet and host != known and not host.endswith(f".{known}") and host not in known:
        return f"{outlet} ({host})"
    return outlet or host or "?"


# ---- the words that matched, in their sentence ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shown:
    """The summary and, for rules whose words are not in it, the sentences that hold them."""

    summary: Passage
    passages: list[Passage]

    @classmethod
    def of(cls, letter: Letter, headline: str) -> "_Shown":
        story = letter.story
        spans = [span for reason in letter.reasons for span in reason.spans if _is_there(letter, span)]
        field = "summary" if readable(plain(story.summary)) else "text"
        whole = str(getattr(story, field))
        end = _summary_end(whole)
        if readable(plain(whole[:end])) == headline:
            end = 0
        summary = _passage(whole, 0, end, (span for span in spans if span.field == field))
        if end and end < len(whole.rstrip()):
            _append(summary, "…")
        taken = {field: [(0, end)]} if end else {}
        passages: list[Passage] = []
        for reason in letter.reasons[:MOST_RULES]:
            own = [span for span in reason.spans if _is_there(letter, span)]
            if not own or any(_within(span, taken) for span in own) or len(passages) == MOST_PASSAGES:
                continue
            best = min(
                own, key=lambda span: (span.field == "title", span.start)
            )  # the headline is there already
            text = str(getattr(story, best.field))
            found = _sentence(text, best)
            taken.setdefault(best.field, []).append((found.start, found.stop))
            passage = _passage(
                text, found.start, found.stop, (span for span in spans if span.field == best.field)
            )
            if not passage:  # what matched is nothing that can be shown
                continue
            before, after = (
                [Piece(text="…", hit=False)] if cut else [] for cut in (found.cut_before, found.cut_after)
            )
            passages.append([*before, *passage, *after])
        return cls(summary, passages)


def _is_there(letter: Letter, span: Span) -> bool:
    text = getattr(letter.story, span.field, None)
    return isinstance(text, str) and 0 <= span.start < span.end <= len(text)


def _within(span: Span, taken: dict[str, list[tuple[int, int]]]) -> bool:
    return any(start <= span.start and span.end <= stop for start, stop in taken.get(span.field, ()))


def _passage(text: str, start: int, stop: int, spans: Iterable[Span]) -> Passage:
    """A stretch of text, cut where a match begins and ends; matches that overlap become one."""
    hits: list[list[int]] = []
    for begin, end in sorted(
        (span.start, span.end) for span in spans if start <= span.start and span.end <= stop
    ):
        if hits and begin <= hits[-1][1]:
            hits[-1][1] = max(hits[-1][1], end)
        else:
            hits.append([begin, end])
    passage: Passage = []
    at = start
    for begin, end in hits:
        _append(passage, text[at:begin])
        _append(passage, text[begin:end], hit=True)
        at = end
    _append(passage, text[at:stop].rstrip())
    return passage


def _append(passage: Passage, text: str, *, hit: bool = False) -> None:
    cleaned = clean(text)
    if not passage:
        cleaned = cleaned.lstrip()
    if cleaned:
        passage.append(Piece(text=cleaned, hit=hit))


_SENTENCE_END = re.compile(r"[.!?…][\"'»”’)\]]*\s+|\n+")


def _summary_end(text: str) -> int:
    """Where the shown part of a summary ends: behind a sentence if one ends late enough, else behind a word."""
    text = text.rstrip()
    if len(text) <= SUMMARY_LIMIT:
        return len(text)
    ends = [
        found.end()
        for found in _SENTENCE_END.finditer(text, 0, SUMMARY_LIMIT)
        if found.end() > SUMMARY_LIMIT // 2
    ]
    if ends:
        return ends[-1]
    blank = text.rfind(" ", SUMMARY_LIMIT // 2, SUMMARY_LIMIT)
    return blank if blank > 0 else SUMMARY_LIMIT


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A sentence, or what of it fits."""

    start: int
    stop: int
    cut_before: bool
    cut_after: bool


def _sentence(text: str, span: Span) -> _Stretch:
    """The sentence around a match."""
    start, cut_before = _sentence_start(text, span)
    stop, cut_after = _sentence_stop(text, span)
    return _Stretch(start, stop, cut_before, cut_after)


def _sentence_start(text: str, span: Span) -> tuple[int, bool]:
    left = max(0, span.start - AROUND_LIMIT)
    ends = [found.end() for found in _SENTENCE_END.finditer(text, left, span.start)]
    if ends:
        return ends[-1], False
    if not left:
        return 0, False
    blank = text.find(" ", left, span.start)
    return (blank + 1 if blank >= 0 else left), True


def _sentence_stop(text: str, span: Span) -> tuple[int, bool]:
    right = min(len(text), span.end + AROUND_LIMIT)
    end = _SENTENCE_END.search(text, span.end, right)
    if end:
        return end.end(), False
    if right == len(text):
        return right, False
    blank = text.rfind(" ", span.end, right)
    return (blank if blank >= 0 else right), True
