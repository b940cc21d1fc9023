"""The newsroom's rules, read, tried on their own samples and ready to match: what is put in force as a whole."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from monitor.located import Problem, errors
from monitor.matching import samples
from monitor.matching.matcher import Matcher
from monitor.rules import book
from monitor.rules.rule import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Rules and the matcher made of them.

    Args:
        problems: Of the files and of the samples, in reading order.
        files: Every file that was opened.
        results: Every sample, tried.
    """

    rules: tuple[Rule, ...]
    matcher: Matcher
    problems: tuple[Problem, ...] = ()
    files: tuple[Path, ...] = ()
    results: tuple[samples.Result, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether it may be put in force: warnings do not matter, failed samples do."""
        return not errors(self.problems)


def load(
    paths: Iterable[Path], *, receivers: Collection[str] | None = None, relative_to: Path | None = None
) -> Desk:
    """Read rule files, build the matcher, try every sample.

    Never raises for what stands in the files: `problems` says it all, and `usable` whether to put it in force.

    Args:
        receivers: Who may stand in `to:`; None does not check.
        relative_to: Messages name files as seen from here.
    """
    read = book.read(paths, receivers=receivers, relative_to=relative_to)
    results = samples.run(read)
    failed = samples.problems(results)
    return Desk(
        rules=read.rules,
        matcher=Matcher(read.rules),
        problems=tuple(sorted((*read.problems, *failed), key=_in_reading_order)) if failed else read.problems,
        files=read.files,
        results=results,
    )


def _in_reading_order(problem: Problem) -> tuple[str, int, int]:
    return problem.place.file, problem.place.line, problem.place.column
