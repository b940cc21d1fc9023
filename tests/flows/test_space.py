"""Feeds wait while the disk is full, and go on by themselves."""

import asyncio

from monitor.flows.space import LEAST_FREE_BYTES, Space
from tests.fakes import Operators


class Disk:
    def __init__(self, *free: int) -> None:
        self.readings = list(free)

    def free(self) -> int:
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]


def space(disk, operators, **values):
    return Space(free=disk.free, operators=operators, look_every_s=0.01, **values)


async def test_with_room_nothing_waits_and_nobody_is_told():
    operators = Operators()
    await space(Disk(LEAST_FREE_BYTES), operators).wait()
    assert operators.told == []


async def test_feeds_wait_until_there_is_room_and_operators_hear_of_both_ends():
    disk, operators = Disk(LEAST_FREE_BYTES - 1, 0, LEAST_FREE_BYTES), Operators()
    async with asyncio.timeout(10):
        await space(disk, operators).wait()
    assert {key for key, _, _ in operators.told} == {"disk"}
    assert operators.ended == ["disk"]


async def test_a_database_that_cannot_grow_pauses_feeds_although_the_disk_has_room():
    operators = Operators()
    flow = space(Disk(LEAST_FREE_BYTES), operators, pause_s=0.05)
    await flow.wait()
    flow.filled()
    async with asyncio.timeout(10):
        await flow.wait()
    assert "could not grow" in operators.told[0][2]
    assert operators.ended[-1] == "disk"
