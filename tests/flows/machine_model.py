"""What the newsroom's machine is measured against: feeds that remember what they said, providers that know what they took."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from hashlib import blake2b

from monitor.alerts.letter import Absent, Finding, Found, Letter, Reply, Stage, Unknowable
from monitor.feeds.feed import Feed
from monitor.feeds.outcome import Ask, Fetched, Outcome, Unanswered
from monitor.fetch import cut
from monitor.matching.evidence import Match
from monitor.stories.identity import keys
from monitor.stories.ids import StoryId, story_id
from monitor.stories.story import Entry, Story
from tests.build import a_match, a_rule, an_answer
from tests.fakes import OK, Clock

AWAY = Reply(stage=Stage.CONNECT, code="connect")
LOST = Reply(stage=Stage.WRITTEN, code="timeout")

Revision = tuple[StoryId, int]


class Way(Enum):
    """How one try ends."""

    FINE = "taken and answered"
    BUSY = "certainly not taken"
    TAKEN_UNHEARD = "taken, and the answer is lost"
    LOST = "not taken, and nothing says so"
    AWAY = "nobody there"


@dataclass
class Outlet:
    """A feed as its publisher keeps it, and every revision it has answered with."""

    feed: Feed
    entries: list[Entry] = field(default_factory=list)
    said: dict[Revision, Entry] = field(default_factory=dict)
    _latest: dict[StoryId, tuple[int, Entry]] = field(default_factory=dict)
    _count: int = 0

    def publish(self, title: str, at: datetime) -> None:
        self._count += 1
        guid = f"{self.feed.url}#story-{self._count}"
        link = f"{self.feed.url}/{self._count}"
        self.entries.append(Entry(guid=guid, link=link, title=title, published_at=at))

    def edit(self, position: int, title: str) -> None:
        old = self.entries[position % len(self.entries)]
        self.entries[position % len(self.entries)] = Entry(
            guid=old.guid, link=old.link, title=title, published_at=old.published_at
        )

    def answer(self, *, cut: bool) -> Outcome:
        """What the feed says now, newest last; a cut answer lacks its end."""
        entries = self.entries[: len(self.entries) // 2] if cut else self.entries
        for key, entry in zip(keys(entries), entries, strict=True):
            story = story_id(self.feed.id, key)
            revision, known = self._latest.get(story, (0, None))
            if known is None or known.title != entry.title:
                self._latest[story] = revision + 1, entry
                self.said[story, revision + 1] = entry
        return an_answer(*entries, complete=not cut)


@dataclass
class Fetch:
    """A fetcher that gives one prepared outcome, and reads nothing of it that it read before."""

    outcome: Outcome = field(default_factory=lambda: Unanswered(reason="dns"))

    async def fetch(self, ask: Ask) -> Outcome:
        if not isinstance(self.outcome, Fetched) or not self.outcome.document.complete:
            return self.outcome
        document, seen = self.outcome.document, cut.split(ask.seen)
        found = [
            blake2b(repr(one).encode(), digest_size=cut.PRINT_BYTES).digest() for one in document.entries
        ]
        prints = cut.joined(found, [cut.name(one) for one in document.entries])
        new = tuple(one for one, print_ in zip(document.entries, found, strict=True) if print_ not in seen)
        return replace(
            self.outcome,
            document=replace(document, entries=new if prints else document.entries, prints=prints),
        )


@dataclass
class Provider:
    """A channel that ends tries as it is told to and knows what it took.

    Args:
        busy: Its answer when it certainly takes nothing this time.
        has_history: Whether it can be asked what it took, as Slack can and mail cannot.
    """

    clock: Clock
    busy: Reply
    has_history: bool
    ways: list[Way] = field(default_factory=list)
    taken: list[tuple[datetime, Letter]] = field(default_factory=list)
    unsure: Counter[str] = field(default_factory=Counter)
    """By delivery: how often it took one without the taker's answer being heard."""
    gate: asyncio.Event | None = None
    takes_before_gate: bool = False
    held: list[Letter] = field(default_factory=list)
    """Sends that wait at the gate."""

    async def send(self, letter: Letter) -> Reply:
        if self.gate is not None:
            return await self._held(letter, self.gate)
        return self._answered(letter)

    async def _held(self, letter: Letter, gate: asyncio.Event) -> Reply:
        """Wait at the gate; whoever is cancelled there leaves what was taken, unheard."""
        if self.takes_before_gate:
            self._take(letter)
            self.unsure[letter.delivery] += 1
        self.held.append(letter)
        await gate.wait()
        if not self.takes_before_gate:
            return self._answered(letter)
        self.unsure[letter.delivery] -= 1
        return OK

    def _answered(self, letter: Letter) -> Reply:
        way = self.ways.pop(0) if self.ways else Way.FINE
        match way:
            case Way.FINE:
                self._take(letter)
                return OK
            case Way.TAKEN_UNHEARD:
                self._take(letter)
                self.unsure[letter.delivery] += 1
                return LOST
            case Way.LOST:
                return LOST
            case Way.AWAY:
                return AWAY
            case Way.BUSY:
                return self.busy

    def _take(self, letter: Letter) -> None:
        self.taken.append((self.clock.now(), letter))

    async def find(self, letter: Letter, since: datetime) -> Finding:
        if not self.has_history:
            return Unknowable()
        if self.ways and self.ways[0] is Way.AWAY:
            self.ways.pop(0)
            return Unknowable(AWAY)
        had = any(mine.delivery == letter.delivery and at >= since for at, mine in self.taken)
        return Found("1700000000.000100") if had else Absent()

    async def close(self) -> None:
        pass

    def heal(self) -> None:
        self.ways.clear()
        self.gate, self.takes_before_gate = None, False
        self.held.clear()


@dataclass(frozen=True)
class Words:
    """A judge of titles: a rule for each word, each with receivers of its own."""

    words: frozenset[str]

    def match(self, story: Story) -> tuple[Match, ...]:
        return tuple(a_match(rule_for(word)) for word in sorted(self.of(story.title)))

    def of(self, title: str) -> frozenset[str]:
        """The words in force that a title holds."""
        return frozenset(word for word in self.words if word in title)


def rule_for(word: str):
    return a_rule(word, to=(word,))
