"""Words as an editor wrote them, to words of a phrase. Knows no operators; `query` does."""

import re
from dataclasses import dataclass

from monitor.language.fold import fold
from monitor.language.scripts import is_latin, stray_letters
from monitor.language.words import places
from monitor.rules.tree import Mode, Word

LEAST_PREFIX = 3
"""Letters that must stand before a `*`."""


class QueryError(Exception):
    """A line cannot be read; `at` is the offset in it."""

    def __init__(self, message: str, at: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.at, self.hint = message, at, hint


@dataclass(frozen=True, slots=True)
class Written:
    """A word of a phrase and how it stands to the one before: `joined` by nothing but a hyphen."""

    word: Word
    joined: bool = False


_WILDCARD_INSIDE = re.compile(r"[*?](?=\w)")
_FUZZY = re.compile(r"\w(?:~\d*|\^[\d.]+)$")
_DASHES = "-\u2010\u2011\u2012\u2013\u2212"
_CAPITALS = re.compile(r"[^\W\d_]{2,5}")
_DOTTED = re.compile(r"(?:[^\W\d_]\.){2,5}[^\W\d_]?")


def read_word(token: str, at: int) -> list[Written]:
    """The words in a stretch without blanks: one as a rule, more where a hyphen or other marks part them.

    Raises:
        QueryError: A wildcard stands where none can, or letters of two alphabets are mixed by mistake.
    """
    cased = token.startswith("=")
    body = token.removeprefix("=")
    at += cased
    _refuse_what_is_unknown(body, at)
    star = body.endswith("*")
    bare = body.rstrip("*")
    if star and cased:
        raise QueryError("= and * cannot stand at one word", at - 1, f"write {body} or ={bare}")
    words = _words(bare, at, Mode.CASED if cased else Mode.FOLDED)
    if star:
        words = _with_prefix(words, bare, at)
    return words


def read_quoted(text: str, at: int, *, cased: bool) -> list[Written]:
    """The words between quotation marks: exactly these, and with `=` in exactly these letters."""
    words: list[Written] = []
    for found in re.finditer(r"\S+", text):
        if found[0].endswith("*") and not cased:
            words += read_word(found[0], at + found.start())
        else:
            words += _words(found[0], at + found.start(), Mode.CASED if cased else Mode.FOLDED)
    return words


def is_lone_capitals(token: str) -> bool:
    """Whether a word is an abbreviation that only its capitals tell from an ordinary word: `REE`, `РЖД`, `U.S.`"""
    return token.isupper() and bool(_CAPITALS.fullmatch(token) or _DOTTED.fullmatch(token))


def with_hyphens_closed(words: list[Written]) -> list[Word]:
    """The same phrase with hyphens left out: `COVID19` of `COVID-19`."""
    closed: list[Word] = []
    for written in words:
        if written.joined and closed:
            closed[-1] = Word(closed[-1].text + written.word.text, written.word.mode)
        else:
            closed.append(written.word)
    return closed


def _words(text: str, at: int, mode: Mode) -> list[Written]:
    folded = fold(text)
    found: list[Written] = []
    behind = 0
    for start, end in places(folded.text):
        word = folded.cased[start:end]
        here, after = folded.received(start, end)
        _refuse_strays(text[here:after], at + here)
        joined = bool(found) and len(text[behind:here]) == 1 and text[behind:here] in _DASHES
        found.append(Written(Word(word, mode), joined))
        behind = after
    return found


def _with_prefix(words: list[Written], bare: str, at: int) -> list[Written]:
    if not words:
        raise QueryError("a wildcard alone matches everything", at)
    last = words[-1]
    if len(last.word.text) < LEAST_PREFIX:
        raise QueryError(
            f"'{last.word.text}*' would match far too much",
            at + max(0, bare.rfind(last.word.text)),
            f"give at least {LEAST_PREFIX} letters before the *",
        )
    return [*words[:-1], Written(Word(last.word.text, Mode.PREFIX), last.joined)]


def _refuse_what_is_unknown(body: str, at: int) -> None:
    inside = _WILDCARD_INSIDE.search(body)
    if inside:
        raise QueryError(
            "a wildcard can stand only at the end of a word",
            at + inside.start(),
            "list the spellings: colour, color",
        )
    if body and not body.strip("*?"):
        raise QueryError("a wildcard alone matches everything", at)
    if _FUZZY.search(body):
        raise QueryError(f"monitor does not know '{body}'", at, "list the spellings: colour, color")
    if len(body) > 1 and body[0] in "+-" and body[1].isalpha():
        way_out = "NOT " if body[0] == "-" else "AND "
        raise QueryError(f"monitor does not know {body[0]} before a word", at, f"write {way_out}{body[1:]}")


def _refuse_strays(word: str, at: int) -> None:
    strays = stray_letters(word)
    if strays is None:
        return
    _, letters = strays
    script = "Latin" if is_latin(letters[0]) else "Cyrillic"
    which = f"{letters} is {script}" if len(letters) == 1 else f"{', '.join(letters)} are {script}"
    raise QueryError(
        f"'{word}' mixes Latin and Cyrillic letters ({which})", at, "retype the word in one alphabet"
    )
