"""YAML as values that know file, line and column. Bounded, and without YAML's surprises.

Every file an operator or an editor writes is read here, so that every message has its place. The event stream
is read without recursion, so a file of brackets is a message and never a crash. Aliases, tags and duplicate keys
are refused; `no`, `on` and `12:30` stay text, because only true, false, null and plain numbers are typed.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ValidationError
from pydantic_core import ErrorDetails

MAX_BYTES = 5_000_000
MAX_DEPTH = 40
MAX_NODES = 500_000

Severity = Literal["error", "warning"]
Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A point in a file; lines and columns count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def right(self, columns: int) -> "Place":
        """The same line, further right."""
        return replace(self, column=self.column + columns)


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, where it stands, and the way out."""

    place: Place
    message: str
    hint: str | None = None
    severity: Severity = "error"

    def __str__(self) -> str:
        warning = "warning: " if self.severity == "warning" else ""
        way_out = f" - {self.hint}" if self.hint else ""
        return f"{self.place}: {warning}{self.message}{way_out}"

    def as_json(self) -> dict[str, object]:
        """The shape that `--json` prints."""
        return {
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "severity": self.severity,
            "message": self.message,
            "hint": self.hint,
        }


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Those that keep a file from being used."""
    return tuple(problem for problem in problems if problem.severity == "error")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value, as it was written.

    `text_place` is where its first character stands: behind the quotation mark, if there is one. In a block
    scalar (`|`, `>`) it is the place of the mark, since the text begins on another line. `end` is the place
    behind the last character.
    """

    text: str
    place: Place
    text_place: Place
    style: str | None = None
    end: Place | None = None

    def value(self) -> str | int | float | bool | None:
        """The value by YAML 1.2's core schema, without its octal and exponent forms."""
        if self.style is not None:
            return self.text
        if self.text in _WORDS:
            return _WORDS[self.text]
        if _INTEGER.fullmatch(self.text):
            return int(self.text)
        if _DECIMAL.fullmatch(self.text):
            return float(self.text)
        return self.text


_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}")


@dataclass(slots=True)
class Sequence_:
    """A list."""

    place: Place
    items: list["Node"] = field(default_factory=list)
    flow: bool = False
    end: Place | None = None


@dataclass(slots=True)
class Mapping_:
    """A mapping; keys are scalars, in the order written."""

    place: Place
    pairs: list[tuple[Scalar, "Node"]] = field(default_factory=list)
    flow: bool = False
    end: Place | None = None

    def get(self, key: str) -> "Node | None":
        """The value of a key, or None."""
        return next((value for name, value in self.pairs if name.text == key), None)

    def key(self, key: str) -> Scalar | None:
        """The key itself, for its place."""
        return next((name for name, _ in self.pairs if name.text == key), None)


Node = Scalar | Sequence_ | Mapping_


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


def read_file(path: Path, name: str | None = None) -> tuple[Node | None, list[Problem]]:
    """Read a file; what cannot be opened is a problem at its first line.

    Args:
        name: How the file is called in messages; its path where not given.
    """
    shown = name or str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return None, [Problem(Place(shown), f"cannot read this file: {reason}")]
    return read(data, shown)


