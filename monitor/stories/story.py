"""An entry as the feed carries it, and the story it tells."""

from dataclasses import dataclass
from datetime import datetime

from monitor.stories.ids import FeedId, StoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One item of a feed's answer, cleaned: plain text, absolute http(s) links, aware UTC times or None."""

    guid: str | None = None
    link: str | None = None
    title: str = ""
    summary: str = ""
    content: str = ""
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    language: str | None = None
    published_at: datetime | None = None
    updated_at: datetime | None = None
    enclosures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One revision of what one entry of one feed tells.

    Order by `seen_at`, never by `published_at`: the first is our clock, the second is a claim that may be absent,
    early or years late.

    Args:
        source: The outlet's name as editors know it.
        text: The full text where the feed carries one; may repeat the summary.
        reference_at: Against what its age is judged: the previous good poll of its feed, or now on a first answer.
        first_answer: The feed was never read before, so an undated story is baseline.
    """

    id: StoryId
    revision: int = 1
    feed: FeedId
    source: str = ""
    title: str = ""
    summary: str = ""
    text: str = ""
    link: str | None = None
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    language: str | None = None
    published_at: datetime | None = None
    seen_at: datetime
    reference_at: datetime
    first_answer: bool = False
