"""`feeds parse`: files in, objects out."""

import gzip
import json

import pytest

from monitor.cli.parse import parse_files

RSS = """<?xml version="1.0" encoding="windows-1251"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/">
<channel><title>Вести</title><link>https://a.example/</link><language>ru</language>
<item><title>Мост &amp;amp; дорога</title><link>/news/1?a=1&amp;amp;b=2</link><guid isPermaLink="false">n1</guid>
<description>&lt;p&gt;Первый.&lt;/p&gt;&lt;p&gt;Второй&amp;nbsp;абзац&lt;/p&gt;</description>
<content:encoded><![CDATA[<h2>Текст</h2><script>x()</script><p>Полный</p>]]></content:encoded>
<dc:creator>А. Автор</dc:creator><category>Дороги</category><category>Дороги</category>
<pubDate>Mon, 02 Mar 2026 12:00:00 +0500</pubDate><enclosure url="/a.mp3" type="audio/mpeg" length="1"/></item>
<item/></channel></rss>"""

ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="kk" xml:base="https://b.example/dir/"><title type="html">Жаңалық &amp;amp; ауа</title>
<entry><id>tag:b.example,2026:1</id><title>The &lt;br&gt; tag</title><link href="1.html"/><updated>2026-03-02T12:00:00Z</updated>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>One</p><p>Two <b>words</b></p></div></content>
<author><name>City desk</name></author><category term="roads"/></entry></feed>"""

RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://c.example/"><title>C</title><link>https://c.example/</link></channel>
<item rdf:about="https://c.example/1"><title>One</title><link>https://c.example/1</link><dc:date>2026-03-02T12:00:00+01:00</dc:date>
<description>line one
line two</description></item></rdf:RDF>"""

SITEMAP = """<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:n="http://www.google.com/schemas/sitemap-news/0.9">
<url><loc>https://d.example/1</loc><n:news><n:publication><n:name>D Times</n:name><n:language>en</n:language></n:publication>
<n:publication_date>2026-03-02</n:publication_date><n:title>A &amp; B</n:title><n:keywords>roads, bridges</n:keywords></n:news></url>
<url><loc>https://d.example/about</loc></url></urlset>"""

JSON = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "E",
    "language": "en-gb",
    "items": [
        {"id": 7, "url": "/7", "title": "T", "content_html": "<p>a</p><p>b</p>", "date_published": "2026-03-02T12:00:00+05:00",
         "authors": [{"name": "City desk"}], "tags": ["x"], "attachments": [{"url": "/7.mp3"}]},
        {"id": "8", "content_text": "one\ntwo <b>"},
        "junk",
    ],
}  # fmt: skip


@pytest.fixture
def parsed(tmp_path):
    async def parse(body, content_type=None, base=None, name="feed"):
        file = tmp_path / name
        file.write_bytes(body if isinstance(body, bytes) else body.encode())
        (found,) = [found async for found in parse_files([file], content_type, base)]
        assert found.pop("file") == str(file)
        json.dumps(found)
        return found

    return parse


async def test_rss(parsed):
    found = await parsed(RSS.encode("cp1251"))
    assert found == {
        "outcome": "parsed",
        "format": "rss20",
        "title": "Вести",
        "language": "ru",
        "dropped": 1,
        "problems": ["1 items have nothing in them"],
        "entries": [
            {
                "id": "n1",
                "link": "https://a.example/news/1?a=1&b=2",
                "title": "Мост & дорога",
                "summary": "Первый.\nВторой абзац",
                "content": "Текст\nПолный",
                "authors": ["А. Автор"],
                "categories": ["Дороги"],
                "language": None,
                "published_at": "2026-03-02T07:00:00Z",
                "updated_at": None,
                "enclosures": ["https://a.example/a.mp3"],
            }
        ],
    }


async def test_atom(parsed):
    found = await parsed(ATOM)
    assert (found["format"], found["title"], found["language"]) == ("atom10", "Жаңалық & ауа", "kk")
    assert found["entries"] == [
        {
            "id": "tag:b.example,2026:1",
            "link": "https://b.example/dir/1.html",
            "title": "The <br> tag",
            "summary": "",
            "content": "One\nTwo words",
            "authors": ["City desk"],
            "categories": ["roads"],
            "language": "kk",
            "published_at": None,
            "updated_at": "2026-03-02T12:00:00Z",
            "enclosures": [],
        }
    ]


