"""The feed list as operators keep it: YAML or OPML files, read with every problem in its place."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from lxml import etree
from pydantic import BeforeValidator, Field

from monitor.feeds import access
from monitor.feeds.feed import Feed, FeedPriority
from monitor.located import (
    MAX_BYTES,
    Interval,
    Mapping_,
    Node,
    Place,
    Problem,
    Scalar,
    Sequence_,
    check,
    did_you_mean,
    errors,
    read_file,
    some,
)
from monitor.secret import masked_url
from monitor.stories.ids import ReceiverName

YAML_SUFFIXES = (".yaml", ".yml")
OPML_SUFFIXES = (".opml", ".xml")
MAX_URL_CHARACTERS = 2_048
LANGUAGE = r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"


@dataclass(frozen=True, slots=True)
class FeedList:
    """Every feed of every file, each address once.

    Args:
        places: Where each feed stands, in the order of `feeds`.
        secret_files: The files that hold what servers are shown; those that could not be read included.
    """

    feeds: tuple[Feed, ...]
    problems: tuple[Problem, ...]
    places: tuple[Place, ...] = ()
    secret_files: tuple[Path, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether it can be put in force."""
        return not errors(self.problems)


class _Common(access.Wire):
    language: str | None = Field(None, pattern=f"^{LANGUAGE}$")
    interval: Interval | None = None
    priority: FeedPriority = FeedPriority.NORMAL
    receivers: Annotated[tuple[str, ...], BeforeValidator(some)] = ()


class _Item(_Common):
    url: str
    name: str | None = None
    group: str | None = None


def read(paths: Sequence[Path], *, receivers: Collection[str] | None = None) -> FeedList:
    """Read feed files; a folder stands for every YAML and OPML file in it.

    Args:
        receivers: The names that a feed may give, or None where they are not known.
    """
    feeds: dict[str, tuple[Feed, Place]] = {}
    problems: list[Problem] = []
    secrets: set[Path] = set()
    for feed, place in every(paths, problems, secrets):
        problems.extend(_unknown_receivers(feed, place, receivers))
        first = feeds.setdefault(feed.url, (feed, place))[1]
        if first is not place:
            problems.append(
                Problem(
                    place, f"{feed.shown_url} is listed a second time", f"it stands at {first}", "warning"
                )
            )
    return FeedList(
        feeds=tuple(feed for feed, _ in feeds.values()),
        problems=tuple(sorted(problems)),
        places=tuple(place for _, place in feeds.values()),
        secret_files=tuple(sorted(secrets)),
    )


def every(
    paths: Sequence[Path], problems: list[Problem], secrets: set[Path] | None = None
) -> Iterator[tuple[Feed, Place]]:
    """Every entry of every file with its place, an address that is listed twice included.

    Args:
        problems, secrets: Take up what is wrong, and the files that secrets are in.
    """
    for path in paths:
        for file in files(path):
            if is_opml(file):
                yield from in_opml(file, problems)
            else:
                yield from every_yaml(file, problems, secrets)


def is_opml(file: Path) -> bool:
    """Whether a file is read as OPML; else it is YAML."""
    return file.suffix.lower() in OPML_SUFFIXES


def files(path: Path) -> list[Path]:
    """The files that a path of the settings stands for."""
    try:
        is_folder = path.is_dir()
    except OSError:
        is_folder = False  # reading it says why
    if not is_folder:
        return [path]
    wanted = (*YAML_SUFFIXES, *OPML_SUFFIXES)
    return sorted(p for p in path.rglob("*") if p.suffix.lower() in wanted and not p.name.startswith("."))


def _unknown_receivers(feed: Feed, place: Place, known: Collection[str] | None) -> Iterator[Problem]:
    for name in feed.receivers:
        if known is not None and name not in known:
            yield Problem(
                place, f"there is no receiver '{name}'", did_you_mean(name, known) or "add it to receivers:"
            )


# ---- YAML ----------------------------------------------------------------------------------------------------


def every_yaml(
    file: Path, problems: list[Problem], secrets: set[Path] | None = None
) -> Iterator[tuple[Feed, Place]]:
    """Every feed of a YAML file and its place."""
    root, found = read_file(file)
    problems.extend(found)
    for feed, item in in_yaml(root, str(file), problems, secrets):
        yield feed, item.place


def in_yaml(
    root: Node | None, name: str, problems: list[Problem], secrets: set[Path] | None = None
) -> Iterator[tuple[Feed, Node]]:
    """The feeds of a YAML file that was read, each with the node that says it."""
    folder = Path(name).parent
    reader = access.Reader(folder=folder, problems=problems, files=set() if secrets is None else secrets)
    defaults = _Defaults()
    items: Node | None = root
    if isinstance(root, Mapping_):
        for key, _ in root.pairs:
            if key.text not in ("defaults", "feeds"):
                hint = did_you_mean(key.text, ("defaults", "feeds")) or "known here: defaults, feeds"
                problems.append(Problem(key.place, f"there is no key '{key.text}'", hint))
        defaults = _defaults(root.get("defaults"), name, reader)
        items = root.get("feeds")
    if items is None or (isinstance(items, Scalar) and items.value() is None):
        return
    if not isinstance(items, Sequence_):
        problems.append(
            Problem(items.place, "feeds must be a list", "begin each line with a dash: - https://...")
        )
        return
    found = [(one, item) for item in items.items if (one := _feed(item, defaults, name, reader))]
    servers = {one.server for one, _ in found if one.inherits}
    if len(servers) > 1 and defaults.place is not None:
        problems.append(_several_servers(servers, defaults.place))
    for one, item in found:
        if not one.inherits or len(servers) == 1:
            yield one.feed, item


