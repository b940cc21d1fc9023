"""What an operator can set, and what it is when nobody did."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from monitor.located import Duration, Interval, some
from monitor.secret import Secret
from monitor.settings.values import (
    Network,
    SecretValue,
    Zone,
    at_most_an_hour,
    channel_value,
    listen_value,
    mailbox_value,
    network_value,
    proxy_value,
    scheme_of,
    sender_value,
    web_value,
)


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True
    )


class PerHost(_Model):
    """How much one server is asked."""

    concurrent: int = Field(2, ge=1, le=100)
    spacing: Annotated[Duration, AfterValidator(at_most_an_hour)] = timedelta(seconds=1)


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

    allow: Annotated[
        tuple[Annotated[Network, BeforeValidator(network_value)], ...], BeforeValidator(some)
    ] = ()
    proxy: Annotated[Secret | None, BeforeValidator(proxy_value)] = None
    """The whole address, with user and password where it has them."""
    contact: str | None = Field(None, max_length=200, pattern=r"^[\x21-\x7e][\x20-\x7e]*$")


class Web(_Model):
    """Health and metrics over HTTP."""

    listen: Annotated[str | None, BeforeValidator(listen_value)] = "127.0.0.1:8080"
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
    sender: Annotated[str, BeforeValidator(sender_value)] | None = Field(None, alias="from")


class Receiver(_Model):
    """A desk or a person, and how to reach them."""

    slack: Annotated[tuple[Annotated[str, BeforeValidator(channel_value)], ...], BeforeValidator(some)] = ()
    email: Annotated[tuple[Annotated[str, BeforeValidator(mailbox_value)], ...], BeforeValidator(some)] = ()
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
    web: Annotated[Web, BeforeValidator(web_value)] = Web()
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
                f"'{scheme_of(value)}' is no database that monitor can use", "write sqlite:///data/monitor.db"
            )
        return value

    @field_validator("broker")
    @classmethod
    def _known_broker(cls, value: str) -> str:
        if value.rstrip("/") != "embedded:":
            raise ValueError(f"'{scheme_of(value)}' is no broker that monitor can use", "write embedded://")
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
