"""Dispatch: every delivery once, whatever a channel answers and whenever we stop."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import structlog

from monitor.alerts.letter import Found, Reply, Stage, Unknowable
from monitor.alerts.reactions import GIVEN_UP
from monitor.errors import StoreError
from monitor.flows import dispatch as dispatching
from monitor.flows import targets as module
from monitor.flows.dispatch import Dispatch
from monitor.store import deliveries
from monitor.stories.ids import SessionId
from tests.build import HOUR, MINUTE, SECOND, a_route, a_story
from tests.fakes import Clock, Operators, Sink
from tests.touch.test_store import claim, told

ME = SessionId("me")
AWAY = Reply(stage=Stage.CONNECT, code="connect")
LOST = Reply(stage=Stage.WRITTEN, code="timeout")
NO_CHANNEL = Reply(stage=Stage.ANSWERED, code="channel_not_found")
SLOW_DOWN = Reply(stage=Stage.ANSWERED, code="ratelimited", retry_after=30 * SECOND)
NO_MAILBOX = Reply(stage=Stage.RECIPIENT, code="550", detail="5.1.1 no such user")


def dispatch(store, clock, operators=None, **channels):
    return Dispatch(
        store=store,
        channels=channels,
        session=ME,
        clock=clock,
        operators=operators or Operators(),
        draw=lambda: 0.5,
    )


async def sent(flow, clock=None, by=None):
    """Look at the outbox once, and wait until the senders are done."""
    if clock is not None and by is not None:
        clock.forward(by)
    await flow._wake_due()
    await flow.idle()


async def states(store):
    return {row.target: row.state for row in await store.read(deliveries.listing)}


async def row(store):
    (found,) = await store.read(deliveries.listing)
    return found


@pytest.fixture(autouse=True)
def no_pace(monkeypatch):
    """How fast one target may be told has its own test."""
    monkeypatch.setattr(module, "RATES", {})


async def test_what_is_due_is_sent_and_recorded(store):
    clock, slack = Clock(), Sink()
    await told(store)
    flow = dispatch(store, clock, slack=slack)
    await sent(flow)
    assert slack.taken == []  # it still waits for copies
    await sent(flow, clock, MINUTE)
    assert [letter.story.title for letter in slack.taken] == [a_story().title]
    assert (await row(store)).state == "sent"
    await sent(flow, clock, HOUR)
    assert len(slack.taken) == 1


async def test_a_nudge_wakes_the_sender_of_its_target(store):
    clock, slack = Clock(), Sink()
    await told(store)
    clock.forward(MINUTE)
    flow = dispatch(store, clock, slack=slack)
    flow.wake("slack:C0METALS")
    await flow.idle()
    assert len(slack.taken) == 1


async def test_the_timer_wakes_what_falls_due_later(store):
    clock, slack = Clock(), Sink()
    await told(store)
    flow = dispatch(store, clock, slack=slack)
    running = asyncio.create_task(flow.run())
    clock.forward(MINUTE)
    async with asyncio.timeout(10):
        while not slack.taken:
            flow.look()
            await store.counts()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_failure_is_tried_again_later_and_its_reason_kept(store):
    clock, slack = Clock(), Sink(replies=[AWAY])
    await told(store)
    flow = dispatch(store, clock, slack=slack)
    await sent(flow, clock, MINUTE)
    found = await row(store)
    assert (found.state, found.attempts) == ("pending", 0)
    assert "cannot be reached" in found.reason
    await sent(flow, clock, MINUTE)
    assert (await row(store)).state == "sent"


async def test_while_a_provider_is_away_nothing_is_tried_and_nothing_runs_out(store):
    clock, slack = Clock(), Sink(replies=[AWAY] * 1000)
    for n in range(5):
        await told(store, a_story(f"This is story number {n}"))
    flow = dispatch(store, clock, slack=slack)
    for _ in range(400):
        await sent(flow, clock, MINUTE)
    tries = 1000 - len(slack.replies)
    assert tries <= 450
    slack.replies.clear()
    for _ in range(20):
        await sent(flow, clock, MINUTE)
    assert len(slack.taken) == 5
    assert len({letter.delivery for letter in slack.taken}) == 5


async def test_after_an_outage_one_asks_whether_the_provider_is_back(store):
    clock, slack = Clock(), Sink(replies=[AWAY] * 100)
    for n in range(8):
        await told(store, a_story(f"This is story number {n}"), routes=(a_route(f"C0{n}"),))
    flow = dispatch(store, clock, slack=slack)
    await sent(flow, clock, MINUTE)
    before = len(slack.replies)
    await sent(flow, clock, MINUTE)
    assert before - len(slack.replies) == 1
    slack.replies.clear()
    for _ in range(3):
        await sent(flow, clock, MINUTE)
    assert len(slack.taken) == 8


async def test_one_bad_target_delays_no_other(store):
    clock, gate = Clock(), asyncio.Event()

    class Stuck(Sink):
        async def send(self, letter):
            if letter.target == "C0BAD":
                await gate.wait()
            return await super().send(letter)

    slack = Stuck()
    for n in range(5):
        await told(store, a_story(f"This is story number {n}"), routes=(a_route("C0BAD"), a_route("C0GOOD")))
    flow = dispatch(store, clock, slack=slack)
    clock.forward(MINUTE)
    await flow._wake_due()
    async with asyncio.timeout(10):
        while len(slack.taken) < 5:
            await store.counts()
    assert {letter.target for letter in slack.taken} == {"C0GOOD"}
    gate.set()
    await flow.idle()
    assert len(slack.taken) == 10


async def test_a_target_that_is_asked_to_slow_down_waits_alone(store):
    clock, slack = Clock(), Sink(replies=[SLOW_DOWN])
    await told(store, routes=(a_route("C0ONE"), a_route("C0TWO")))
    flow = dispatch(store, clock, slack=slack)
    await sent(flow, clock, MINUTE)
    assert sorted((await states(store)).values()) == ["pending", "sent"]
    await sent(flow, clock, 5 * SECOND)
    assert len(slack.taken) == 1
    await sent(flow, clock, MINUTE)
    assert len(slack.taken) == 2


async def test_when_two_targets_are_asked_to_slow_down_their_provider_is_left_alone(store):
    clock, slack = Clock(), Sink(replies=[SLOW_DOWN, SLOW_DOWN])
    await told(store, routes=(a_route("C0ONE"), a_route("C0TWO")))
    flow = dispatch(store, clock, slack=slack)
    await sent(flow, clock, MINUTE)
    await told(store, a_story("Another story about copper"), routes=(a_route("C0THREE"),))
    await sent(flow, clock, 5 * SECOND)
    assert slack.taken == []
    assert not flow.may_send(("slack", "C0THREE"))
    await sent(flow, clock, MINUTE)
    assert len(slack.taken) == 3


@dataclass
class _NeverTakes(Sink):
    """Fails at one story, and at all of them while it is away."""

    away: bool = False
    bad: str = "The story that Slack fails on"

    async def send(self, letter):
        if self.away or letter.story.title == self.bad:
            return Reply(stage=Stage.ANSWERED, code="http_500")
        return await super().send(letter)


async def test_a_story_that_its_channel_never_takes_is_given_up_while_the_others_are_told(store):
    clock, slack, operators = Clock(), _NeverTakes(), Operators()
    flow = dispatch(store, clock, operators, slack=slack)
    await told(store, a_story(slack.bad))
    for hour in range(26):
        await told(store, a_story(f"Copper is up for hour {hour}", seen_at=clock.now()))
        await sent(flow, clock, HOUR)
        await sent(flow, clock, MINUTE)
    rows = {row.title: row for row in await store.read(deliveries.listing)}
    bad = rows.pop(slack.bad)
    assert bad.state == "dead"
    assert bad.reason.startswith("given up after")
    assert {row.state for row in rows.values()} == {"sent"}
    assert len(slack.taken) == 26
    assert [key for key, _, _ in operators.told] == ["delivery:slack:C0METALS"]


async def test_an_outage_of_days_gives_nothing_up(store):
    clock, slack = Clock(), _NeverTakes(away=True)
    flow = dispatch(store, clock, slack=slack)
    await told(store)
    for _ in range(72):
        await sent(flow, clock, HOUR)
    assert (await row(store)).state == "ambiguous"
    slack.away = False
    await sent(flow, clock, HOUR)
    assert (await row(store)).state == "sent"


async def test_operators_hear_of_an_outage_that_lasts_and_when_it_is_over(store):
    clock, slack, operators = Clock(), Sink(replies=[AWAY] * 6), Operators()
    await told(store)
    flow = dispatch(store, clock, operators, slack=slack)
    for _ in range(4):
        await sent(flow, clock, MINUTE)
    assert operators.told == []
    for _ in range(2):
        await sent(flow, clock, MINUTE)
    ((key, title, text), _) = operators.told
    assert (key, title) == ("delivery:slack", "Alerts reach nobody by slack")
    assert "Slack cannot be reached" in text
    assert operators.around == ["slack"] * 2
    await sent(flow, clock, MINUTE)
    assert "delivery:slack" in operators.ended


async def test_operators_hear_at_once_when_a_target_may_not_be_told_for_long(store):
    clock, operators = Clock(), Operators()
    slow = Reply(stage=Stage.ANSWERED, code="ratelimited", retry_after=HOUR)
    await told(store)
    await sent(dispatch(store, clock, operators, slack=Sink(replies=[slow])), clock, MINUTE)
    assert [key for key, _, _ in operators.told] == ["delivery:slack:C0METALS"]


async def test_a_refused_target_is_left_alone_while_others_go_on(store):
    clock, slack = Clock(), Sink(replies=[NO_CHANNEL])
    await told(store, routes=(a_route("C0ONE"), a_route("C0TWO")))
    await sent(dispatch(store, clock, slack=slack), clock, MINUTE)
    assert sorted((await states(store)).values()) == ["pending", "sent"]


async def test_a_permanent_answer_makes_a_delivery_dead_and_says_why(store):
    clock, mail, operators = Clock(), Sink(replies=[NO_MAILBOX]), Operators()
    await told(store, routes=(a_route("desk@news.example", "email"),))
    await sent(dispatch(store, clock, operators, email=mail), clock, MINUTE)
    ((key, title, text),) = operators.told
    assert (key, title) == (
        "delivery:email:desk@news.example",
        "Alerts do not reach desk@news.example (email)",
    )
    assert "550" in text
    found = await row(store)
    assert found.state == "dead"
    assert "550" in found.reason


@pytest.mark.parametrize("had_arrived", [True, False])
async def test_after_a_lost_answer_the_provider_is_asked_before_anything_is_sent(store, had_arrived):
    clock = Clock()
    slack = Sink(replies=[LOST], findings=[Found("17.1")] if had_arrived else [])
    await told(store)
    flow = dispatch(store, clock, slack=slack)
    await sent(flow, clock, MINUTE)
    tried_at = clock.now()
    assert (await row(store)).state == "ambiguous"
    await sent(flow, clock, HOUR)
    assert [since for _, since in slack.asked] == [tried_at]
    assert len(slack.taken) == (0 if had_arrived else 1)
    assert (await row(store)).state == "sent"


async def test_while_the_provider_cannot_say_nothing_is_sent_a_second_time(store):
    clock = Clock()
    slack = Sink(replies=[LOST], findings=[Unknowable(AWAY)] * 5)
    await told(store)
    flow = dispatch(store, clock, slack=slack)
    await sent(flow, clock, MINUTE)
    first_tried = clock.now()
    for _ in range(20):
        await sent(flow, clock, HOUR)
        if len(slack.asked) <= 5:
            assert slack.taken == []
    assert {since for _, since in slack.asked} == {first_tried}
    assert len(slack.taken) == 1


async def test_a_channel_that_can_never_say_gets_the_same_letter_again(store):
    clock = Clock()
    mail = Sink(replies=[LOST], findings=[Unknowable()])
    await told(store, routes=(a_route("desk@news.example", "email"),))
    flow = dispatch(store, clock, email=mail)
    await sent(flow, clock, MINUTE)
    first = clock.now()
    await sent(flow, clock, 2 * HOUR)
    assert [letter.first_tried_at for letter in mail.taken] == [first]


async def test_what_an_earlier_run_was_sending_is_asked_about(store):
    clock, slack = Clock(), Sink(findings=[Found("17.1")])
    await told(store)
    clock.forward(MINUTE)
    await claim(store, clock.now(), session=SessionId("killed"))
    await store.begin_session(ME, clock.now(), alone=True)
    await sent(dispatch(store, clock, slack=slack))
    assert slack.taken == []
    found = await row(store)
    assert (found.state, found.reference) == ("sent", "17.1")


async def test_what_was_sent_is_recorded_however_long_the_database_refuses(store, monkeypatch):
    monkeypatch.setattr(dispatching, "KEEP_TRYING_TO_RECORD", 0 * SECOND)
    refusals = 3

    class Refusing:
        def __getattr__(self, name):
            return getattr(store, name)

        async def record_outcome(self, *arguments, **values):
            nonlocal refusals
            if refusals:
                refusals -= 1
                raise StoreError("the disk is full")
            await store.record_outcome(*arguments, **values)

    clock, slack = Clock(), Sink()
    await told(store)
    await sent(dispatch(Refusing(), clock, slack=slack), clock, MINUTE)
    assert len(slack.taken) == 1
    assert (await row(store)).state == "sent"


async def test_a_bug_in_a_channel_leaves_the_delivery_to_be_asked_about(store):
    class Broken(Sink):
        async def send(self, letter):
            raise ZeroDivisionError

    clock = Clock()
    await told(store)
    flow = dispatch(store, clock, slack=Broken())
    await sent(flow, clock, MINUTE)
    found = await row(store)
    assert found.state == "ambiguous"
    assert "ZeroDivisionError" in found.reason


@asynccontextmanager
async def in_flight(store, slack):
    clock = Clock()
    await told(store)
    clock.forward(MINUTE)
    slack.gate = asyncio.Event()
    flow = dispatch(store, clock, slack=slack)
    await flow._wake_due()
    async with asyncio.timeout(10):
        while (await row(store)).state != "sending":
            pass
    yield flow


async def test_stopping_lets_a_send_in_flight_end_and_begins_no_other(store):
    slack = Sink()
    async with in_flight(store, slack) as flow:
        stopping = asyncio.create_task(flow.stop(10 * SECOND))
        await asyncio.sleep(0)
        slack.gate.set()
        await stopping
        assert (await row(store)).state == "sent"
        flow.wake("slack:C0METALS")
        assert not flow.busy


async def test_a_send_that_does_not_end_in_time_is_left_as_claimed(store):
    async with in_flight(store, Sink()) as flow:
        await flow.stop(0 * SECOND)
        assert (await row(store)).state == "sending"


async def test_a_channel_that_is_not_set_up_keeps_its_deliveries(store):
    clock = Clock()
    await told(store)
    flow = dispatch(store, clock)
    await sent(flow, clock, MINUTE)
    assert (await row(store)).state == "pending"
    assert not flow.may_send(("slack", "C0METALS"))


async def test_one_target_is_told_a_burst_then_at_the_providers_pace(store, monkeypatch):
    monkeypatch.setattr(module, "RATES", {"slack": module.Rate(burst=2, every=SECOND / 20)})
    times = []

    class Timed(Sink):
        async def send(self, letter):
            times.append(asyncio.get_running_loop().time())
            return await super().send(letter)

    clock = Clock()
    for n in range(5):
        await told(store, a_story(f"This is story number {n}"))
    flow = dispatch(store, clock, slack=Timed())
    await sent(flow, clock, MINUTE)
    for first, third in zip(times, times[2:], strict=False):
        assert third - first >= 0.1 * 0.99


async def test_a_database_that_refuses_claims_is_said_once_and_again_after_it_took_one(store):
    refusing = True

    class Refusing:
        def __getattr__(self, name):
            return getattr(store, name)

        async def claim(self, **asked):
            if refusing:
                raise StoreError("no room")
            return await store.claim(**asked)

    with structlog.testing.capture_logs() as logs:
        flow = dispatch(Refusing(), Clock(), slack=Sink())
        for address in ("C1", "C2", "C3"):
            flow._wake("slack", address)
        await flow.idle()
        refusing = False
        flow._wake("slack", "C1")
        await flow.idle()
        refusing = True
        flow._wake("slack", "C1")
        await flow.idle()
    said = [line["log_level"] for line in logs if line["event"] == "claim_failed"]
    assert said == ["warning", "debug", "debug", "warning"]


BUSY = Reply(stage=Stage.RECIPIENT, code="451", detail="4.3.0 try again later")


async def several(store, count, channel="email"):
    for n in range(count):
        address = f"desk{n}@news.example"
        await told(store, a_story(f"Copper prices rise, report {n}"), routes=(a_route(address, channel),))


async def test_a_relay_that_takes_nothing_for_days_kills_no_mail_and_operators_hear_once(store):
    clock, operators, mail = Clock(), Operators(), Sink(replies=[BUSY] * 10_000)
    await several(store, 4)
    flow = dispatch(store, clock, operators, email=mail)
    for _ in range(72):
        await sent(flow, clock, HOUR)
    assert set((await states(store)).values()) == {"pending"}
    # Two mailboxes by name, and from the third on the relay.
    assert len({key for key, _, _ in operators.told}) == dispatching.MANY_TARGETS
    mail.replies.clear()
    await sent(flow, clock, 2 * HOUR)
    assert set((await states(store)).values()) == {"sent"}


async def test_a_value_that_the_database_cannot_take_does_not_leave_a_claim_for_ever(store, monkeypatch):
    monkeypatch.setattr(dispatching, "KEEP_TRYING_TO_RECORD", 0 * SECOND)
    clock, slack = Clock(), Sink(replies=[Reply(stage=Stage.ANSWERED, code="ok", reference="\ud800")])
    await told(store)
    await sent(dispatch(store, clock, slack=slack), clock, MINUTE)
    assert (await row(store)).state == "sent"
    assert len(slack.taken) == 1


async def test_a_mail_that_may_have_arrived_is_not_sent_sooner_because_a_file_was_mended(store):
    clock, mail = Clock(), Sink(replies=[LOST])
    await told(store, routes=(a_route("desk@news.example", "email"),))
    await sent(dispatch(store, clock, email=mail), clock, MINUTE)
    assert (await row(store)).state == "ambiguous"
    assert await store.hasten(clock.now()) == 0
    assert not await store.due_targets(clock.now())


async def test_what_was_given_up_without_knowing_whether_it_arrived_is_asked_about_before_it_is_sent_again(
    store,
):
    clock = Clock()
    await told(store)
    clock.forward(MINUTE)
    claimed = await claim(store, clock.now(), session=ME)
    reason = f"not known whether it was sent: {GIVEN_UP} 9 attempts in 24 hours: Slack failed"
    outcome = deliveries.Outcome(state="dead", reason=reason)
    await store.record_outcome(claimed.letter.delivery, outcome, session=ME, now=clock.now())
    assert await store.retry_delivery(claimed.letter.delivery, now=clock.now()) == "dead"
    assert (await row(store)).state == "ambiguous"
