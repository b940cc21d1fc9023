"""Letting go of what is old: never what waits to be judged or sent."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from monitor.errors import SettingsError
from monitor.flows.sweep import Sweep
from monitor.located import duration
from monitor.settings import Keep
from monitor.settings.reading import load
from monitor.store import keep, tables
from monitor.store.decisions import DeadLetterRow
from monitor.store.deliveries import Outcome
from monitor.stories.ids import SessionId, feed_id
from tests.build import HOUR, NOON, a_route, a_story
from tests.fakes import Clock, Log
from tests.touch.test_store import ME, claim, polled, told

DAY = timedelta(days=1)


async def count(store, table):
    return await store.read(lambda c: c.execute(select(func.count()).select_from(table)).scalar())


async def pass_at(store, now, **kept):
    """One pass of the sweep, long after."""
    flow = Sweep(
        store=store, publisher=Log(), clock=Clock(now), session=SessionId("me"), fullness=lambda: 1.0,
        freed=lambda: None, window=72 * HOUR, keep=Keep(**kept),
    )  # fmt: skip
    await flow.once()
    return flow


async def ended(store, state="sent", now=NOON + HOUR):
    claimed = await claim(store, now)
    await store.record_outcome(claimed.letter.delivery, Outcome(state=state, reason=""), session=ME, now=now)
    return claimed.letter


async def untold(store, *stories):
    """Stories that no rule wanted."""
    for story in stories:
        await told(store, story, matches=())


async def test_a_judged_story_goes_when_it_is_old_enough(store):
    await untold(store, a_story())
    await pass_at(store, NOON + 90 * DAY)
    assert await count(store, tables.stories) == 1
    await pass_at(store, NOON + 91 * DAY)
    assert await count(store, tables.stories) == 0


async def test_an_undecided_story_stays_for_ever(store):
    await store.record_poll(polled(a_story()))
    await pass_at(store, NOON + 3650 * DAY)
    assert await count(store, tables.stories) == 1


async def test_a_told_story_stays_as_long_as_its_alert_and_then_goes_with_it(store):
    story = a_story()
    await told(store, story)
    await told(store, a_story(feed=feed_id("https://other.example/rss")))  # a copy
    await ended(store)
    await pass_at(store, NOON + 300 * DAY)
    assert await count(store, tables.stories) == 2
    await pass_at(store, NOON + 366 * DAY)
    for table in (tables.alerts, tables.deliveries, tables.matches, tables.alert_stories, tables.stories):
        assert await count(store, table) == 0, table.name


async def test_the_story_of_an_alert_that_is_let_go_early_stays_its_own_time(store):
    await told(store)
    await ended(store)
    await pass_at(store, NOON + 10 * DAY, deliveries=DAY)
    assert await count(store, tables.alerts) == 0
    assert await count(store, tables.matches) == 0
    assert await count(store, tables.claims) == 0
    assert await count(store, tables.stories) == 1


async def test_an_alert_stays_while_its_claims_are_looked_at(store):
    await told(store)
    await ended(store)
    await pass_at(store, NOON + 5 * DAY, deliveries=HOUR)
    assert await count(store, tables.alerts) == 1


@pytest.mark.parametrize("state", ["pending", "ambiguous"])
async def test_an_alert_with_one_delivery_on_its_way_stays_whole(store, state):
    await told(store, routes=(a_route(), a_route("C0OTHER")))
    await ended(store)
    claimed = await claim(store, target="C0OTHER")
    waiting = Outcome(state=state, reason="", next_at=NOON + 4000 * DAY)
    await store.record_outcome(claimed.letter.delivery, waiting, session=ME, now=NOON)
    await pass_at(store, NOON + 3650 * DAY)
    assert await count(store, tables.deliveries) == 2
    assert await count(store, tables.stories) == 1


async def test_dead_and_dropped_deliveries_go_too(store):
    await told(store, routes=(a_route(), a_route("C0OTHER")))
    await ended(store, "dead")
    other = await store.claim(channel="slack", target="C0OTHER", session=ME, now=NOON + HOUR)
    await store.record_outcome(
        other.letter.delivery, Outcome(state="dead", reason=""), session=ME, now=NOON + HOUR
    )
    await store.drop_delivery(other.letter.delivery, reason="old", now=NOON + HOUR)
    await pass_at(store, NOON + 366 * DAY)
    assert await count(store, tables.alerts) == 0


async def test_a_delivery_that_is_retried_between_finding_and_dropping_keeps_its_alert(store):
    await told(store)
    letter = await ended(store, "dead")
    limits = keep.Limits(stories=NOON + DAY, alerts=NOON + DAY, sightings=NOON + DAY)
    alerts = keep.KINDS[0]
    keys = await store.read(lambda c: alerts.find(c, limits))
    assert len(keys) == 1
    await store.retry_delivery(letter.delivery, now=NOON + DAY)
    assert await store._database.write(lambda c: alerts.drop(c, keys, limits)) == 0
    assert await count(store, tables.alerts) == 1


async def test_an_entry_is_known_until_long_after_its_feed_had_it_last(store):
    gone, stays = a_story("Gone"), a_story("Stays")
    await store.record_poll(polled(gone, stays))
    later = polled(seen_again=(polled(stays).sightings[0].key,))
    await store.record_poll(replace(later, state=replace(later.state, polled_at=NOON + 80 * DAY)))
    await pass_at(store, NOON + 89 * DAY)
    assert await count(store, tables.sightings) == 2
    await pass_at(store, NOON + 91 * DAY)
    assert list(await store.known(gone.feed, ["Gone", "Stays"])) == ["Stays"]


async def test_entries_of_a_feed_that_has_not_changed_for_a_year_stay_known(store):
    await store.record_poll(polled(a_story()))
    unchanged = polled()
    await store.record_poll(replace(unchanged, state=replace(unchanged.state, polled_at=NOON + 365 * DAY)))
    await pass_at(store, NOON + 365 * DAY)
    assert await count(store, tables.sightings) == 1
    await pass_at(store, NOON + 456 * DAY)  # nobody asked the feed for 91 days
    assert await count(store, tables.sightings) == 0


async def test_dead_letters_go_with_stories(store):
    letter = DeadLetterRow(
        topic="stories", partition=1, position=7, key=b"k", value=b"v", story=None, revision=None, reason="x",
        created_at=NOON,
    )  # fmt: skip
    await store.bury(letter)
    await pass_at(store, NOON + 90 * DAY)
    assert await count(store, tables.dead_letters) == 1
    await pass_at(store, NOON + 91 * DAY)
    assert await count(store, tables.dead_letters) == 0


async def test_a_pass_lets_few_go_the_oldest_first_and_the_next_goes_on(store):
    stories = [a_story(f"Story number {n}", seen_at=NOON + n * timedelta(seconds=1)) for n in range(700)]
    await store.record_poll(polled(*stories))
    await store._database.write(lambda c: c.execute(tables.stories.update().values(decided_at=NOON)))
    flow = await pass_at(store, NOON + 100 * DAY)
    left = await store.read(lambda c: c.execute(select(func.min(tables.stories.c.seen_at))).scalar())
    assert left == stories[keep.MOST_AT_ONCE].seen_at
    await flow.once()
    assert await count(store, tables.stories) == 0
    await untold(store, a_story("Afterwards"))
    for _ in range(2):
        await flow.once()
    assert await count(store, tables.stories) == 0  # the third pass rested no hour: there was something to do


def test_what_is_kept_is_written_in_weeks_and_years(tmp_path):
    file = tmp_path / "monitor.yaml"
    file.write_text("keep: {stories: 2w, deliveries: 1y}\n")
    settings, _ = load(file, {})
    assert settings.keep == Keep(stories=14 * DAY, deliveries=365 * DAY)
    assert load(file, {"MONITOR_KEEP__STORIES": "30d"})[0].keep.stories == 30 * DAY
    file.write_text("keep: {stories: 0d}\n")
    with pytest.raises(SettingsError, match="at least 1s"):
        load(file, {})


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("45s", timedelta(seconds=45)),
        ("2d", 2 * DAY),
        ("3w", 21 * DAY),
        ("1y", 365 * DAY),
        ("1000y", 365_000 * DAY),
    ],
)
def test_lengths_of_time(text, length):
    assert duration(text) == length


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1", "write it like 45s, 15m, 6h, 2d, 1w or 1y"),
        ("1mo", "1w or 1y"),
        ("1001y", "1w or 1y"),
        ("999999999d", "1w or 1y"),
    ],
)
def test_what_is_no_length_of_time_is_refused_with_the_way_out(text, said):
    with pytest.raises(ValueError) as refused:
        duration(text)
    assert said in refused.value.args[1]
