"""Where in a story a rule held."""

from dataclasses import dataclass
from typing import Literal

from monitor.rules.rule import Rule

FieldName = Literal["title", "summary", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A stretch of a story's field that met a line of a rule.

    Args:
        start, end: Code-point offsets into the field as received.
        text: That stretch.
        line: The line of the rule file that was met (from 1).
    """

    field: FieldName
    start: int
    end: int
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A rule that held for a story, and where. Evidence is in reading order, headline first."""

    rule: Rule
    evidence: tuple[Evidence, ...] = ()
