"""Taking in one revision of a story: gather, decide, record."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from monitor.alerts.decide import Decision, Policy, Told, Twin, Verdict, decide, hold
from monitor.alerts.routes import Routes
from monitor.errors import StoreError
from monitor.faults import Point, reach
from monitor.feeds.feed import Feed
from monitor.flows.storm import Storms
from monitor.matching.evidence import Match
from monitor.ports import Clock, Operators, Publisher
from monitor.store.decisions import Overtaken, Recorded
from monitor.stories.ids import FeedId, StoryId
from monitor.stories.story import Story

log = structlog.get_logger(__name__)

MOST_OVERTAKEN = 20
_STORM = "more than one feed's share of ten minutes (alerts.most_per_feed)"


class IntakeStore(Protocol):
    """What intake needs of the store."""

    async def undecided(self, story: StoryId, revision: int) -> Story | None: ...

    async def told_before(self, story: Story) -> tuple[Told | None, tuple[Twin, ...]]: ...

    async def record_decision(self, decision: Decision) -> Recorded | Overtaken: ...


class Judge(Protocol):
    """The rules in force."""

    def match(self, story: Story) -> tuple[Match, ...]:
        """The rules that hold for a story, with their evidence."""
        ...


@dataclass(slots=True, kw_only=True)
class InForce:
    """What editors and operators said, as it holds now. Replaced part by part, between two stories."""

    judge: Judge
    routes: Routes
    feeds: dict[FeedId, Feed]
    policy: Policy


@dataclass(slots=True, kw_only=True)
class Intake:
    """Judge stories that were offered."""

    store: IntakeStore
    publisher: Publisher
    in_force: InForce
    clock: Clock
    operators: Operators
    storms: Storms = field(default_factory=Storms)
    decided: Callable[[Decision], None] | None = None
    """Told of every decision once it is kept."""

    async def __call__(self, story: StoryId, revision: int) -> None:
        """Take in one revision; one that was decided before changes nothing.

        Raises:
            StoreError: The database refused; the revision stays undecided, and the sweep offers it again.
        """
        found = await self.store.undecided(story, revision)
        if found is None:
            return
        matches = self.in_force.judge.match(found)
        alone = revision == 1
        for _ in range(MOST_OVERTAKEN):
            decision = await self._decide(found, matches, alone=alone)
            reach(Point.AFTER_MATCH)
            match await self.store.record_decision(decision):
                case Recorded(targets=targets):
                    self._tell(decision, targets)
                    await self._count(decision)
                    return
                case Overtaken():
                    alone = False
        raise StoreError(f"story {story} was overtaken {MOST_OVERTAKEN} times")

    async def _decide(self, story: Story, matches: tuple[Match, ...], *, alone: bool) -> Decision:
        """Decide by what is known of other stories.

        Args:
            alone: Take it that no other story has to do with this one, as with nearly every new one; a decision says
                what it relied on, so where that is wrong it is not recorded.
        """
        told, twins = await self.store.told_before(story) if matches and not alone else (None, ())
        force = self.in_force
        feed = force.feeds.get(story.feed)
        decision = decide(
            story,
            matches,
            routes=force.routes.of((match.rule for match in matches), feed.receivers if feed else ())
            if matches
            else (),
            policy=force.policy,
            now=self.clock.now(),
            told=told,
            twins=twins,
        )
        if decision.deliveries and self.storms.holds(story.feed, force.policy.most_per_feed):
            return hold(decision, _STORM)
        return decision

    async def _count(self, decision: Decision) -> None:
        """Operators hear when a feed begins to bring more than anybody can read, and when it stops."""
        if not decision.deliveries:
            return
        story, name = decision.story, decision.story.source
        if decision.verdict is not Verdict.HELD:
            if began := self.storms.sent(story.feed, self.in_force.policy.most_per_feed):
                await self.operators.over(
                    f"storm:{began}",
                    f"{name} brings no more alerts than can be read",
                    "What was held stays held.",
                )
        elif self.storms.held(story.feed, story.id):
            await self.operators.tell(
                f"storm:{story.id}",
                f"{name} brings more alerts than anybody can read",
                f"The newest are {_STORM} and are held. monitor deliveries list --state held shows them; "
                "monitor deliveries retry --held sends them, drop --held --reason ... never does.",
            )

    def _tell(self, decision: Decision, targets: tuple[str, ...]) -> None:
        for target in targets:
            self.publisher.nudge(target)
        if self.decided is not None:
            self.decided(decision)
        log.info(
            "story_taken_in",
            story=decision.story.id,
            revision=decision.story.revision,
            matched=len(decision.matches),
            verdict=decision.verdict.value,
            deliveries=len(targets),
        )
