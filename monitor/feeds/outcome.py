"""What came of asking a feed once. Every way a poll can end is a class here; none is an exception."""

from dataclasses import dataclass
from datetime import timedelta

from monitor.feeds.feed import SecretHeaders
from monitor.stories.story import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What the server gave so that it may answer "not modified" next time; opaque, sent back as received.

    Source: RFC 9110 §8.8 (ETag, Last-Modified), §13.1 (If-None-Match, If-Modified-Since).
    """

    etag: str | None = None
    last_modified: str | None = None
    body_hash: str | None = None
    """Of the decoded body: an answer with the same one needs no reading."""

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified or self.body_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request to make.

    Args:
        headers: Sent to the address's own server besides, and to none that it redirects to.
        validators: Of the last complete answer; empty asks unconditionally.
        slow: This feed was slow to read before: read it in the slow lane at once.
        seen: Prints of items that were read before and need no reading, joined.
    """

    url: str
    headers: SecretHeaders = ()
    validators: Validators = Validators()
    slow: bool = False
    seen: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A feed's answer, read.

    Args:
        format: `rss20`, `rss10`, `atom10`, `json11`, ... as the reader recognised it.
        complete: False where the document was cut off; then its last item was left out and no validator is kept.
        dropped: Entries left out (too many, or nothing in them).
        problems: What was odd, in words for a person.
        slow: Reading took the slow lane.
        prints: What every item of the document is known by (`Ask.seen`), also those that were seen and are not among the entries;
            empty where they cannot be told apart.
    """

    format: str = ""
    title: str = ""
    language: str | None = None
    link: str | None = None
    entries: tuple[Entry, ...] = ()
    complete: bool = True
    dropped: int = 0
    problems: tuple[str, ...] = ()
    slow: bool = False
    prints: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The feed answered with a document. `validators` are empty unless it was complete."""

    document: Document
    validators: Validators = Validators()
    fresh_for: timedelta | None = None
    """How long the publisher says this stays fresh, or None if it did not say."""
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """Nothing new: a 304, or a body that was read before. `validators` are those to send next time."""

    validators: Validators = Validators()
    fresh_for: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The server answered with an error status.

    Args:
        retry_after: As asked by the server (RFC 9110 §10.2.3), or None.
        reason: What the refusal is where that is known (`challenge`, `captive_portal`, `login_page`); else the status says it.
    """

    status: int
    retry_after: timedelta | None = None
    detail: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered:
    """No whole answer came: `reason` is one short word (`dns`, `connect`, `tls`, `timeout`, `private_address`,
    `redirects`, `bad_address`, `proxy`, `protocol`, `interrupted`, `too_large`, `encoding`)."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An answer came and is no feed we can read: `reason` is one short word (`html`, `challenge`, `captive_portal`,
    `login_page`, `empty`, `not_a_feed`, `broken`, `refused` (past a limit of shape), `too_slow`, `too_much_memory`,
    `crashed`, `not_read`)."""

    reason: str
    detail: str = ""
    slow: bool = False


Outcome = Fetched | NotModified | Refused | Unanswered | Unreadable


def name_of(outcome: Outcome) -> str:
    """The outcome's one word, for logs, tables and metrics."""
    match outcome:
        case Fetched(document=document):
            return "fetched" if document.complete else "partial"
        case NotModified():
            return "not_modified"
        case Refused(status=status, reason=reason):
            return reason or f"http_{status}"
        case Unanswered(reason=reason) | Unreadable(reason=reason):
            return reason


def is_good(outcome: Outcome) -> bool:
    """Whether everything the feed had was read."""
    return isinstance(outcome, NotModified) or (isinstance(outcome, Fetched) and outcome.document.complete)
