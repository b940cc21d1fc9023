"""How the stream begins and ends: quickly, leaving nothing, and never without saying why."""

import asyncio
import logging
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
import uvloop

from monitor.errors import StreamError
from monitor.streams import stream as stream_module
from monitor.streams.app import STORIES
from tests.touch.streams_kit import Desk, all_done_with, inject, log_of, running, stream_for, take

SOON = timedelta(milliseconds=50)


def held_desk() -> tuple[Desk, asyncio.Event]:
    """A desk where no story gets further until the event is set."""
    desk, let_go = Desk(), asyncio.Event()
    desk.judge = lambda *_: let_go.wait()
    return desk, let_go


# -- beginning


async def test_the_start_says_when_partitions_arrive():
    desk, assigned = Desk(), []
    stream = stream_for(desk)
    stream.on_assigned = lambda: assigned.append(True)
    await stream.start()
    assert assigned == [True]
    await stream.stop()


async def test_a_start_that_fails_says_why_and_leaves_nothing_running():
    before = asyncio.all_tasks()

    def refuse():
        raise RuntimeError("no sweep")

    stream = stream_for(Desk())
    stream.on_assigned = refuse
    with pytest.raises(StreamError, match="no sweep"):
        await stream.start()
    assert asyncio.all_tasks() == before


