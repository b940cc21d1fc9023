"""The demo's feed documents are well-formed and carry the stories whole."""

import json
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest

from monitor.demo.documents import ATOM, CONTENT, RSS1, content_type, document, item
from monitor.demo.outlets import OUTLETS, Format
from monitor.demo.stories import sample_stories, story_at

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SPEAKING = [outlet for outlet in OUTLETS if outlet.healthy]


def items_of(outlet, *, updated=False):
    stories = [story for story in sample_stories() if story.outlet == outlet.key]
    return [
        item(story, updated=updated, published_at=NOON if story.dated else None, updated_at=NOON)
        for story in stories
    ]


def links_in(outlet, data):
    if outlet.format is Format.JSON:
        return [entry["url"] for entry in json.loads(data.decode(outlet.encoding))["items"]]
    root = ET.fromstring(data)
    if outlet.format is Format.ATOM:
        return [link.get("href") for link in root.findall(f"{{{ATOM}}}entry/{{{ATOM}}}link")]
    path = f"{{{RSS1}}}item/{{{RSS1}}}link" if outlet.format is Format.RSS1 else "channel/item/link"
    return [link.text for link in root.findall(path)]


@pytest.mark.parametrize("outlet", SPEAKING, ids=lambda outlet: outlet.key)
def test_a_document_carries_every_story_in_its_own_format_and_encoding(outlet):
    items = items_of(outlet)
    data = document(outlet, items, changed_at=NOON)
    assert links_in(outlet, data) == [entry.link for entry in items]
    assert outlet.encoding in content_type(outlet)
    assert data.decode(outlet.encoding)


@pytest.mark.parametrize("outlet", SPEAKING, ids=lambda outlet: outlet.key)
def test_the_same_stories_give_the_same_bytes(outlet):
    assert document(outlet, items_of(outlet), changed_at=NOON) == document(
        outlet, items_of(outlet), changed_at=NOON
    )


def test_hostile_text_is_escaped_and_not_lost():
    story = story_at("https://steppe-courier.example/ktz-ticket-site")
    data = document(story.at, items_of(story.at), changed_at=NOON)
    titles = [title.text for title in ET.fromstring(data).findall("channel/item/title")]
    assert 'KTZ Ticket Site &lt;!channel&gt; Was Down for an Hour &amp; "Queues" Grew at Stations' in titles
    assert any("<script>" in content.text for content in ET.fromstring(data).iter(f"{{{CONTENT}}}encoded"))


def test_an_update_keeps_the_id_and_changes_the_words():
    story = story_at("https://meridian-wire.example/smelter-pause")
    before, after = (
        item(story, updated=updated, published_at=NOON, updated_at=NOON) for updated in (False, True)
    )
    assert before.link == after.link
    assert "Kazakhmys" not in before.title + before.summary
    assert "Kazakhmys" in after.title


def test_an_undated_story_has_no_date_in_its_document():
    story = story_at("https://arhivnyj-vestnik.example/undated-ktz-ru")
    data = document(story.at, items_of(story.at), changed_at=NOON)
    dates = {i.find("link").text: i.find("pubDate") for i in ET.fromstring(data).findall("channel/item")}
    assert dates[story.link] is None
    assert sum(date is not None for date in dates.values()) == len(dates) - 1
