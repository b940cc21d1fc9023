"""What an operator can set, and what it is when nobody did. Reads files and the environment; opens nothing else."""

import ipaddress
import os
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from monitor.errors import SettingsError
from monitor.located import (
    Duration,
    Interval,
    Mapping_,
    Node,
    Place,
    Problem,
    Scalar,
    check,
    did_you_mean,
    errors,
    place_at,
    read,
    read_file,
    some,
)
from monitor.secret import Secret, read_secret

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
ENVIRONMENT = "MONITOR_"


def _network(value: object) -> Network:
    try:
        return ipaddress.ip_network(str(value), strict=False)
    except ValueError as error:
        raise ValueError(f"'{value}' is no network", "write it like 10.0.0.0/8") from error


def _secret(value: object) -> Secret:
    return value if isinstance(value, Secret) else Secret(str(value))


_HOST = re.compile(r"[A-Za-z0-9._:-]+")


def _proxy(value: object) -> Secret | None:
    """The message does not repeat the address: it may hold a password."""
    if value is None or isinstance(value, Secret):
        return value
    hint = "write it like http://proxy.news.example:3128"
    try:
        parts = urlsplit(str(value).strip())
        port = parts.port
    except ValueError as error:
        raise ValueError("this is no address of a proxy", hint) from error
    if parts.scheme != "http" or not _HOST.fullmatch(parts.hostname or "") or port == 0:
        raise ValueError("this is no address of a proxy", hint)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("this is no address of a proxy", hint)
    return Secret(str(value).strip())


def _at_most_an_hour(value: timedelta) -> timedelta:
    if value > timedelta(hours=1):
        raise ValueError("this must be at most 1h", "write it like 1s")
    return value


def _zone(value: object) -> str:
    try:
        ZoneInfo(str(value))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone '{value}'", "write it like Asia/Almaty") from error
    return str(value)


_MAILBOX = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_CHANNEL = re.compile(r"[CDGU][A-Z0-9]{2,}")


def _mailbox(value: object) -> str:
    if not isinstance(value, str) or not _MAILBOX.fullmatch(value) or not value.isascii():
        raise ValueError(f"'{value}' is no mail address", "write it like desk@news.example")
    return value


def _channel(value: object) -> str:
    if not isinstance(value, str) or not _CHANNEL.fullmatch(value):
        raise ValueError(
            f"'{value}' is no Slack channel id",
            "open the channel's details in Slack: it looks like C0123ABCD",
        )
    return value


def _sender(value: object) -> str:
    text = str(value)
    found = re.fullmatch(r"\s*(?:(.*?)\s*<([^<>]+)>|([^<>\s]+))\s*", text)
    if not found or any(not character.isprintable() for character in text):
        raise ValueError(
            f"cannot read '{text}' as a sender", 'write it like "News monitor <alerts@news.example>"'
        )
    _mailbox(found[2] or found[3])
    return text


_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


def listen_address(text: str) -> tuple[str, int]:
    """Where to listen, as host and port; port 0 stands for a free one.

    Raises:
        ValueError: It cannot be read; carries what is wrong and the way out.
    """
    found = _LISTEN.fullmatch(text)
    if not found or int(found[2]) > 65535:
        raise ValueError(
            f"'{text}' is no address to listen on",
            "write it like 127.0.0.1:8080, or [::1]:8080, or 0.0.0.0:8080 for every address, or off",
        )
    return found[1].strip("[]"), int(found[2])


def _listen(value: object) -> str | None:
    if value is None or value is False or value == OFF:
        return None
    listen_address(str(value))
    return str(value)


def _web(value: object) -> object:
    """`web: off` is `web: {listen: off}`."""
    return {"listen": OFF} if value is False or value == OFF else value


OFF = "off"
Zone = Annotated[str, BeforeValidator(_zone)]
SecretValue = Annotated[Secret, BeforeValidator(_secret)]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True
    )


class PerHost(_Model):
    """How much one server is asked."""

    concurrent: int = Field(2, ge=1, le=100)
    spacing: Annotated[Duration, AfterValidator(_at_most_an_hour)] = timedelta(seconds=1)


