"""Documents made harmless before a parser sees them."""

import contextlib

import pytest

from monitor.fetch.prefilter import MAX_ITEMS, NotAFeed, TooMuch, prepare

ITEM = "<item><title>{}</title><pubDate>{}</pubDate></item>"


def rss(items, end="</channel></rss>", before=""):
    return f'{before}<rss version="2.0"><channel><title>t</title>{items}{end}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ("<!DOCTYPE html><html><head><title>Log in</title></head><body>x</body></html>", "html"),
        ("<html><body><p>Not found</p></body></html>", "html"),
        ("<div>Access denied</div>", "html"),
        ("Access denied", "not_a_feed"),
        ("<opml><body><outline/></body></opml>", "not_a_feed"),
        ("<sitemapindex><sitemap/></sitemapindex>", "not_a_feed"),
        ("<svg></svg>", "not_a_feed"),
        ("\x89PNG <", "not_a_feed"),
    ],
)
def test_what_is_no_feed_is_named(text, reason):
    with pytest.raises(NotAFeed) as caught:
        prepare(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("\n\n  <?xml version='1.0'?>", id="blank lines"),
        pytest.param("<br />\n<b>Warning</b>: something failed in line 3<br />", id="a program's warnings"),
        pytest.param(
            '<?xml version="1.0"?><?xml-stylesheet href="a"?><!-- hi -->', id="instructions and comments"
        ),
        pytest.param(
            '<!DOCTYPE rss [<!ENTITY a "]>"><!-- ]> --><!ENTITY b SYSTEM "file:///etc/passwd">]>',
            id="a document type",
        ),
        pytest.param("<html><body>", id="a page's shell"),
    ],
)
def test_what_stands_before_the_root_is_gone(before):
    prepared = prepare(rss(ITEM.format("a", ""), before=before))
    assert prepared.text.startswith('<?xml version="1.0" encoding="utf-8"?>\n<rss')
    assert "ENTITY" not in prepared.text
    assert prepared.complete


def test_an_item_that_was_cut_off_is_left_out():
    prepared = prepare(rss(ITEM.format("a", "") + "<item><title>b</ti", end=""))
    assert not prepared.complete
    assert prepared.dropped == 1
    assert prepared.text.endswith("</item></channel></rss>")


def test_a_cut_between_items_loses_none():
    prepared = prepare(rss(ITEM.format("a", "") + ITEM.format("b", "") + "\n<it", end=""))
    assert (prepared.complete, prepared.dropped) == (False, 0)
    assert prepared.text.endswith("</item></channel></rss>")


@pytest.mark.parametrize(
    ("ages", "kept"),
    [
        pytest.param(range(MAX_ITEMS + 5), 0, id="newest first"),
        pytest.param(range(MAX_ITEMS + 4, -1, -1), 0, id="oldest first"),
    ],
)
def test_past_the_limit_the_oldest_items_go(ages, kept):
    items = "".join(ITEM.format(f"age {age}.", f"{2020 - age // 300}-01-01T00:00:00Z") for age in ages)
    prepared = prepare(rss(items))
    assert prepared.dropped == 5
    assert prepared.text.count("<item>") == MAX_ITEMS
    assert f"age {kept}." in prepared.text
    assert f"age {MAX_ITEMS + 4}." not in prepared.text
    assert prepared.text.endswith("</channel></rss>")


def test_items_inside_an_unclosed_item_are_items():
    assert prepare(rss("<item><title>a</title>" * 3)).dropped == 0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(rss("<a>" * 500), id="nesting"),
        pytest.param(rss("<item " + " ".join(f'a{n}="1"' for n in range(1000)) + "/>"), id="attributes"),
        pytest.param(rss("<a/>" * 500_000), id="elements"),
    ],
)
def test_shapes_without_measure_are_refused(text):
    with pytest.raises(TooMuch):
        prepare(text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("caf&eacute;", "café"),
        ("a &amp; b &lt;c&gt;", "a &amp; b &lt;c&gt;"),
        ("&amp;eacute;", "&amp;eacute;"),
        ("&#8217;", "&#8217;"),
        ("&#8217 x", "&#8217; x"),
        ("&#xD800;&#0;&#99999999999;&#x" + "f" * 5000 + ";", "\ufffd" * 4),
        ("&nothing;", "&nothing;"),
    ],
)
def test_references_that_would_break_a_parser_are_resolved(written, read):
    assert f"<title>{read}</title>" in prepare(rss(ITEM.format(written, ""))).text


@pytest.mark.parametrize(
    "piece",
    [
        "<![CDATA[",
        "<!--",
        "<!---",
        '<a "',
        "<a '",
        "<a b=",
        "<!DOCTYPE [",
        "<?",
        "<!ENTITY ",
        "&#",
        "&a",
        "]]",
        "\n",
        "<item>",
    ],
)
def test_a_document_of_nothing_but_beginnings_ends(piece):
    for text in (piece * (500_000 // len(piece)), rss(piece * (500_000 // len(piece)))):
        with contextlib.suppress(NotAFeed, TooMuch):
            prepare(text)
