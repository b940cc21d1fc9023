"""Turns: few requests at one server, and slow ones that hold up no other."""

import asyncio
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
