"""Who gets an alert: from rules and feeds to addresses."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from monitor.alerts.letter import Language
from monitor.rules.rule import Rule
from monitor.stories.ids import ReceiverName

NOWHERE = "-"
"""The target of print: there is only one standard output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One address or channel, and in whose language and time zone it is told."""

    channel: str
    target: str
    receiver: ReceiverName
    language: Language = "en"
    timezone: str = "UTC"

    @property
    def key(self) -> str:
        """What its sender and its nudges go by."""
        return f"{self.channel}:{self.target}"


@dataclass(frozen=True, slots=True)
class Routes:
    """The newsroom's receivers with their addresses."""

    receivers: Mapping[ReceiverName, tuple[Route, ...]]
    default: tuple[ReceiverName, ...] = ()

    def of(self, rules: Iterable[Rule], also: Iterable[ReceiverName] = ()) -> tuple[Route, ...]:
        """Everybody who is told of these rules, each address once.

        Args:
            also: Receivers whom the story's feed names.
        """
        found: dict[str, Route] = {}
        for name in self._names(rules, also):
            for route in self.receivers.get(name, ()):
                found.setdefault(route.key, route)
        return tuple(found.values())

    def _names(self, rules: Iterable[Rule], also: Iterable[ReceiverName]) -> Iterator[ReceiverName]:
        for rule in rules:
            yield from rule.to or self.default
        yield from also
