"""All rule files of a newsroom, read and checked. Says every problem at once; judges no story."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from monitor.located import Mapping_, Node, Place, Problem, Scalar, Severity, errors, read_file
from monitor.rules.entry import read_rule
from monitor.rules.rule import Rule
from monitor.rules.shapes import FILE_KEYS, is_empty, shown, unknown_keys
from monitor.stories.ids import RuleId

MAX_RULES = 20_000
MAX_LINES = 100_000
MAX_PROBLEMS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What was read.

    Args:
        rules: Those that could be read, in the order of the files.
        problems: In reading order; warnings too.
        files: Every file that was opened.
    """

    rules: tuple[Rule, ...] = ()
    problems: tuple[Problem, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether the rules can be put in force: warnings do not matter."""
        return not errors(self.problems)


def read(
    paths: Iterable[Path], *, receivers: Collection[str] | None = None, relative_to: Path | None = None
) -> Book:
    """Read rule files and folders of them (`.yaml`, `.yml`, subfolders too; names that begin with a dot are left out).

    Args:
        receivers: Who may stand in `to:`; None does not check.
        relative_to: Messages name files as seen from here, where they lie below it.
    """
    found = _Found()
    files: list[Path] = []
    for path in paths:
        try:
            below = list(_files(path))
        except OSError as error:
            reason = (error.strerror or "error").lower()
            place = Place(_name(Path(error.filename or path), relative_to))
            hint = "make it readable for this service"
            found.problems.append(Problem(place, f"cannot look at it: {reason}", hint))
            continue
        if not below:
            message = "there are no rule files in this folder" if path.is_dir() else "there is no such file"
            severity: Severity = "warning" if path.is_dir() else "error"
            found.problems.append(Problem(Place(_name(path, relative_to)), message, None, severity))
        files.extend(file for file in below if file not in files)
    for file in files:
        found.problems.extend(_read_one(file, _name(file, relative_to), receivers, found))
    return Book(rules=tuple(found.rules), problems=tuple(found.problems), files=tuple(files))


class _Found:
    """What has been read so far: names and ids are unique in the whole book."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.problems: list[Problem] = []
        self.names: dict[str, Place] = {}
        self.ids: dict[RuleId, tuple[str, Place]] = {}
        self.lines = 0

    def clash(self, rule: Rule) -> Problem | None:
        """What keeps a rule of this name out, if anything does. Remembers the name."""
        first = self.names.setdefault(rule.name, rule.place)
        if first is not rule.place:
            return Problem(rule.place, f"'{shown(rule.name)}' stands here a second time - the first is at {first}",
                           "give one of them another name")  # fmt: skip
        name, place = self.ids.setdefault(rule.id, (rule.name, rule.place))
        if place is not rule.place:
            return Problem(
                rule.place, f"'{shown(rule.name)}' and '{shown(name)}' at {place} would get the same id '{rule.id}'",
                "give one of them a name that differs in more than marks and letter case",
            )  # fmt: skip
        return None


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        next(
            path.iterdir(), None
        )  # a folder that may not be listed is not empty: this raises, the next line does not
        # Names with a dot in front are editors' locks and the hidden copies that Kubernetes makes of a mounted folder.
        for file in sorted(path.rglob("*")):
            parts = file.relative_to(path).parts
            if (
                file.suffix in (".yaml", ".yml")
                and file.is_file()
                and not any(part.startswith(".") for part in parts)
            ):
                yield file


def _name(path: Path, relative_to: Path | None) -> str:
    if relative_to is not None:
        whole, base = path.absolute(), relative_to.absolute()
        if whole.is_relative_to(base):
            return str(whole.relative_to(base))
    return str(path)


def _read_one(file: Path, name: str, receivers: Collection[str] | None, found: _Found) -> list[Problem]:
    """Read one file into `found`; its problems in reading order, not more than anybody reads."""
    root, problems = read_file(file, name)
    if root is not None or not problems:
        problems.extend(_read_root(root, file, name, receivers, found))
    problems.sort(key=lambda problem: problem.place)
    if len(problems) <= MAX_PROBLEMS:
        return problems
    worst = [problem for problem in problems if problem.severity == "error"] or problems
    kept = worst[:MAX_PROBLEMS]
    more = Problem(
        kept[-1].place, f"{len(problems) - len(kept)} more problems in this file", severity=kept[-1].severity
    )
    return [*kept, more]


def _read_root(
    root: Node | None, file: Path, name: str, receivers: Collection[str] | None, found: _Found
) -> Iterator[Problem]:
    if root is None or is_empty(root):
        yield Problem(Place(name), "this file holds no rules", "write rules: and a rule below it", "warning")
        return
    if not isinstance(root, Mapping_):
        yield Problem(root.place, "a rule file begins with desk: and rules:", "put rules: above the rules")
        return
    yield from unknown_keys(root, FILE_KEYS)
    desk, problem = _desk(root, file)
    if problem:
        yield problem
    rules = root.get("rules")
    if root.key("rules") is None:
        yield Problem(root.place, "the key 'rules' is missing", "put rules: above the rules")
    elif is_empty(rules):
        yield Problem(root.place, "this file holds no rules", "write a rule below rules:", "warning")
    elif not isinstance(rules, Mapping_):
        yield Problem(rules.place if rules else root.place, "'rules' holds names with lines below them",
                      "write a name and a colon, and the lines below it")  # fmt: skip
    else:
        yield from _read_rules(rules, desk, receivers, found)


def _desk(root: Mapping_, file: Path) -> tuple[str, Problem | None]:
    node = root.get("desk")
    if node is None or is_empty(node):
        return file.stem, None
    if isinstance(node, Scalar):
        return " ".join(node.text.split()), None
    return file.stem, Problem(node.place, "'desk' must be text", "write the desk's name")


def _read_rules(
    rules: Mapping_, desk: str, receivers: Collection[str] | None, found: _Found
) -> Iterator[Problem]:
    for key, node in rules.pairs:
        if len(found.rules) >= MAX_RULES or found.lines >= MAX_LINES:
            yield Problem(key.place, f"more than {MAX_RULES:,} rules or {MAX_LINES:,} lines are too many",
                          "take out what nobody needs")  # fmt: skip
            return
        entry = read_rule(key, node, desk, receivers)
        found.lines += entry.lines
        yield from entry.problems
        clash = found.clash(entry.rule) if entry.rule else None
        if clash:
            yield clash
        elif entry.rule:
            found.rules.append(entry.rule)
