"""A story of which only the words matter: samples of rules, and what somebody types to try a rule."""

from datetime import UTC, datetime

from monitor.stories.ids import FeedId, StoryId
from monitor.stories.story import Story

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def bare_story(
    *,
    name: str = "",
    title: str = "",
    summary: str = "",
    text: str = "",
    source: str = "",
    link: str | None = None,
    language: str | None = None,
) -> Story:
    """A story of no feed and no time; `name` stands for its id."""
    return Story(
        id=StoryId(name), feed=FeedId(""), title=title, summary=summary, text=text, source=source, link=link,
        language=language, seen_at=_NEVER, reference_at=_NEVER,
    )  # fmt: skip
