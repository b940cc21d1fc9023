"""Polls: what an answer leads to, and when feeds are asked."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from monitor.errors import StoreError
from monitor.feeds.health import FeedState
from monitor.feeds.outcome import NotModified, Refused, Unanswered, Validators
from monitor.feeds.schedule import Pace
from monitor.flows.poll import Poll
from monitor.flows.polling import Polling
from monitor.secret import Secret
from monitor.store import history
from tests.build import HOUR, MINUTE, NOON, SECOND, a_feed, an_answer, an_entry
from tests.fakes import Answers, Clock, Log

PACE = Pace(usual=15 * MINUTE, least=MINUTE, most=HOUR)


def polling(store, *outcomes, clock=None, log=None, feeds=None, **values):
    answers = Answers(list(outcomes))
    poll = Poll(
        store=store, fetcher=answers, publisher=log or Log(), clock=clock or Clock(),
        pace_of=lambda feed: PACE, draw=lambda: 0.5,
    )  # fmt: skip
    return Polling(poll, feeds or [a_feed()], interval=15 * MINUTE, **values), answers


async def stories(store):
    return await store.read(lambda c: history.stories_since(c, NOON - 1000 * HOUR))


async def offered(store, *outcomes, clock=None):
    """What each poll offers, one after another."""
    clock, log = clock or Clock(), Log()
    poll, answers = polling(store, *outcomes, clock=clock, log=log)
    found = []
    for _ in outcomes:
        before = len(log.stories)
        await poll.once()
        found.append(len(log.stories) - before)
        clock.forward(15 * MINUTE)
    return found, log, answers


async def test_new_entries_are_kept_and_offered(store):
    found, log, _ = await offered(store, an_answer(an_entry("One"), an_entry("Two")))
    assert found == [2]
    assert await store.undecided(*log.stories[0]) is not None


async def test_an_answer_read_again_offers_nothing(store):
    answer = an_answer(an_entry("One"))
    assert (await offered(store, answer, answer))[0] == [1, 0]


async def test_a_changed_entry_is_a_revision_of_the_same_story(store):
    found, log, _ = await offered(
        store, an_answer(an_entry("One", guid="1")), an_answer(an_entry("One, corrected", guid="1"))
    )
    assert found == [1, 1]
    (first, _), (second, revision) = log.stories
    assert (first, revision) == (second, 2)


async def test_the_same_entry_twice_in_one_document_is_one_story(store):
    entry = an_entry("One")
    assert (await offered(store, an_answer(entry, entry)))[0] == [1]


async def test_the_validators_of_a_whole_answer_are_sent_next_time(store):
    _, _, answers = await offered(store, an_answer(an_entry("One")), NotModified())
    assert [ask.validators.etag for ask in answers.asked] == [None, '"1"']


async def test_a_cut_answer_tells_what_it_has_and_keeps_no_validators(store):
    found, _, answers = await offered(
        store, an_answer(an_entry("One"), complete=False), an_answer(an_entry("One"), an_entry("Two"))
    )
    assert found == [1, 1]
    assert answers.asked[1].validators == Validators()


async def test_the_first_answer_is_told_apart_from_later_ones(store):
    _, log, _ = await offered(store, an_answer(an_entry("One")), an_answer(an_entry("Two")))
    first, second = [await store.undecided(*offer) for offer in log.stories]
    assert (first.first_answer, first.reference_at) == (True, NOON)
    assert (second.first_answer, second.reference_at) == (False, NOON)


async def test_a_bad_answer_before_the_first_good_one_uses_up_no_baseline(store):
    _, log, _ = await offered(store, Unanswered(reason="dns"), an_answer(an_entry("One")))
    assert (await store.undecided(*log.stories[0])).first_answer


async def test_a_feed_that_was_slow_twice_is_read_in_the_slow_lane_until_it_is_quick_again(store):
    def answer(slow):
        got = an_answer(an_entry("One"))
        return replace(got, document=replace(got.document, slow=slow))

    _, _, answers = await offered(store, *map(answer, (True, True, True, False, False)))
    assert [ask.slow for ask in answers.asked] == [False, False, True, True, False]


async def test_an_entry_that_only_says_when_it_was_updated_is_as_old_as_that(store):
    _, log, _ = await offered(store, an_answer(an_entry("One", published_at=None, updated_at=NOON)))
    assert (await store.undecided(*log.stories[0])).published_at == NOON


async def test_failures_in_a_row_are_counted_and_forgotten_after_a_good_answer(store):
    feed, down = a_feed(), Refused(status=503)
    await offered(store, down, down, down)
    state = (await store.feed_states())[feed.id]
    assert (state.failures, state.outcome, state.health) == (3, "http_503", "failing")
    await offered(store, an_answer())
    assert (await store.feed_states())[feed.id].failures == 0


async def test_a_feeds_language_is_the_operators_word_then_the_entrys_then_the_feeds(store):
    log = Log()
    poll, _ = polling(
        store, an_answer(an_entry("One", language="ru")), log=log, feeds=[a_feed(language="kk")]
    )
    await poll.once()
    assert (await store.undecided(*log.stories[0])).language == "kk"


async def test_no_room_on_the_stream_holds_no_poll(store):
    log = Log(room=1)
    poll, _ = polling(store, an_answer(*(an_entry(f"Number {n}") for n in range(20))), log=log)
    await poll.once()
    assert len(log.stories) == 1
    assert (await store.counts()).undecided == 20


async def test_one_feed_that_surprises_us_stops_no_other(store):
    feeds = [a_feed(f"https://news.example/{n}") for n in range(5)]

    class Surprising(Answers):
        async def fetch(self, ask):
            if ask.url.endswith("/2"):
                raise RuntimeError("a bug")
            return await super().fetch(ask)

    answers = Surprising([an_answer(an_entry("One"))])
    poll = Poll(store=store, fetcher=answers, publisher=Log(), clock=Clock(), pace_of=lambda feed: PACE)
    await Polling(poll, feeds, interval=15 * MINUTE).once()
    assert (await store.counts()).stories == 4


async def test_a_restart_polls_nothing_early(store):
    clock = Clock()
    poll, _ = polling(store, an_answer(an_entry("One")), clock=clock)
    await poll.once()
    clock.forward(MINUTE)
    again, later = polling(store, an_answer(), clock=clock)
    running = asyncio.create_task(again.run())
    for _ in range(20):
        await store.counts()  # the loop turns, and the flow has had its look at the store
    assert later.asked == []
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    clock.forward(15 * MINUTE)
    third, due = polling(store, an_answer(), clock=clock)
    running = asyncio.create_task(third.run())
    async with asyncio.timeout(10):
        while not due.asked:
            await store.counts()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_list_that_changes_is_followed_as_it_is_now(store):
    clock = Clock()
    one, two, three = (a_feed(f"https://news.example/{n}") for n in range(3))
    poll, answers = polling(
        store, an_answer(an_entry("One")), clock=clock, feeds=[one, two], steady=lambda: clock.at.timestamp()
    )
    running = asyncio.create_task(poll.run())

    async def rounds(feed, count=2):
        """Let time pass until a feed was asked so often; gives everything that was asked meanwhile."""
        answers.asked.clear()
        async with asyncio.timeout(10):
            while sum(ask.url == feed.url for ask in answers.asked) < count:
                clock.forward(MINUTE)
                poll._changed.set()  # the fake clock went on
                await store.counts()
        return {ask.url for ask in answers.asked}

    assert await rounds(two) >= {one.url, two.url}
    await poll.replace([two, three])
    await rounds(three)  # a poll of the first may have been under way
    assert await rounds(three) == {two.url, three.url}
    await poll.replace([one, two, three])
    assert await rounds(three) == {one.url, two.url, three.url}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_feed_is_asked_with_its_login_and_at_once_when_that_changed(store):
    clock, wire, other = Clock(), a_feed(), a_feed("https://news.example/other")
    old, new = (replace(wire, headers=(("X-Api-Key", Secret(key)),)) for key in ("old", "new"))
    poll, answers = polling(
        store, NotModified(), clock=clock, feeds=[old, other], steady=lambda: clock.at.timestamp()
    )

    async def asked(count):
        async with asyncio.timeout(10):
            while len(answers.asked) < count or poll._running:
                clock.forward(SECOND)
                poll._changed.set()  # the fake clock went on
                await store.counts()
        return [(ask.url, [value.reveal() for _, value in ask.headers]) for ask in answers.asked]

    running = asyncio.create_task(poll.run())
    assert sorted(await asked(2)) == sorted([(wire.url, ["old"]), (other.url, [])])
    at = clock.at
    await poll.replace([new, other])
    assert (await asked(3))[2] == (wire.url, ["new"])
    assert clock.at - at < 5 * MINUTE
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_login_that_changes_while_its_feed_is_asked_is_used_as_soon_as_that_ends(store):
    wire = a_feed()
    old, new = (replace(wire, headers=(("X-Api-Key", Secret(key)),)) for key in ("old", "new"))
    gate, asked = asyncio.Event(), []

    class Guarded(Answers):
        async def fetch(self, ask):
            asked.append(ask.headers)
            await gate.wait()
            return await super().fetch(ask)

    refused = Refused(status=401, retry_after=24 * HOUR)
    poll = Poll(
        store=store, fetcher=Guarded([refused]), publisher=Log(), clock=Clock(),
        pace_of=lambda feed: PACE, draw=lambda: 0.0,
    )  # fmt: skip
    flow = Polling(poll, [old], interval=15 * MINUTE)
    running = asyncio.create_task(flow.run())
    async with asyncio.timeout(10):
        while not asked:
            await store.counts()
        await flow.replace([new])
        gate.set()
        while len(asked) < 2:
            await store.counts()
    assert asked == [old.headers, new.headers]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("listed", [True, False])
async def test_a_server_with_many_feeds_leaves_room_for_others(store, listed):
    """Of its feeds none is answered until the others were, and then each is, also if the list changed meanwhile."""
    gate, asked = asyncio.Event(), []

    class Crowded(Answers):
        async def fetch(self, ask):
            asked.append(ask.url)
            if "//big." in ask.url:
                await gate.wait()
            return await super().fetch(ask)

    poll = Poll(
        store=store, fetcher=Crowded([NotModified()]), publisher=Log(), clock=Clock(),
        pace_of=lambda feed: PACE, draw=lambda: 0.0,
    )  # fmt: skip
    big = [a_feed(f"https://big.example/{n}") for n in range(60)]
    small = [a_feed(f"https://small{n}.example/") for n in range(5)]
    flow = Polling(poll, [*big, *small], interval=15 * MINUTE, at_once=20)
    running = asyncio.create_task(flow.run())
    async with asyncio.timeout(10):
        while not {feed.url for feed in small} <= set(asked):
            await store.counts()
        while sum("//big." in url for url in asked) < 2:
            await store.counts()
        assert sum("//big." in url for url in asked) == 2
        left = big if listed else big[::3]
        await flow.replace([*left, *small])
        gate.set()
        while not {feed.url for feed in left} <= set(asked):
            await store.counts()
    assert listed or len(asked) <= 5 + len(left) + 2
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_nothing_is_kept_of_a_feed_that_left_the_list(store):
    clock = Clock()
    one, other = a_feed("https://news.example/1"), a_feed("https://news.example/2")
    poll, _ = polling(
        store, an_answer_of("One", prints=b"1" * 16), clock=clock, feeds=[one, other],
        steady=lambda: clock.at.timestamp(),
    )  # fmt: skip

    async def until(done):
        async with asyncio.timeout(10):
            while not done():
                clock.forward(MINUTE)
                poll._changed.set()  # the fake clock went on
                await store.counts()

    running = asyncio.create_task(poll.run())
    await until(lambda: len(poll._poll._read) == 2)
    await poll.replace([other])
    await until(lambda: one.id not in poll._queued)
    assert (one.id in poll._states, one.id in poll._poll._read) == (False, False)
    assert other.id in poll._states
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_while_the_database_refuses_a_poll_changes_nothing_and_is_asked_again_soon(store):
    class Refusing:
        def __init__(self, store):
            self._store = store

        def __getattr__(self, name):
            return getattr(self._store, name)

        async def record_poll(self, poll):
            raise StoreError("the disk is full")

    poll, _ = polling(Refusing(store), an_answer(an_entry("One")))
    await poll.once()
    assert (await store.counts()).stories == 0
    assert poll._states[a_feed().id].next_at == NOON + 15 * SECOND


@pytest.mark.parametrize("at_once", [1, 3])
async def test_no_more_than_so_many_polls_are_in_flight(store, at_once):
    flying, most = 0, 0

    class Counting(Answers):
        async def fetch(self, ask):
            nonlocal flying, most
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0)
            flying -= 1
            return await super().fetch(ask)

    poll = Poll(
        store=store, fetcher=Counting([NotModified()]), publisher=Log(), clock=Clock(), pace_of=lambda f: PACE
    )
    feeds = [a_feed(f"https://news.example/{n}") for n in range(12)]
    await Polling(poll, feeds, interval=timedelta(minutes=15), at_once=at_once).once()
    assert most <= at_once


def an_answer_of(*titles, prints):
    found = an_answer(*(an_entry(title) for title in titles))
    return replace(found, document=replace(found.document, prints=prints))


async def test_items_that_were_kept_need_no_reading_next_time(store):
    first, second = an_answer_of("One", prints=b"1" * 8), an_answer_of("Two", prints=b"1" * 8 + b"2" * 8)
    found, _, answers = await offered(store, first, second, NotModified(), second)
    assert found == [1, 1, 0, 0]
    assert [ask.seen for ask in answers.asked] == [b"", b"1" * 8, b"1" * 8 + b"2" * 8, b"1" * 8 + b"2" * 8]


async def test_an_entry_that_was_edited_beside_items_that_were_seen_is_a_revision(store):
    one = an_entry("One", guid="1")
    first = an_answer(one, an_entry("Two"))
    second = an_answer(an_entry("One, corrected", guid="1"))
    found, log, _ = await offered(
        store,
        replace(first, document=replace(first.document, prints=b"1" * 32)),
        replace(second, document=replace(second.document, prints=b"2" * 32)),
    )
    assert found == [2, 1]
    assert log.stories[2] == (log.stories[0][0], 2)


async def test_items_that_could_not_be_told_apart_are_all_read_next_time(store):
    answers = [an_answer_of("One", prints=b"1" * 8), an_answer(an_entry("One")), NotModified()]
    _, _, asked = await offered(store, *answers)
    assert [ask.seen for ask in asked.asked] == [b"", b"1" * 8, b""]


async def test_what_the_database_refused_is_read_again(store):
    class Refusing:
        def __getattr__(self, name):
            return getattr(store, name)

        async def record_poll(self, record):
            raise StoreError("no")

    answers = Answers([an_answer_of("One", prints=b"1" * 8)])
    poll = Poll(store=Refusing(), fetcher=answers, publisher=Log(), clock=Clock(), pace_of=lambda feed: PACE)
    for _ in range(2):
        with pytest.raises(StoreError):
            await poll(a_feed(), FeedState())
    assert [ask.seen for ask in answers.asked] == [b"", b""]


async def test_all_items_are_read_once_in_half_a_day_so_that_what_is_still_there_is_not_forgotten(store):
    now, answers = [0.0], Answers([an_answer_of("One", prints=b"1" * 8)])
    poll = Poll(
        store=store, fetcher=answers, publisher=Log(), clock=Clock(), pace_of=lambda feed: PACE, steady=lambda: now[0]
    )  # fmt: skip
    for hours in (0, 6, 11, 13, 14, 26):
        now[0] = hours * 3600.0
        await poll(a_feed(), FeedState())
    assert [bool(ask.seen) for ask in answers.asked] == [False, True, True, False, True, False]
