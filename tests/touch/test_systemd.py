"""The service as systemd sees it: ready, well, stopping."""

import asyncio
import os
import signal
import socket
import sys

import pytest

from monitor import systemd
from tests.touch.workspace_kit import Workspace, rss


async def said(notices: socket.socket) -> str:
    async with asyncio.timeout(30):
        return (await asyncio.get_running_loop().sock_recv(notices, 100)).decode()


async def test_the_service_says_that_it_is_ready_is_well_and_stops(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.setblocking(False)
        notices.bind(str(tmp_path / "notify"))
        async with Workspace(tmp_path) as workspace:
            workspace.feed("/a.xml", rss(("Copper rises", "Again.")))
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "monitor", "--config", str(workspace.written()), "run",
                env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"},
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            try:
                heard = [await said(notices), await said(notices), await said(notices)]
                assert systemd.READY in heard
                assert systemd.WELL in heard
                process.send_signal(signal.SIGTERM)
                while (word := await said(notices)) == systemd.WELL:
                    pass
                assert word == systemd.STOPPING
                assert await process.wait() == 0
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


def test_nobody_is_told_where_systemd_did_not_start_the_service(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    systemd.notify(systemd.READY)


def test_a_socket_that_is_gone_changes_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    systemd.notify(systemd.READY)


@pytest.mark.parametrize(
    ("micros", "pid", "seconds"),
    [
        ("60000000", "", 60.0),
        ("60000000", "own", 60.0),
        ("60000000", "1", None),
        ("0", "", None),
        ("", "", None),
        ("soon", "", None),
    ],
)
def test_the_watchdog_is_for_the_process_that_systemd_watches(monkeypatch, micros, pid, seconds):
    monkeypatch.setenv("WATCHDOG_USEC", micros)
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid)
    every = systemd.watchdog()
    assert (every.total_seconds() if every else None) == seconds
