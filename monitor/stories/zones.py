"""Which lines of a page's text are the story, and which are the page's own lists of other stories.

A feed's text often ends as its page does: "Latest news" and headlines that name everybody. Those are not the story. Works
on plain text with its line breaks kept; text on one line is all story. Sources: the usage of English, Russian and
Kazakh news sites.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

_CUES = """
latest news|recent news|more news|other news|top news|top stories|most read|most popular|trending now|related news|
related stories|related articles|related posts|related topics|read also|read more|read next|see also|also read|
you may also like|you might also like|more on this topic|editor.?s choice|editor.?s picks?|
последние новости|другие новости|новости по теме|читайте также|читать также|читайте ещ[её]|смотрите также|
ещ[её] по теме|материалы по теме|самое читаемое|лента новостей|главные новости|главное за день|похожие новости|
похожие статьи|похожие материалы|
соңғы жаңалықтар|басқа жаңалықтар|тағы оқыңыз|тағы да оқыңыз|тағы оқи отырыңыз|оқи отырыңыз|сондай-ақ оқыңыз|
тақырып бойынша|тақырыпқа қатысты|ұқсас жаңалықтар|ұқсас материалдар|ең көп оқылған|көп оқылғандар
"""
_VAGUE_CUES = """
latest|related|popular|recommended|trending|новости|важное|популярное|рекомендуем|по теме|жаңалықтар|танымал|айдарда
"""
_ONE_OTHER = """
read also|also read|read more|see also|related|more on this|читайте также|читать также|читайте ещ[её]|
смотрите также|ещ[её] по теме|по теме|тағы оқыңыз|тағы да оқыңыз|оқи отырыңыз|сондай-ақ оқыңыз
"""
_PROMOTION = """
subscribe to|follow us|join our|sign up for|подпи(?:сывайтесь|шитесь|шись) на|присоединяйтесь к|
следите за (?:нами|новостями)|бізге жазылыңыз|telegram арнамызға
"""


def _any(phrases: str) -> str:
    return "(?:" + phrases.replace("\n", "") + ")"


_CUE_LINE = re.compile(rf"\W*{_any(_CUES)}\s*[:.!…»>]*\s*", re.I)
_VAGUE_LINE = re.compile(rf"\W*{_any(_VAGUE_CUES)}\s*[:.!…»>]*\s*", re.I)
_OTHER_LINE = re.compile(rf"\W*{_any(_ONE_OTHER)}\s*[:—–-]\s*\S", re.I)
_PROMOTION_LINE = re.compile(rf"\W*{_any(_PROMOTION)}\b", re.I)
_BULLET = re.compile(r"\s*(?:[-–—•·*▪►»]|\d{1,2}[.)])\s+")
_SENTENCE_END = re.compile(r"[.!?…][\"»”’)\]]*\s*\Z")
_NO_HEADLINE_END = re.compile(r"[.;,:…][\"»”’)\]]*\s*\Z")  # a headline may end in ? or !
_TIME_LINE = re.compile(
    r"\W*(?:\d{1,2}[:.]\d{2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}-\d{2}-\d{2})[\s\d:.,/|-]*", re.I
)
_STAMP_LINE = re.compile(
    r"\W*(?:\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{1,2} [^\W\d]{3,9}\.?,? \d{4}|[^\W\d]{3,9} \d{1,2}, \d{4}),?\s+"
    r"\d{1,2}:\d{2}\b.{0,20}",
    re.I,
)
_MOST_SHORT = 200
"""Only lines up to this length can be cues, headlines or times; no pattern sees a longer one."""


@dataclass(slots=True)
class _Line:
    start: int
    end: int
    text: str
    story: bool = True

    @property
    def blank(self) -> bool:
        return not self.text or self.text.isspace()

    def like(self, pattern: re.Pattern[str]) -> bool:
        return len(self.text) <= _MOST_SHORT and pattern.fullmatch(self.text) is not None

    def opens(self, pattern: re.Pattern[str]) -> bool:
        return pattern.match(self.text[:_MOST_SHORT]) is not None

    @property
    def ends_a_sentence(self) -> bool:
        return _SENTENCE_END.search(self.text[-40:]) is not None

    @property
    def headline_like(self) -> bool:
        if len(self.text) > _MOST_SHORT:
            return False
        if self.like(_TIME_LINE):
            return True
        bare = _BULLET.sub("", self.text, count=1).strip()
        return 2 <= len(bare.split()) <= 22 and not _NO_HEADLINE_END.search(bare[-40:])


def stretches(text: str) -> tuple[tuple[int, int], ...]:
    """The stretches of a text that are the story, as code-point offsets, in order.

    They are whole lines. Without any list of other stories, and where nothing else would be left, the answer is the
    whole text.
    """
    if "\n" not in text:
        return ((0, len(text)),)
    lines = _lines(text)
    for line in lines:
        if line.opens(_OTHER_LINE) or line.opens(_PROMOTION_LINE):
            line.story = False
    _mark_lists_with_a_cue(lines)
    _mark_list_at_the_end(lines)
    _mark_next_story(lines)
    if not any(line.story and not line.blank for line in lines):
        return ((0, len(text)),)
    return _joined(lines)


def _lines(text: str) -> list[_Line]:
    lines: list[_Line] = []
    start = 0
    for piece in text.split("\n"):
        lines.append(_Line(start, start + len(piece), piece.strip()))
        start += len(piece) + 1
    return lines


def _joined(lines: list[_Line]) -> tuple[tuple[int, int], ...]:
    kept: list[tuple[int, int]] = []
    side_by_side = False
    for line in lines:
        if line.story and side_by_side:
            kept[-1] = (kept[-1][0], line.end)
        elif line.story:
            kept.append((line.start, line.end))
        side_by_side = line.story
    return tuple(kept)


def _mark_lists_with_a_cue(lines: list[_Line]) -> None:
    """ "Latest news" and what is listed below it; to the end of the page where most of the rest is a list."""
    rest, rest_like = _counts_behind(lines)
    place = 0
    while place < len(lines):
        line = lines[place]
        sure = line.like(_CUE_LINE)
        if not sure and not line.like(_VAGUE_LINE):
            place += 1
            continue
        last, items = _run(lines, place + 1)
        to_the_end = rest[place] >= 4 and rest_like[place] * 2 >= rest[place]
        if to_the_end or (sure and items and items == rest[place]):
            _set(lines, place, len(lines) - 1)
            return
        if items >= 3:
            _set(lines, place, last)
            place = last
        place += 1


def _counts_behind(lines: list[_Line]) -> tuple[list[int], list[int]]:
    """For each line, how many lines with text follow it, and how many of these look like headlines."""
    rest, like = [0] * len(lines), [0] * len(lines)
    for place in range(len(lines) - 2, -1, -1):
        after = lines[place + 1]
        rest[place] = rest[place + 1] + (not after.blank)
        like[place] = like[place + 1] + (not after.blank and after.headline_like)
    return rest, like


def _run(lines: list[_Line], place: int) -> tuple[int, int]:
    """The last of the headline-like lines from a place on, and how many they are."""
    last, items = place - 1, 0
    while place < len(lines) and (lines[place].blank or lines[place].headline_like):
        if not lines[place].blank:
            last, items = place, items + 1
        place += 1
    return last, items


def _mark_list_at_the_end(lines: list[_Line]) -> None:
    """Four or more bulleted headlines that close a text of sentences, unless a colon announced them."""
    place = len(lines) - 1
    while place >= 0 and (lines[place].blank or not lines[place].story):
        place -= 1
    end = place
    while place >= 0 and (lines[place].blank or _bulleted(lines[place])):
        place -= 1
    items = sum(not line.blank for line in lines[place + 1 : end + 1])
    if items < 4 or place < 0 or lines[place].text.endswith(":"):
        return
    if sum(line.story and line.ends_a_sentence for line in lines[: place + 1]) >= 2:
        _set(lines, place + 1, end)


def _bulleted(line: _Line) -> bool:
    return line.story and _BULLET.match(line.text) is not None and line.headline_like


def _mark_next_story(lines: list[_Line]) -> None:
    """A headline and then its date and time, behind two sentences: a page that scrolls on into another story."""
    sentences = 0
    written = [place for place, line in enumerate(lines) if not line.blank]
    for place, after in pairwise(written):
        line = lines[place]
        if not line.story:
            continue
        if (
            sentences >= 2
            and line.headline_like
            and not line.like(_TIME_LINE)
            and lines[after].like(_STAMP_LINE)
        ):
            _set(lines, place, len(lines) - 1)
            return
        sentences += line.ends_a_sentence


def _set(lines: list[_Line], first: int, last: int) -> None:
    for line in lines[first : last + 1]:
        line.story = False
