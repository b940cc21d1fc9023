"""The desks that come with monitor say of every sample story exactly what the story expects, read from its own feed."""

from datetime import UTC, datetime

import pytest

from monitor.demo.documents import content_type, document, item
from monitor.demo.stories import sample_stories
from monitor.fetch.parse import parse
from monitor.matching import desk
from monitor.shipped import shipped
from monitor.stories.ids import EntryKey, feed_id, story_id
from monitor.stories.story import Story

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
MATCHER = desk.load([shipped("rules")]).matcher
SAID = [pytest.param(story, False, id=story.key) for story in sample_stories()] + [
    pytest.param(story, True, id=f"{story.key}, updated") for story in sample_stories() if story.update
]


def as_read(sample, *, updated):
    written = item(sample, updated=updated, published_at=NOON, updated_at=NOON)
    answer = parse(document(sample.at, [written], changed_at=NOON), content_type(sample.at), None)
    (entry,) = answer.entries
    feed = feed_id(sample.at.site)
    return Story(
        id=story_id(feed, EntryKey(sample.key)),
        feed=feed,
        source=sample.at.name,
        title=entry.title,
        summary=entry.summary,
        text=entry.content,
        link=entry.link,
        language=answer.language,
        published_at=entry.published_at,
        seen_at=NOON,
        reference_at=NOON,
    )


@pytest.mark.parametrize(("sample", "updated"), SAID)
def test_the_desks_say_what_the_story_expects(sample, updated):
    names = {match.rule.name for match in MATCHER.match(as_read(sample, updated=updated))}
    assert names == set(sample.update.rules if updated else sample.rules)