def read(data: bytes, name: str) -> tuple[Node | None, list[Problem]]:
    """Read YAML into nodes with places.

    Returns:
        The root (None if the text is empty or cannot be read) and every problem found.
    """
    top = Place(name)
    if len(data) > MAX_BYTES:
        return None, [Problem(top, f"this file is larger than {MAX_BYTES // 1_000_000} MB")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return None, [Problem(Place(name, line), "this is not UTF-8 text", "save the file as UTF-8")]
    problems: list[Problem] = []
    try:
        return _compose(text, name, problems), problems
    except _Refused as refused:
        return None, [*problems, refused.problem]
    except yaml.MarkedYAMLError as error:
        return None, [*problems, _yaml_problem(error, name, text)]
    except yaml.YAMLError as error:  # an unprintable character has no mark
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1
        column = position - (text.rfind("\n", 0, position) + 1) + 1
        return None, [*problems, Problem(Place(name, line, column), "this character cannot stand in YAML")]


def _compose(text: str, name: str, problems: list[Problem]) -> Node | None:
    """Build nodes from events: a stack instead of recursion."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    lines = text.split("\n")
    root: Node | None = None
    stack: list[Sequence_ | Mapping_] = []
    waiting: list[Scalar | None] = []  # per open collection: the key whose value comes next
    documents = nodes = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _Refused(
                    Problem(_place(event, name), "a second document begins here", "take the line of --- out")
                )
        if isinstance(event, yaml.CollectionEndEvent):
            done = stack.pop()
            done.end = _end(event, name) if done.flow else None
            waiting.pop()
            root = _attach(done, stack, waiting, problems) or root
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        nodes += 1
        _refuse_oddities(event, name, nodes, len(stack))
        if isinstance(event, yaml.ScalarEvent):
            root = _attach(_scalar(event, name, lines), stack, waiting, problems) or root
        else:
            kind = Sequence_ if isinstance(event, yaml.SequenceStartEvent) else Mapping_
            stack.append(kind(_place(event, name), flow=bool(getattr(event, "flow_style", False))))
            waiting.append(None)
    return root


def _attach(
    node: Node, stack: list[Sequence_ | Mapping_], waiting: list[Scalar | None], problems: list[Problem]
) -> Node | None:
    """Put a finished node where it belongs; give it back when it is the root."""
    if not stack:
        return node
    parent = stack[-1]
    if isinstance(parent, Sequence_):
        parent.items.append(node)
        return None
    key = waiting[-1]
    if key is None:
        if not isinstance(node, Scalar):
            raise _Refused(
                Problem(node.place, "a key must be a plain word", "put the text in quotation marks")
            )
        waiting[-1] = node
        return None
    waiting[-1] = None
    first = parent.key(key.text) if len(parent.pairs) < 200 else _first(parent, key)
    if first is not None:
        problems.append(
            Problem(
                key.place,
                f"'{key.text}' stands here a second time - the first is on line {first.place.line}",
                "keep one of them",
            )
        )
        return None
    parent.pairs.append((key, node))
    return None


def _first(parent: Mapping_, key: Scalar) -> Scalar | None:
    """Look a key up in a long mapping without walking it each time."""
    index = _INDEX.get(id(parent))
    if index is None or index[0] is not parent:
        _INDEX.clear()
        index = (parent, {name.text: name for name, _ in parent.pairs})
        _INDEX[id(parent)] = index
    names = index[1]
    for name, _ in parent.pairs[len(names) :]:
        names[name.text] = name
    return names.get(key.text)


_INDEX: dict[int, tuple[Mapping_, dict[str, Scalar]]] = {}


def _refuse_oddities(event: yaml.NodeEvent, name: str, nodes: int, depth: int) -> None:
    place = _place(event, name)
    if isinstance(event, yaml.AliasEvent):
        raise _Refused(Problem(place, "aliases (*name) are not read here", "write the value out"))
    if event.anchor is not None:
        raise _Refused(Problem(place, "anchors (&name) are not read here", "take the & and its name out"))
    if nodes > MAX_NODES:
        raise _Refused(Problem(place, f"more than {MAX_NODES:,} values in one file", "split the file"))
    if depth >= MAX_DEPTH:
        raise _Refused(Problem(place, f"nested deeper than {MAX_DEPTH} levels"))
    tag = getattr(event, "tag", None)
    if tag not in (None, "!"):
        raise _Refused(Problem(place, f"tags ({tag}) are not read here", "take the tag out"))


def _place(event: Any, name: str) -> Place:
    return Place(name, event.start_mark.line + 1, event.start_mark.column + 1)


def _end(event: Any, name: str) -> Place:
    return Place(name, event.end_mark.line + 1, event.end_mark.column + 1)


def _scalar(event: yaml.ScalarEvent, name: str, lines: list[str]) -> Scalar:
    place = _place(event, name)
    style = event.style or None
    quoted = style in ("'", '"')
    return Scalar(event.value, place, place.right(1) if quoted else place, style, _end(event, name))


def _yaml_problem(error: yaml.MarkedYAMLError, name: str, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.split("\n")
    shown = lines[line - 1] if line <= len(lines) else ""
    hint = None
    if "\t" in shown[: len(shown) - len(shown.lstrip())] or "\t" in shown[column - 1 : column]:
        hint = "this line holds a tab: indent with spaces"
    elif re.match(r"""\s*(?:- )?["'].*["'].*\S""", shown) and "-" in (error.problem or ""):
        hint = (
            "a line that starts with a quotation mark and goes on after the closing one must stand in single "
            "quotes: '\"rare earth\" NEAR/3 band'"
        )
    elif "mapping values are not allowed" in (error.problem or ""):
        hint = "put text that holds a colon and a space in quotation marks"
    return Problem(Place(name, line, column), f"YAML: {error.problem or error}", hint)


# ---- from nodes to values ------------------------------------------------------------------------------------


def plain(node: Node | None, *, typed: bool = True) -> Any:
    """The node as dicts, lists and values. `typed=False` leaves every scalar the text it is."""
    if node is None:
        return None
    if isinstance(node, Scalar):
        return node.value() if typed else node.text
    if isinstance(node, Sequence_):
        return [plain(item, typed=typed) for item in node.items]
    return {key.text: plain(value, typed=typed) for key, value in node.pairs}


def end_of(node: Node) -> Place:
    """The place behind a node's last character; behind its last value's, where no bracket closes it."""
    while node.end is None and not isinstance(node, Scalar):
        inner = node.items[-1:] if isinstance(node, Sequence_) else [value for _, value in node.pairs[-1:]]
        if not inner:
            return node.place
        node = inner[0]
    return node.end or node.place


def place_at(node: Node, path: Sequence[str | int], *, of_key: bool = False) -> Place:
    """Where the value at a path stands, or as near to it as the path leads.

    Args:
        of_key: Give the place of the last key instead of its value's.
    """
    place = node.place
    current: Node | None = node
    for step in path:
        key: Scalar | None = None
        if isinstance(current, Mapping_):
            key = current.key(str(step))
            current = current.get(str(step))
        elif isinstance(current, Sequence_) and isinstance(step, int) and step < len(current.items):
            current = current.items[step]
        else:
            return place
        if current is None:
            return place
        place = key.place if key is not None and of_key else current.place
    return place


def suggest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that was probably meant, if one is near enough."""
    near = difflib.get_close_matches(word, list(choices), 1, 0.6)
    return near[0] if near else None


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """The hint that names it, or None."""
    near = suggest(word, choices)
    return f"did you mean '{near}'?" if near else None


Model = TypeVar("Model", bound=BaseModel)


def check(
    model: type[Model],
    node: Node | None,
    *,
    name: str,
    value: Any = None,
    at: Path_ = (),
) -> tuple[Model | None, list[Problem]]:
    """Read a node into a pydantic model; each error becomes a problem at its place.

    Args:
        name: The file, for a node that is missing altogether.
        value: The value to check in place of the node's own, where shapes were normalised first.
        at: The path of `value` below `node`, in front of pydantic's own paths.
    """
    root: Node = node if node is not None else Mapping_(Place(name))
    try:
        return model.model_validate(plain(root) if value is None else value), []
    except ValidationError as error:
        return None, [problem_of(details, root, model, at) for details in error.errors(include_url=False)]


def problem_of(details: ErrorDetails, root: Node, model: type[BaseModel], at: Path_ = ()) -> Problem:
    """Say a pydantic error in the words of somebody who edits the file."""
    path = (*at, *details["loc"])
    kind, context = details["type"], details.get("ctx", {})
    leaf = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        known = sorted(_keys_at(model, details["loc"][:-1]))
        hint = did_you_mean(leaf, known) or ("known here: " + ", ".join(known) if known else None)
        return Problem(place_at(root, path, of_key=True), f"there is no key '{leaf}'", hint)
    if kind == "missing":
        return Problem(place_at(root, path[:-1]), f"the key '{leaf}' is missing", f"add {leaf}: here")
    place = place_at(root, path)
    if kind == "value_error":
        reason = context.get("error")
        hint = reason.args[1] if isinstance(reason, ValueError) and len(reason.args) > 1 else None
        return Problem(place, str(reason.args[0] if isinstance(reason, ValueError) else details["msg"]), hint)
    if kind in ("literal_error", "enum"):
        expected = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        hint = did_you_mean(str(details["input"]), expected) or "one of: " + ", ".join(expected)
        return Problem(place, f"'{details['input']}' cannot stand here", hint)
    wanted = _WANTED.get(kind)
    if wanted:
        return Problem(place, f"'{leaf}' must be {wanted}", None)
    return Problem(place, f"'{leaf}': {details['msg'][:1].lower()}{details['msg'][1:]}", None)


_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys and values",
    "model_type": "a mapping of keys and values",
    "model_attributes_type": "a mapping of keys and values",
}


def _keys_at(model: type[BaseModel], path: Sequence[str | int]) -> Iterator[str]:
    """The keys that may stand at a path of a model."""
    current: Any = model
    for step in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            named = {info.alias or key: info for key, info in current.model_fields.items()}
            current = named[str(step)].annotation if str(step) in named else None
        else:
            current = _inner(current)
        current = _model_in(current)
    if isinstance(current, type) and issubclass(current, BaseModel):
        yield from (info.alias or key for key, info in current.model_fields.items())


def _model_in(annotation: Any) -> Any:
    """Look through `X | None`; leave containers alone."""
    options = [option for option in getattr(annotation, "__args__", ()) if option is not type(None)]
    if annotation is not None and type(None) in getattr(annotation, "__args__", ()) and len(options) == 1:
        return options[0]
    return annotation


def _inner(annotation: Any) -> Any:
    """The element type of a container: the value of a dict, the item of a list."""
    options = [option for option in getattr(annotation, "__args__", ()) if option is not Ellipsis]
    return options[-1] if options else None


_DURATION = re.compile(r"\s*(\d{1,9})\s*(s|m|h|d|w|y)\s*")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}

_LONGEST = timedelta(days=365_000)  # beyond it, an instant minus a length of time leaves the calendar


def duration(value: object) -> timedelta:
    """Read `45s`, `15m`, `6h`, `2d`, `1w` or `1y`; a year is 365 days.

    Raises:
        ValueError: It is written otherwise; the second argument is the way out.
    """
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise ValueError(
            f"cannot read '{value}' as a length of time", "write it like 45s, 15m, 6h, 2d, 1w or 1y"
        )
    if int(found[1]) > _LONGEST // _UNITS[found[2]]:
        raise ValueError(f"'{value}' is longer than 1000 years", "write it like 45s, 15m, 6h, 2d, 1w or 1y")
    return int(found[1]) * _UNITS[found[2]]


def _at_least_a_second(value: timedelta) -> timedelta:
    if value < timedelta(seconds=1):
        raise ValueError("this must be at least 1s", "write it like 15m")
    return value


Duration = Annotated[timedelta, BeforeValidator(duration)]
Interval = Annotated[timedelta, BeforeValidator(duration), AfterValidator(_at_least_a_second)]


def some(value: object) -> object:
    """Let one value stand where a list of them may: `to: desk` is `to: [desk]`."""
    return value if isinstance(value, list | tuple | dict) or value is None else [value]
