"""A clock that only moves when told, a stream that is a list, a channel that answers as scripted."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.alerts.letter import Absent, Finding, Letter, Reply, Stage
from monitor.feeds.outcome import Ask, Outcome
from monitor.matching.evidence import Match
from monitor.stories.ids import StoryId
from monitor.stories.story import Story
from tests.build import NOON, a_match

OK = Reply(stage=Stage.ANSWERED, code="ok", reference="1700000000.000100")


@dataclass
class Clock:
    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def forward(self, by: timedelta) -> None:
        self.at += by


@dataclass
class Log:
    """What was published, in order; `room` says how much more it takes."""

    stories: list[tuple[StoryId, int]] = field(default_factory=list)
    nudges: list[str] = field(default_factory=list)
    room: int = 1_000_000

    def offer(self, story: StoryId, revision: int) -> bool:
        if self.room <= 0:
            return False
        self.room -= 1
        self.stories.append((story, revision))
        return True

    def nudge(self, target: str) -> bool:
        self.nudges.append(target)
        return True


@dataclass
class Operators:
    """Keeps what they were told."""

    told: list[tuple[str, str, str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    around: list[str | None] = field(default_factory=list)

    async def tell(self, key: str, title: str, text: str, *, broken: str | None = None) -> None:
        self.told.append((key, title, text))
        self.around.append(broken)

    async def over(self, key: str, title: str, text: str) -> None:
        self.ended.append(key)


@dataclass
class Answers:
    """A fetcher that gives prepared outcomes, the last one for ever."""

    outcomes: list[Outcome]
    asked: list[Ask] = field(default_factory=list)

    async def fetch(self, ask: Ask) -> Outcome:
        self.asked.append(ask)
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


@dataclass
class Sink:
    """A channel that keeps what it takes and answers as scripted, then always fine."""

    replies: list[Reply] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    taken: list[Letter] = field(default_factory=list)
    asked: list[tuple[Letter, datetime]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """Where there is one, a send waits for it."""

    async def send(self, letter: Letter) -> Reply:
        if self.gate is not None:
            await self.gate.wait()
        reply = self.replies.pop(0) if self.replies else OK
        if reply.ok:
            self.taken.append(letter)
        return reply

    async def find(self, letter: Letter, since: datetime) -> Finding:
        self.asked.append((letter, since))
        return self.findings.pop(0) if self.findings else Absent()

    async def close(self) -> None:
        pass


@dataclass
class Rules:
    """A judge: everything matches unless a test says otherwise."""

    judge: Callable[[Story], Iterable[Match]] = lambda story: (a_match(),)

    def match(self, story: Story) -> tuple[Match, ...]:
        return tuple(self.judge(story))
