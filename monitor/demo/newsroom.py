"""The newsroom of the demo: the outlets' feeds on one feed server, with stories that appear over a minute."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from monitor.demo.documents import Item, content_type, document, item
from monitor.demo.feedserver import FeedServer
from monitor.demo.outlets import OUTLETS, Manner, Outlet
from monitor.demo.stories import SampleStory, sample_stories

SLOW_SECONDS = 1.5
_DRIP_SECONDS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class NewsroomFeed:
    """One feed of the demo, as its workspace lists it."""

    url: str
    outlet: Outlet


@dataclass(slots=True)
class Newsroom:
    """Publishes the sample stories, each in its outlet's feed from its second on.

    Args:
        speed: How many seconds of the demo pass in one.
        tick: Seconds that only go forward.
    """

    server: FeedServer
    speed: float = 1.0
    tick: Callable[[], float] = time.monotonic
    _began: float = 0.0
    _began_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def length(self) -> timedelta:
        """How long after the start its last story appears."""
        last = max(story.last_change for story in sample_stories())
        return timedelta(seconds=last / self.speed)

    @property
    def feeds(self) -> tuple[NewsroomFeed, ...]:
        """Every feed, once the server is up."""
        return tuple(NewsroomFeed(url=self.server.url(o.path), outlet=o) for o in OUTLETS)

    @property
    def over(self) -> bool:
        """Whether the last story is out."""
        return self.elapsed >= max(story.last_change for story in sample_stories())

    def open(self) -> None:
        """Begin: the first stories are there at once. The server runs already."""
        self._began = self.tick()
        self._began_at = datetime.now(UTC).replace(microsecond=0)
        for outlet in OUTLETS:
            self._serve(outlet)

    @property
    def elapsed(self) -> float:
        """Seconds of the demo that have passed."""
        return (self.tick() - self._began) * self.speed

    def _at(self, second: float) -> datetime:
        return self._began_at + timedelta(seconds=second / self.speed)

    def _serve(self, outlet: Outlet) -> None:
        if outlet.manner is Manner.GONE:
            self.server.serve(
                outlet.path, "this outlet closed its feed", status=404, content_type="text/plain"
            )
        elif outlet.manner is Manner.BROKEN:
            self.server.serve(outlet.path, _broken(outlet), content_type=content_type(outlet))
        else:
            slow = outlet.manner is Manner.SLOW
            self.server.serve(
                outlet.path,
                lambda request: self._document(outlet),
                content_type=content_type(outlet),
                gzip=outlet.manner is Manner.GZIP,
                delay=SLOW_SECONDS if slow else 0.0,
                drip=_DRIP_SECONDS if slow else 0.0,
                headers={"Last-Modified": format_datetime(self._began_at, usegmt=True)}
                if outlet.manner is Manner.STILL
                else None,
            )

    def _document(self, outlet: Outlet) -> bytes:
        elapsed = self.elapsed
        stories = [s for s in sample_stories() if s.outlet == outlet.key and s.after <= elapsed]
        items = [self._item(story, elapsed) for story in reversed(stories)]
        changes = [s.last_change for s in stories if s.last_change <= elapsed] + [s.after for s in stories]
        whole = document(outlet, items, changed_at=self._at(max(changes, default=0)))
        return torn(whole) if outlet.manner is Manner.TORN else whole

    def _item(self, story: SampleStory, elapsed: float) -> Item:
        published_at = self._at(story.after) - story.age if story.dated else None
        updated = story.update is not None and story.update.after <= elapsed
        return item(
            story,
            updated=updated,
            published_at=published_at,
            updated_at=self._at(story.last_change) if updated else published_at,
        )


def torn(whole: bytes) -> bytes:
    """RSS that breaks off behind its last item, where a writer forgot to escape and then stopped."""
    return whole.removesuffix(b"</channel></rss>") + b"<item><title>Half a story & <b>no"


def _broken(outlet: Outlet) -> bytes:
    """What a server sends when its page for errors goes out under the feed's name."""
    return (
        f"<!DOCTYPE html><html><head><title>{outlet.name}: 502</title></head>"
        "<body><h1>Bad gateway</h1><p>The editors' system does not answer.<br></body></html>"
    ).encode()