@pytest.mark.parametrize(
    ("inside", "field", "value"),
    [
        (
            "<y:full-text xmlns:y='http://news.yandex.ru'>&lt;p&gt;One&lt;/p&gt;Two</y:full-text>",
            "content",
            "One\nTwo",
        ),
        ("<author>n@writers.house (City desk)</author>", "authors", ["City desk"]),
        ("<author>City desk</author>", "authors", ["City desk"]),
        ("<dc:creator>A</dc:creator><dc:creator>B</dc:creator>", "authors", ["A", "B"]),
        ("<pubDate>Mon, 01 Jan 0001 00:00:00 +0000</pubDate>", "published_at", None),
        ("<guid>https://a.example/5</guid>", "link", "https://a.example/5"),
        ("<guid isPermaLink='false'>5</guid>", "link", None),
        ("<description>AT&amp;amp;T\nand more</description>", "summary", "AT&T\nand more"),
        (
            "<m:content xmlns:m='http://search.yahoo.com/mrss/' url='/a.jpg'/>",
            "enclosures",
            ["https://a.example/a.jpg"],
        ),
    ],
)
async def test_what_outlets_write_in_their_own_way(parsed, inside, field, value):
    document = (
        f'<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><link>https://a.example/</link>'
        f"<item><title>x</title>{inside}</item></channel></rss>"
    )
    (entry,) = (await parsed(document))["entries"]
    assert entry[field] == value


async def test_rss_1(parsed):
    (entry,) = (await parsed(RDF))["entries"]
    assert entry["id"] == "https://c.example/1"
    assert entry["published_at"] == "2026-03-02T11:00:00Z"
    assert entry["summary"] == "line one\nline two"


async def test_a_news_sitemap(parsed):
    found = await parsed(SITEMAP)
    assert (found["format"], found["title"], found["dropped"]) == ("sitemap", "D Times", 1)
    (entry,) = found["entries"]
    assert (entry["title"], entry["link"], entry["language"]) == ("A & B", "https://d.example/1", "en")
    assert (entry["categories"], entry["published_at"]) == (["roads", "bridges"], "2026-03-02T00:00:00Z")


async def test_a_json_feed(parsed):
    found = await parsed(json.dumps(JSON), base="https://e.example/feed.json")
    assert (found["format"], found["language"], found["dropped"]) == ("json11", "en-GB", 1)
    first, second = found["entries"]
    assert (first["id"], first["link"], first["content"]) == ("7", "https://e.example/7", "a\nb")
    assert (first["authors"], first["enclosures"]) == (["City desk"], ["https://e.example/7.mp3"])
    assert (second["title"], second["content"], second["link"]) == ("", "one\ntwo <b>", None)


async def test_a_json_feed_that_was_cut_gives_its_whole_items(parsed):
    found = await parsed(json.dumps(JSON)[:-40])
    assert len(found["entries"]) == 1
    assert found["problems"] == ["the document is cut off"]


async def test_relative_links_are_relative_to_where_the_answer_came_from(parsed):
    found = await parsed(RSS.encode("cp1251"), base="https://other.example/x/feed.xml")
    assert found["entries"][0]["link"] == "https://other.example/news/1?a=1&b=2"


async def test_a_packed_file_is_unpacked(parsed):
    assert (await parsed(gzip.compress(RSS.encode("cp1251")), name="feed.xml.gz"))["title"] == "Вести"


async def test_the_content_type_can_be_said(parsed):
    body = RSS.replace(' encoding="windows-1251"', "").encode("koi8-r")
    assert (await parsed(body, content_type="text/xml; charset=koi8-r"))["title"] == "Вести"


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"", "empty"),
        (b"<html><body>Log in</body></html>", "not_a_feed"),
        (b"GIF89a", "not_a_feed"),
        (b'{"message": "not found"}', "not_a_feed"),
        (b"<urlset><url><loc>https://a.example/</loc></url></urlset>", "not_a_feed"),
        (b"<rss>" + b" " * (10 << 20), "too_large"),
        (b"<rss>" + b"<a>" * 1000, "refused"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + b"\xff" * 40, "failed"),
    ],
)
async def test_what_cannot_be_read_is_named(parsed, body, outcome):
    found = await parsed(body)
    assert found["outcome"] == outcome
    assert found["entries"] == []
    assert found["problems"]


