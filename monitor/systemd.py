"""Telling systemd that the service is ready, is stopping, is well. Does nothing where systemd did not start it.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import contextlib
import os
import socket
from datetime import timedelta

READY, STOPPING, WELL = "READY=1", "STOPPING=1", "WATCHDOG=1"


def notify(state: str) -> None:
    """Say how the service is. What cannot be said changes nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as talk:
        talk.setblocking(False)
        talk.connect("\0" + address[1:] if address.startswith("@") else address)
        talk.send(state.encode())


def watchdog() -> timedelta | None:
    """How often systemd wants to hear that all is well, or None where it does not watch this process."""
    micros, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not micros.isdigit() or int(micros) == 0 or (pid and pid != str(os.getpid())):
        return None
    return timedelta(microseconds=int(micros))
