"""A rule, read and checked: who wants to know about what."""

from dataclasses import dataclass
from enum import StrEnum

from monitor.located import Place
from monitor.rules.tree import Node
from monitor.stories.ids import ReceiverName, RuleId


class Priority(StrEnum):
    """How fast a rule's alerts are told: `urgent` never waits for copies, `low` goes after everything else."""

    URGENT = "urgent"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A story inside a rule that must, or must not, raise its alert."""

    place: Place
    headline: str = ""
    summary: str = ""
    text: str = ""
    source: str = ""
    language: str | None = None
    alerts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of one desk's file.

    Args:
        name: As written: the title in alerts.
        desk: The desk its file belongs to; the file's name where it says none.
        tree: The condition, `hide` included.
        to: Receivers; empty means the newsroom's default receivers.
        languages, sources: Filters on the story; empty does not restrict.
    """

    id: RuleId
    name: str
    desk: str
    place: Place
    tree: Node
    to: tuple[ReceiverName, ...] = ()
    languages: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    note: str | None = None
    priority: Priority = Priority.NORMAL
    samples: tuple[Sample, ...] = ()
