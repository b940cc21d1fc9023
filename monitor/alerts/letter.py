"""What a channel is given to send, and what it answers. Values only: the same for Slack, mail and print."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from monitor.rules.rule import Priority
from monitor.stories.ids import AlertId, DeliveryId, ReceiverName, RuleId
from monitor.stories.story import Story

Language = Literal["en", "ru", "kk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a field of the story that met a rule; `field` is `title`, `summary` or `text`."""

    field: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why an alert came: one rule, its note, and the words that met it."""

    rule_id: RuleId
    rule: str
    desk: str = ""
    note: str | None = None
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """The same story at another outlet."""

    source: str
    link: str | None
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One alert on its way to one address or channel.

    Args:
        target: The channel id or address; `-` for print.
        language, timezone: Of the receiver: for the fixed words and the times.
        first_tried_at: Now on the first attempt; the same on every later one (the mail's Date).
        plain: Send it in its barest form, because the full form was refused.
        trial: A test of the channel by an operator, not news.
    """

    delivery: DeliveryId
    alert: AlertId
    receiver: ReceiverName
    channel: str
    target: str
    language: Language = "en"
    timezone: str = "UTC"
    priority: Priority = Priority.NORMAL
    story: Story
    reasons: tuple[Reason, ...]
    copies: tuple[Copy, ...] = ()
    first_tried_at: datetime
    plain: bool = False
    trial: bool = False


class Stage(StrEnum):
    """How far a try got when it ended: what may already be on the other side follows from it."""

    RENDER = "render"
    CONNECT = "connect"
    TLS = "tls"
    LOGIN = "login"
    SENDER = "sender"  # MAIL FROM
    RECIPIENT = "recipient"  # RCPT TO
    DATA = "data"  # the server answered to the content
    WRITTEN = "written"  # the request was written whole, no answer came
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The facts of one try, as the channel saw them; `alerts.reactions` says what follows.

    Args:
        code: `ok`, or the provider's own word or number: Slack's `error`, `http_503`, `550`, `timeout`, `refused`.
        retry_after: As the provider asked.
        detail: In words, for a person; holds no secret.
        reference: What the provider calls the message (Slack's `ts`).
    """

    stage: Stage
    code: str
    retry_after: timedelta | None = None
    detail: str = ""
    reference: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the provider took the message."""
        return self.code == "ok"


@dataclass(frozen=True, slots=True)
class Found:
    """The provider has this delivery already."""

    reference: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider does not have it."""


@dataclass(frozen=True, slots=True)
class Unknowable:
    """The provider cannot be asked (mail), or would not answer; `reply` says why where it was asked."""

    reply: Reply | None = None


Finding = Found | Absent | Unknowable
