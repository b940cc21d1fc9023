"""Files that change are loaded once they are whole."""

import asyncio
import os
from contextlib import asynccontextmanager

import pytest

from monitor.flows import reload as module
from monitor.flows.reload import Reload, look


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.02)


@asynccontextmanager
async def watching(*paths):
    loads: asyncio.Queue[str] = asyncio.Queue()

    async def load():
        loads.put_nowait(",".join(sorted(p.read_text() for p in paths if p.is_file())))

    flow = Reload(paths=lambda: paths, load=load, loaded=module.look(paths))
    task = asyncio.create_task(flow.run())
    yield flow, loads
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def loaded(loads):
    async with asyncio.timeout(5):
        return await loads.get()


async def test_a_changed_file_is_loaded_once(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text("old")
    async with watching(file) as (_, loads):
        file.write_text("new!")
        assert await loaded(loads) == "new!"
        await asyncio.sleep(0.1)
        assert loads.empty()


async def test_a_file_that_is_replaced_and_one_that_comes_back_are_noticed(tmp_path):
    file, other = tmp_path / "rules.yaml", tmp_path / "other"
    file.write_text("old")
    async with watching(file) as (_, loads):
        other.write_text("new")
        os.replace(other, file)
        assert await loaded(loads) == "new"
        file.unlink()
        assert await loaded(loads) == ""
        file.write_text("back")
        assert await loaded(loads) == "back"


async def test_a_file_still_being_written_is_waited_for(tmp_path, monkeypatch):
    """Each look finds it longer than the one before, until it rests."""
    sizes = iter([0, 10, 20, 30, 30])
    looks = []

    def growing(paths):
        looks.append(next(sizes, 30))
        return frozenset({("rules.yaml", 1, looks[-1], 0)})

    monkeypatch.setattr(module, "look", growing)
    async with watching(tmp_path) as (_, loads):
        await loaded(loads)
        assert looks == [0, 10, 20, 30, 30]


async def test_when_asked_it_loads_although_nothing_changed(tmp_path):
    async with watching(tmp_path) as (flow, loads):
        flow.asked.set()
        await loaded(loads)


def test_a_folder_stands_for_everything_in_it(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.yaml").write_text("x")
    assert [name for name, *_ in look([tmp_path])] == [str(tmp_path / "a" / "b.yaml")]
    assert look([tmp_path / "nothing"]) == frozenset()


def test_what_may_not_be_looked_at_hides_nothing_else(tmp_path):
    (tmp_path / "a.yaml").write_text("x")
    assert len(look([tmp_path / ("x" * 300), tmp_path / "a.yaml"])) == 1
