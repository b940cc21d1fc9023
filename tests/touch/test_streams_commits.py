"""A commit never passes a story that is still in work, in whatever order the others end."""

import asyncio

from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.streams.app import DELIVERIES, STORIES
from tests.touch.streams_kit import Desk, all_done_with, log_of, reader_of, running, take


class SlowDesk(Desk):
    """Each story waits to be let go."""

    def __init__(self, stories: int) -> None:
        super().__init__()
        self.gates = [asyncio.Event() for _ in range(stories)]
        self.judge = lambda story, _: self.gates[int(story)].wait()


def test_the_commit_is_the_end_of_the_longest_prefix_done():
    @settings(max_examples=20, deadline=None)
    @given(st.permutations(range(8)))
    def check(order):
        asyncio.run(_let_go_in(order))

    check()


async def _let_go_in(order: list[int]) -> None:
    desk = SlowDesk(8)
    async with running(desk, partitions=1, concurrency=8) as stream:
        for n in range(8):
            stream.offer(str(n), 1)
        await take(desk.stories, 8)
        done: set[int] = set()
        for n in order:
            handled = stream._stories.handled
            desk.gates[n].set()
            while stream._stories.handled == handled:
                await asyncio.sleep(0)
            done.add(n)
            await reader_of(stream).commit()
            prefix = next(k for k in range(9) if k not in done)
            assert (log_of(stream).committed(STORIES, 0) or 0) == prefix
            assert log_of(stream).size(STORIES) == 8 - prefix


async def test_what_is_in_work_when_partitions_are_given_anew_is_not_lost():
    desk, assigned = SlowDesk(40), asyncio.Queue()
    async with running(desk, partitions=1, concurrency=3) as stream:
        stream.on_assigned = lambda: assigned.put_nowait(True)
        for n in range(40):
            stream.offer(str(n), 1)
        await take(desk.stories, 3)
        desk.gates[1].set()  # done out of order before the change, and not committed
        await desk.stories.get()
        await reader_of(stream).subscribe([STORIES, DELIVERIES])
        await assigned.get()
        assert log_of(stream).committed(STORIES, 0) is None
        for gate in desk.gates:
            gate.set()
        await all_done_with(stream)
        assert log_of(stream).committed(STORIES, 0) == 40
    seen = {"0", "1", "2", "3"} | {desk.stories.get_nowait()[0] for _ in range(desk.stories.qsize())}
    assert seen == {str(n) for n in range(40)}


async def test_what_a_seek_takes_out_of_the_queues_no_longer_holds_the_commit():
    desk = SlowDesk(5)
    async with running(desk, partitions=1, concurrency=1) as stream:
        for n in range(5):
            stream.offer(str(n), 1)
        await desk.stories.get()
        reader, place = reader_of(stream), TP(STORIES, 0)
        while len(reader._delivered[place]) < 5:
            await asyncio.sleep(0)
        reader.stop_flow()
        stream._app.flow_control.clear()
        await reader.perform_seek()
        assert reader._delivered[place] == [0]  # in work; the others are read again
        reader.resume_flow()
        for gate in desk.gates:
            gate.set()
        await all_done_with(stream)


async def test_commits_come_by_themselves():
    desk = Desk()
    async with running(desk, partitions=1) as stream:
        stream.offer("story", 1)
        while log_of(stream).committed(STORIES, 0) is None:
            await asyncio.sleep(0.01)
    assert stream.fullness() == 0
