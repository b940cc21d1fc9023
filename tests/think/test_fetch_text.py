"""Markup to text, dates, links and names of entries."""

from datetime import UTC, datetime

import pytest

from monitor.fetch import cleaning
from monitor.fetch.dates import read_date
from monitor.fetch.markup import text_of


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("One<br/>Two<br>Three", "One\nTwo\nThree"),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb"),
        ("A <b>bold</b>\n claim", "A bold claim"),
        ("in<b>side</b> a word", "inside a word"),
        ("5 < 6 &amp; 7 > 3", "5 < 6 & 7 > 3"),
        ("Q&amp;A", "Q&A"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("&lt;b&gt;", "<b>"),
        ("a<script>alert(1)</script>b<style>p{}</style>c", "abc"),
        ("a<!-- <p>no</p> -->b", "ab"),
        ("a<!-- never closed", "a"),
        ('<img alt="x > y">after', "after"),
        ('<a href="j" title="it\'s > that">link</a>', "link"),
        ("<p>cut in the mid", "cut in the mid"),
        ("cut in a <a href='http", "cut in a"),
        ("<![CDATA[x <b>y</b>]]>z", "x <b>y</b>z"),
        ("&#" + "9" * 5000 + ";", "\ufffd"),
        ("x" + "<" * 5, "x<<<<<"),
    ],
)
def test_markup_becomes_what_a_reader_sees(markup, text):
    assert text_of(markup) == text


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "<!--", "<!---", "<script>", '<a "', "<a '", "&", "&#", "<![CDATA["]
)
def test_markup_made_of_beginnings_ends(piece):
    text_of(piece * (400_000 // len(piece)))


@pytest.mark.parametrize(
    ("claim", "text"),
    [
        ("Using the <br> tag", "Using the <br> tag"),
        ("A <b>bold</b> claim", "A bold claim"),
        ('<p class="x">Lead', "Lead"),
        ("AT&amp;T", "AT&amp;T"),
        ("what&#8217;s new", "what’s new"),
        ("3 < 4", "3 < 4"),
    ],
)
def test_text_that_claims_to_be_plain_is_believed_where_that_can_be(claim, text):
    assert cleaning.clean_claimed_plain(claim, limit=100) == text


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("AT&amp;T\nand others", "AT&T\nand others"),
        ("see ?a=1&copy=2", "see ?a=1&copy=2"),
        ("a <o:p>b</o:p>", "a b"),
        ("one<br>two", "one\ntwo"),
        ("Vector<T> explained", "Vector<T> explained"),
        ("1 < 2 > 0", "1 < 2 > 0"),
    ],
)
def test_text_that_may_be_either_is_read_as_what_it_looks_like(text, read):
    assert cleaning.clean(text, limit=100, markup=None) == read


def test_plain_text_keeps_its_line_breaks_and_loses_control_characters():
    assert cleaning.clean("one\nt\u202ewo\x07", limit=100, markup=None) == "one\ntwo"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mon, 06 Sep 2021 00:01:00 +0000", datetime(2021, 9, 6, 0, 1, tzinfo=UTC)),
        ("2024-05-01T10:00:00.123+06:00", datetime(2024, 5, 1, 4, tzinfo=UTC)),
        ("2024-05-01", datetime(2024, 5, 1, tzinfo=UTC)),
        ("Thu, 01 Jan 2004 19:48:21 CET", datetime(2004, 1, 1, 18, 48, 21, tzinfo=UTC)),
        ("Wed, 21 Nov 2018 16:00:00 MSK", datetime(2018, 11, 21, 13, tzinfo=UTC)),
        ("Wed, 17 Jan 2018 15:50:00 EST", datetime(2018, 1, 17, 20, 50, tzinfo=UTC)),
        ("6 сентября 2024, 10:00 +0500", datetime(2024, 9, 6, 5, tzinfo=UTC)),
        ("12 наурыз 2025 08:30 +0500", datetime(2025, 3, 12, 3, 30, tzinfo=UTC)),
        ("18.04.16", datetime(2016, 4, 18, tzinfo=UTC)),
        ("2020/1/10 14:33:00", datetime(2020, 1, 10, 14, 33, tzinfo=UTC)),
        ("Friday, January 29, 2021 04:42 PM", datetime(2021, 1, 29, 16, 42, tzinfo=UTC)),
        ("Mon, 06 Sep 2021 24:00:00 +0000", datetime(2021, 9, 7, tzinfo=UTC)),
        ("Sat, 30 Feb 2021 00:00:00 GMT", None),
        ("0000-00-00", None),
        ("9999-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("9" * 100, None),
        (None, None),
    ],
)
def test_dates_are_read_as_they_were_meant(text, expected):
    assert read_date(text) == expected


@pytest.mark.parametrize(
    ("value", "base", "link"),
    [
        ("/news/1", "https://a.example/feed.xml", "https://a.example/news/1"),
        ("//cdn.example/x", "https://a.example/", "https://cdn.example/x"),
        ("www.a.example/1", "https://b.example/", "http://www.a.example/1"),
        ("https://a.example/?a=1&amp;b=2", "", "https://a.example/?a=1&b=2"),
        ("https://user:pw@a.example/1", "", "https://a.example/1"),
        ("javascript:alert(1)", "https://a.example/", None),
        ("&#106;avascript:alert(1)", "https://a.example/", None),
        ("/relative", "", None),
        (17, "", None),
    ],
)
def test_links_are_absolute_or_nothing(value, base, link):
    assert cleaning.link(value, base) == link


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("editor@a.example (City desk)", ("City desk",)),
        ("City desk <editor@a.example>", ("City desk",)),
        ("Айгерім Оспанова", ("Айгерім Оспанова",)),
        ("a" * 100_000, ("a" * 199 + "…",)),
    ],
)
def test_authors_are_names(author, name):
    assert cleaning.names([author]) == name


@pytest.mark.parametrize(
    ("tag", "language"), [("ru_RU", "ru-RU"), ("KK", "kk"), ("IT-it", "it-IT"), ("русский", None)]
)
def test_languages_are_tags(tag, language):
    assert cleaning.language(tag) == language