class Polling(_Model):
    """How often feeds are asked."""

    interval: Interval = timedelta(minutes=15)
    min_interval: Interval = timedelta(minutes=1)
    max_interval: Interval = timedelta(hours=1)
    requests_per_minute: int | None = Field(None, ge=1)
    timeout: Interval = timedelta(seconds=30)
    per_host: PerHost = PerHost()


class Network_(_Model):
    """Where feeds may be, and the way to them."""

    allow: Annotated[tuple[Annotated[Network, BeforeValidator(_network)], ...], BeforeValidator(some)] = ()
    proxy: Annotated[Secret | None, BeforeValidator(_proxy)] = None
    """The whole address, with user and password where it has them."""
    contact: str | None = Field(None, max_length=200, pattern=r"^[\x21-\x7e][\x20-\x7e]*$")


class Web(_Model):
    """Health and metrics over HTTP."""

    listen: Annotated[str | None, BeforeValidator(_listen)] = "127.0.0.1:8080"
    """None is off."""


class Slack(_Model):
    """The Slack app that speaks for the newsroom."""

    token_file: str | None = None
    token: SecretValue | None = None
    api_url: str = "https://slack.com/api/"

    @field_validator("api_url")
    @classmethod
    def _with_slash(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError(f"'{value}' is no address", "write it like https://slack.com/api/")
        return value.rstrip("/") + "/"


class Email(_Model):
    """The mail relay."""

    host: str | None = None
    port: int = Field(587, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    username: str | None = None
    password_file: str | None = None
    password: SecretValue | None = None
    sender: Annotated[str, BeforeValidator(_sender)] | None = Field(None, alias="from")


class Receiver(_Model):
    """A desk or a person, and how to reach them."""

    slack: Annotated[tuple[Annotated[str, BeforeValidator(_channel)], ...], BeforeValidator(some)] = ()
    email: Annotated[tuple[Annotated[str, BeforeValidator(_mailbox)], ...], BeforeValidator(some)] = ()
    print: bool = False
    language: Literal["en", "ru", "kk"] = "en"
    timezone: Zone | None = None


class Alerts(_Model):
    """When a story is told."""

    max_age: Duration = timedelta(hours=6)
    collect: Duration = timedelta(seconds=45)
    window: Duration = timedelta(hours=72)
    most_per_feed: Annotated[int, Field(ge=1)] | None = 500


class Keep(_Model):
    """How long what is over and done with is kept."""

    stories: Interval = timedelta(days=90)
    deliveries: Interval = timedelta(days=365)


class Settings(_Model):
    """Everything an operator can set; paths are absolute, secrets are read."""

    database: str = "sqlite:///data/monitor.db"
    broker: str = "embedded://"
    feeds: Annotated[tuple[Path, ...], BeforeValidator(some)] = (Path("feeds.yaml"),)
    rules: Annotated[tuple[Path, ...], BeforeValidator(some)] = (Path("rules"),)
    templates: Path = Path("templates")
    timezone: Zone = "Asia/Almaty"
    polling: Polling = Polling()
    network: Network_ = Network_()
    web: Annotated[Web, BeforeValidator(_web)] = Web()
    slack: Slack = Slack()
    email: Email = Email()
    receivers: dict[str, Receiver] = {}
    default_receivers: Annotated[tuple[str, ...], BeforeValidator(some)] = ()
    ops_receiver: str | None = None
    alerts: Alerts = Alerts()
    keep: Keep = Keep()

    file: Path = Field(Path("monitor.yaml"), exclude=True)
    """Where they were read: no key of the file."""

    @field_validator("database")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if not value.startswith("sqlite:///") or value == "sqlite:///":
            raise ValueError(
                f"'{_scheme(value)}' is no database that monitor can use", "write sqlite:///data/monitor.db"
            )
        return value

    @field_validator("broker")
    @classmethod
    def _known_broker(cls, value: str) -> str:
        if value.rstrip("/") != "embedded:":
            raise ValueError(f"'{_scheme(value)}' is no broker that monitor can use", "write embedded://")
        return "embedded://"

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return Path(self.database.removeprefix("sqlite:///"))

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """The files that secrets are read from."""
        named = (self.slack.token_file, self.email.password_file)
        return tuple(self.file.parent / name for name in named if name is not None)

    @property
    def receiver_names(self) -> frozenset[str]:
        """Who may be named in rules and feeds."""
        return frozenset(self.receivers)


PRINTS = "print"
"""The receiver there is when the operator named none."""


def _scheme(value: str) -> str:
    return value.split("://", 1)[0] + "://" if "://" in value else value


def load(file: Path, environment: Mapping[str, str] = os.environ) -> tuple[Settings, tuple[Problem, ...]]:
    """Read the settings file and the environment over it.

    Returns:
        The settings and the warnings.

    Raises:
        SettingsError: With every problem at once.
    """
    root, problems = read_file(file, str(file))
    if isinstance(root, Scalar) and root.value() is None:
        root = None
    if root is not None and not isinstance(root, Mapping_):
        problems.append(Problem(root.place, "settings are keys and values", "write them like database: ..."))
        root = None
    tree = root or Mapping_(Place(str(file)))
    problems.extend(_overlay(tree, environment))
    settings, found = check(Settings, tree, name=str(file))
    problems.extend(_without_own_keys(found))
    if settings is not None:
        folder = file.absolute().parent
        settings = _absolute(settings, folder, file)
        settings = _with_secrets(settings, tree, folder, problems)
        problems.extend(_contradictions(settings, tree))
        settings = _with_someone_to_tell(settings)
    if errors(problems) or settings is None:
        raise SettingsError(sorted(problems))
    return settings, tuple(problems)


def _without_own_keys(problems: list[Problem]) -> list[Problem]:
    """`file` is ours, not the operator's: the list of known keys does not name it."""
    return [
        Problem(p.place, p.message, p.hint.replace(" file,", "") if p.hint else None, p.severity)
        for p in problems
    ]


def _absolute(settings: Settings, folder: Path, file: Path) -> Settings:
    path = Path(settings.database.removeprefix("sqlite:///"))
    return settings.model_copy(
        update={
            "database": f"sqlite:///{folder / path}",
            "feeds": tuple(folder / p for p in settings.feeds),
            "rules": tuple(folder / p for p in settings.rules),
            "templates": folder / settings.templates,
            "file": file.absolute(),
        }
    )


def _with_someone_to_tell(settings: Settings) -> Settings:
    """With no receivers there is one that prints."""
    if settings.receivers:
        return settings
    return settings.model_copy(
        update={
            "receivers": {PRINTS: Receiver(print=True)},
            "default_receivers": (PRINTS,),
            "ops_receiver": PRINTS,
        }
    )


# ---- secrets -------------------------------------------------------------------------------------------------


def _with_secrets(settings: Settings, tree: Mapping_, folder: Path, problems: list[Problem]) -> Settings:
    for section, key in (("slack", "token"), ("email", "password")):
        model = getattr(settings, section)
        named = getattr(model, f"{key}_file")
        if named is None or getattr(model, key) is not None:
            continue
        value, wrong = read_secret(folder / named)
        if wrong:
            place = place_at(tree, (section, f"{key}_file"))
            problems.append(Problem(place, f"cannot read {section}.{key}_file '{named}': {wrong}",
                                    "make the file, readable only for this service"))  # fmt: skip
        else:
            settings = settings.model_copy(update={section: model.model_copy(update={key: value})})
    return settings


# ---- the environment -----------------------------------------------------------------------------------------

_NOT_SETTINGS = {"MONITOR_CONFIG"}


def _overlay(tree: Mapping_, environment: Mapping[str, str]) -> list[Problem]:
    """Put `MONITOR_*` variables over the file's values. Unknown ones only warn: Kubernetes sets some by itself."""
    problems: list[Problem] = []
    known = _known_paths(Settings)
    for name in sorted(environment):
        if not name.startswith(ENVIRONMENT) or name in _NOT_SETTINGS:
            continue
        path = tuple(name.removeprefix(ENVIRONMENT).lower().split("__"))
        if path not in known:
            problems.append(
                Problem(Place(name), "no setting has this name, so it is not used", None, "warning")
            )
            continue
        node, found = read(environment[name].encode("utf-8", "surrogateescape"), name)
        problems.extend(found)
        _put(tree, path, node or Scalar("", Place(name), Place(name), "'"))
    return problems


def _known_paths(model: type[BaseModel]) -> set[tuple[str, ...]]:
    paths: set[tuple[str, ...]] = set()
    for key, info in model.model_fields.items():
        if info.exclude:
            continue
        name = info.alias or key
        annotation: Any = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            paths |= {(name, *rest) for rest in _known_paths(annotation)}
        else:
            paths.add((name,))
    return paths


def _put(tree: Mapping_, path: tuple[str, ...], node: Node) -> None:
    here = tree
    for step in path[:-1]:
        inner = here.get(step)
        if not isinstance(inner, Mapping_):
            inner = Mapping_(node.place)
            _set(here, step, inner)
        here = inner
    _set(here, path[-1], node)


def _set(mapping: Mapping_, key: str, node: Node) -> None:
    mapping.pairs = [pair for pair in mapping.pairs if pair[0].text != key]
    mapping.pairs.append((Scalar(key, node.place, node.place), node))


# ---- what fits together --------------------------------------------------------------------------------------


def _contradictions(settings: Settings, tree: Mapping_) -> list[Problem]:
    problems: list[Problem] = []
    known = settings.receiver_names
    for index, name in enumerate(settings.default_receivers):
        if name not in known:
            problems.append(_no_receiver(name, place_at(tree, ("default_receivers", index)), known))
    if settings.ops_receiver is not None and settings.ops_receiver not in known:
        problems.append(_no_receiver(settings.ops_receiver, place_at(tree, ("ops_receiver",)), known))
    for name, receiver in settings.receivers.items():
        place = place_at(tree, ("receivers", name), of_key=True)
        problems.extend(_unreachable(name, receiver, settings, place))
    if not settings.receivers:
        problems.append(Problem(tree.place, "there are no receivers, so alerts are only printed",
                                "add receivers: and default_receivers:", "warning"))  # fmt: skip
    elif not settings.default_receivers:
        problems.append(Problem(tree.place, "there are no default_receivers, so a rule without to: tells nobody",
                                "add default_receivers:", "warning"))  # fmt: skip
    if (
        settings.email.host
        and settings.email.tls == "none"
        and not _is_near(settings.email.host, settings.network.allow)
    ):
        place = place_at(tree, ("email", "tls"))
        problems.append(Problem(place, "mail would leave unencrypted: tls none is for this machine and allowed networks",
                                "set tls: starttls, or name the relay's network in network: {allow: [...]}"))  # fmt: skip
    polling = settings.polling
    if not polling.min_interval <= polling.max_interval:
        place = place_at(tree, ("polling", "min_interval"))
        problems.append(Problem(place, "min_interval is longer than max_interval", "make it shorter"))
    return problems


def _is_near(host: str, allowed: Iterable[Network]) -> bool:
    """Whether a host is this machine or in a network that the operator named."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or any(address in network for network in allowed)


def _no_receiver(name: str, place: Place, known: frozenset[str]) -> Problem:
    return Problem(
        place, f"there is no receiver '{name}'", did_you_mean(name, known) or "add it to receivers:"
    )


def _unreachable(name: str, receiver: Receiver, settings: Settings, place: Place) -> list[Problem]:
    problems: list[Problem] = []
    if not (receiver.slack or receiver.email or receiver.print):
        problems.append(
            Problem(place, f"receiver '{name}' has no address", "give it slack:, email: or print: true")
        )
    if receiver.slack and not (settings.slack.token or settings.slack.token_file):
        problems.append(Problem(place, f"receiver '{name}' is on Slack, but there is no token",
                                "set slack: {token_file: ...}"))  # fmt: skip
    if receiver.email and not settings.email.host:
        problems.append(
            Problem(place, f"receiver '{name}' gets mail, but there is no relay", "set email: {host: ...}")
        )
    elif receiver.email and not settings.email.sender:
        problems.append(
            Problem(place, f"receiver '{name}' gets mail, but there is no sender", "set email: {from: ...}")
        )
    return problems
