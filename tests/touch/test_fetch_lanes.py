"""Children that read documents: replaced when they die, gone when their parent is."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from monitor.feeds.outcome import Document, Unreadable
from monitor.fetch import lanes
from monitor.fetch.lanes import Child, ChildGone, Reader
from monitor.fetch.wire import Request
from tests.touch.fetch_kit import feed

LASTING = (
    f"<rss version='2.0'><channel><item><author>{'a' * 300_000}</author></item></channel></rss>".encode()
)


@pytest.fixture
async def reader():
    reader = Reader()
    reader.start()
    yield reader
    await reader.close()


async def a_title(reader, **how):
    document = await reader.read(feed("news"), None, None, **how)
    assert isinstance(document, Document)
    return document.entries[0].title


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def gone(*pids):
    """Wait until processes have ended."""
    async with asyncio.timeout(20):
        while any(is_running(pid) for pid in pids):
            await asyncio.sleep(0.01)


async def both_lanes(reader):
    """Wait until every child has read something or stands ready."""
    async with asyncio.timeout(20):
        while len(reader.quick.pids) < 2 or len(reader.slow.pids) < 1:
            await asyncio.sleep(0.01)


async def test_killed_children_are_replaced(reader):
    await both_lanes(reader)
    before = reader.quick.pids
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert [await a_title(reader) for _ in range(4)] == ["news"] * 4
    await both_lanes(reader)
    assert not set(before) & set(reader.quick.pids)


async def test_a_document_whose_reader_is_killed_is_read_in_the_slow_lane(reader):
    await both_lanes(reader)
    for pid in reader.quick.pids:
        os.kill(pid, signal.SIGSTOP)
    reading = asyncio.create_task(a_title(reader))
    await asyncio.sleep(0)
    for pid in reader.quick.pids:
        os.kill(pid, signal.SIGKILL)
    assert await reading == "news"


async def test_a_healthy_document_is_read_while_slow_ones_last(reader):
    slow = [asyncio.create_task(reader.read(LASTING, None, None, slow=True)) for _ in range(3)]
    assert await a_title(reader) == "news"
    assert not any(task.done() for task in slow)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_slow_documents_do_not_queue_without_end(reader, monkeypatch):
    monkeypatch.setattr(lanes, "MOST_WAITING_SLOW", 1)
    await both_lanes(reader)
    slow = [asyncio.create_task(reader.read(LASTING, None, None, slow=True)) for _ in range(3)]
    done, waiting = await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED)
    assert {task.result().detail for task in done} == {"too many slow documents are waiting"}
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_feed_that_is_quick_again_is_no_longer_slow(reader):
    document = await reader.read(feed("news"), None, None, slow=True)
    assert isinstance(document, Document)
    assert not document.slow


async def test_children_are_recycled(reader, monkeypatch):
    monkeypatch.setattr(lanes, "MOST_READS", 1)
    await both_lanes(reader)
    before = reader.quick.pids
    assert [await a_title(reader) for _ in range(3)] == ["news"] * 3
    await gone(before[0])


async def test_a_reading_that_is_cancelled_leaves_the_lane_whole(reader):
    for _ in range(3):
        task = asyncio.create_task(reader.read(LASTING, None, None, slow=True))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await a_title(reader, slow=True) == "news"


async def test_closing_ends_every_child(reader):
    await both_lanes(reader)
    pids = (*reader.quick.pids, *reader.slow.pids)
    await reader.close()
    assert not any(is_running(pid) for pid in pids)


async def test_a_reader_can_be_closed_before_it_is_warm():
    reader = Reader()
    reader.start()
    await reader.close()


async def test_a_child_can_reach_neither_files_nor_network():
    child = await Child.start(lanes.QUICK_MEMORY_BYTES, 0)
    limits = Path(f"/proc/{child.pid}/limits").read_text()
    await child.close()
    for name in ("Max open files", "Max file size", "Max core file size"):
        line = next(line for line in limits.splitlines() if line.startswith(name))
        assert line.removeprefix(name).split()[:2] == ["0", "0"]


async def test_a_child_looks_for_nothing_on_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = await Child.start(lanes.QUICK_MEMORY_BYTES, 0)
    (tmp_path / "new.py").touch()  # a changed folder is listed again by the next import, and listing opens it
    reply = await child.ask(Request(feed("news"), None, None, 5.0), 30)
    await child.close()
    assert reply.document is not None


async def test_a_child_of_somebody_else_does_not_live():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "monitor.fetch.child", "--parent", "1", "--memory", "1000000000",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert output == b""


async def test_a_child_that_cannot_start_is_said_so(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ChildGone):
        await Child.start(lanes.QUICK_MEMORY_BYTES, 0)


PARENT = """
import asyncio, sys
from monitor.fetch.lanes import Reader

async def main():
    reader = Reader()
    reader.start()
    while len(reader.quick.pids) < 2 or len(reader.slow.pids) < 1:
        await asyncio.sleep(0.01)
    busy = asyncio.create_task(reader.read(b"<rss version='2.0'><channel><item><author>" + b"a" * 300_000 +
                               b"</author></item></channel></rss>", None, None, slow=True))
    await asyncio.sleep(0)
    print(*reader.quick.pids, *reader.slow.pids, flush=True)
    await busy

asyncio.run(main())
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
async def test_children_die_with_their_parent_however_it_ends(end):
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert len(pids) == 3
    parent.send_signal(end)
    await parent.wait()
    await gone(*pids)


async def test_an_unreadable_document_says_why(reader):
    assert await reader.read(b"<html><body>x</body></html>", None, None) == Unreadable(
        reason="html", detail="a web page came instead of a feed"
    )
