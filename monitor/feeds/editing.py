"""Changes to a feed list that leave everything else in it as its owner wrote it, byte for byte.

A change is made in the text, at the places that the reader gives. Then the new text is read, and must say what the
old one said but for the change; otherwise nothing is written. What cannot be done so is refused with its place.
"""

import os
import re
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from monitor.errors import SettingsError
from monitor.feeds.feed import Feed
from monitor.feeds.listing import files, in_yaml, is_opml
from monitor.feeds.written import Entry, as_yaml
from monitor.located import Mapping_, Node, Place, Problem, Sequence_, end_of, errors, read

_BOM = b"\xef\xbb\xbf"
_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")  # what YAML counts as the end of a line
_NOTHING_MORE = re.compile(r"[ \t]*(?:(?<=[ \t])#[^\n\r\x85\u2028\u2029]*)?")
_BY_HAND = "edit this file by hand"


# ---- which file, and writing it ------------------------------------------------------------------------------


def yaml_file(paths: Sequence[Path]) -> Path | None:
    """The file of a feed list that takes new feeds: its first YAML file; None where all of it is OPML."""
    for path in paths:
        if path.is_dir():
            return next((file for file in files(path) if not is_opml(file)), path / "feeds.yaml")
        if not is_opml(path):
            return path
    return None


def bytes_of(file: Path) -> bytes:
    """What a list holds now; nothing where it is not there yet.

    Raises:
        SettingsError: It is there and cannot be read.
    """
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise _refusal(Place(str(file)), f"cannot read this file: {error.strerror}") from error


def write(file: Path, before: bytes, after: bytes) -> None:
    """Put a list in place of what it was, at once or not at all; mode kept, a link followed.

    Raises:
        SettingsError: It cannot be written, or somebody else changed it meanwhile.
    """
    target = file.resolve()
    try:
        if bytes_of(file) != before:
            raise _refusal(Place(str(file)), "somebody else changed this file just now", "try again")
        _replace(target, after)
    except OSError as error:
        raise _refusal(Place(str(file)), f"cannot write this file: {error.strerror}") from error


def _replace(target: Path, data: bytes) -> None:
    """Source: rename(2) is atomic within one file system; the folder is synced so that the name is kept too."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            _take_over(target, file.fileno())
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _take_over(target: Path, descriptor: int) -> None:
    """Give the new file the old one's owner and mode; a file that was not there gets what the umask leaves."""
    try:
        old = target.stat()
    except FileNotFoundError:
        mask = os.umask(0o077)
        os.umask(mask)
        os.fchmod(descriptor, 0o666 & ~mask)
        return
    with suppress(PermissionError):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o7777)


