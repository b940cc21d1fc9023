"""The wall clock is set; what waits, what is kept and what is asked goes on as if it had not been."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from monitor.alerts.decide import Verdict, decide
from monitor.errors import StoreError
from monitor.flows.dispatch import Dispatch
from monitor.flows.steps import Steps
from monitor.flows.sweep import DOUBTED_FOR_S, Sweep
from monitor.settings import Keep
from monitor.store import tables, workers
from monitor.store.deliveries import Outcome
from monitor.stories.ids import SessionId
from tests.build import HOUR, MINUTE, NOON, POLICY, SECOND, a_match, a_route, a_story, an_answer, an_entry
from tests.fakes import Clock, Log, Operators
from tests.flows.test_poll import polling
from tests.touch.test_store import claim, polled, told

DAY = 24 * HOUR
ME = SessionId("me")


class Machine:
    """Its wall clock can be set, its other one cannot."""

    def __init__(self):
        self.clock, self.steady = Clock(), 1000.0

    def goes_on(self, by):
        self.clock.forward(by)
        self.steady += by.total_seconds()


@pytest.fixture
def machine():
    return Machine()


def sweep(store, machine, **values):
    return Sweep(
        store=store, publisher=Log(), clock=machine.clock, session=ME, fullness=lambda: 0.0, freed=lambda: None,
        window=72 * HOUR, steady=lambda: machine.steady, **values,
    )  # fmt: skip


async def count(store, table):
    return await store.read(lambda c: c.execute(select(func.count()).select_from(table)).scalar())


@pytest.mark.parametrize(
    ("by", "seen"),
    [(HOUR, HOUR), (-HOUR, -HOUR), (SECOND, timedelta(0)), (-SECOND, timedelta(0)), (timedelta(0), timedelta(0))],
)  # fmt: skip
def test_a_step_is_seen_whichever_way_and_time_that_passes_is_none(machine, by, seen):
    steps = Steps(clock=machine.clock, steady=lambda: machine.steady)
    assert steps.look() == timedelta(0)
    machine.goes_on(10 * MINUTE)
    machine.clock.forward(by)
    assert steps.look() == seen
    machine.goes_on(10 * MINUTE)
    assert steps.look() == timedelta(0)


def test_a_process_that_stood_still_between_two_looks_saw_no_step(machine):
    stops = iter([False, True, False, False, False, False])

    def steady():
        if next(stops):
            machine.goes_on(120 * SECOND)
        return machine.steady

    steps = Steps(clock=machine.clock, steady=steady)
    steps.look()
    assert steps.look() == timedelta(0)


async def test_what_waits_is_told_when_it_would_have_been_although_the_clock_was_set_back(store, machine):
    operators, heard = Operators(), []
    flow = sweep(store, machine, operators=operators, clock_was_set=lambda: heard.append(True))
    await flow.once()
    await told(store, now=machine.clock.now())
    machine.goes_on(50 * SECOND)
    assert await store.due_targets(machine.clock.now())
    machine.clock.forward(-HOUR)
    assert not await store.due_targets(machine.clock.now())
    await flow.once()
    assert await store.due_targets(machine.clock.now())
    assert heard == [True]
    assert "set back by 60 minutes" in operators.told[0][2]


async def test_a_step_that_the_database_did_not_take_is_heeded_later(store, machine):
    flow = sweep(store, machine)
    await flow.once()
    await told(store, now=machine.clock.now())
    machine.clock.forward(-HOUR)
    real = store.clock_was_set

    async def refuses(by, *, now):
        raise StoreError("the disk is full")

    flow.store.clock_was_set = refuses
    with pytest.raises(StoreError):
        await flow.once()
    flow.store.clock_was_set = real
    await flow.once()
    machine.goes_on(50 * SECOND)
    assert await store.due_targets(machine.clock.now())


async def test_patience_with_a_provider_is_counted_in_time_that_passed(store, machine):
    flow = sweep(store, machine)
    await flow.once()
    await told(store)
    claimed = await claim(store, now=machine.clock.now() + MINUTE, session=ME)
    failed = Outcome(state="pending", reason="503", next_at=machine.clock.now() + MINUTE, counts=True)
    await store.record_outcome(claimed.letter.delivery, failed, session=ME, now=machine.clock.now())
    machine.clock.forward(1000 * DAY)
    await flow.once()
    again = await claim(store, now=machine.clock.now(), session=ME)
    assert again.counted_at == NOON + 1000 * DAY


async def test_a_pause_that_the_old_clock_timed_is_over(store):
    dispatch = Dispatch(
        store=store, channels={"slack": object()}, session=ME, clock=Clock(), operators=Operators()
    )
    provider = dispatch._providers["slack"]
    provider.breaker = type(provider.breaker)(failures=1, paused_until=NOON + MINUTE)
    dispatch.clock_was_set()
    assert dispatch.may_send(("slack", "C0METALS"))
    assert provider.breaker.failures == 1  # one asks whether it is back, the others wait for the answer


async def test_what_was_written_between_two_steps_waits_no_longer_than_was_chosen(store, machine):
    flow = sweep(store, machine)
    await flow.once()
    machine.clock.forward(5000 * DAY)
    await told(store, now=machine.clock.now())
    machine.clock.forward(-5001 * DAY)
    await flow.once()
    assert not await store.due_targets(machine.clock.now())
    machine.goes_on(46 * SECOND)
    assert await store.due_targets(machine.clock.now())


async def test_what_failed_before_the_clock_was_set_back_is_tried_again_now(store, machine):
    flow = sweep(store, machine)
    await flow.once()
    await told(store)
    now = machine.clock.now() + HOUR
    claimed = await claim(store, now=now, session=ME)
    failed = Outcome(state="ambiguous", reason="no answer", next_at=now + HOUR)
    await store.record_outcome(claimed.letter.delivery, failed, session=ME, now=now)
    machine.clock.forward(-HOUR)
    await flow.once()
    again = await claim(store, now=machine.clock.now(), session=ME)
    assert again.ambiguous
    assert again.since <= machine.clock.now()


async def test_a_story_that_the_stream_lost_is_offered_again_although_the_clock_was_set_back(store, machine):
    flow = sweep(store, machine)
    await flow.once()
    await store.record_poll(polled(a_story()))
    machine.clock.forward(-HOUR)
    await flow.once()
    assert len(flow.publisher.stories) == 1


async def test_a_jump_of_years_and_back_lets_no_row_go(store, machine):
    flow = sweep(store, machine, keep=Keep(stories=timedelta(days=90)))
    await told(store, matches=())
    await flow.once()
    machine.clock.forward(5000 * DAY)
    await flow.once()
    machine.goes_on(2 * HOUR)
    await flow.once()
    assert await count(store, tables.stories) == 1
    machine.clock.forward(-5000 * DAY)
    for _ in range(3):
        machine.goes_on(DAY)
        await flow.once()
    assert await count(store, tables.stories) == 1


async def test_a_clock_that_goes_on_for_a_day_is_believed(store, machine):
    flow = sweep(store, machine, keep=Keep(stories=timedelta(days=90)))
    await told(store, matches=())
    await flow.once()
    machine.clock.forward(100 * DAY)
    await flow.once()
    machine.goes_on(timedelta(seconds=DOUBTED_FOR_S + 1))
    await flow.once()
    assert await count(store, tables.stories) == 0


async def test_a_start_after_a_suspiciously_long_time_lets_no_row_go_at_once(store, machine):
    await store.begin_session(SessionId("before"), NOON, alone=True)
    await told(store, matches=())
    machine.clock.forward(5000 * DAY)
    await store.begin_session(ME, machine.clock.now(), alone=True)
    operators = Operators()
    await sweep(store, machine, operators=operators).once()
    assert await count(store, tables.stories) == 1
    assert "last ran on 2026-03-02" in operators.told[0][2]


async def test_a_start_by_a_clock_that_was_set_back_finds_what_is_due_and_who_ran_last(store):
    before = SessionId("before")
    await store.begin_session(before, NOON - HOUR, alone=True)
    await told(store, now=NOON)
    await claim(store, now=NOON + MINUTE, session=before)
    await told(store, a_story("Tin falls"), now=NOON)
    await store.renew_session(before, NOON + MINUTE)
    now = NOON - 10 * DAY
    await store.begin_session(ME, now, alone=True)
    first = await claim(store, now=now, session=ME)
    second = await claim(store, now=now, session=ME)
    assert first is not None
    assert second is not None
    asked_about = [one.since for one in (first, second) if one.ambiguous]
    assert asked_about == [now]
    sessions = await store.read(workers.latest)
    assert [one.session for one in sessions] == [ME, before]


async def test_feeds_are_asked_by_the_time_that_passed_however_the_clock_is_set(store, machine):
    poll, answers = polling(
        store, an_answer(an_entry("One")), clock=machine.clock, steady=lambda: machine.steady
    )  # fmt: skip

    async def asked_after(by):
        """How often the feed is asked when so much time passes."""
        before = len(answers.asked)
        machine.goes_on(by)
        poll._changed.set()
        for _ in range(10):
            await asyncio.sleep(0)
        while poll._running:
            await asyncio.wait(poll._running)
        return len(answers.asked) - before

    running = asyncio.create_task(poll.run())
    try:
        while not poll.begun:
            await asyncio.sleep(0.01)
        assert await asked_after(MINUTE) == 1
        for jump in (HOUR, -2 * HOUR, 5000 * DAY, -5000 * DAY):
            machine.clock.forward(jump)
            assert await asked_after(MINUTE) == 0
            assert await asked_after(15 * MINUTE) == 1
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_good_poll_in_the_future_makes_no_story_too_old(store, machine):
    poll, answers = polling(store, an_answer(), clock=machine.clock)
    machine.clock.forward(100 * DAY)
    await poll.once()
    machine.clock.forward(-100 * DAY)
    answers.outcomes = [an_answer(an_entry("New", published_at=machine.clock.now() - MINUTE))]
    await poll.once()
    (story, revision), *_ = await store.stale(offered_before=NOON + HOUR, now=NOON, limit=10)
    found = await store.undecided(story, revision)
    got = decide(found, (a_match(),), routes=(a_route(),), policy=POLICY, now=NOON)
    assert got.verdict is Verdict.TOLD


def test_while_the_clock_was_never_set_a_new_feeds_past_is_no_news():
    entry = a_story(
        published_at=NOON, seen_at=NOON - 20_000 * DAY, reference_at=NOON - 20_000 * DAY, first_answer=True
    )
    got = decide(entry, (a_match(),), routes=(a_route(),), policy=POLICY, now=NOON)
    assert got.verdict is Verdict.BASELINE


@pytest.mark.parametrize("running", [True, False], ids=["while it runs", "while nobody runs"])
async def test_a_restart_does_not_end_the_doubt_about_the_clock(store, machine, running):
    await store.begin_session(ME, machine.clock.now(), alone=True)
    await told(store, matches=())
    flow = sweep(store, machine)
    await flow.once()
    machine.clock.forward(5000 * DAY)
    if running:
        await flow.once()
    for name in ("next", "after"):
        machine.goes_on(MINUTE)
        session = SessionId(name)
        await store.begin_session(session, machine.clock.now(), alone=True)
        flow = sweep(store, machine)
        flow.session = session
        await flow.once()
        assert await count(store, tables.stories) == 1
    assert [one.session for one in await store.read(workers.latest)] == ["after", "next", ME]
    machine.goes_on(timedelta(seconds=DOUBTED_FOR_S + 1))
    await flow.once()
    assert await count(store, tables.stories) == 0


async def test_what_happened_in_the_future_is_moved_back_with_the_clock(store, machine):
    flow = sweep(store, machine)
    await flow.once()
    machine.clock.forward(400 * DAY)
    await flow.once()
    await told(store, now=machine.clock.now())
    machine.clock.forward(-400 * DAY)
    await flow.once()
    claimed = await store.read(lambda c: c.execute(select(func.max(tables.claims.c.claimed_at))).scalar())
    assert claimed == machine.clock.now()


async def test_a_step_is_heeded_once_and_what_was_offered_is_withdrawn_with_it(store, machine):
    flow = sweep(store, machine)
    await flow.once()
    await store.record_poll(polled(a_story()))
    await store.stale(offered_before=NOON + HOUR, now=NOON, limit=10)
    await store.clock_was_set(-HOUR, now=NOON - HOUR)
    assert len(await store.stale(offered_before=NOON - 2 * HOUR, now=NOON, limit=10)) == 1

    async def refuses(*_, **__):
        raise StoreError("the disk is full")

    steps, real = [], store.clock_was_set

    async def kept(by, *, now):
        steps.append(by)
        await real(by, now=now)

    flow.store.clock_was_set, flow.store.renew_session = kept, refuses
    machine.clock.forward(-HOUR)
    for _ in range(2):
        with pytest.raises(StoreError):
            await flow.once()
    assert steps == [-HOUR]
