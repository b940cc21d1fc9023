"""Intake: from an offered story to a decision that is kept."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from monitor.alerts.routes import Routes
from monitor.flows.intake import InForce, Intake
from monitor.flows.storm import Storms
from monitor.store import deliveries, history
from monitor.stories.ids import feed_id
from tests.build import HOUR, NOON, POLICY, a_feed, a_route, a_story, routes
from tests.fakes import Clock, Log, Operators, Rules
from tests.touch.test_store import polled

OTHER = feed_id("https://another.example/rss")


def intake(store, log=None, *, rules=None, found=None, feeds=(), policy=POLICY, operators=None, **values):
    force = InForce(
        judge=rules or Rules(), routes=found or routes(), feeds={f.id: f for f in feeds}, policy=policy
    )
    return Intake(
        store=store, publisher=log or Log(), in_force=force, clock=Clock(), operators=operators or Operators(), **values
    )  # fmt: skip


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


FLOOD = [a_story(f"Copper, report {n}") for n in range(12)]


async def test_a_feed_that_brings_more_than_anybody_can_read_is_held_and_operators_hear_it_once(store):
    operators, log = Operators(), Log()
    few = replace(POLICY, most_per_feed=5)
    await store.record_poll(polled(*FLOOD, a_story("Copper elsewhere", feed=OTHER)))
    take_in = intake(store, log, policy=few, operators=operators)
    for story in (*FLOOD, a_story("Copper elsewhere", feed=OTHER)):
        await take_in(story.id, 1)
    rows = await store.read(deliveries.listing)
    assert Counter(row.state for row in rows) == {"pending": 6, "held": 7}
    assert len(log.nudges) == 6
    ((_, title, text),) = operators.told
    assert "The News" in title
    assert "deliveries retry --held" in text


async def test_what_was_held_can_be_sent_and_says_why_it_was_held(store):
    few = replace(POLICY, most_per_feed=1)
    await store.record_poll(polled(*FLOOD[:2]))
    take_in = intake(store, policy=few)
    for story in FLOOD[:2]:
        await take_in(story.id, 1)
    (held,) = await store.read(lambda c: deliveries.listing(c, state="held"))
    assert "alerts.most_per_feed" in held.reason
    (judged,) = await store.read(lambda c: history.find(c, held.story))
    assert judged.verdict == "held"
    assert await store.retry_delivery(held.id, now=NOON) == "held"
    assert await store.due_targets(NOON + HOUR) == (("slack", "C0METALS"),)


async def test_what_is_held_is_told_when_another_outlet_has_it_too(store):
    log = Log()
    few = replace(POLICY, most_per_feed=1)
    scoop = a_story("Copper prices rise again in Almaty")
    copy = a_story("Copper prices rise again in Almaty", feed=OTHER, source="Another outlet")
    await store.record_poll(polled(a_story("Copper, report 0"), scoop, copy))
    take_in = intake(store, log, policy=few)
    for story in (a_story("Copper, report 0"), scoop, copy):
        await take_in(story.id, 1)
    rows = await store.read(deliveries.listing)
    assert [(row.state, row.reason) for row in rows] == [("pending", ""), ("pending", "")]
    assert len({row.alert for row in rows}) == 2
    assert len(log.nudges) == 2


async def test_what_was_held_is_told_when_it_is_revised_after_the_storm(store):
    now = [0.0]
    scoop = a_story("Copper scoop")
    await store.record_poll(polled(a_story("Copper, report 0"), scoop))
    take_in = intake(store, policy=replace(POLICY, most_per_feed=1), storms=Storms(steady=lambda: now[0]))
    await take_in(a_story("Copper, report 0").id, 1)
    await take_in(scoop.id, 1)
    now[0] = 700.0
    await store.record_poll(polled(replace(scoop, revision=2, summary="More is known.")))
    await take_in(scoop.id, 2)
    assert [row.state for row in await store.read(deliveries.listing)] == ["pending", "pending"]


async def test_each_storm_of_a_day_is_told_of_and_one_that_goes_on_only_once(store):
    operators, now = Operators(), [0.0]
    take_in = intake(
        store, policy=replace(POLICY, most_per_feed=2), operators=operators, storms=Storms(steady=lambda: now[0])
    )  # fmt: skip
    for n in range(30):
        now[0] += 150.0 if n < 20 else 1000.0 if n == 20 else 1.0
        story = a_story(f"Copper, report {n}")
        await store.record_poll(polled(story))
        await take_in(story.id, 1)
    assert len(operators.told) == 2
    assert len({key for key, _, _ in operators.told}) == 2
    assert operators.ended == [operators.told[0][0]]


async def test_a_storm_is_over_when_its_ten_minutes_are(store):
    operators, now = Operators(), [0.0]
    few = replace(POLICY, most_per_feed=2)
    await store.record_poll(polled(*FLOOD))
    take_in = intake(store, policy=few, operators=operators, storms=Storms(steady=lambda: now[0]))
    for story in FLOOD[:4]:
        await take_in(story.id, 1)
    assert (len(operators.told), operators.ended) == (1, [])
    now[0] = 601.0
    await take_in(FLOOD[4].id, 1)
    assert len(operators.ended) == 1
    rows = await store.read(deliveries.listing)
    assert Counter(row.state for row in rows) == {"pending": 3, "held": 2}


async def test_a_first_revision_that_has_a_twin_is_a_copy_though_it_was_taken_as_alone(store):
    first, second = a_story(), a_story(feed=OTHER, source="Another outlet")
    await store.record_poll(polled(first, second))
    take_in = intake(store)
    for story in (first, second):
        await take_in(story.id, 1)
    assert [row.state for row in await store.read(deliveries.listing)] == ["pending"]
    (judged,) = await store.read(lambda c: history.find(c, second.id))
    assert judged.verdict == "copy"


async def test_a_copy_that_nobody_is_told_of_is_a_copy_all_the_same(store):
    first, second = a_story(), a_story(feed=OTHER, source="Another outlet")
    await store.record_poll(polled(first, second))
    await intake(store)(first.id, 1)
    await intake(store, found=Routes(receivers={}))(second.id, 1)
    (judged,) = await store.read(lambda c: history.find(c, second.id))
    assert judged.verdict == "copy"
