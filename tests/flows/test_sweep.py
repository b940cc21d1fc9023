"""The sweep: whatever the stream drops is offered again."""

from monitor.flows.sweep import MOST_AT_ONCE, Sweep
from monitor.stories.ids import SessionId
from tests.build import HOUR, SECOND, a_story
from tests.fakes import Clock, Log
from tests.touch.test_store import claim, polled, told


def sweep(store, log, clock, *, fullness=0.0, freed=lambda: None):
    return Sweep(
        store=store, publisher=log, clock=clock, session=SessionId("me"), fullness=lambda: fullness, freed=freed,
        window=72 * HOUR,
    )  # fmt: skip


async def test_at_start_everything_undecided_is_offered(store):
    log, clock = Log(), Clock()
    await store.record_poll(polled(a_story("One"), a_story("Two")))
    clock.forward(SECOND)
    await sweep(store, log, clock).once()
    assert len(log.stories) == 2


async def test_what_was_offered_a_moment_ago_is_left_alone_and_later_offered_again(store):
    log, clock = Log(), Clock()
    flow = sweep(store, log, clock)
    await flow.once()
    await store.record_poll(polled(a_story()))
    clock.forward(20 * SECOND)
    await flow.once()
    assert log.stories == []
    clock.forward(20 * SECOND)
    await flow.once()
    await flow.once()
    assert len(log.stories) == 1


async def test_partitions_that_arrive_bring_everything_back(store):
    log, clock = Log(), Clock()
    flow = sweep(store, log, clock)
    await store.record_poll(polled(a_story()))
    clock.forward(SECOND)
    await flow.once()
    clock.forward(SECOND)
    flow.soon()
    await flow.once()
    assert len(log.stories) == 2


async def test_nothing_is_offered_into_a_log_that_is_half_full(store):
    log, clock = Log(), Clock()
    await store.record_poll(polled(a_story()))
    clock.forward(SECOND)
    await sweep(store, log, clock, fullness=0.6).once()
    assert log.stories == []


async def test_a_pass_offers_a_bounded_number_and_the_next_goes_on(store):
    log, clock = Log(), Clock()
    await store.record_poll(polled(*(a_story(f"Story number {n}") for n in range(MOST_AT_ONCE + 20))))
    clock.forward(SECOND)
    flow = sweep(store, log, clock)
    await flow.once()
    assert len(log.stories) == MOST_AT_ONCE
    clock.forward(SECOND)
    await flow.once()
    assert len({story for story, _ in log.stories}) == MOST_AT_ONCE + 20


async def test_a_dead_workers_deliveries_are_freed_and_their_sender_woken(store):
    freed = []
    clock = Clock()
    await store.begin_session(SessionId("dead"), clock.now(), alone=False)
    await store.begin_session(SessionId("me"), clock.now(), alone=False)
    await told(store)
    await claim(store, session=SessionId("dead"))
    clock.forward(16 * SECOND)
    await sweep(store, Log(), clock, freed=lambda: freed.append(True)).once()
    assert freed == [True]
    assert (await claim(store)).ambiguous
