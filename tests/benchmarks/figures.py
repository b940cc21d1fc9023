"""What was measured, and against what; and what a process used, read from Linux's /proc."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
WIDTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number.

    Args:
        bar: What it should be at most; None where nothing was promised.
        unit: Of value, bar and yardstick.
        yardstick: The same thing done plainly, in the same run.
    """

    name: str
    value: float
    unit: str
    bar: float | None = None
    yardstick: float | None = None


def table(figures: Sequence[Figure]) -> Table:
    """Figures as people read them."""
    made = Table("figure", "measured", "bar", "of the bar", "plain stack", "of the plain stack")
    for figure in figures:
        made.add_row(
            figure.name,
            _shown(figure.value, figure.unit),
            _shown(figure.bar, figure.unit),
            _ratio(figure.value, figure.bar),
            _shown(figure.yardstick, figure.unit),
            _ratio(figure.value, figure.yardstick),
        )
    return made


def show(figures: Sequence[Figure]) -> None:
    """Print figures as a table."""
    Console(width=WIDTH).print(table(figures))


def _shown(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:,.{2 if unit and value < 10 else 0}f} {unit}"


def _ratio(value: float, of: float | None) -> str:
    return f"{value / of:.2f}" if of else ""


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed; not a number where there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


# ---- processes


def cpu_seconds(pid: int, *, children: bool = True) -> float:
    """Processor time of a process so far, of its children too, living ones and ended ones.

    Source: proc(5), /proc/pid/stat: fields 14 to 17, in clock ticks.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(map(int, fields[11:15] if children else fields[11:13])) * TICK_S
    return own + sum(cpu_seconds(child) for child in _children(pid)) if children else own


def resident_mb(pid: int) -> float:
    """Memory of one process without its children, in MB of a million bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 1e6


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found
