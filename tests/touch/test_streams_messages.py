"""Every message reaches its handler, is acknowledged after it, and never stops the stream."""

import asyncio
import json

import pytest
from aiokafka.partitioner import DefaultPartitioner

from monitor.errors import RemoteError, StoreError
from monitor.streams.app import DELIVERIES, STORIES
from tests.touch.streams_kit import (
    Desk,
    all_done_with,
    inject,
    log_of,
    running,
    stream_for,
    take,
    transport_of,
)


def refusing(error: Exception):
    async def refuse(*_):
        raise error

    return refuse


async def test_every_story_offered_is_handled_once():
    desk = Desk()
    async with running(desk) as stream:
        offered = [(f"story{n}", n) for n in range(500)]
        assert all(stream.offer(*offer) for offer in offered)
        assert sorted(await take(desk.stories, 500)) == sorted(offered)
        await all_done_with(stream)
    assert desk.stories.empty()
    assert desk.letters.empty()


async def test_what_is_offered_before_the_start_is_handled_after_it():
    desk = Desk()
    stream = stream_for(desk)
    assert stream.offer("early", 1)
    await stream.start()
    assert await desk.stories.get() == ("early", 1)
    await stream.stop()


async def test_every_nudge_wakes_its_sender():
    desk = Desk()
    async with running(desk) as stream:
        assert stream.nudge("slack:C0123ABCD")
        assert stream.nudge("email:desk@news.example")
        assert sorted(await take(desk.nudges, 2)) == ["email:desk@news.example", "slack:C0123ABCD"]
        await all_done_with(stream)


async def test_a_story_goes_to_the_partition_that_kafka_would_choose():
    desk = Desk()
    async with running(desk, partitions=8) as stream:
        stories = [f"story{n}" for n in range(200)]
        for story in stories:
            stream.offer(story, 1)
        await take(desk.stories, 200)
        kafka, numbers = DefaultPartitioner(), list(range(8))
        expected = [kafka(story.encode(), numbers, numbers) for story in stories]
        assert [log_of(stream).end(STORIES, n) for n in numbers] == [expected.count(n) for n in numbers]


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("abc", 479470107),
    ],
)
async def test_keys_hash_as_in_kafkas_own_tests(key, murmur2):
    async with running(Desk(), partitions=7) as stream:
        assert transport_of(stream).partition(STORIES, key.encode()) == (murmur2 & 0x7FFFFFFF) % 7


async def test_revisions_of_a_story_keep_their_order_when_taken_one_by_one():
    desk = Desk()
    async with running(desk, concurrency=1) as stream:
        for revision in range(50):
            stream.offer("story", revision)
        assert await take(desk.stories, 50) == [("story", revision) for revision in range(50)]


async def test_a_story_is_acknowledged_only_after_its_handler_returned():
    desk, judged = Desk(), asyncio.Event()
    desk.judge = lambda *_: judged.wait()
    async with running(desk, partitions=1) as stream:
        stream.offer("story", 1)
        await desk.stories.get()
        await stream._app.consumer.commit()
        assert log_of(stream).committed(STORIES, 0) is None
        judged.set()
        await all_done_with(stream)
        assert log_of(stream).committed(STORIES, 0) == 1


async def test_handlers_run_side_by_side():
    desk, judged = Desk(), asyncio.Event()
    desk.judge = lambda *_: judged.wait()
    async with running(desk, concurrency=16) as stream:
        for n in range(16):
            stream.offer(f"story{n}", 1)
        await take(desk.stories, 16)  # all sixteen have begun, none has ended
        judged.set()
        await all_done_with(stream)


@pytest.mark.parametrize("topic", [STORIES, DELIVERIES])
@pytest.mark.parametrize("value", [b"{poison", b"", None, b'{"v":1}'])
async def test_a_message_that_cannot_be_read_is_buried_with_its_place(topic, value):
    desk = Desk()
    async with running(desk, partitions=1) as stream:
        await inject(stream, topic, b'{"v":9}')
        await inject(stream, topic, value)
        letter = await desk.letters.get()
        assert (letter.topic, letter.partition, letter.offset) == (topic, 0, 1)
        assert (letter.key, letter.value, letter.story, letter.revision) == (b"k", value, None, None)
        assert letter.reason
        await all_done_with(stream)


@pytest.mark.parametrize("topic", [STORIES, DELIVERIES])
async def test_a_message_of_another_version_is_passed_over(topic):
    desk = Desk()
    async with running(desk) as stream:
        await inject(stream, topic, b'{"v":2,"feed":"a"}')
        await all_done_with(stream)
    assert desk.letters.empty()


async def test_a_broken_handler_buries_its_story_and_the_next_one_is_handled():
    desk = Desk()

    async def judge(story, revision):
        if story == "bad":
            raise KeyError("title")

    desk.judge = judge
    async with running(desk, concurrency=1, partitions=1) as stream:
        stream.offer("bad", 3)
        stream.offer("good", 1)
        assert await take(desk.stories, 2) == [("bad", 3), ("good", 1)]
        letter = await desk.letters.get()
        assert (letter.story, letter.revision, letter.reason) == ("bad", 3, "KeyError: 'title'")
        assert json.loads(letter.value) == {"v": 1, "story": "bad", "revision": 3}
        await all_done_with(stream)


@pytest.mark.parametrize("error", [StoreError("the disk is full"), RemoteError("no answer")])
async def test_a_story_that_nobody_could_judge_now_is_left_to_the_sweep(error):
    desk = Desk()
    desk.judge = refusing(error)
    async with running(desk) as stream:
        stream.offer("story", 1)
        await desk.stories.get()
        await all_done_with(stream)
    assert desk.letters.empty()


@pytest.mark.parametrize("error", [StoreError("the disk is full"), ZeroDivisionError()])
async def test_a_message_that_cannot_even_be_buried_holds_nothing_up(error):
    desk = Desk()
    desk.judge, desk.grave = refusing(KeyError()), refusing(error)
    async with running(desk) as stream:
        stream.offer("story", 1)
        await desk.letters.get()
        await all_done_with(stream)


async def test_a_sender_that_cannot_be_woken_holds_nothing_up():
    desk = Desk()

    def wake(target):
        raise LookupError(target)

    desk.wake = wake
    async with running(desk) as stream:
        stream.nudge("slack:C1")
        assert (await desk.letters.get()).reason == "LookupError: slack:C1"
        await all_done_with(stream)


async def test_nudges_pass_stories_that_wait():
    desk, judged = Desk(), asyncio.Event()
    desk.judge = lambda *_: judged.wait()
    async with running(desk, concurrency=4) as stream:
        for n in range(7_000):  # more than Faust's own buffers hold
            assert stream.offer(f"story{n}", 1)
        await take(desk.stories, 4)
        while stream._stories.waiting:
            await asyncio.sleep(0)
        assert stream.nudge("slack:C1")
        assert await desk.nudges.get() == "slack:C1"
        judged.set()
        await take(desk.stories, 6_996)
        await all_done_with(stream)
