"""How a process ends: a second signal is heard to the last moment, and nothing that hangs holds up a stop."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import threading

import pytest
import structlog

from monitor.cli import run
from monitor.service import life

HANGS = """
import asyncio, sys, threading
from monitor import cli
from monitor.cli.run import Unwaited

async def work():
    asyncio.get_running_loop().set_default_executor(Unwaited())
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    await asyncio.sleep(0.1)

def code_of(arguments):
    asyncio.run(work())
    return 3

cli.code_of = code_of
cli.main()
"""


@pytest.fixture
def handlers():
    """What the signals do is as before afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_thread_that_hangs_holds_up_no_end_and_the_exit_code_is_right():
    assert subprocess.run([sys.executable, "-c", HANGS], timeout=60, check=False).returncode == 3


async def test_when_the_service_has_ended_a_second_signal_still_ends_the_process(handlers):
    stop, ends = asyncio.Event(), []
    with life.signals(stop, at_once=lambda: ends.append(True)):
        pass
    for expected in ([], [True]):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        assert ends == expected
    os.kill(os.getpid(), signal.SIGHUP)


async def test_a_stop_that_hangs_is_ended_even_where_it_holds_the_loop(handlers, monkeypatch):
    monkeypatch.setattr(life, "STOP_AT_MOST_S", 0.01)
    stop, ended = asyncio.Event(), threading.Event()
    with life.signals(stop, at_once=ended.set):
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()
        assert ended.wait(30)


class Mac:
    """A system whose hard limit is infinite by name only."""

    RLIMIT_NOFILE, RLIM_INFINITY = resource.RLIMIT_NOFILE, resource.RLIM_INFINITY

    def __init__(self, most):
        self.most, self.soft = most, 256

    def getrlimit(self, _):
        return self.soft, self.RLIM_INFINITY

    def setrlimit(self, _, limits):
        if limits[0] > self.most:
            raise ValueError("not allowed")
        self.soft = limits[0]


@pytest.mark.parametrize(("most", "got", "warned"), [(24_576, 16_384, 0), (300, 256, 1)])
def test_a_limit_that_the_system_refuses_is_tried_smaller(monkeypatch, most, got, warned):
    system = Mac(most)
    monkeypatch.setattr(run, "resource", system)
    with structlog.testing.capture_logs() as logs:
        run._open_more_files()
    assert system.soft == got
    assert len(logs) == warned
