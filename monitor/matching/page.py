"""A story laid out for one pass: the words of headline, summary and text in a row, and the way back to each place."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate

from monitor.language.fold import Folded, fold
from monitor.language.words import places, words
from monitor.matching.evidence import Evidence, FieldName
from monitor.stories.story import Story
from monitor.stories.zones import stretches


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A stretch of a field that is searched; no phrase reaches from one into the next."""

    field: FieldName
    offset: int  # of its first character in the field
    folded: Folded
    first_word: int
    first_space: int  # in the row


_SUMMARY: FieldName = "summary"
_TEXT: FieldName = "text"


class Page:
    """The words of a story.

    `row` holds them folded, each between blanks; two blanks part the stretches.
    """

    def __init__(self, story: Story, *, whole: bool = False) -> None:
        """Lay a story out.

        Args:
            whole: Search lists of other stories ("Latest news") too.
        """
        self._story = story
        self._stretches: list[_Stretch] = []
        self._words: list[str] = []
        self._spaces: list[int] | None = None
        self._places: dict[int, list[tuple[int, int]]] = {}
        self._row: list[str] = []
        self._length = 0
        self._add("title", story.title, ((0, len(story.title)),))
        self.headline_words = len(self._words)
        for text, field in ((story.summary, _SUMMARY), (story.text, _TEXT)):
            self._add(field, text, ((0, len(text)),) if whole else stretches(text))
        self.row = "".join(self._row)

    def _add(self, field: FieldName, text: str, parts: tuple[tuple[int, int], ...]) -> None:
        for start, end in parts:
            folded = fold(text[start:end] if (start, end) != (0, len(text)) else text)
            found = words(folded.text)
            if not found:
                continue
            self._stretches.append(_Stretch(field, start, folded, len(self._words), self._length))
            self._words += found
            piece = f" {' '.join(found)} "
            self._row.append(piece)
            self._length += len(piece)

    def word_at(self, space: int) -> int:
        """The number of the word behind a blank of the row."""
        if self._spaces is None:
            self._spaces = self._count_spaces()
        return bisect_left(self._spaces, space)

    def _count_spaces(self) -> list[int]:
        """For each word, where the blank before it stands."""
        spaces: list[int] = []
        ends = [stretch.first_word for stretch in self._stretches[1:]] + [len(self._words)]
        for stretch, end in zip(self._stretches, ends, strict=True):
            steps = (len(word) + 1 for word in self._words[stretch.first_word : end - 1])
            spaces.extend(accumulate(steps, initial=stretch.first_space))
        return spaces

    def has(self, number: int, first: int) -> bool:
        """Whether there is such a word, in one stretch with the word `first`."""
        return number < len(self._words) and self._stretch(number) == self._stretch(first)

    def word(self, number: int) -> str:
        """A word, folded."""
        return self._words[number]

    def cased(self, number: int) -> str:
        """A word with its letter case."""
        stretch, start, end = self._place(number)
        return stretch.folded.cased[start:end]

    def evidence(self, first: int, last: int, line: int) -> Evidence:
        """The stretch of the received field from one word to another."""
        stretch, start, _ = self._place(first)
        _, _, end = self._place(last)
        start, end = stretch.folded.received(start, end)
        start, end = start + stretch.offset, end + stretch.offset
        text: str = getattr(self._story, stretch.field)
        return Evidence(field=stretch.field, start=start, end=end, text=text[start:end], line=line)

    def _stretch(self, number: int) -> int:
        return bisect_right(self._stretches, number, key=_first_word) - 1

    def _place(self, number: int) -> tuple[_Stretch, int, int]:
        index = self._stretch(number)
        stretch = self._stretches[index]
        if index not in self._places:
            self._places[index] = list(places(stretch.folded.text))
        start, end = self._places[index][number - stretch.first_word]
        return stretch, start, end


def _first_word(stretch: _Stretch) -> int:
    return stretch.first_word
