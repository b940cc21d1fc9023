"""The program with a clock that the test sets while it runs: `python -m tests.chaos.clocked FILE ...` and what `monitor` takes.

The file holds by how many seconds the program's wall clock is ahead of the machine's. Clocks that nobody can set (the
loop's, `time.monotonic`) stay what they are, as they do when somebody sets the clock of a machine.
"""

import sys
from datetime import datetime, timedelta, tzinfo
from importlib import import_module
from pathlib import Path

from monitor.cli import main


def set_by(file: Path) -> None:
    """Let every module of the program that asks what time it is get the time of the file."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=float(file.read_text()))

    for name in ("monitor.service.life", "monitor.cli.status"):
        import_module(name)
    for name, module in list(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if name.startswith("monitor.") and source and "datetime.now(" in Path(source).read_text():
            module.datetime = Clock


if __name__ == "__main__":
    set_by(Path(sys.argv.pop(1)))
    main()