async def test_a_broker_that_cannot_be_reached_is_a_stream_error(unused_tcp_port):
    stream = stream_for(Desk(), broker=f"kafka://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(StreamError, match="did not start"):
        await stream.start()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_streams_run_one_after_another_in_one_process(run):
    async def once():
        desk = Desk()
        async with running(desk) as stream:
            stream.offer("story", 1)
            assert await desk.stories.get() == ("story", 1)
            await all_done_with(stream)

    for _ in range(3):
        run(once())


async def test_two_streams_at_once_know_nothing_of_each_other():
    one, other = Desk(), Desk()
    async with running(one) as first, running(other) as second:
        first.offer("a", 1)
        second.offer("b", 1)
        assert await one.stories.get() == ("a", 1)
        assert await other.stories.get() == ("b", 1)
    assert one.stories.empty()
    assert other.stories.empty()


async def test_a_run_leaves_no_task_no_file_no_handler_and_no_signal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tasks, handlers = asyncio.all_tasks(), list(logging.root.handlers)
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    desk, _ = held_desk()
    async with running(desk) as stream:
        for n in range(50):
            stream.offer(f"story{n}", 1)
        await take(desk.stories, 16)
        assert logging.root.handlers == handlers
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == signals
    assert asyncio.all_tasks() == tasks
    assert list(tmp_path.iterdir()) == []


async def test_the_environment_does_not_overrule_us(monkeypatch):
    monkeypatch.setenv("BROKER_URL", "kafka://nowhere.invalid:1")
    monkeypatch.setenv("TIMEZONE", "Nowhere/Nothing")
    monkeypatch.setenv("TOPIC_PARTITIONS", "3")
    async with running(Desk()) as stream:
        assert log_of(stream).partitions(STORIES) == 8


def test_the_room_can_be_named_without_loading_faust():
    code = "import sys, monitor.streams, monitor.streams.codec; sys.exit('faust' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- a log that is full


async def test_a_full_log_holds_back_and_goes_on_when_there_is_room():
    desk, let_go = held_desk()
    async with running(desk, partitions=1, concurrency=1, capacity=3) as stream:
        offered = 0
        while offered < 7:  # three in the log, one in the pump's hand, three in front of it
            offered += stream.offer(str(offered), 1)
            await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
            assert not stream.offer("one too many", 1)
        assert log_of(stream).size(STORIES) == 3
        assert stream.fullness() == 1
        let_go.set()
        assert sorted(await take(desk.stories, 7)) == [(str(n), 1) for n in range(7)]
        await all_done_with(stream)
        assert stream.fullness() == 0
        assert stream.offer("again", 1)


async def test_a_stop_lets_go_of_whoever_waits_for_room():
    desk, _ = held_desk()
    async with running(desk, partitions=1, concurrency=1, capacity=2) as stream:
        await inject(stream, STORIES, b"")
        await inject(stream, STORIES, b"")
        await desk.letters.get()
        writer = asyncio.create_task(inject(stream, STORIES, b""))
        while stream.offer("story", 1):
            await asyncio.sleep(0)
    with pytest.raises(StreamError, match="full"):
        await writer


# -- ending


async def test_a_stop_that_was_asked_for_is_no_error():
    async with running(Desk()) as stream:
        waiting = asyncio.create_task(stream.wait_stopped())
        await stream.stop()
        await waiting
        await stream.wait_stopped()
        await stream.stop()


async def test_a_stream_that_never_started_can_be_stopped():
    stream = stream_for(Desk())
    await stream.stop()
    await stream.wait_stopped()


async def test_what_was_being_handled_at_a_stop_is_cancelled_and_not_acknowledged():
    desk, cancelled = Desk(), asyncio.Event()

    async def judge(*_):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    desk.judge = judge
    async with running(desk) as stream:
        stream.offer("story", 1)
        await desk.stories.get()
    assert cancelled.is_set()
    assert log_of(stream).size(STORIES) == 1
    assert desk.letters.empty()


async def test_a_stop_waits_until_every_handler_has_put_its_things_away():
    desk, ended = Desk(), []

    async def judge(story, _):
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(500 * int(story)):
                await asyncio.sleep(0)
            ended.append(story)

    desk.judge = judge
    async with running(desk) as stream:
        for n in range(3):
            stream.offer(str(n), 1)
        await take(desk.stories, 3)
    assert sorted(ended) == ["0", "1", "2"]


async def test_a_handler_that_will_not_end_does_not_hold_up_the_stop(monkeypatch):
    monkeypatch.setattr(stream_module, "STOP_WITHIN", SOON)
    desk, let_go = Desk(), asyncio.Event()

    async def judge(*_):
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    desk.judge = judge
    async with running(desk) as stream:
        stream.offer("story", 1)
        await desk.stories.get()
        await stream.stop()
        let_go.set()
        await asyncio.wait({stream._stopping})


async def test_a_crash_ends_the_wait_with_its_reason():
    async with running(Desk()) as stream:
        waiting = asyncio.create_task(stream.wait_stopped())
        await stream._app.crash(RuntimeError("the reader broke"))
        with pytest.raises(StreamError, match="the reader broke"):
            await waiting
        with pytest.raises(StreamError, match="the reader broke"):
            await stream.wait_stopped()


async def test_a_failure_while_publishing_is_a_crash(monkeypatch):
    async with running(Desk()) as stream:

        async def send(*_):
            raise OSError("no route to the broker")

        monkeypatch.setattr(stream._app.producer, "send", send)
        stream.offer("story", 1)
        with pytest.raises(StreamError, match="no route to the broker"):
            await stream.wait_stopped()


async def test_an_app_that_stops_by_itself_is_an_error():
    async with running(Desk()) as stream:
        waiting = asyncio.create_task(stream.wait_stopped())
        await stream._app.stop()
        with pytest.raises(StreamError, match="by itself"):
            await waiting


async def test_a_stream_where_work_waits_and_nothing_moves_is_an_error():
    desk, _ = held_desk()
    async with running(desk, stall_after=SOON) as stream:
        stream.offer("story", 1)
        with pytest.raises(StreamError, match="1 messages of stories wait"):
            await stream.wait_stopped()


async def test_nudges_that_flow_do_not_hide_stories_that_stand_still():
    desk, _ = held_desk()
    async with running(desk, stall_after=SOON) as stream:
        desk.wake = stream.nudge  # each nudge makes the next
        stream.nudge("slack:C1")
        stream.offer("story", 1)
        with pytest.raises(StreamError, match="of stories wait"):
            await stream.wait_stopped()


async def test_waiting_can_be_given_up():
    tasks = asyncio.all_tasks()
    async with running(Desk()) as stream:
        waiting = asyncio.create_task(stream.wait_stopped())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert asyncio.all_tasks() == tasks
