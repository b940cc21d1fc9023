"""Turns: few requests at one server, apart from each other, and slow ones that hold up no other."""

import asyncio
import itertools
from contextlib import AsyncExitStack

import pytest

from monitor.fetch import turns
from monitor.fetch.turns import Turns


class Crowd:
    """Requests that last until they are let go; counts those in flight."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.flying, self.most, self.done = turns, 0, 0, asyncio.Event()

    async def ask(self, server: str = "a:80") -> None:
        async with self.turns.turn(server):
            self.flying += 1
            self.most = max(self.most, self.flying)
            await self.done.wait()
            self.flying -= 1

    async def settle(self, count: int) -> None:
        async with asyncio.timeout(10):
            while self.flying < count:
                await asyncio.sleep(0)


@pytest.fixture
def patience(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE_S", 60)
    return lambda seconds: monkeypatch.setattr(turns, "PATIENCE_S", seconds)


async def test_one_server_is_asked_twice_at_once_and_all_together_no_more_than_so_often(patience):
    crowd = Crowd(Turns(per_host=2, in_flight=5))
    async with asyncio.TaskGroup() as group:
        for _ in range(6):
            group.create_task(crowd.ask())
        await crowd.settle(2)
        for n in range(6):
            group.create_task(crowd.ask(f"b{n}:80"))
        await crowd.settle(5)
        assert crowd.most == 5
        crowd.done.set()
    assert crowd.flying == 0


async def test_requests_that_take_long_let_others_in_but_not_without_end(patience):
    patience(0.001)
    crowd = Crowd(Turns(per_host=2, in_flight=200))
    async with asyncio.TaskGroup() as group:
        for _ in range(40):
            group.create_task(crowd.ask())
        await crowd.settle(turns.MOST_SLOW + 2)
        await asyncio.sleep(0.02)
        assert crowd.most == turns.MOST_SLOW + 2
        crowd.done.set()


async def test_whatever_ends_a_request_its_room_is_free_again(patience):
    room = Turns(per_host=1, in_flight=1)
    crowd = Crowd(room)
    holding = asyncio.create_task(crowd.ask())
    waiting = asyncio.create_task(crowd.ask())
    await crowd.settle(1)
    for task in (waiting, holding):
        task.cancel()
    await asyncio.gather(holding, waiting, return_exceptions=True)
    with pytest.raises(ZeroDivisionError):
        async with room.turn("a:80"):
            raise ZeroDivisionError
    async with AsyncExitStack() as stack, asyncio.timeout(5):
        await stack.enter_async_context(room.turn("a:80"))


class Starts:
    """Requests that end at once; remembers when each began."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.of = turns, []

    async def ask(self, name: str, server: str = "a", **how: bool) -> None:
        async with self.turns.turn(server, **how):
            self.of.append((name, asyncio.get_running_loop().time()))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.of]

    def apart(self) -> list[float]:
        return [later - before for (_, before), (_, later) in itertools.pairwise(self.of)]


async def test_requests_to_one_server_begin_apart_in_the_order_they_came(patience):
    starts = Starts(Turns(per_host=2, in_flight=200, spacing_s=0.02))
    async with asyncio.TaskGroup() as group:
        for n in range(6):
            group.create_task(starts.ask(str(n)))
    assert starts.names == list("012345")
    assert min(starts.apart()) > 0.018


async def test_the_distance_is_kept_when_nobody_waits(patience):
    starts = Starts(Turns(per_host=2, in_flight=200, spacing_s=0.02))
    for n in range(3):
        await starts.ask(str(n))
    assert min(starts.apart()) > 0.018


async def test_a_near_server_is_asked_without_distance(patience):
    starts = Starts(Turns(per_host=2, in_flight=200, spacing_s=3600))
    async with asyncio.timeout(10):
        for n in range(3):
            await starts.ask(str(n), spaced=False)


async def test_waiting_for_the_distance_takes_no_place_from_other_servers(patience):
    starts = Starts(Turns(per_host=2, in_flight=1, spacing_s=3600))
    await starts.ask("first")
    waiting = [asyncio.create_task(starts.ask("late")) for _ in range(5)]
    async with asyncio.timeout(10):
        for n in range(20):
            await starts.ask("other", server=f"b{n}")
    assert starts.names == ["first", *["other"] * 20]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_the_distance_is_kept_when_places_are_short(patience):
    room = Turns(per_host=2, in_flight=1, spacing_s=0.02)
    starts, crowd = Starts(room), Crowd(room)
    holding = asyncio.create_task(crowd.ask("elsewhere"))
    await crowd.settle(1)
    async with asyncio.TaskGroup() as group:
        for n in range(3):
            group.create_task(starts.ask(str(n)))
        await asyncio.sleep(0.05)  # by now all of them would have been due
        assert starts.names == []
        crowd.done.set()
    await holding
    assert min(starts.apart()) > 0.018


async def test_who_gives_up_waiting_costs_the_next_nothing(patience):
    starts = Starts(Turns(per_host=1, in_flight=1, spacing_s=0.05))
    await starts.ask("first")
    leaving = asyncio.create_task(starts.ask("leaves"))
    await asyncio.sleep(0)
    next_one = asyncio.create_task(starts.ask("next"))
    await asyncio.sleep(0)
    leaving.cancel()
    async with asyncio.timeout(10):
        await next_one
    assert starts.names == ["first", "next"]


async def test_servers_that_nobody_asks_any_more_are_forgotten(patience):
    room = Turns(per_host=2, in_flight=5, spacing_s=0.02)
    starts = Starts(room)
    for n in range(10):
        await starts.ask("once", server=f"b{n}")
    async with asyncio.timeout(10):
        while room._servers:
            await asyncio.sleep(0.01)


async def test_a_newsroom_waits_no_longer_than_the_distance_makes_it(patience):
    """As many rounds as one server has feeds, however many servers there are."""
    room = Turns(per_host=2, in_flight=10, spacing_s=0.05)
    starts = Starts(room)
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        for n in range(400):
            group.create_task(starts.ask("feed", server=f"b{n % 40}"))
    assert asyncio.get_running_loop().time() - began < 10 * 0.05 * 10
