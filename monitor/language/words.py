"""Where words begin and end: letters, digits and marks of any script; an apostrophe joins, a hyphen separates.

In scripts that write no blanks between words each character counts as a word, so a term is found inside running text.
"""

import re
from collections.abc import Iterator

from monitor.language.fold import MARKS

_RUNNING = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_LETTER = rf"[\w{MARKS}]"
_OTHER_LETTER = rf"(?![{_RUNNING}]){_LETTER}"
_WORD = re.compile(r"\w+(?:'\w+)*")
_ANY_WORD = re.compile(rf"[{_RUNNING}][{MARKS}]*|(?:{_OTHER_LETTER})+(?:'(?:{_OTHER_LETTER})+)*")
_NEEDS_CARE = re.compile(f"[{_RUNNING}{MARKS}]")


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
    return _ANY_WORD if not folded.isascii() and _NEEDS_CARE.search(folded) else _WORD
