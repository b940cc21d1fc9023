"""The one tree in which every way of writing a rule ends; matcher, explain, check know nothing else.

rule = Hide(And(any-lines, all-lines..., headline-lines, Not(none-lines)...), hide-phrases)
"""

from dataclasses import dataclass
from enum import StrEnum

from monitor.located import Place


class Field(StrEnum):
    """Where a phrase is looked for."""

    ANYWHERE = "anywhere"
    HEADLINE = "headline"


class Mode(StrEnum):
    """How a word of a phrase meets a word of a story. Word forms will be one more mode."""

    FOLDED = "folded"  # the same word, letter case aside
    CASED = "cased"  # exactly so, letter case included
    PREFIX = "prefix"  # begins so, letter case aside


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a phrase, as written (without its `*`)."""

    text: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class Leaf:
    """Words side by side. `place` is where the phrase stands in its file."""

    words: tuple[Word, ...]
    place: Place
    field: Field = Field.ANYWHERE


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Hide:
    """Before anything else, an occurrence that lies wholly inside one of these phrases does not exist."""

    part: "Node"
    phrases: tuple[Leaf, ...]


Node = Leaf | And | Or | Not | Hide
