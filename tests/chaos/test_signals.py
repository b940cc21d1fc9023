"""Signals in every phase of the service: it stops in time with 0, a second one ends it at once, and SIGHUP never ends it."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from monitor.demo.slack import SlackStandIn
from tests.chaos.on_demand import OnDemand

pytestmark = pytest.mark.chaos

TERM, INT, HUP = signal.SIGTERM, signal.SIGINT, signal.SIGHUP
STOPS_WITHIN_S = 25
AT_ONCE_S = 5
"""For a second signal: none of the waits of a stop is shorter than this."""


class HeldSlack(SlackStandIn):
    """Takes a message, and answers when it may."""

    def __init__(self):
        super().__init__()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def _answer(self, method, asked, request):
        answer = await super()._answer(method, asked, request)
        await self.may_answer.wait()
        return answer


class Signalled(OnDemand):
    """One desk, and a feed that may hang; its readers and Slack can be held up too."""

    def __init__(self, folder):
        super().__init__(folder, desks=1)
        self.slack = HeldSlack()
        self.hanging = 0
        """Requests to the feed that hang, or hung."""

    async def __aenter__(self):
        self.hangs = await asyncio.start_server(self._hang, "127.0.0.1", 0)
        return await super().__aenter__()

    async def __aexit__(self, *error):
        await super().__aexit__(*error)
        self.hangs.close()

    async def _hang(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        self.hanging += 1
        await reader.read()  # until the other side goes
        writer.close()

    def follow_a_feed_that_hangs(self):
        port = self.hangs.sockets[0].getsockname()[1]
        with (self.folder / "feeds.yaml").open("a") as file:
            file.write(f"- url: http://127.0.0.1:{port}/\n")

    async def until(self, true):
        async with asyncio.timeout(60):
            while not true():
                await asyncio.sleep(0.005)

    def readers(self):
        """Processes that read documents for this service."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if b"monitor.fetch.child" in words and str(self.process.pid).encode() in words:
                    found.append(int(folder.name))
        return found

    async def ended(self, within):
        """Wait for the end of the process and of its children; gives the exit code."""
        async with asyncio.timeout(within):
            code = await self.process.wait()
        async with asyncio.timeout(5):
            while self.readers():
                await asyncio.sleep(0.01)
        return code


# ---- phases --------------------------------------------------------------------------------------------------


async def starting(newsroom):
    """As early as the program hears signals at all: before it read a file."""
    await newsroom.start()
    status = Path(f"/proc/{newsroom.process.pid}/status")

    def hears():
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
        return int(caught.split()[1], 16) >> (HUP - 1) & 1

    await newsroom.until(hears)


async def opening(newsroom):
    """It holds the database, and has told nobody yet that it runs."""
    lock = newsroom.folder / "data" / "monitor.db.lock"
    await newsroom.start()
    await newsroom.until(lock.exists)


async def idle(newsroom):
    await newsroom.started()
    newsroom.publish()
    await newsroom.everything_told(within=60)


async def polling(newsroom):
    """A feed does not answer."""
    newsroom.follow_a_feed_that_hangs()
    await newsroom.started()
    await newsroom.until(lambda: newsroom.hanging)


async def reading(newsroom):
    """The children that read documents are stopped, with a document each."""
    await newsroom.started()
    await newsroom.until(lambda: len(newsroom.readers()) >= 3)
    for reader in newsroom.readers():
        os.kill(reader, signal.SIGSTOP)
    newsroom.publish()
    asked = len(newsroom.asked_at[0])
    await newsroom.until(lambda: len(newsroom.asked_at[0]) > asked)


async def sending(newsroom):
    """Slack has a message, and has not answered."""
    newsroom.slack.may_answer.clear()
    before = len(newsroom.slack.messages)
    await newsroom.started()
    newsroom.publish()
    await newsroom.until(lambda: len(newsroom.slack.messages) > before)


async def reloading(newsroom):
    await newsroom.started()
    newsroom.process.send_signal(HUP)


async def stopping(newsroom):
    """It was asked to stop, and waits for Slack's answer."""
    await sending(newsroom)
    before = newsroom.log.count("service_stopping")
    newsroom.process.send_signal(TERM)
    await newsroom.until(lambda: newsroom.log.count("service_stopping") > before)


PHASES = (
    (starting, TERM),
    (opening, INT),
    (idle, INT),
    (polling, TERM),
    (reading, INT),
    (sending, TERM),
    (reloading, INT),
)


async def nothing_is_lost_or_repeated(newsroom):
    """After the next start everything is told, once; no signal left a trace of surprise."""
    newsroom.slack.may_answer.set()
    await newsroom.started()
    newsroom.publish()
    await newsroom.everything_told(within=60)
    newsroom.process.send_signal(TERM)
    assert await newsroom.ended(STOPS_WITHIN_S) == 0
    assert newsroom.told_once()
    assert "Traceback" not in newsroom.log
    assert "Exception ignored" not in newsroom.log


@pytest.mark.parametrize(
    ("phase", "number"), PHASES, ids=[f"{phase.__name__}-{n.name}" for phase, n in PHASES]
)
async def test_a_signal_stops_the_service_in_time_and_a_reload_does_not(phase, number, tmp_path):
    async with Signalled(tmp_path) as newsroom:
        await phase(newsroom)
        newsroom.process.send_signal(HUP)
        await asyncio.sleep(0.05)  # two signals that wait together come in any order
        assert newsroom.process.returncode is None
        newsroom.process.send_signal(number)
        newsroom.slack.may_answer.set()
        assert await newsroom.ended(STOPS_WITHIN_S) == 0, newsroom.log[-3000:]
        await nothing_is_lost_or_repeated(newsroom)


@pytest.mark.parametrize("number", [TERM, INT], ids=lambda number: number.name)
async def test_a_second_signal_ends_a_stop_at_once_and_a_reload_does_not(number, tmp_path):
    async with Signalled(tmp_path) as newsroom:
        await stopping(newsroom)
        newsroom.process.send_signal(HUP)
        await asyncio.sleep(0.2)
        assert newsroom.process.returncode is None
        newsroom.process.send_signal(number)
        assert await newsroom.ended(AT_ONCE_S) == 3
        await nothing_is_lost_or_repeated(newsroom)
