"""How many alerts each feed brought of late: a feed that brings more than anybody can read is held, not sent on."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from monitor.stories.ids import FeedId, StoryId

WITHIN_S = 600.0


@dataclass(slots=True, kw_only=True)
class Storms:
    """Counts the alerts of each feed. In memory: a restart begins anew, and so a storm gets through once more.

    Args:
        steady: Seconds on a clock that nobody sets.
    """

    steady: Callable[[], float] = time.monotonic
    _sent: dict[FeedId, deque[float]] = field(default_factory=dict)
    _storms: dict[FeedId, StoryId] = field(default_factory=dict)
    """Feeds that bring too much now, and what began it."""

    def holds(self, feed: FeedId, most: int | None) -> bool:
        """Whether what this feed brings now is to be held, if so many are sent within ten minutes (None: all)."""
        sent, now = self._sent.get(feed), self.steady()
        while sent and sent[0] <= now - WITHIN_S:
            sent.popleft()
        if sent is not None and not sent:
            del self._sent[feed]
        return most is not None and sent is not None and len(sent) >= most

    def sent(self, feed: FeedId, most: int | None) -> StoryId | None:
        """Count an alert that is sent; gives the storm that is over with it, by what began it.

        A storm is over when not half of what may be sent was, or one that goes on would end and begin all the time.
        """
        sent = self._sent.setdefault(feed, deque())
        sent.append(self.steady())
        return self._storms.pop(feed, None) if most is None or len(sent) <= max(most / 2, 1) else None

    def held(self, feed: FeedId, story: StoryId) -> bool:
        """Note that an alert was held; gives whether it begins a storm."""
        return self._storms.setdefault(feed, story) == story
