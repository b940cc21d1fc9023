"""Anything in any order: whatever publishers, providers, clocks and crashes do, everybody is told, and told once."""

import asyncio
import contextlib
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from monitor.alerts.letter import Reply, Stage
from monitor.alerts.routes import Routes
from monitor.feeds.health import FeedState
from monitor.feeds.outcome import Outcome, Refused, Unanswered, Unreadable
from monitor.feeds.schedule import Pace
from monitor.flows import targets as module
from monitor.flows.dispatch import Dispatch
from monitor.flows.intake import InForce, Intake
from monitor.flows.poll import Poll
from monitor.flows.sweep import Sweep
from monitor.store import tables
from monitor.store.store import open_sqlite
from monitor.stories.ids import ReceiverName, SessionId
from tests.build import HOUR, MINUTE, NOON, POLICY, a_feed, a_route
from tests.fakes import Clock, Log, Operators
from tests.flows.machine_model import Fetch, Outlet, Provider, Way, Words

PACE = Pace(usual=15 * MINUTE, least=MINUTE, most=HOUR)
ROUTES = Routes(
    receivers={
        ReceiverName("Copper"): (a_route("C0METALS"), a_route("desk@news.example", "email")),
        ReceiverName("Gold"): (a_route("C0GOLD"), a_route("desk@news.example", "email")),
    }
)
TARGETS = {word: {route.key for route in found} for word, found in ROUTES.receivers.items()}
ALL_DAY = 20 * HOUR
"""Longer than this the clock does not go forward before the end: after a day of tries a delivery may be given up."""

outlets = st.integers(0, 1)
titles = st.builds(
    "{} prices {} again in Almaty".format,
    st.sampled_from(["Copper", "Gold", "Copper and Gold", "Bread"]),
    st.sampled_from(["rise", "fall", "hold", "slip"]),
)
ways = st.lists(st.sampled_from(Way), min_size=1, max_size=5)
failed = st.sampled_from([Unanswered(reason="dns"), Refused(status=503), Unreadable(reason="html")])
in_force = st.sets(st.sampled_from(["Copper", "Gold"]), min_size=1)
minutes = st.integers(-120, 120)


