"""The store on a real SQLite file."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import StatementError

from monitor.alerts.decide import decide
from monitor.errors import Busy, SchemaError, StoreError
from monitor.feeds.health import FeedState
from monitor.feeds.outcome import Validators
from monitor.store import deliveries, history, schema, sqlite, sqlite_search, workers
from monitor.store.decisions import DeadLetterRow, Overtaken, Recorded
from monitor.store.deliveries import Outcome
from monitor.store.polls import PollRecord, Sighting
from monitor.store.store import open_sqlite
from monitor.store.tables import HEAD, metadata
from monitor.stories.ids import EntryKey, SessionId, feed_id
from tests.build import HOUR, MINUTE, NOON, POLICY, SECOND, a_feed, a_match, a_route, a_rule, a_story

ME, OTHER = SessionId("me"), SessionId("other")


def polled(*stories, **values):
    sightings = tuple(
        Sighting(
            key=EntryKey(s.title),
            story=s.id,
            revision=s.revision,
            fingerprint="f" + s.title,
            last_seen_at=NOON,
        )
        for s in stories
    )
    state = FeedState(next_at=NOON + MINUTE, polled_at=NOON, good_at=NOON, outcome="fetched")
    return PollRecord(feed=a_feed(), state=state, stories=stories, sightings=sightings, **values)


async def told(store, story=None, routes=(a_route(),), now=NOON, matches=(a_match(),)):
    """Poll a story and decide to tell it."""
    story = story or a_story()
    await store.record_poll(polled(story))
    before, twins = await store.told_before(story)
    decision = decide(story, matches, routes=routes, policy=POLICY, now=now, told=before, twins=twins)
    assert isinstance(await store.record_decision(decision), Recorded)
    return decision


async def claim(store, now=NOON + HOUR, session=ME, target="C0METALS"):
    return await store.claim(channel="slack", target=target, session=session, now=now)


async def states(store):
    return [row.state for row in await store.read(deliveries.listing)]


# ---- polls


async def test_a_poll_keeps_stories_sightings_and_validators_together(store):
    story = a_story(authors=("A desk",), categories=("metals",), language="en")
    validators = Validators(etag='W/"1"', last_modified="yesterday", body_hash="abc")
    assert await store.record_poll(polled(story, title="The News", validators=validators)) == ((story.id, 1),)
    assert await store.undecided(story.id, 1) == story
    assert await store.validators(story.feed) == validators
    known = await store.known(story.feed, [EntryKey(story.title), EntryKey("unknown")])
    assert list(known) == [EntryKey(story.title)]
    assert (await store.feed_states([story.feed]))[story.feed].next_at == NOON + MINUTE
    assert await store.feed_titles() == {story.feed: "The News"}


async def test_the_same_poll_twice_gives_no_new_story(store):
    await store.record_poll(polled(a_story()))
    assert await store.record_poll(polled(a_story())) == ()


async def test_a_poll_without_validators_keeps_the_ones_there_are(store):
    await store.record_poll(polled(validators=Validators(etag="1")))
    await store.record_poll(polled())
    assert (await store.validators(a_feed().id)).etag == "1"
    await store.record_poll(polled(validators=Validators()))
    assert not await store.validators(a_feed().id)


async def test_a_poll_that_fails_half_way_keeps_nothing(store):
    story = a_story()
    broken = replace(polled(story), state=FeedState(polled_at="not an instant", outcome="fetched"))
    with pytest.raises(StatementError):
        await store.record_poll(broken)
    assert await store.undecided(story.id, 1) is None
    assert (await store.counts()).stories == 0


async def test_one_writers_failure_does_not_touch_the_others_in_the_same_commit(store):
    broken = replace(polled(a_story("Broken")), state=FeedState(polled_at="nonsense"))
    good = [polled(a_story(f"Story number {n}")) for n in range(50)]
    results = await asyncio.gather(*map(store.record_poll, [*good, broken]), return_exceptions=True)
    assert isinstance(results[-1], Exception)
    assert (await store.counts()).stories == 50


async def test_text_of_every_kind_comes_back_as_it_was(store):
    story = a_story("Қазақмыс 'жоққа' \"шығарды\" \u0000 😀", summary="%_\\; DROP TABLE stories; --")
    await store.record_poll(polled(story))
    assert await store.undecided(story.id, 1) == story


# ---- decisions


async def test_a_decision_writes_match_alert_and_deliveries_together(store):
    decision = await told(store)
    assert await store.undecided(decision.story.id, 1) is None
    (judged,) = await store.read(lambda c: history.find(c, decision.story.id))
    assert (judged.verdict, judged.rules, judged.alert) == ("told", ("Copper",), decision.alert)
    (row,) = await store.read(deliveries.listing)
    assert (row.state, row.target, row.rule, row.next_at) == (
        "pending",
        "C0METALS",
        "Copper",
        NOON + 45 * SECOND,
    )


async def test_the_same_decision_twice_writes_once(store):
    decision = await told(store)
    assert await store.record_decision(decision) == Recorded(targets=())
    assert await states(store) == ["pending"]


async def test_of_two_copies_decided_at_once_one_is_overtaken(store):
    one, other = a_story(), a_story(feed=feed_id("https://other.example/rss"))
    await store.record_poll(polled(one, other))
    decisions = [
        decide(story, (a_match(),), routes=(a_route(),), policy=POLICY, now=NOON) for story in (one, other)
    ]
    results = await asyncio.gather(*map(store.record_decision, decisions))
    assert [type(result) for result in results] == [Recorded, Overtaken]
    assert await store.undecided(other.id, 1) == other
    told_, twins = await store.told_before(other)
    again = decide(other, (a_match(),), routes=(a_route(),), policy=POLICY, now=NOON, told=told_, twins=twins)
    assert again.verdict == "copy"
    assert await store.record_decision(again) == Recorded(targets=())
    assert await states(store) == ["pending"]


async def test_what_stands_still_is_offered_again_once_and_the_oldest_first(store):
    for n in range(3):
        await store.record_poll(polled(a_story(f"Story number {n}", seen_at=NOON - n * MINUTE)))
    stale = await store.stale(offered_before=NOON - 30 * SECOND, now=NOON, limit=1)
    assert stale == ((a_story("Story number 2").id, 1),)
    assert len(await store.stale(offered_before=NOON - 30 * SECOND, now=NOON, limit=10)) == 1
    assert await store.stale(offered_before=NOON - 30 * SECOND, now=NOON, limit=10) == ()
    await store.withdraw_offers()
    assert len(await store.stale(offered_before=NOON - 30 * SECOND, now=NOON, limit=10)) == 3


async def test_a_dead_letter_closes_its_story(store):
    story = a_story()
    await store.record_poll(polled(story))
    await store.bury(
        DeadLetterRow(
            topic="stories", partition=1, position=7, key=b"k", value=b"v", story=story.id, revision=1,
            reason="judging raised ZeroDivisionError", created_at=NOON,
        )
    )  # fmt: skip
    (judged,) = await store.read(lambda c: history.find(c, story.id))
    assert (judged.verdict, judged.reason) == ("dead", "judging raised ZeroDivisionError")
    assert (await store.counts()).dead_letters == 1


async def test_a_story_is_found_by_its_address_whatever_its_tracking(store):
    await store.record_poll(polled(a_story(link="https://www.news.example/a/1?utm_source=rss")))
    for address in ("https://news.example/a/1", "http://news.example/a/1/?utm_medium=x"):
        assert len(await store.read(lambda c, a=address: history.find(c, a))) == 1
    assert await store.read(lambda c: history.find(c, "https://news.example/a/2")) == ()


# ---- deliveries


async def test_a_claim_gives_the_whole_letter(store):
    story = a_story(summary="Prices rose.")
    copy = a_story(
        feed=feed_id("https://other.example/rss"), source="Other News", link="https://other.example/1"
    )
    decision = await told(store, story, matches=(a_match(a_rule(note="Ask the desk.")),))
    await told(store, copy)
    claimed = await claim(store)
    letter = claimed.letter
    assert letter.story == story
    assert letter.alert == decision.alert
    assert [(r.rule, r.note, r.spans[0].text) for r in letter.reasons] == [
        ("Copper", "Ask the desk.", "Copper")
    ]
    assert [(c.source, c.link) for c in letter.copies] == [("Other News", "https://other.example/1")]
    assert not claimed.ambiguous
    assert await states(store) == ["sending"]


async def test_nothing_is_claimed_before_its_time_and_nothing_twice(store):
    await told(store)
    assert await claim(store, NOON + 44 * SECOND) is None
    results = await asyncio.gather(*(claim(store) for _ in range(5)))
    assert sum(result is not None for result in results) == 1


async def test_urgent_goes_first_then_what_waited_longest(store):
    for n, priority in enumerate(("normal", "low", "normal", "urgent")):
        await told(store, a_story(f"This is story number {n}"), now=NOON + n * SECOND,
                   matches=(a_match(a_rule(priority=type(a_rule().priority)(priority))),))  # fmt: skip
    order = [(await claim(store)).letter.story.title[-1] for _ in range(4)]
    assert order == ["3", "0", "2", "1"]


async def test_an_outcome_is_kept_only_by_who_holds_the_claim(store):
    await told(store)
    claimed = await claim(store)
    sent = Outcome(state="sent", reason="", reference="1.2")
    await store.record_outcome(claimed.letter.delivery, sent, session=OTHER, now=NOON)
    assert await states(store) == ["sending"]
    await store.record_outcome(claimed.letter.delivery, sent, session=ME, now=NOON)
    (row,) = await store.read(deliveries.listing)
    assert (row.state, row.reference, row.ended_at) == ("sent", "1.2", NOON)


async def test_counted_attempts_remember_the_first(store):
    await told(store)
    again = Outcome(state="pending", reason="busy", next_at=NOON + 2 * HOUR, counts=True)
    first = await claim(store)
    await store.record_outcome(first.letter.delivery, again, session=ME, now=NOON + HOUR)
    assert await store.next_due(NOON + HOUR) == NOON + 2 * HOUR
    second = await claim(store, NOON + 3 * HOUR)
    assert (second.attempts, second.counted_at) == (1, NOON + HOUR)
    assert second.letter.first_tried_at == NOON + HOUR


async def test_what_a_dead_session_was_sending_is_asked_about_from_when_it_was_claimed(store):
    await store.begin_session(OTHER, NOON, alone=True)
    await told(store)
    await claim(store, session=OTHER)
    await store.begin_session(ME, NOON + HOUR, alone=True)
    claimed = await claim(store, NOON + 2 * HOUR)
    assert claimed.ambiguous
    assert claimed.since == NOON + HOUR
    unsure = Outcome(state="ambiguous", reason="no answer", next_at=NOON + 3 * HOUR)
    await store.record_outcome(claimed.letter.delivery, unsure, session=ME, now=NOON + 2 * HOUR)
    assert (await claim(store, NOON + 4 * HOUR)).since == NOON + HOUR  # still the try that may have arrived


async def test_a_session_that_is_not_renewed_is_dead_after_fifteen_seconds(store):
    await store.begin_session(OTHER, NOON, alone=False)
    await store.begin_session(ME, NOON, alone=False)
    await told(store)
    await claim(store, session=OTHER)
    assert await store.renew_session(ME, NOON + 14 * SECOND) == 0
    assert await store.renew_session(ME, NOON + 16 * SECOND) == 1
    assert await states(store) == ["ambiguous"]


async def test_targets_with_something_due_are_named(store):
    await told(store, routes=(a_route(), a_route("desk@news.example", "email")))
    assert await store.due_targets(NOON) == ()
    assert set(await store.due_targets(NOON + HOUR)) == {
        ("slack", "C0METALS"),
        ("email", "desk@news.example"),
    }
    assert (await store.backlog()).by_state == {"pending": 2}


# ---- the file


def test_the_migrations_make_exactly_the_tables(tmp_path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = sqlite.open_engine(tmp_path / "monitor.db")
    schema.upgrade(engine)
    with engine.connect() as connection:
        assert schema.revision(connection) == HEAD
        context = MigrationContext.configure(connection, opts={"include_object": sqlite_search.is_ours})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


async def test_a_newer_schema_is_refused_in_words(tmp_path):
    path = tmp_path / "monitor.db"
    await open_sqlite(path, make=True).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for make in (True, False):
        with pytest.raises(SchemaError, match="newer monitor"):
            open_sqlite(path, make=make)


@pytest.mark.parametrize("content", [b"this is no database at all, but a text file", b"\x00" * 4096])
def test_a_file_that_is_no_database_is_refused_in_words(tmp_path, content):
    path = tmp_path / "monitor.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"monitor\.db|empty"):
        open_sqlite(path, make=False)


def test_a_second_service_is_told_which_process_holds_the_database(tmp_path):
    path = tmp_path / "data" / "monitor.db"
    with sqlite.held(path):
        assert sqlite.holder(path) == os.getpid()
        with pytest.raises(Busy, match=str(os.getpid())), sqlite.held(path):
            pass
    assert sqlite.holder(path) is None


def test_a_killed_service_holds_nothing(tmp_path):
    path = tmp_path / "monitor.db"
    program = (
        "import sys, time, pathlib\n"
        "from monitor.store import sqlite\n"
        "with sqlite.held(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert sqlite.holder(path) == process.pid
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with sqlite.held(path):
        pass


async def test_a_write_waits_out_another_process(store, tmp_path):
    other = sqlite3.connect(tmp_path / "monitor.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(store.record_poll(polled(a_story())))
    await store.counts()  # readers are not held up
    other.execute("COMMIT")
    other.close()
    assert len(await writing) == 1


async def test_a_full_disk_refuses_and_later_takes_again(store):
    def limit(connection, pages):
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    used = await store.read(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar())
    await store._database.write(lambda c: limit(c, used))
    big = a_story("Big", text="x" * 500_000)
    with pytest.raises(StoreError, match="full"):
        await store.record_poll(polled(big))
    await store._database.write(lambda c: limit(c, 1_000_000))
    assert len(await store.record_poll(polled(big))) == 1


async def test_a_closed_store_refuses(tmp_path):
    store = open_sqlite(tmp_path / "monitor.db", make=True)
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.record_poll(polled(a_story()))


async def test_sessions_are_remembered(store):
    await store.begin_session(ME, NOON, alone=True)
    await store.end_session(ME, NOON + MINUTE)
    (worker,) = await store.read(workers.latest)
    assert (worker.pid, worker.started_at, worker.ended_at) == (os.getpid(), NOON, NOON + MINUTE)
    await store.forget(claims_before=NOON, sessions_before=NOON + timedelta(days=1))
    assert await store.read(workers.latest) == []
