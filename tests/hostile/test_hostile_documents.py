"""Whatever a document is, it ends within its limits and the next one is read as ever."""

import pytest

from monitor.feeds.outcome import Document, Fetched, Unanswered, Unreadable
from monitor.fetch import lanes
from monitor.fetch.fetcher import read_in_hand
from monitor.fetch.lanes import Reader
from tests.hostile.documents import ENDED, SLOW, item
from tests.touch.fetch_kit import feed


@pytest.fixture
async def reader():
    reader = Reader()
    reader.start()
    yield reader
    await reader.close()


@pytest.mark.parametrize("document", ENDED.values(), ids=ENDED)
async def test_a_hostile_document_ends_and_the_next_one_is_read(reader, document):
    outcome = await read_in_hand(reader, document(), None, "http://a.example/feed")
    assert isinstance(outcome, Fetched | Unreadable | Unanswered)
    if isinstance(outcome, Fetched):
        assert len(outcome.document.entries) <= 2_000
        assert all("\0" not in entry.title for entry in outcome.document.entries)
    after = await reader.read(feed("still here"), None, None)
    assert isinstance(after, Document)
    assert after.entries[0].title == "still here"


@pytest.mark.parametrize("document", SLOW.values(), ids=SLOW)
async def test_what_only_time_can_end_is_tried_in_both_lanes_and_given_up(reader, document, monkeypatch):
    monkeypatch.setattr(lanes, "SLOW_SECONDS", 1.0)
    patient = Reader()
    patient.start()
    try:
        outcome = await patient.read(document(), None, None)
    finally:
        await patient.close()
    assert isinstance(outcome, Unreadable)
    assert (outcome.reason, outcome.slow) == ("too_slow", True)


async def test_no_file_is_read_and_no_entity_is_invented(reader):
    outcome = await reader.read(ENDED["entities from outside"](), None, None)
    assert isinstance(outcome, Document)
    assert "root:" not in repr(outcome)


async def test_text_that_would_turn_or_hide_a_headline_is_clean(reader):
    body = item("<description>a\u202eb\u2066c\u200bd\u0007e\u0085f&#x1b;g</description>").replace(
        b"<title>x",
        "<title>Invoice \u202excod.exe\u202c Z\u0335\u0335\u0335\u0335\u0335\u0335\u0335".encode(),
    )
    document = await reader.read(body, None, None)
    assert isinstance(document, Document)
    entry = document.entries[0]
    assert entry.title == "Invoice xcod.exe Z" + "\u0335" * 4
    assert not any(
        ord(character) < 32 or character in "\u202e\u2066\u200b\x85" for character in entry.summary
    )


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "intent:#x",
        "http://[::1",
        "http://a b",
    ],
)
async def test_links_that_are_no_addresses_are_left_out(reader, link):
    document = await reader.read(item(f"<link>{link}</link>"), None, "http://a.example/")
    assert isinstance(document, Document)
    assert document.entries[0].link is None


@pytest.mark.parametrize(
    ("link", "read"),
    [("//", "http://a.example/"), ("http://", "http://a.example/"), ("https:///x", "https://x")],
)
async def test_a_link_that_names_no_host_is_read_as_browsers_read_it(reader, link, read):
    document = await reader.read(item(f"<link>{link}</link>"), None, "http://a.example/")
    assert isinstance(document, Document)
    assert document.entries[0].link == read


@pytest.mark.parametrize(
    "probe",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg><a xlink:href='javascript:1'>x</a></svg>",
        "<!--[if IE]><script>1</script><![endif]-->",
        "<a href='&#106;avascript:1'>x</a>",
        "<p style='x'>x</p",
    ],
)
@pytest.mark.parametrize("form", ["escaped", "cdata"])
async def test_no_tag_survives(reader, probe, form):
    inside = f"<![CDATA[{probe}]]>" if form == "cdata" else probe.replace("&", "&amp;").replace("<", "&lt;")
    document = await reader.read(item(f"<description>before {inside}</description>"), None, None)
    assert isinstance(document, Document)
    text = document.entries[0].summary
    assert text.startswith("before")
    assert "<" not in text
    assert "alert" not in text