class Newsroom(RuleBasedStateMachine):
    """Real flows over a real database file; the clock, the feeds and the providers belong to the test.

    Senders run side by side, so what the database holds may differ between two runs of the same steps: which steps
    are possible depends on the feeds alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.open = contextlib.ExitStack()
        self.run = self.open.enter_context(asyncio.Runner()).run
        folder = self.open.enter_context(tempfile.TemporaryDirectory())
        self.path = Path(folder) / "monitor.db"
        self.clock = Clock()
        self.fetch = Fetch()
        self.outlets = [Outlet(a_feed(f"https://outlet-{n}.example/rss")) for n in range(2)]
        self.slack = Provider(self.clock, Reply(stage=Stage.ANSWERED, code="service_unavailable"), True)
        self.mail = Provider(self.clock, Reply(stage=Stage.RECIPIENT, code="450"), False)
        self.judge = Words(frozenset(TARGETS))
        self.sessions = 0
        self.expected: dict[tuple[str, int], frozenset[str]] = {}
        self.decided: dict[tuple[str, int], tuple] = {}
        self.broken = False
        self.run(self.start())

    # ---- the program's life

    async def start(self) -> None:
        """As the service starts: a new session takes what the one before left, with an empty log."""
        self.store = open_sqlite(self.path, make=self.sessions == 0)
        self.sessions += 1
        session = SessionId(f"session-{self.sessions}")
        await self.store.begin_session(session, self.clock.now(), alone=True)
        await self.store.withdraw_offers()
        self.log = Log()
        self.poll = Poll(
            store=self.store, fetcher=self.fetch, publisher=self.log, clock=self.clock,
            pace_of=lambda feed: PACE, draw=lambda: 0.5,
        )  # fmt: skip
        self.force = InForce(judge=self.judge, routes=ROUTES, feeds={}, policy=POLICY)
        self.intake = Intake(
            store=self.store,
            publisher=self.log,
            in_force=self.force,
            clock=self.clock,
            operators=Operators(),
        )
        self.dispatch = Dispatch(
            store=self.store, channels={"slack": self.slack, "email": self.mail}, session=session,
            clock=self.clock, operators=Operators(), draw=lambda: 0.5,
        )  # fmt: skip
        self.fullness = 0.0
        self.sweep = Sweep(
            store=self.store, publisher=self.log, clock=self.clock, session=session,
            fullness=lambda: self.fullness, freed=self.dispatch.look, window=POLICY.window,
        )  # fmt: skip

    async def die(self) -> None:
        """End at once: whoever was sending hears no answer, nothing in memory is left."""
        await self.dispatch.stop(within=timedelta(0))
        await self.store.close()
        self.slack.heal()
        self.mail.heal()
        await self.start()

    async def tell(self) -> None:
        """Look at the outbox once, and wait until the senders are done."""
        async with asyncio.timeout(30):
            await self.dispatch._wake_due()
            await self.dispatch.idle()

    def in_the_middle(self) -> int:
        """Senders that wait for a provider's answer, or for the one that asks whether it is back."""
        probes = [provider.probe for provider in self.dispatch._providers.values()]
        waiting = sum(len(probe._waiters or ()) for probe in probes)
        return len(self.slack.held) + len(self.mail.held) + waiting

    async def begin_sends(self, *, taken: bool) -> None:
        """Bring senders to the middle of a try."""
        await self.until_something_is_due()
        for provider in (self.slack, self.mail):
            provider.gate, provider.takes_before_gate = asyncio.Event(), taken
        due = await self.store.due_targets(self.clock.now())
        async with asyncio.timeout(30):
            await self.dispatch._wake_due()
            senders = [t.sender for t in self.dispatch._targets.values() if t.sender is not None]
            while sum(not s.done() for s in senders) > self.in_the_middle():
                await asyncio.sleep(0.001)
        assert len(self.slack.held) + len(self.mail.held) <= len(due)

    # ---- what happens

    @rule(outlet=outlets, titles=st.lists(titles, min_size=1, max_size=4), soon=st.booleans())
    def a_feed_publishes_and_is_polled(self, outlet: int, titles: list[str], soon: bool) -> None:
        """And what is on the log is judged soon, or left there."""
        for title in titles:
            self.outlets[outlet].publish(title, self.clock.now())
        self.run(self.polled(outlet, self.outlets[outlet].answer(cut=False)))
        if soon:
            offers, self.log.stories = self.log.stories, []
            self.run(self.judged(offers))

    @precondition(lambda self: all(outlet.entries for outlet in self.outlets))
    @rule(outlet=outlets, position=st.integers(0, 9), title=titles, cut=st.booleans())
    def a_feed_edits_and_is_polled(self, outlet: int, position: int, title: str, cut: bool) -> None:
        self.outlets[outlet].edit(position, title)
        self.run(self.polled(outlet, self.outlets[outlet].answer(cut=cut)))

    @rule(outlet=outlets, outcome=failed)
    def a_poll_fails(self, outlet: int, outcome: Outcome) -> None:
        self.run(self.polled(outlet, outcome))

    async def polled(self, outlet: int, outcome: Outcome) -> None:
        feed = self.outlets[outlet].feed
        self.fetch.outcome = outcome
        states = await self.store.feed_states([feed.id])
        await self.poll(feed, states.get(feed.id, FeedState()))

    @precondition(lambda self: self.said())
    @rule(positions=st.lists(st.integers(0, 99), min_size=1, max_size=4), twice=st.booleans())
    def intake_judges(self, positions: list[int], twice: bool) -> None:
        """Several at once, in any order; what comes twice comes at the same time and again later."""
        if not self.log.stories:
            return
        offers = [self.log.stories[p % len(self.log.stories)] for p in positions]
        if twice:
            offers += offers
        else:
            self.log.stories = [offer for offer in self.log.stories if offer not in offers]
        self.run(self.judged(offers))

    async def judged(self, offers: list[tuple[str, int]]) -> None:
        for offer in offers:
            title = self.said()[offer].title
            if offer not in self.decided:
                self.expected[offer] = self.judge.of(title)
        await asyncio.gather(*(self.intake(*offer) for offer in offers))

    @precondition(lambda self: self.said())
    @rule(slack=ways, mail=ways)
    def senders_send(self, slack: list[Way], mail: list[Way]) -> None:
        self.slack.ways, self.mail.ways = list(slack), list(mail)
        self.run(self.sent())

    async def sent(self) -> None:
        await self.until_something_is_due()
        await self.tell()

    async def until_something_is_due(self) -> None:
        now = self.clock.now()
        due = await self.store.next_due(now)
        if due is not None and not await self.store.due_targets(now):
            self.clock.at = min(due, NOON + ALL_DAY)

    @precondition(lambda self: self.said())
    @rule(taken=st.booleans())
    def the_program_dies_while_sending(self, taken: bool) -> None:
        self.run(self.died_while_sending(taken))

    async def died_while_sending(self, taken: bool) -> None:
        await self.begin_sends(taken=taken)
        await self.die()

    @precondition(lambda self: self.said())
    @rule(taken=st.booleans(), by=minutes)
    def a_send_takes_long_while_the_clock_jumps_and_the_sweep_goes_on(self, taken: bool, by: int) -> None:
        self.run(self.sent_slowly(taken, by))

    async def sent_slowly(self, taken: bool, by: int) -> None:
        await self.begin_sends(taken=taken)
        self.jump(by)
        await self.sweep.once()
        for provider in (self.slack, self.mail):
            gate, provider.gate = provider.gate, None
            assert gate is not None
            gate.set()
        async with asyncio.timeout(30):
            await self.dispatch.idle()
        self.slack.heal()
        self.mail.heal()

    @rule()
    def the_program_dies(self) -> None:
        self.run(self.die())

    @rule(words=in_force)
    def rules_are_replaced(self, words: set[str]) -> None:
        self.judge = Words(frozenset(words))
        self.force.judge = self.judge

    @rule(by=minutes)
    def the_clock_jumps(self, by: int) -> None:
        self.jump(by)

    def jump(self, by: int) -> None:
        self.clock.at = min(self.clock.at + by * MINUTE, NOON + ALL_DAY)

    @rule(full=st.booleans())
    def the_log_fills_or_empties(self, full: bool) -> None:
        self.log.room, self.fullness = (0, 1.0) if full else (1_000_000, 0.0)

    @rule()
    def the_sweep_passes(self) -> None:
        self.run(self.sweep.once())

    # ---- what holds after every step

    def said(self) -> dict:
        return self.outlets[0].said | self.outlets[1].said

    async def rows(self, table) -> list:
        return await self.store.read(lambda connection: connection.execute(select(table)).all())

    @invariant()
    def what_was_said_is_kept_and_decided_once_and_nobody_is_told_twice(self) -> None:
        self.broken = True
        self.run(self.check())
        self.broken = False

    async def check(self) -> None:
        said = self.said()
        stories = {(row.id, row.revision): row for row in await self.rows(tables.stories)}
        assert {key: (row.title, row.link) for key, row in stories.items()} == {
            key: (entry.title, entry.link) for key, entry in said.items()
        }
        for key, row in stories.items():
            now = (row.decided_at, row.verdict, row.reason)
            assert self.decided.get(key, now) == now, "decided again"
            if row.decided_at is not None:
                self.decided[key] = now
                assert (row.verdict == "no_rule") == (not self.expected[key])
        for provider in (self.slack, self.mail):
            for _, letter in provider.taken:
                entry = said[letter.story.id, letter.story.revision]
                assert (letter.story.title, letter.story.link) == (entry.title, entry.link)
            times: dict[str, int] = {}
            for _, letter in provider.taken:
                times[letter.delivery] = times.get(letter.delivery, 0) + 1
            for delivery, count in times.items():
                allowed = 1 if provider.has_history else 1 + provider.unsure[delivery]
                assert count <= allowed, f"{delivery} was told {count} times"
        addressed = [
            (letter.alert, letter.channel, letter.target, letter.delivery)
            for provider in (self.slack, self.mail)
            for _, letter in provider.taken
        ]
        assert len({place[:3] for place in addressed}) == len(set(addressed)), "one place, two deliveries"

    # ---- when all is well again

    def teardown(self) -> None:
        try:
            if not self.broken:
                self.run(self.settle())
        finally:
            self.run(self.store.close())
            self.open.close()

    async def settle(self) -> None:
        """Let everything heal, and see that everything has come to its end."""
        self.slack.heal()
        self.mail.heal()
        self.log.room, self.fullness = 1_000_000, 0.0
        for _ in range(60):
            await self.sweep.once()
            offers, self.log.stories = self.log.stories, []
            await self.judged(offers)
            await self.tell()
            waiting = await self.waiting()
            if not waiting:
                break
            self.clock.forward(30 * MINUTE)
        assert not waiting, f"still waiting: {waiting}"
        await self.check()
        await self.check_everybody_was_told()

    async def waiting(self) -> list:
        stories = [row for row in await self.rows(tables.stories) if row.decided_at is None]
        return stories + [row for row in await self.rows(tables.deliveries) if row.state != "sent"]

    async def check_everybody_was_told(self) -> None:
        """Each word that held for a story, in any of its revisions, brought its alert to everybody who follows it."""
        alert_of = {row.story: row.alert for row in await self.rows(tables.alert_stories)}
        reached = {
            (letter.alert, f"{letter.channel}:{letter.target}")
            for provider in (self.slack, self.mail)
            for _, letter in provider.taken
        }
        assert self.decided.keys() == self.said().keys()
        for (story, revision), words in self.expected.items():
            _, verdict, _ = self.decided[story, revision]
            if verdict == "too_old":
                continue
            for target in (target for word in words for target in TARGETS[word]):
                assert (alert_of[story], target) in reached


def test_everybody_is_told_once_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RATES", {})  # how fast one target may be told has its own test
    run_state_machine_as_test(
        Newsroom,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
