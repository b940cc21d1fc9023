"""Revisions that were kept a moment ago, for whoever judges them next. A few only: the database has them all."""

from collections.abc import Iterable

from monitor.stories.ids import StoryId
from monitor.stories.story import Story

MOST = 200
MOST_CHARACTERS = 20_000
"""A longer story is read from the database: so this holds some eight megabytes at the very most."""


class Fresh:
    """Hands each revision out once; what was asked for twice may have been decided meanwhile."""

    def __init__(self) -> None:
        self._stories: dict[tuple[StoryId, int], Story] = {}

    def keep(self, stories: Iterable[Story], new: Iterable[tuple[StoryId, int]]) -> None:
        """Keep those that were new to the database; the oldest make room."""
        wanted = set(new)
        for story in stories:
            if (story.id, story.revision) in wanted and len(story.text) + len(
                story.summary
            ) <= MOST_CHARACTERS:
                self._stories[story.id, story.revision] = story
        while len(self._stories) > MOST:
            del self._stories[next(iter(self._stories))]

    def take(self, story: StoryId, revision: int) -> Story | None:
        """The revision, if it is here; it is not any more afterwards."""
        return self._stories.pop((story, revision), None)
