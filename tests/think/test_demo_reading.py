"""What the service reads from the demo's documents is what the sample stories say."""

from datetime import UTC, datetime

import pytest

from monitor.demo.documents import content_type, document, item
from monitor.demo.newsroom import torn
from monitor.demo.outlets import OUTLETS
from monitor.demo.stories import SEED, sample_stories, story_at
from monitor.fetch.parse import parse

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SPEAKING = [outlet for outlet in OUTLETS if outlet.healthy]


def written(outlet):
    stories = [story for story in sample_stories() if story.outlet == outlet.key]
    items = [
        item(story, updated=False, published_at=NOON if story.dated else None, updated_at=NOON)
        for story in stories
    ]
    return stories, document(outlet, items, changed_at=NOON)


@pytest.mark.parametrize("outlet", SPEAKING, ids=lambda outlet: outlet.key)
def test_every_story_is_read_as_it_was_told(outlet):
    stories, data = written(outlet)
    read = parse(data, content_type(outlet), None)
    assert (read.title, read.complete, read.problems) == (outlet.name, True, ())
    assert [entry.link for entry in read.entries] == [story.link for story in stories]
    for story, entry in zip(stories, read.entries, strict=True):
        assert entry.published_at == (NOON if story.dated else None)
        if story.key != "reversed-headline":
            assert (entry.title, entry.summary) == (story.title, story.summary)


def test_the_tail_of_the_seed_story_is_read_as_lines_of_their_own():
    _, data = written(story_at(f"https://steppe-courier.example/{SEED}").at)
    (seed,) = (entry for entry in parse(data, None, None).entries if entry.link.endswith(SEED))
    lines = seed.content.splitlines()
    assert lines.index("Latest news") == len(lines) - 5


def test_hidden_marks_do_not_reverse_a_headline():
    _, data = written(story_at("https://caspian-ledger.example/reversed-headline").at)
    titles = [entry.title for entry in parse(data, None, None).entries]
    assert "Librarians Find a elttirb Map Behind a Shelf" in titles


def test_of_a_torn_document_the_whole_items_are_read():
    stories, data = written(next(outlet for outlet in OUTLETS if outlet.key == "irbis-gazette"))
    read = parse(torn(data), None, None)
    assert not read.complete
    assert [entry.link for entry in read.entries] == [story.link for story in stories]
