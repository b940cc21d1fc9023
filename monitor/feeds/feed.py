"""A feed: an address we ask, and what the operator said about it."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from monitor.secret import Secret, masked_url
from monitor.stories.ids import FeedId, ReceiverName, feed_id

SecretHeaders = tuple[tuple[str, Secret], ...]
"""Headers of a request whose values nobody is shown."""


class FeedPriority(StrEnum):
    """How much it matters that a feed is read soon."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One line of the feed list.

    Args:
        url: As written; may hold secrets, so people are shown `shown_url`.
        interval: How often to ask, or None for the newsroom's own interval.
        receivers: Who else gets this feed's alerts.
        group: The folder it came from, for lists that have folders.
        headers: What its own server is sent besides, and no other: logins and keys of paid wires.
    """

    url: str
    name: str | None = None
    language: str | None = None
    interval: timedelta | None = None
    priority: FeedPriority = FeedPriority.NORMAL
    receivers: tuple[ReceiverName, ...] = ()
    group: str | None = None
    headers: SecretHeaders = ()

    @property
    def id(self) -> FeedId:
        """Follows from the address: another address is another feed."""
        return feed_id(self.url)

    @property
    def shown_url(self) -> str:
        """The address without its secrets."""
        return masked_url(self.url)
