"""Conditions made ready to be asked many times: a tree whose phrases are numbers."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Occurrence = tuple[int, int]
"""The first and the last word of a phrase, as numbers of words on a page."""
Seen = Mapping[int, Sequence[Occurrence]]
"""Where each phrase that is there at all stands, in reading order."""
Start = tuple[float, frozenset[int]]
"""Phrases of which at least one is there whenever a condition holds, and how common they are together."""


class Condition(Protocol):
    """One node of a rule."""

    def holds(self, seen: Seen) -> bool:
        """Whether it is true of what was seen."""
        ...

    def met(self, seen: Seen) -> Iterator[tuple[int, Occurrence]]:
        """The lines (of the rule file) and places that make it true, where it holds."""
        ...

    def start(self) -> Start | None:
        """The rarest phrases to begin with; None where it may hold though nothing is there."""
        ...


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase is there. `common` says how often such a phrase is met: small is rare."""

    number: int
    line: int
    common: float

    def holds(self, seen: Seen) -> bool:
        """See `Condition`."""
        return self.number in seen

    def met(self, seen: Seen) -> Iterator[tuple[int, Occurrence]]:
        """See `Condition`."""
        return ((self.line, occurrence) for occurrence in seen[self.number])

    def start(self) -> Start:
        """See `Condition`."""
        return self.common, frozenset((self.number,))


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple[Condition, ...]

    def holds(self, seen: Seen) -> bool:
        """See `Condition`."""
        return all(part.holds(seen) for part in self.parts)

    def met(self, seen: Seen) -> Iterator[tuple[int, Occurrence]]:
        """See `Condition`."""
        for part in self.parts:
            yield from part.met(seen)

    def start(self) -> Start | None:
        """See `Condition`."""
        starts = [start for start in (part.start() for part in self.parts) if start]
        return min(starts, key=lambda start: start[0], default=None)


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple[Condition, ...]

    def holds(self, seen: Seen) -> bool:
        """See `Condition`."""
        return any(part.holds(seen) for part in self.parts)

    def met(self, seen: Seen) -> Iterator[tuple[int, Occurrence]]:
        """See `Condition`."""
        for part in self.parts:
            if part.holds(seen):
                yield from part.met(seen)

    def start(self) -> Start | None:
        """See `Condition`."""
        starts = [part.start() for part in self.parts]
        known = [start for start in starts if start]
        if len(known) < len(starts):
            return None
        return sum(common for common, _ in known), frozenset().union(*(numbers for _, numbers in known))


@dataclass(frozen=True, slots=True)
class Without:
    """The part does not hold."""

    part: Condition

    def holds(self, seen: Seen) -> bool:
        """See `Condition`."""
        return not self.part.holds(seen)

    def met(self, seen: Seen) -> Iterator[tuple[int, Occurrence]]:
        """What is absent stands nowhere."""
        return iter(())

    def start(self) -> None:
        """Nothing need be there."""


@dataclass(frozen=True, slots=True)
class Unhidden:
    """The part holds without what lies wholly inside one of the phrases `inside` (numbers)."""

    part: Condition
    inside: tuple[int, ...]

    def holds(self, seen: Seen) -> bool:
        """See `Condition`."""
        return self.part.holds(unhidden(seen, self.inside))

    def met(self, seen: Seen) -> Iterator[tuple[int, Occurrence]]:
        """See `Condition`."""
        return self.part.met(unhidden(seen, self.inside))

    def start(self) -> Start | None:
        """See `Condition`."""
        return self.part.start()


def unhidden(seen: Seen, inside: Sequence[int]) -> Seen:
    """What is left of `seen` when occurrences inside the phrases are taken out."""
    covers = sorted(occurrence for number in inside for occurrence in seen.get(number, ()))
    if not covers:
        return seen
    widest = _widest(covers)
    left: dict[int, Sequence[Occurrence]] = {}
    for number, occurrences in seen.items():
        kept = [occurrence for occurrence in occurrences if not _covered(occurrence, widest)]
        if kept:
            left[number] = kept
    return left


def _widest(covers: list[Occurrence]) -> list[Occurrence]:
    """For each first word, how far a cover that begins there or before reaches: both grow along the list."""
    widest: list[Occurrence] = []
    for first, last in covers:
        if not widest or last > widest[-1][1]:
            widest.append((first, last))
    return widest


def _covered(occurrence: Occurrence, widest: list[Occurrence]) -> bool:
    first, last = occurrence
    place = bisect_right(widest, first, key=_first) - 1
    return place >= 0 and widest[place][1] >= last


def _first(occurrence: Occurrence) -> int:
    return occurrence[0]
