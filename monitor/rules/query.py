"""One line of a rule to a tree: adjacent words are a phrase, commas are alternatives, AND, OR and NOT join.

line  = joined { "," joined }             commas and operators side by side need brackets
joined = part { OR part } | part { AND part | NOT part }
part  = "(" line ")" | phrase
"""

import re
from dataclasses import dataclass, field

from monitor.located import Place, Problem, Scalar
from monitor.rules.phrase import (
    QueryError,
    Written,
    is_lone_capitals,
    read_quoted,
    read_word,
    with_hyphens_closed,
)
from monitor.rules.tree import And, Field, Leaf, Mode, Node, Not, Or, Word

MAX_CHARACTERS = 10_000
MAX_BRACKETS = 20
MAX_WORDS = 50

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+)
  | (?P<open>\() | (?P<close>\)) | (?P<comma>,) | (?P<semicolon>;) | (?P<bar>\|+)
  | (?P<quote>=?["“”„«»](?P<inner>[^"“”„«»]*)(?P<closing>["“”»]?))
  | (?P<place>(?:headline|title|intitle|hd|lead|hlead|anywhere|summary|text|body|source|site|language)[:=])
  | (?P<near>(?:(?:AND\s+)?NOT\s+)?(?:(?:ONEAR|BEFORE|AFTER|PRE|NEAR|ADJ|W|N|w|n|near|onear|pre|adj)/\d+f?|
             (?:NEAR|ONEAR|BEFORE|PRE|ADJ)\d*|/\d+|\+\d+)(?=[\s()]|$))
  | (?P<count>(?:ATLEAST|AT\s+LEAST)[\s/]*\d*(?=[\s(]|$))
  | (?P<some>\d+\s+OF(?=[\s(]|$))
  | (?P<operator>(?:AND\s+NOT|BUT\s+NOT|AND|OR|NOT)(?=[\s()]|$))
  | (?P<list>\$[\w-]+)
  | (?P<word>[^\s()",;|“”„«»]+)
    """,
    re.VERBOSE,
)

_IN_FULL = "write AND for both anywhere in the story, or the phrase in full"
_KEY_FOR = {
    "headline": "headline", "title": "headline", "intitle": "headline", "hd": "headline",
    "source": "sources", "site": "sources", "language": "languages",
}  # fmt: skip
_LOOKS_LIKE_OPERATOR = {
    "and": "AND", "or": "OR", "not": "NOT", "И": "AND", "ИЛИ": "OR", "НЕ": "NOT", "ЖӘНЕ": "AND", "НЕМЕСЕ": "OR",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int
    inner: str = ""


@dataclass(slots=True)
class Line:
    """A line of a rule, read.

    Args:
        tree: None where the line cannot be read; the problems say why.
    """

    tree: Node | None = None
    problems: list[Problem] = field(default_factory=list)


def read_line(scalar: Scalar, where: Field = Field.ANYWHERE) -> Line:
    """Read one line; every message has its place in the file."""
    line = Line()
    reader = _Reader(scalar, where, line.problems)
    try:
        line.tree = reader.whole()
    except QueryError as error:
        line.problems.append(Problem(reader.place(error.at), error.message, error.hint))
    return line


def read_phrases(scalar: Scalar) -> tuple[list[Leaf], list[Problem]]:
    """Read a line that may hold phrases and commas only (`hide`)."""
    line = read_line(scalar)
    tree = line.tree
    parts = tree.parts if isinstance(tree, Or) else () if tree is None else (tree,)
    leaves = [leaf for part in parts for leaf in (part.parts if isinstance(part, Or) else (part,))]
    if all(isinstance(leaf, Leaf) for leaf in leaves):
        return [leaf for leaf in leaves if isinstance(leaf, Leaf)], line.problems
    message = "AND, OR and NOT cannot stand here"
    return [], [
        *line.problems,
        Problem(scalar.text_place, message, "write a phrase, or several with commas between"),
    ]


def _cut(text: str) -> list[_Token]:
    if len(text) > MAX_CHARACTERS:
        raise QueryError(f"this line is longer than {MAX_CHARACTERS:,} characters", 0, "write several lines")
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        assert found is not None, "the last alternatives take every character"
        kind = found.lastgroup or ""
        if kind in ("inner", "closing"):
            kind = "quote"
        if kind == "quote" and not found["closing"]:
            raise QueryError("this quotation mark is never closed", at, "close it, or take it out")
        if kind != "blank":
            tokens.append(_Token(kind, found[0], at, found["inner"] or ""))
        at = found.end()
    return tokens


class _Reader:
    """Reads the tokens of one line from left to right."""

    def __init__(self, scalar: Scalar, where: Field, problems: list[Problem]) -> None:
        self._scalar, self._where, self._problems = scalar, where, problems
        self._tokens: list[_Token] = []
        self._next = 0
        self._depth = 0

    def place(self, at: int) -> Place:
        """Where a character of the line stands in its file: exact in lines that are not blocks."""
        if self._scalar.style in ("|", ">"):
            return self._scalar.text_place
        return self._scalar.text_place.right(at)

    def whole(self) -> Node:
        self._tokens = _cut(self._scalar.text)
        if not self._tokens:
            raise QueryError("this line is empty", 0, "write what to look for, or take the line out")
        node = self._line()
        token = self._peek()
        if token is not None:
            raise _refusal(token)
        return node

    def _peek(self, *kinds: str) -> _Token | None:
        token = self._tokens[self._next] if self._next < len(self._tokens) else None
        return token if token is not None and (not kinds or token.kind in kinds) else None

    def _operator(self, *names: str) -> _Token | None:
        token = self._peek("operator")
        return token if token is not None and token.text.split()[-1] in names else None

    def _line(self) -> Node:
        first = self._peek()
        part, by_operators = self._joined()
        parts = [part]
        while comma := self._peek("comma"):
            self._next += 1
            if self._peek() is None or self._peek("close"):
                raise QueryError("nothing stands behind this comma", comma.at, "take the comma out")
            part, mixed = self._joined()
            parts.append(part)
            by_operators = by_operators or mixed
        if len(parts) == 1:
            return part
        if by_operators:
            message = "commas and AND, OR, NOT in one line need brackets"
            hint = "put the alternatives in brackets: (gold, silver) AND price"
            raise QueryError(message, first.at if first else 0, hint)
        return Or(tuple(parts))

    def _joined(self) -> tuple[Node, bool]:
        """Parts joined by operators, and whether there was an operator at all."""
        negation = self._operator("NOT")
        if negation and negation.text != "NOT":
            raise QueryError(f"{negation.text} needs something before it", negation.at)
        parts: list[Node] = [self._negated(negation) if negation else self._part()]
        joiner: str | None = None
        while token := self._operator("AND", "OR", "NOT"):
            kind = "OR" if token.text == "OR" else "AND"
            if joiner not in (None, kind):
                message = (
                    "AND and OR together need brackets, because search tools disagree on which goes first"
                )
                raise QueryError(message, token.at, "put the OR part in brackets: (a OR b) AND c")
            joiner = kind
            if token.text not in ("AND", "OR"):
                parts.append(self._negated(token))
                continue
            self._next += 1
            negation = self._operator("NOT")
            parts.append(self._negated(negation) if negation else self._part(token))
        if len(parts) == 1:
            return parts[0], negation is not None
        return (Or(tuple(parts)) if joiner == "OR" else And(tuple(parts))), True

    def _negated(self, token: _Token) -> Node:
        self._next += 1
        return Not(self._part(token))

    def _part(self, behind: _Token | None = None) -> Node:
        token = self._peek()
        if token is None or (behind is not None and token.kind in ("close", "comma", "operator")):
            if behind is not None:
                raise QueryError(f"{behind.text} needs something after it", behind.at)
            raise QueryError("this line stops too early", max(0, len(self._scalar.text) - 1))
        if token.kind == "open":
            return self._brackets(token)
        if token.kind in ("word", "quote"):
            return self._phrase()
        raise _refusal(token)

    def _brackets(self, token: _Token) -> Node:
        self._depth += 1
        if self._depth > MAX_BRACKETS:
            raise QueryError(
                f"more than {MAX_BRACKETS} brackets inside each other", token.at, "write it more simply"
            )
        self._next += 1
        if self._peek("close"):
            raise QueryError("nothing stands in these brackets", token.at)
        node = self._line()
        if not self._peek("close"):
            following = self._peek()
            if following is not None:
                raise _refusal(following)
            raise QueryError("this bracket is never closed", token.at, "add a )")
        self._next += 1
        self._depth -= 1
        return node

    def _phrase(self) -> Node:
        first = self._tokens[self._next]
        if first.kind == "quote":
            self._next += 1
            words = read_quoted(
                first.inner, first.at + first.text.index(first.inner, 1), cased=first.text[0] == "="
            )
            if not words:
                raise QueryError("no word stands between these quotation marks", first.at)
            return self._leaf([written.word for written in words], first.at)
        tokens: list[_Token] = []
        while token := self._peek("word"):
            tokens.append(token)
            self._next += 1
        return self._phrase_of(tokens)

    def _phrase_of(self, tokens: list[_Token]) -> Node:
        lone = tokens[0].text if len(tokens) == 1 else ""
        words: list[Written] = []
        for token in tokens:
            if not lone:
                self._warn_of_small_operators(token)
            words += read_word(token.text, token.at)
        first = tokens[0].at
        if not words:
            raise QueryError(f"'{' '.join(token.text for token in tokens)}' holds no letters", first)
        if is_lone_capitals(lone):
            words = [Written(Word(written.word.text, Mode.CASED), written.joined) for written in words]
        if len(words) == 1 and len(words[0].word.text) == 1 and words[0].word.text.isascii():
            hint = "write more of the phrase"
            self._problems.append(
                Problem(
                    self.place(first), f"'{words[0].word.text}' alone stands in most stories", hint, "warning"
                )
            )
        node = self._leaf([written.word for written in words], first)
        closed = with_hyphens_closed(words)
        if len(closed) == len(words):
            return node
        return Or((node, self._leaf(closed, first)))

    def _leaf(self, words: list[Word], at: int) -> Leaf:
        if len(words) > MAX_WORDS:
            raise QueryError(
                f"this phrase has more than {MAX_WORDS} words", at, "a few words that belong together do"
            )
        return Leaf(tuple(words), self.place(at), self._where)

    def _warn_of_small_operators(self, token: _Token) -> None:
        operator = _LOOKS_LIKE_OPERATOR.get(token.text)
        if operator:
            self._problems.append(
                Problem(
                    self.place(token.at),
                    f"'{token.text}' is taken as an ordinary word",
                    f"as an operator write {operator}; as a word, put the phrase in quotation marks",
                    "warning",
                )
            )


def _refusal(token: _Token) -> QueryError:
    """Why a token cannot stand where it does, and the way out."""
    message, hint = _reason(token)
    return QueryError(message, token.at, hint)


def _reason(token: _Token) -> tuple[str, str | None]:
    match token.kind:
        case "near":
            name = re.sub(r"^(?:AND\s+)?(?:NOT\s+)?|/?\d+f?$", "", token.text)
            return f"monitor does not know {name or token.text}", _IN_FULL
        case "count":
            return "monitor does not know ATLEAST", "one occurrence is enough; write the phrase alone"
        case "some":
            return "monitor does not know OF", "write the pairs: (a AND b) OR (a AND c) OR (b AND c)"
        case "place":
            key = _KEY_FOR.get(token.text[:-1])
            hint = (
                f"use the key {key}: of the rule"
                if key
                else "take it out: headline, summary and text are searched"
            )
            return f"monitor does not know '{token.text}' inside a line", hint
        case "list":
            return (
                f"monitor does not know lists such as {token.text}",
                "write the words out, with commas between",
            )
        case "bar":
            return f"monitor does not know {token.text}", "write OR, or a comma"
        case "semicolon":
            return "a semicolon joins nothing", "write a comma"
        case "close":
            return "this closing bracket has no opening one", "take it out"
        case "comma":
            return "nothing stands before this comma", "take the comma out"
        case "operator":
            return f"{token.text} needs something before it", None
        case _:
            return (
                "what joins this to the words before it?",
                "put a comma, AND or OR before it, or take the quotation marks out",
            )
