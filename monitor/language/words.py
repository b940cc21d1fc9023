"""Where words begin and end: letters, digits and marks of any script; an apostrophe joins, a hyphen separates.

In scripts that write no blanks between words each character counts as a word, so a term is found inside running text.
"""

import re
from collections.abc import Iterator

from monitor.language.fold import MARKS

RUNNING = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_LETTER = rf"[\w{MARKS}]"
_OTHER_LETTER = rf"(?![{RUNNING}]){_LETTER}"
_WORD = re.compile(r"\w+(?:'\w+)*")
_ANY_WORD = re.compile(rf"[{RUNNING}][{MARKS}]*|(?:{_OTHER_LETTER})+(?:'(?:{_OTHER_LETTER})+)*")
# Where marks and running scripts live: far fewer ranges than they are, so the common text is passed quickly.
NEEDS_CARE = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u1fff\u20d0-\u20ff\u2c00-\U0001efff\U00020000-\U0003ffff]"
)


def words(folded: str) -> list[str]:
    """The words of a folded text; an English 's is no part of its word."""
    found = _words_of(folded).findall(folded)
    if "'s" in folded:
        return [word.removesuffix("'s") for word in found]
    return found


def places(folded: str) -> Iterator[tuple[int, int]]:
    """Where each of the `words` stands."""
    for found in _words_of(folded).finditer(folded):
        start, end = found.span()
        yield start, end - 2 if found[0].endswith("'s") else end


def _words_of(folded: str) -> re.Pattern[str]:
    return _ANY_WORD if not folded.isascii() and NEEDS_CARE.search(folded) else _WORD