def _several_servers(servers: Collection[str], place: Place) -> Problem:
    """A feed that is listed beside a wire's feeds one day must not be shown the wire's password unasked."""
    named = ", ".join(sorted(servers)[:3]) + (", ..." if len(servers) > 3 else "")
    return Problem(
        place,
        f"the secrets of defaults: are for one server, and would go to {named}",
        "say auth: null and headers: {} at the feeds of other servers, or list the wire in a file of its own",
    )


@dataclass(frozen=True, slots=True)
class _Defaults:
    """What holds for feeds that say nothing else.

    Args:
        shown: What servers are shown; None where that could not be read.
        place: Where that is said.
    """

    values: dict[str, Any] = field(default_factory=dict)
    shown: access.Access | None = access.NOTHING
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    feed: Feed
    inherits: bool
    """Whether its server is shown what the defaults say."""

    @property
    def server(self) -> str:
        parts = urlsplit(self.feed.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"


def _defaults(node: Node | None, file: str, reader: access.Reader) -> _Defaults:
    if node is None:
        return _Defaults()
    model, found = check(_Common, node, name=file, value=access.texts(node))
    reader.problems.extend(found)
    said = isinstance(node, Mapping_) and (node.key("auth") or node.key("headers"))
    place = said.place if said else node.place
    if model is None:
        return _Defaults(shown=None if said else access.NOTHING)
    values = model.model_dump(exclude_unset=True, exclude={"auth", "headers"})
    return _Defaults(values, reader.access(model, node), place)


def _feed(node: Node, defaults: _Defaults, file: str, reader: access.Reader) -> _Read | None:
    problems = reader.problems
    given = {"url": node.text} if isinstance(node, Scalar) else access.texts(node)
    if not isinstance(given, dict):
        problems.append(Problem(node.place, "a feed is an address or a mapping with url:"))
        return None
    model, found = check(_Item, node, name=file, value=defaults.values | given)
    problems.extend(found)
    if model is None:
        return None
    place = node.get("url").place if isinstance(node, Mapping_) and node.get("url") else node.place  # type: ignore[union-attr]
    wrong = bad_address(model.url)
    if wrong:
        problems.append(Problem(place, f"{masked_url(model.url)!r} is no address of a feed: {wrong}",
                                "write it like https://news.example/rss"))  # fmt: skip
        return None
    url = model.url.strip()
    own = reader.access(model, node)
    if own is None or defaults.shown is None:
        return None
    has_login = "@" in url and "@" in urlsplit(url).netloc
    if own.askers and has_login:
        problems.append(Problem(place, access.TWICE, access.ONE_LOGIN))
        return None
    shown = own.over(defaults.shown, has_login=has_login)
    feed = Feed(
        url=url,
        name=model.name,
        language=model.language,
        interval=model.interval,
        priority=model.priority,
        receivers=tuple(ReceiverName(name) for name in model.receivers),
        group=model.group,
        headers=shown.sent,
    )
    return _Read(feed, inherits=shown.sent != own.sent)


def bad_address(url: str) -> str | None:
    """Why an address can never be asked, in words; None when it can be tried."""
    url = url.strip()
    if len(url) > MAX_URL_CHARACTERS:
        return f"longer than {MAX_URL_CHARACTERS} characters"
    if any(character.isspace() or not character.isprintable() for character in url):
        return "it holds a blank or a control character"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError as error:
        return str(error).lower()
    if parts.scheme not in ("http", "https"):
        return "it must begin with http:// or https://"
    return None if parts.hostname else "it names no host"


# ---- OPML ----------------------------------------------------------------------------------------------------


def in_opml(file: Path, problems: list[Problem]) -> Iterator[tuple[Feed, Place]]:
    """Every feed of an OPML file and its place.

    Source: OPML 2.0, "Subscription lists"; a folder is an outline without an address.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        problems.append(Problem(Place(str(file)), f"cannot read this file: {error.strerror}"))
        return
    if len(data) > MAX_BYTES:
        problems.append(Problem(Place(str(file)), f"this file is larger than {MAX_BYTES // 1_000_000} MB"))
        return
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        problems.append(Problem(Place(str(file), max(line, 1), max(column, 1)), f"XML: {error.msg}"))
        return
    for outline in root.iter("outline"):
        url = outline.get("xmlUrl")
        if not url:
            continue
        place = Place(str(file), int(outline.sourceline or 1))  # type: ignore[arg-type]
        wrong = bad_address(url)
        if wrong:
            problems.append(Problem(place, f"{masked_url(url)!r} is no address of a feed: {wrong}"))
            continue
        name = outline.get("title") or outline.get("text")
        yield (
            Feed(url=url.strip(), name=name, language=outline.get("language"), group=_folder(outline)),
            place,
        )


def _folder(outline: Any) -> str | None:
    names = [a.get("text") or a.get("title") or "" for a in outline.iterancestors("outline")]
    return "/".join(reversed([name for name in names if name])) or None
