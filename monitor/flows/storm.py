"""How many alerts each feed brought of late: a feed that brings more than anybody can read is held, not sent on."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from monitor.stories.ids import FeedId

WITHIN_S = 600.0


@dataclass(slots=True, kw_only=True)
class Storms:
    """Counts the alerts of each feed. In memory: a restart begins anew, and so a storm gets through once more.

    Args:
        steady: Seconds on a clock that nobody sets.
    """

    steady: Callable[[], float] = time.monotonic
    _sent: dict[FeedId, deque[float]] = field(default_factory=dict)
    _storming: set[FeedId] = field(default_factory=set)

    def holds(self, feed: FeedId, most: int | None) -> bool:
        """Whether what this feed brings now is to be held, if so many are sent within ten minutes (None: all)."""
        sent, now = self._sent.get(feed), self.steady()
        while sent and sent[0] <= now - WITHIN_S:
            sent.popleft()
        if sent is not None and not sent:
            del self._sent[feed]
        return most is not None and sent is not None and len(sent) >= most

    def sent(self, feed: FeedId) -> bool:
        """Count an alert that is sent; gives whether that ends a storm."""
        self._sent.setdefault(feed, deque()).append(self.steady())
        ended = feed in self._storming
        self._storming.discard(feed)
        return ended

    def held(self, feed: FeedId) -> bool:
        """Note that an alert was held; gives whether that begins a storm."""
        begins = feed not in self._storming
        self._storming.add(feed)
        return begins
