"""Whether a feed is well, from what its last polls came to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from monitor.feeds.schedule import FAILING_AFTER


class FeedHealth(StrEnum):
    """A feed's state as people see it."""

    NEW = "new"  # never asked
    OK = "ok"
    FAILED = "failed"  # the last poll failed; not yet often enough to be failing
    FAILING = "failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """What outlives a poll.

    Args:
        failures: Failed polls in a row.
        outcome, detail: The last poll's one word, and more words.
        slow: How often in a row its answers needed the slow lane of the reader.
    """

    next_at: datetime | None = None
    polled_at: datetime | None = None
    good_at: datetime | None = None
    failures: int = 0
    outcome: str = ""
    detail: str = ""
    slow: int = 0

    @property
    def health(self) -> FeedHealth:
        """Its state in one word."""
        if self.polled_at is None:
            return FeedHealth.NEW
        if self.failures == 0:
            return FeedHealth.OK
        return FeedHealth.FAILING if self.failures >= FAILING_AFTER else FeedHealth.FAILED
