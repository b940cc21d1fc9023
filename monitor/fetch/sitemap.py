"""News sitemaps (Google News tags) as feeds: some publishers have no other."""

from collections import defaultdict

from lxml import etree

from monitor.feeds.outcome import Document
from monitor.fetch import cleaning
from monitor.fetch.dates import read_date
from monitor.fetch.prefilter import NotAFeed, Prepared
from monitor.stories.story import Entry

Fields = dict[str, list[str]]


def read(prepared: Prepared, base: str) -> Document:
    """Read a news sitemap, an entry for each address that has a title.

    Raises:
        NotAFeed: It lists addresses without saying anything of news.

    Source: Google Publisher Center help, "Create a news sitemap".
    """
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    root = etree.fromstring(prepared.text.encode("utf-8"), parser)
    pages = [_fields(page) for page in (root if root is not None else ()) if _local(page) == "url"]
    news = [page for page in pages if page["news:title"]]
    if not news and not _declares_news(root):
        raise NotAFeed("not_a_feed", "this is a sitemap without news")
    first = news[0] if news else {}
    entries = tuple(_entry(page, base) for page in news)
    dropped = prepared.dropped + len(pages) - len(news)
    problems = list(prepared.problems)
    if len(pages) > len(news):
        problems.append(f"{len(pages) - len(news)} addresses have no news title")
    return Document(
        format="sitemap",
        title=cleaning.clean(_first(first, "news:name"), limit=cleaning.MAX_TITLE, markup=None, lines=False),
        language=cleaning.language(_first(first, "news:language")),
        entries=entries,
        complete=prepared.complete,
        dropped=dropped,
        problems=tuple(problems),
    )


def _declares_news(root: etree._Element | None) -> bool:
    """Whether a sitemap is one of news, of which there may be none at the moment."""
    return root is not None and any("sitemap-news" in str(space) for space in root.nsmap.values())


def _entry(page: Fields, base: str) -> Entry:
    address = _first(page, "loc")
    return Entry(
        guid=cleaning.guid(address),
        link=cleaning.link(address, base),
        title=cleaning.clean(_first(page, "news:title"), limit=cleaning.MAX_TITLE, markup=None, lines=False),
        categories=cleaning.words(part.strip() for part in _first(page, "news:keywords").split(",")),
        language=cleaning.language(_first(page, "news:language")),
        published_at=read_date(_first(page, "news:publication_date")),
        updated_at=read_date(_first(page, "lastmod")),
        enclosures=cleaning.links(page["image:loc"], base),
    )


def _fields(page: etree._Element) -> Fields:
    """Texts by name; `news:` and `image:` stand for their namespaces, whatever prefix the document uses."""
    fields: Fields = defaultdict(list)
    for element in page.iter(etree.Element):
        name = _local(element)
        space = etree.QName(element).namespace or ""
        prefix = "news:" if "sitemap-news" in space else "image:" if "sitemap-image" in space else ""
        fields[prefix + name].append(" ".join((element.text or "").split()))
    return fields


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _first(page: Fields, name: str) -> str:
    return next(iter(page.get(name, ())), "")
