"""Intake: from an offered story to a decision that is kept."""

import asyncio

import pytest

from monitor.flows.intake import InForce, Intake
from monitor.store import deliveries, history
from monitor.stories.ids import feed_id
from tests.build import HOUR, NOON, POLICY, a_feed, a_route, a_story, routes
from tests.fakes import Clock, Log, Rules
from tests.touch.test_store import polled


def intake(store, log=None, *, rules=None, found=None, feeds=()):
    force = InForce(
        judge=rules or Rules(), routes=found or routes(), feeds={f.id: f for f in feeds}, policy=POLICY
    )
    return Intake(store=store, publisher=log or Log(), in_force=force, clock=Clock())


async def test_a_story_is_judged_and_its_target_nudged(store):
    log = Log()
    await store.record_poll(polled(a_story()))
    await intake(store, log)(a_story().id, 1)
    assert log.nudges == ["slack:C0METALS"]
    assert len(await store.read(deliveries.listing)) == 1


async def test_a_story_offered_ten_times_is_told_once(store):
    log = Log()
    await store.record_poll(polled(a_story()))
    take_in = intake(store, log)
    await asyncio.gather(*(take_in(a_story().id, 1) for _ in range(10)))
    assert len(await store.read(deliveries.listing)) == 1
    assert log.nudges == ["slack:C0METALS"]


async def test_a_story_that_is_not_in_the_database_is_nothing(store):
    await intake(store)(a_story().id, 1)
    assert (await store.counts()).stories == 0


@pytest.mark.parametrize("count", [2, 12])
async def test_copies_taken_in_at_once_make_one_alert(store, count):
    copies = [
        a_story(feed=feed_id(f"https://copy-{n}.example/rss"), source=f"Outlet {n}") for n in range(count)
    ]
    await store.record_poll(polled(*copies))
    take_in = intake(store)
    await asyncio.gather(*(take_in(story.id, 1) for story in copies))
    assert len(await store.read(deliveries.listing)) == 1
    (alert,) = await store.read(history.alerts)
    assert len(alert.outlets) == count


async def test_the_receivers_a_feed_names_are_told_too(store):
    found = routes(a_route())
    found = type(found)(
        receivers={**found.receivers, "law": (a_route("C0LAW", receiver="law"),)}, default=found.default
    )
    await store.record_poll(polled(a_story()))
    await intake(store, found=found, feeds=[a_feed(receivers=("law",))])(a_story().id, 1)
    assert {row.target for row in await store.read(deliveries.listing)} == {"C0METALS", "C0LAW"}


async def test_a_rule_that_raises_leaves_the_story_for_the_dead_letters(store):
    def broken(story):
        raise ZeroDivisionError

    await store.record_poll(polled(a_story()))
    with pytest.raises(ZeroDivisionError):
        await intake(store, rules=Rules(broken))(a_story().id, 1)
    assert (await store.counts()).undecided == 1


async def test_every_story_that_became_no_alert_can_say_why(store):
    old, plain = (
        a_story("An old story about copper", published_at=NOON - 50 * HOUR),
        a_story("Nothing about it at all"),
    )
    await store.record_poll(polled(old, plain))
    take_in = intake(store, rules=Rules(lambda s: Rules().match(s) if "copper" in s.title else ()))
    for story in (old, plain):
        await take_in(story.id, 1)
    reasons = {j.verdict: j.reason for j in await store.read(lambda c: history.stories_since(c, NOON - HOUR))}
    assert set(reasons) == {"too_old", "no_rule"}
    assert "the limit is 6 hours" in reasons["too_old"]
