"""Items that were read before are left out, and the others are read as if nothing had been."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.fetch import cut
from monitor.fetch.parse import parse

PLAIN = "<item><guid>{n}</guid><title>Story {n}</title><link>/{n}</link><description>&lt;p>Copper {n}&lt;/p></description></item>"
ODD = (
    PLAIN,
    "<item><title><![CDATA[Half </item> <item> {n}]]></title><link>https://a.example/{n}</link></item>",
    "<item xml:lang='kk' xml:base='https://b.example/'><title>Мыс {n}</title><link>{n}.html</link></item>",
    "<!-- <item><title>gone {n}</title></item> --><item>\n<title>In\nlines {n}</title></item>",
    "<item><title>A picture {n}</title><enclosure url='https://a.example/{n}.jpg' type='image/jpeg'/></item><link>x</link>",
)
ENTRY = "<entry><id>{n}</id><title>Entry {n}</title><link href='{n}.html'/><updated>2026-03-02T11:{n:02}:00Z</updated></entry>"


def rss(*items, attributes=""):
    head = f"<rss version='2.0'{attributes}><channel><title>News</title><language>kk</language>"
    return f"{head}<link>https://a.example/</link>{''.join(items)}<ttl>60</ttl></channel></rss>".encode()


def atom(*entries):
    head = "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='https://a.example/x/' xml:lang='ru'><author><name>Desk</name></author>"
    return f"{head}<title>News</title>{''.join(entries)}</feed>".encode()


def read(document, seen=None):
    return parse(document, "application/xml", "https://a.example/feed", seen=seen or {})


def prints(document):
    return dict(cut.split(read(document).prints))


def some(found, positions):
    """The prints of some items of a document."""
    return {print_: name for n, (print_, name) in enumerate(found.items()) if n in positions}


@given(st.lists(st.tuples(st.sampled_from(ODD), st.booleans()), min_size=1, max_size=12))
def test_what_was_not_seen_is_read_as_without_a_cut(items):
    document = rss(*(shape.format(n=n) for n, (shape, _) in enumerate(items)))
    whole, found = read(document), prints(document)
    assert len(found) == len(items)
    seen = {n for n, (_, seen) in enumerate(items) if seen}
    part = read(document, some(found, seen))
    assert part.entries == tuple(entry for n, entry in enumerate(whole.entries) if n not in seen)
    assert (part.title, part.language, part.link, part.prints) == (
        whole.title,
        whole.language,
        whole.link,
        whole.prints,
    )


@given(st.sets(st.integers(0, 7)))
def test_entries_keep_the_base_the_language_and_the_author_of_their_feed(seen):
    document = atom(*(ENTRY.format(n=n) for n in range(8)))
    found = prints(document)
    part = read(document, some(found, seen))
    assert part.entries == tuple(e for n, e in enumerate(read(document).entries) if n not in seen)
    assert all(entry.authors == ("Desk",) for entry in part.entries)


def test_an_item_that_was_edited_is_read():
    before = prints(rss(PLAIN.format(n=1), PLAIN.format(n=2)))
    after = rss(PLAIN.format(n=1), PLAIN.format(n=2).replace("Story", "Corrected story"))
    assert [entry.title for entry in read(after, before).entries] == ["Corrected story 2"]


def test_items_that_changed_places_need_no_reading():
    items = [PLAIN.format(n=n) for n in range(5)]
    assert read(rss(*reversed(items)), prints(rss(*items))).entries == ()


def test_items_are_read_again_when_their_feed_gets_another_base():
    items = [PLAIN.format(n=n) for n in range(2)]
    moved = rss(*items, attributes=" xml:base='https://moved.example/'")
    assert len(read(moved, prints(rss(*items))).entries) == 2


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(rss(PLAIN.format(n=1), "<item><title>2</title>"), id="an item without an end"),
        pytest.param(rss(PLAIN.format(n=1), "<item/>"), id="an item with nothing in it"),
        pytest.param(rss(PLAIN.format(n=1)) [:-30], id="cut off"),
        pytest.param(b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"title": "x"}]}', id="json"),
    ],
)  # fmt: skip
def test_where_items_cannot_be_told_apart_all_are_read(document):
    assert read(document).prints == b""


def test_a_print_of_something_else_cuts_nothing():
    document = rss(PLAIN.format(n=1))
    assert read(document, {bytes(cut.PRINT_BYTES): b"name"}) == read(document)


TWINS = "<item><guid>same</guid><title>Story {n}</title><link>/{n}</link></item>"


def test_entries_that_share_a_name_are_all_read_because_each_is_told_apart_by_the_others():
    document = rss(*(TWINS.format(n=n) for n in range(3)))
    assert read(document).prints == b""
    before = rss(TWINS.format(n=1), PLAIN.format(n=7))
    after = rss(TWINS.format(n=2), TWINS.format(n=1), PLAIN.format(n=7))
    assert len(read(after, prints(before)).entries) == 3


MALFORMED = (
    "<item><guid>bad</guid><title>Salt & Pepper mine</title></item>",
    "<item><guid>bad</guid><title>Odd</title><nobody:declared>x</nobody:declared></item>",
)


@pytest.mark.parametrize("bad", MALFORMED)
def test_a_document_with_a_malformed_item_is_read_whole_before_and_after(bad):
    good = [PLAIN.format(n=n) for n in range(3)]
    assert read(rss(*good, bad)).prints == b""
    assert len(read(rss(*good, bad), prints(rss(*good))).entries) == 4


@pytest.mark.parametrize("place", ["#copper", " #copper\n"])
def test_a_link_to_a_place_in_the_feed_tells_nothing_of_the_feeds_query(place):
    item = f"<item><guid>1</guid><title>One</title><link>{place}</link></item>"
    document = parse(rss(item), "application/xml", "https://wire.example/feed?apikey=sesame")
    assert document.entries[0].link == "https://wire.example/feed#copper"
    other = b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "url": "#copper"}]}'
    document = parse(other, "application/json", "https://wire.example/feed?apikey=sesame")
    assert document.entries[0].link == "https://wire.example/feed#copper"
