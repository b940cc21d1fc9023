"""Room for polls by server, so that one with thousands of feeds leaves room for all others."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable

from monitor.feeds.feed import Feed
from monitor.stories.ids import FeedId
from monitor.stories.links import host_of

Due = tuple[float, int, FeedId]
"""When a feed is due, its place among those due then, and which it is."""


class Servers:
    """Counts the polls of each server, and keeps the feeds that are due while their server has its share.

    Args:
        most: Polls of one server at once.
        due_again: Takes a feed that was kept, once there is room at its server.
    """

    def __init__(self, most: int, due_again: Callable[[Due], None]) -> None:
        self._most, self._due_again = most, due_again
        self._begun: Counter[str] = Counter()
        self._kept: defaultdict[str, deque[Due]] = defaultdict(deque)

    def begins(self, feed: Feed, due: Due) -> bool:
        """Whether a poll may begin, which counts it; otherwise its feed is kept."""
        server = host_of(feed.url)
        if self._begun[server] >= self._most:
            self._kept[server].append(due)
            return False
        self._begun[server] += 1
        return True

    def ended(self, feed: Feed) -> None:
        """A poll has ended: the next feed of its server is due."""
        server = host_of(feed.url)
        self._begun[server] -= 1
        if kept := self._kept.get(server):
            self._due_again(kept.popleft())
        if not self._kept.get(server):
            self._kept.pop(server, None)
        if not self._begun[server]:
            del self._begun[server]

    def release(self) -> None:
        """Give all kept feeds back: who is among them may have changed, and each must find its room anew."""
        kept, self._kept = self._kept, defaultdict(deque)
        for feeds in kept.values():
            for due in feeds:
                self._due_again(due)
