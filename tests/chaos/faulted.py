"""The program, killed where it is told to be: `python -m tests.chaos.faulted POINT TIMES ...` and what `monitor` takes."""

import os
import signal
import sys

from monitor import faults
from monitor.cli import main


def kill_at(point: faults.Point, times: int) -> None:
    """End this process, as a power cut would, when it reaches a point for the n-th time."""
    left = times

    def reached(where: faults.Point) -> None:
        nonlocal left
        if where is point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    faults.watch(reached)


if __name__ == "__main__":
    kill_at(faults.Point(sys.argv.pop(1)), int(sys.argv.pop(1)))
    main()
