"""What the server of a paid wire is shown, and no other: a login, keys in headers. Reads their files; asks nobody."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, field_validator

from monitor.feeds.feed import SecretHeaders
from monitor.located import Mapping_, Node, Problem, Scalar, place_at, plain
from monitor.secret import Secret, read_secret

MOST_HEADERS = 20
MOST_CHARACTERS = 4_000
AUTHORIZATION = "authorization"
TWICE = "this says twice who asks"
ONE_LOGIN = "keep one of auth:, the header Authorization, and user and password in the address"

# Source: RFC 9110 §5.1 (field names are tokens), §7.6.1 (what belongs to one connection), §7.8.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OURS = frozenset((
    "host", "content-length", "transfer-encoding", "content-encoding", "content-type", "connection", "keep-alive", "te",
    "trailer", "upgrade", "expect", "proxy-connection", "proxy-authorization", "proxy-authenticate", "accept-encoding",
    "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
))  # fmt: skip
_VALUE = re.compile(r"[\x20-\x7e]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class InFile:
    """The name of a file that holds a header's value."""

    name: str


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no name of a header", "write it like X-Api-Key")
    if name.lower() in _OURS:
        raise ValueError(f"the header '{name}' is set by monitor itself", "take it out")
    return name


def _value(said: object) -> Secret | InFile:
    """A secret before anything could complain of it, so that no message repeats it."""
    if isinstance(said, dict) and list(said) == ["file"] and isinstance(said["file"], str) and said["file"]:
        return InFile(said["file"])
    if not isinstance(said, str):
        raise ValueError(
            "a header is text, or the name of a file that holds it", "write it like {file: secrets/wire}"
        )
    value = said.strip()
    if wrong := _unfit(value):
        raise ValueError(f"this header cannot be sent: {wrong}", "write printable ASCII on one line")
    return Secret(value)


def _headers(headers: dict[str, Secret | InFile]) -> dict[str, Secret | InFile]:
    if len(headers) > MOST_HEADERS:
        raise ValueError(f"there are more than {MOST_HEADERS} headers", "take some out")
    names: set[str] = set()
    for name in headers:
        if name.lower() in names:
            raise ValueError(f"the header '{name}' stands here a second time", "keep one of them")
        names.add(name.lower())
    return headers


def _unfit(value: str) -> str | None:
    """Why this cannot be a header's value, in words that do not repeat it."""
    if not value:
        return "it is empty"
    if len(value) > MOST_CHARACTERS:
        return f"it is longer than {MOST_CHARACTERS} characters"
    if _VALUE.fullmatch(value):
        return None
    return (
        "it has more than one line, or a control character" if _CONTROL.search(value) else "it is not ASCII"
    )


class Auth(BaseModel):
    """A login by HTTP's Basic scheme."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    username: str
    password_file: str

    @field_validator("username")
    @classmethod
    def _sendable(cls, value: str) -> str:
        if not value or ":" in value or _CONTROL.search(value) or len(value) > MOST_CHARACTERS:
            raise ValueError("this username cannot be sent", "write it without a colon, on one line")
        return value


class Wire(BaseModel):
    """The keys of a feed, or of the defaults, that say what its server is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    auth: Auth | None = None
    headers: Annotated[
        dict[Annotated[str, AfterValidator(_name)], Annotated[Secret | InFile, BeforeValidator(_value)]],
        AfterValidator(_headers),
    ] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a mapping says, with the files read.

    Args:
        auth: The login as a header, or nothing.
        says_auth, says_headers: Whether the mapping speaks of them at all, be it to say that there are none.
    """

    auth: SecretHeaders = ()
    headers: SecretHeaders = ()
    says_auth: bool = False
    says_headers: bool = False

    @property
    def askers(self) -> int:
        """How often it says who asks."""
        return len(self.auth) + sum(name.lower() == AUTHORIZATION for name, _ in self.headers)

    def over(self, defaults: "Access", *, has_login: bool) -> "Access":
        """What holds for a feed that says this, in a list with defaults. Who asks is said by the nearest.

        Args:
            has_login: The feed's address holds user or password.
        """
        auth = self.auth if self.says_auth else defaults.auth
        headers = self.headers if self.says_headers else defaults.headers
        if self.askers or has_login:
            auth = self.auth
            headers = self.headers if self.says_headers else _without_asker(headers)
        return Access(auth=auth, headers=headers)

    @property
    def sent(self) -> SecretHeaders:
        """Everything, as headers."""
        return (*self.auth, *self.headers)


def _without_asker(headers: SecretHeaders) -> SecretHeaders:
    return tuple((name, value) for name, value in headers if name.lower() != AUTHORIZATION)


NOTHING = Access()


def texts(node: Node) -> Any:
    """A node's plain values, but what is sent to servers as the text it is: `X-Key: 42.0` is no number."""
    values = plain(node)
    if isinstance(node, Mapping_):
        for key in ("auth", "headers"):
            said = node.get(key)
            if said is not None and not isinstance(said, Scalar):
                values[key] = plain(said, typed=False)
    return values


@dataclass(slots=True, kw_only=True)
class Reader:
    """Reads the files that a list's secrets are in.

    Args:
        folder: What their names are relative to.
        problems: Takes up what is wrong.
        files: Takes up every file that was read, or would have been.
    """

    folder: Path
    problems: list[Problem]
    files: set[Path]

    def access(self, wire: Wire, node: Node) -> Access | None:
        """What a mapping says its server is to be shown; None where something is wrong with it.

        Args:
            node: Where it says so, for the places of problems.
        """
        before = len(self.problems)
        said = wire.model_fields_set & {"auth", "headers"}
        if not said:
            return NOTHING  # nearly every feed
        found = Access(
            auth=tuple(self._login(wire.auth, node)),
            headers=tuple(self._sent(wire, node)),
            says_auth="auth" in said,
            says_headers="headers" in said,
        )
        if found.askers > 1:
            self.problems.append(Problem(place_at(node, ("auth",), of_key=True), TWICE, ONE_LOGIN))
        return found if len(self.problems) == before else None

    def _login(self, auth: Auth | None, node: Node) -> Iterator[tuple[str, Secret]]:
        """Source: RFC 7617 §2; the pair goes as UTF-8."""
        if auth is None:
            return
        password = self._read(auth.password_file, node, ("auth", "password_file"), _CONTROL.search)
        if password is not None:
            pair = f"{auth.username}:{password.reveal()}".encode()
            yield "Authorization", Secret("Basic " + base64.b64encode(pair).decode())

    def _sent(self, wire: Wire, node: Node) -> Iterator[tuple[str, Secret]]:
        for name, said in wire.headers.items():
            if isinstance(said, Secret):
                yield name, said
            elif value := self._read(said.name, node, ("headers", name, "file"), _unfit):
                yield name, value

    def _read(
        self, name: str, node: Node, path: tuple[str, ...], unfit: Callable[[str], object]
    ) -> Secret | None:
        """A secret from its file, or a problem where the file is named."""
        file = self.folder / name
        self.files.add(file)
        secret, wrong = read_secret(file)
        if secret is not None:
            if not unfit(secret.reveal()):
                return secret
            wrong = "it holds what cannot be sent: more than one line, a control character, or too much"
        self.problems.append(
            Problem(
                place_at(node, path),
                f"cannot read {'.'.join(path)} '{name}': {wrong}",
                "make the file, readable only for this service",
            )
        )
        return None
