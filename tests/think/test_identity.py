"""What makes two entries the same story."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from monitor.stories.identity import fingerprint, keys
from monitor.stories.story import Entry

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AN_ENTRY = Entry(
    guid="tag:a.example,2026:1", link="https://a.example/1", title="Bridge opens", published_at=NOON
)


def key(entry):
    return keys([entry])[0]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"link": "https://a.example/moved"}, id="another link"),
        pytest.param({"title": "Bridge opens at last"}, id="another title"),
        pytest.param({"published_at": None}, id="no date any more"),
        pytest.param({"guid": "  tag:a.example,2026:1\n"}, id="white space around the guid"),
    ],
)
def test_a_guid_names_the_story_whatever_else_changes(change):
    assert key(replace(AN_ENTRY, **change)) == key(AN_ENTRY)


def test_case_in_a_guid_matters():
    assert key(replace(AN_ENTRY, guid="TAG:a.example,2026:1")) != key(AN_ENTRY)


def test_guids_in_composed_and_decomposed_letters_are_one():
    assert key(replace(AN_ENTRY, guid="й-1")) == key(replace(AN_ENTRY, guid="и\u0306-1"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https://a.example/news/1?utm_source=rss", "http://www.a.example/news/1"),
        ("https://a.example/news/1#3", "https://a.example/news/1#0"),
        ("https://a.example/news/1/", "https://a.example/news/1"),
        ("https://a.example/n?id=1&rnd=8731", "https://a.example/n?id=1&rnd=12"),
        ("https://a.example/n;jsessionid=AB12?id=1", "https://a.example/n;jsessionid=CD34?id=1"),
    ],
)
@pytest.mark.parametrize("field", ["guid", "link"])
def test_a_permalink_that_changes_what_does_not_matter_is_the_same(field, before, after):
    entry = Entry(title="Bridge opens")
    assert key(replace(entry, **{field: before})) == key(replace(entry, **{field: after}))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/n?id=1", "https://a.example/n?id=2"),
        ("https://a.example/live#post-871", "https://a.example/live#post-872"),
    ],
)
def test_a_permalink_that_changes_what_matters_is_another(one, other):
    assert key(Entry(guid=one)) != key(Entry(guid=other))
    assert key(Entry(link=one, title="a")) != key(Entry(link=other, title="a"))


def test_entries_that_share_a_guid_are_told_apart_by_their_links():
    found = keys([Entry(guid="0", link=f"https://a.example/{n}", title="Same title") for n in range(3)])
    assert len(set(found)) == 3


def test_entries_that_share_guid_and_link_are_told_apart_by_their_titles():
    found = keys(
        [Entry(guid="0", link="https://a.example/", title=title) for title in ("Floods", "Elections")]
    )
    assert len(set(found)) == 2


def test_the_same_entry_twice_keeps_the_key_it_has_alone():
    assert set(keys([AN_ENTRY, AN_ENTRY, Entry(guid="another")])) == {
        key(AN_ENTRY),
        key(Entry(guid="another")),
    }


def test_a_neighbour_does_not_change_a_key():
    assert keys([AN_ENTRY, Entry(guid="another")])[0] == key(AN_ENTRY)


def test_without_a_guid_the_link_names_the_story():
    entry = Entry(link="https://a.example/1", title="Bridge opens")
    assert key(entry) == key(replace(entry, title="Bridge opened", published_at=NOON))


def test_without_guid_and_link_title_date_and_text_do():
    entry = Entry(title="USD", summary="334.41", published_at=NOON)
    assert key(entry) == key(replace(entry))
    assert key(entry) != key(replace(entry, summary="335.02"))
    assert key(entry) != key(replace(entry, title="EUR"))
    assert key(entry) != key(replace(entry, published_at=None))


def test_entries_without_guid_that_share_a_link_are_told_apart():
    assert len(set(keys([Entry(link="https://a.example/", title=title) for title in ("One", "Two")]))) == 2


def test_a_key_is_short_however_long_the_guid_is():
    assert len(key(Entry(guid="x" * 100_000))) < 40


@pytest.mark.parametrize(
    ("change", "revised"),
    [
        ({"title": "Bridge stays shut"}, True),
        ({"summary": "A correction"}, True),
        ({"content": "Full text"}, True),
        ({"link": "https://a.example/other"}, True),
        ({"published_at": None, "updated_at": NOON}, False),
        ({"authors": ("City desk",), "categories": ("Roads",)}, False),
        ({"title": "Bridge  opens "}, False),
        ({"link": "https://www.a.example/1?utm_campaign=x"}, False),
    ],
)
def test_a_revision_changes_what_a_reader_sees(change, revised):
    assert (fingerprint(replace(AN_ENTRY, **change)) != fingerprint(AN_ENTRY)) is revised
