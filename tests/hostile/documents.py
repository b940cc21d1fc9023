"""Documents that were made to hurt whoever reads them: each is described by what it is."""

import gzip

from tests.touch.fetch_kit import feed

MANY = 1_000_000


def item(inside):
    """A feed whose one item holds this."""
    return f'<rss version="2.0"><channel><item><title>x</title>{inside}</item></channel></rss>'.encode()


def entities():
    """Entities that each name ten of the one before."""
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    return f'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY l0 "lol">{levels}]>'.encode() + item(
        "<description>&l11;</description>"
    )


def one_entity():
    """One long entity, named very often."""
    declared = f'<!DOCTYPE r [<!ENTITY a "{"a" * 100_000}">]>'
    return declared.encode() + item(f"<description>{'&a;' * 20_000}</description>")


def chained_entities():
    """Entities that each name the one before, so deep that a parser's stack runs out."""
    chain = "".join(f'<!ENTITY e{n} "&e{n - 1};">' for n in range(1, 150_000))
    return f'<!DOCTYPE r [<!ENTITY e0 "x">{chain}]>'.encode() + item("<description>&e149999;</description>")


def outside_entities():
    """Entities that would read a file or make a request."""
    declared = (
        '<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY % p SYSTEM "http://127.0.0.1:1/x">%p;]>'
    )
    return declared.encode() + item("<description>&f;</description>")


ENDED = {
    "entities of entities": entities,
    "one entity named often": one_entity,
    "a chain of entities": chained_entities,
    "entities from outside": outside_entities,
    "entity declarations without end": lambda: b"<!ENTITY " * 25_000 + feed("x"),
    "blank lines before the root": lambda: b"\n" * MANY + feed("x"),
    "a declaration of nothing but encodings": lambda: b"<?xml " + b'encoding="' * 5_000 + b"?>" + feed("x"),
    "nested elements": lambda: item("<a>" * 500_000),
    "nested lists of JSON": lambda: b"[" * 500_000,
    "nested objects of JSON": lambda: b'{"title": "t", "items": ' + b'{"a":' * 100_000,
    "a giant attribute": lambda: item(f'<link a="{"x" * 9_000_000}"/>'),
    "attributes without number": lambda: item(
        "<link " + " ".join(f'a{n}="1"' for n in range(100_000)) + "/>"
    ),
    "items without number": lambda: (
        b"<rss version='2.0'><channel>" + b"<item><title>x</title></item>" * 300_000
    ),
    "categories without number": lambda: item("".join(f"<category>c{n}</category>" for n in range(5_000))),
    "a title of ten megabytes": lambda: item("").replace(b"<title>x", b"<title>" + b"x" * 9_900_000),
    "comments inside text, never closed": lambda: item(
        "<description><![CDATA[" + "<!---" * 200_000 + "]]></description>"
    ),
    "markup of nothing but beginnings": lambda: item(
        "<description><![CDATA[" + "<a " * 300_000 + "]]></description>"
    ),
    "NULs everywhere": lambda: (
        b"\0".join(bytes([byte]) for byte in item("<description>d</description>")) + b"\0"
    ),
    "nothing but NULs": lambda: b"\0" * MANY,
    "nothing but angle brackets": lambda: b"<" * MANY,
    "nothing but ampersands": lambda: item("<description>" + "&" * 200_000 + "</description>"),
    "a charset that is slow to read": lambda: b'<?xml version="1.0" encoding="punycode"?>' + item("x" * MANY),
    "a charset that hides a document type": lambda: (
        '<!DOCTYPE r [<!ENTITY a "b">]>'.encode("utf-16") + item("").decode().encode("utf-16")
    ),
    "a charset that is none": lambda: b'<?xml version="1.0" encoding="\0\xff"?>' + item(""),
    "references to no character": lambda: item(
        "<author>&#xD800;&#99999999999;&#x110000;</author><b>" + "&#" + "9" * 5_000 + ";"
    ),
    "elements in the place of values": lambda: item(
        '<author_detail a="1"/><links a="1"/><published_parsed a="1"/><tags a="b"/>'
    ),
    "more such elements": lambda: item(
        '<title_detail a="1"/><content a="1"/><id a="1"/><summary_detail><x/></summary_detail>'
    ),
    "a web page": lambda: (
        b"<!DOCTYPE html><html><head><title>Log in</title></head><body>" + b"<p>x</p>" * 10_000
    ),
    "a device's name": lambda: b"/dev/zero",
    "an address": lambda: b"http://127.0.0.1:1/feed.xml",
    "a picture": lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 1_000,
    "a gzip inside": lambda: gzip.compress(gzip.compress(feed("x"))),
    "numbers of thousands of digits": lambda: (
        b'{"title": "t", "items": [{"id": ' + b"9" * 100_000 + b', "title": "x"}]}'
    ),
}
"""All of these end in the quick lane, or at worst in the slow one, with any outcome but a crash of ours."""

SLOW = {
    "an author that takes for ever to be searched for an address": lambda: item(
        f"<author>{'a' * 300_000}</author>"
    ),
}
"""Nothing but time ends these."""