async def test_a_feed_without_items_is_a_feed(parsed):
    found = await parsed('<rss version="2.0"><channel><title>Quiet</title></channel></rss>')
    assert (found["outcome"], found["entries"]) == ("parsed", [])


async def test_a_file_that_is_not_there_failed(tmp_path):
    (found,) = [found async for found in parse_files([tmp_path / "none"], None, None)]
    assert found["outcome"] == "failed"


async def test_an_apostrophe_in_a_quoted_attribute_swallows_no_text(parsed):
    html = "<p>One.</p><img alt=\"The bank's head\"/><p>Kazakhmys stops, it's said.</p><a title='a \"b > c'>Two</a><p>Rest.</p>"
    body = f"<rss version='2.0'><channel><item><title>x</title><description><![CDATA[{html}]]></description></item></channel></rss>"
    (entry,) = (await parsed(body))["entries"]
    assert entry["summary"] == "One.\nKazakhmys stops, it's said.\nTwo\nRest."


MEDIA = "xmlns:media='http://search.yahoo.com/mrss/' xmlns:content='http://purl.org/rss/1.0/modules/content/'"
PARTS = {
    "d": "<description>The story.</description>",
    "m": "<media:content url='https://a.example/1.jpg'><media:description>A caption.</media:description></media:content>",
    "c": "<content:encoded>The whole story.</content:encoded>",
}


@pytest.mark.parametrize("order", ["dm", "md", "dcm", "mdc", "dmc", "cdm"])
async def test_a_caption_never_takes_the_place_of_the_story(parsed, order):
    item = "".join(PARTS[part] for part in order)
    body = f"<rss version='2.0' {MEDIA}><channel><item><title>x</title>{item}</item></channel></rss>"
    (entry,) = (await parsed(body))["entries"]
    assert entry["summary"] == "The story."
    assert entry["content"] == ("The whole story." if "c" in order else "")


async def test_what_a_video_says_of_itself_is_its_text_where_there_is_no_other(parsed):
    body = f"<rss version='2.0' {MEDIA}><channel><item><title>x</title>{PARTS['m']}</item></channel></rss>"
    (entry,) = (await parsed(body))["entries"]
    assert entry["summary"] == "A caption."


async def test_an_identifier_is_what_the_document_says_wherever_the_feed_lives(parsed):
    rss = (
        "<rss version='2.0'><channel><item><title>x</title><guid>f3deca3e-bffe</guid></item></channel></rss>"
    )
    atom = "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>x</title><id>t3_42</id></entry></feed>"
    for body, wanted in ((rss, "f3deca3e-bffe"), (atom, "t3_42")):
        for base in ("https://a.example/x/feed", "https://a.example/rss.xml"):
            assert (await parsed(body, base=base))["entries"][0]["id"] == wanted


async def test_the_authors_of_a_feed_are_those_of_its_entries(parsed):
    atom = (
        "<feed xmlns='http://www.w3.org/2005/Atom'><author><name>The Desk</name></author>"
        "<entry><title>x</title><id>1</id></entry><entry><title>y</title><id>2</id><author><name>B</name></author></entry></feed>"
    )
    assert [entry["authors"] for entry in (await parsed(atom))["entries"]] == [["The Desk"], ["B"]]
    feed = {**JSON, "authors": [{"name": "The Desk"}], "items": [{"id": "1", "title": "x"}]}
    assert (await parsed(json.dumps(feed)))["entries"][0]["authors"] == ["The Desk"]


async def test_a_news_sitemap_may_be_empty_for_the_moment(parsed):
    body = (
        "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' "
        "xmlns:news='http://www.google.com/schemas/sitemap-news/0.9'></urlset>"
    )
    found = await parsed(body)
    assert found["outcome"] in ("parsed", "empty")
    assert found["entries"] == []