# ---- a list as text with places ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A list in hand: its text, and what is read from it.

    Args:
        starts: Where each line begins in `text`.
        feeds: Each with its node, in order.
    """

    name: str
    bom: bytes
    text: str
    starts: tuple[int, ...]
    root: Node | None
    feeds: tuple[tuple[Feed, Node], ...]
    problems: tuple[str, ...]

    @property
    def newline(self) -> str:
        found = _BREAK.search(self.text)
        return found[0] if found else "\n"

    def offset(self, place: Place) -> int:
        return self.starts[place.line - 1] + place.column - 1

    def line_end(self, line: int) -> int:
        """Where the line after this one begins, or the text ends."""
        return self.starts[line] if line < len(self.starts) else len(self.text)

    def encoded(self, text: str) -> bytes:
        return self.bom + text.encode()


def _sheet(data: bytes, name: str) -> _Sheet:
    """Raises SettingsError where the text is no YAML at all."""
    root, problems = read(data, name)
    if errors(problems):
        raise SettingsError(problems)
    found: list[Problem] = []
    feeds = tuple(in_yaml(root, name, found))
    bom = _BOM if data.startswith(_BOM) else b""
    text = data[len(bom) :].decode()
    starts = (0, *(match.end() for match in _BREAK.finditer(text)))
    return _Sheet(name, bom, text, starts, root, feeds, tuple(sorted(p.message for p in found)))


def _refusal(place: Place, message: str, hint: str | None = None) -> SettingsError:
    return SettingsError([Problem(place, message, hint)])


def _held_to(sheet: _Sheet, text: str, wanted: Sequence[Feed]) -> bytes:
    """The new text as bytes, if it says what is wanted and nothing else changed."""
    data = sheet.encoded(text)
    place = sheet.root.place if sheet.root else Place(sheet.name)
    message = "this list is written in a way that cannot be changed safely from here"
    try:
        after = _sheet(data, sheet.name)
    except SettingsError as error:
        raise _refusal(place, message, _BY_HAND) from error
    new = [problem for problem in after.problems if problem not in sheet.problems]
    if new:
        raise _refusal(place, f"{message}: {new[0]}", _BY_HAND)
    if [feed for feed, _ in after.feeds] != list(wanted) or after.problems != sheet.problems:
        raise _refusal(place, message, _BY_HAND)
    return data


def _items(sheet: _Sheet) -> Node | None:
    return sheet.root.get("feeds") if isinstance(sheet.root, Mapping_) else sheet.root


# ---- adding --------------------------------------------------------------------------------------------------


def added(data: bytes, name: str, entries: Sequence[Entry]) -> bytes:
    """A list with these feeds at its end.

    Args:
        name: How the file is called in messages.

    Raises:
        SettingsError: One is listed already, or the list cannot take them; nothing is to be written then.
    """
    sheet = _sheet(data, name)
    for entry in entries:
        for feed, node in sheet.feeds:
            if feed.url == entry.url:
                raise _refusal(node.place, f"{feed.shown_url} is listed already")
    lines = [as_yaml(entry) for entry in entries]
    items = _items(sheet)
    if isinstance(items, Sequence_) and items.flow:
        text = _added_in_brackets(sheet, items, lines)
    elif isinstance(items, Sequence_):
        indent = " " * (items.place.column - 1)
        text = _with_lines(sheet, _last_line(sheet, items.items[-1]), [f"{indent}- {line}" for line in lines])
    else:
        text = _begun(sheet, lines)
    return _held_to(sheet, text, [*(feed for feed, _ in sheet.feeds), *_as_read(sheet, entries)])


def _as_read(sheet: _Sheet, entries: Sequence[Entry]) -> list[Feed]:
    """What these will be read as, beside this list's defaults.

    Raises:
        SettingsError: One of them says what no feed may say.
    """
    lines = "".join(f"\n  - {as_yaml(entry)}" for entry in entries)
    root, _ = read(f"feeds:{lines}\n".encode(), sheet.name)
    if isinstance(sheet.root, Mapping_) and isinstance(root, Mapping_):
        root.pairs.extend(pair for pair in sheet.root.pairs if pair[0].text == "defaults")
    problems: list[Problem] = []
    feeds = [feed for feed, _ in in_yaml(root, sheet.name, problems)]
    ours = [problem for problem in problems if problem.message not in sheet.problems]
    if ours:
        raise SettingsError([Problem(Place(sheet.name), problem.message, problem.hint) for problem in ours])
    return feeds


def _added_in_brackets(sheet: _Sheet, items: Sequence_, lines: Sequence[str]) -> str:
    joined = ", ".join(lines)
    if items.items:
        at, joined = sheet.offset(end_of(items.items[-1])), f", {joined}"
    else:
        at = sheet.offset(items.place) + 1
    return sheet.text[:at] + joined + sheet.text[at:]


def _begun(sheet: _Sheet, lines: Sequence[str]) -> str:
    """The first feeds of a list: below `feeds:`, or at the end of a file without it."""
    root, last = sheet.root, len(sheet.starts)
    if not isinstance(root, Mapping_):
        return _with_lines(sheet, last, [f"- {line}" for line in lines])
    key = root.key("feeds")
    indented = [f"{' ' * (root.place.column + 1)}- {line}" for line in lines]
    if key is not None:
        return _with_lines(sheet, key.place.line, indented)
    return _with_lines(sheet, last, [f"{' ' * (root.place.column - 1)}feeds:", *indented])


def _with_lines(sheet: _Sheet, line: int, new: Sequence[str]) -> str:
    """New lines after a line. A last line without its end stays one: the new last line has none either."""
    at = sheet.line_end(line)
    text = sheet.text
    if at == 0 or _BREAK.fullmatch(text[at - 1]):
        return text[:at] + "".join(one + sheet.newline for one in new) + text[at:]
    return text[:at] + "".join(sheet.newline + one for one in new) + text[at:]


def _last_line(sheet: _Sheet, node: Node) -> int:
    """The number of the last line that belongs to a node."""
    end = end_of(node)
    line = end.line
    if end.column == 1 and line > node.place.line:  # behind a block scalar: the next line's beginning
        line -= 1
        while line > node.place.line and not _without_comment(_line(sheet, line)):
            line -= 1
    return line


def _line(sheet: _Sheet, line: int) -> str:
    return sheet.text[sheet.starts[line - 1] : sheet.line_end(line)]


def _without_comment(line: str) -> str:
    return "" if line.lstrip().startswith("#") else line.strip()


# ---- removing ------------------------------------------------------------------------------------------------


def removed(data: bytes, name: str, url: str) -> tuple[bytes, tuple[Place, ...]]:
    """A list without the entries of an address, and where those stood.

    Their own lines go, with the comments on these lines. Comments on lines of their own stay.

    Raises:
        SettingsError: They cannot be taken out without touching something else.
    """
    sheet = _sheet(data, name)
    items = _items(sheet)
    text, places = sheet.text, []
    if isinstance(items, Sequence_):
        nodes = [node for feed, node in sheet.feeds if feed.url == url]
        for node in reversed(nodes):
            number = next(n for n, item in enumerate(items.items) if item is node)
            begin, end = (_in_brackets if items.flow else _of_lines)(sheet, items, number)
            text = text[:begin] + text[end:]
            places.append(node.place)
    return _held_to(sheet, text, [feed for feed, _ in sheet.feeds if feed.url != url]), tuple(
        reversed(places)
    )


def _of_lines(sheet: _Sheet, items: Sequence_, number: int) -> tuple[int, int]:
    """From where to where the lines of an item go; its dash may stand above it."""
    node = items.items[number]
    first = node.place.line
    indent = items.place.column - 1
    while first > items.place.line and _line(sheet, first)[: indent + 1] != " " * indent + "-":
        first -= 1
    last = _last_line(sheet, node)
    begin, end = sheet.starts[first - 1], sheet.line_end(last)
    if sheet.text[begin : begin + indent + 1] != " " * indent + "-":
        raise _refusal(node.place, "this feed does not begin a line of its own", _BY_HAND)
    if end == len(sheet.text) and not _BREAK.search(_line(sheet, last)) and first > 1:
        begin -= len(_BREAK.findall(sheet.text[:begin])[-1])  # the last line has no end, and keeps none
    return begin, end


def _in_brackets(sheet: _Sheet, items: Sequence_, number: int) -> tuple[int, int]:
    """From where to where an item of `[a, b]` goes with one comma; whole lines where it has them to itself."""
    text, node = sheet.text, items.items[number]
    begin, end = sheet.offset(node.place), sheet.offset(end_of(node))
    comma = re.compile(r"[ \t]*,").match(text, end)
    behind = comma.end() if comma else end
    line_begin, line_end = sheet.starts[node.place.line - 1], sheet.line_end(end_of(node).line)
    rest = _BREAK.sub("", text[behind:line_end])
    if not text[line_begin:begin].strip() and _NOTHING_MORE.fullmatch(rest) and line_end < len(text):
        return line_begin, line_end
    if number:
        before = sheet.offset(end_of(items.items[number - 1]))
        if re.fullmatch(r"[ \t]*,[ \t]*", text[before:begin]):
            return before, end
    elif len(items.items) == 1:
        return begin, behind
    else:
        following = sheet.offset(items.items[1].place)
        if re.fullmatch(r"[ \t]*,[ \t]*", text[end:following]):
            return begin, following
    raise _refusal(node.place, "this feed shares its line with a comment or a bracket", _BY_HAND)
