"""Which charset an answer is in."""

import pytest

from monitor.fetch.decode import decode

TEXT = "Правительство объявило о строительстве нового моста через реку Урал"


def document(text, declared=None):
    encoding = f' encoding="{declared}"' if declared else ""
    return f'<?xml version="1.0"{encoding}?><rss><title>{text}</title></rss>'


@pytest.mark.parametrize(
    ("codec", "header", "declared"),
    [
        pytest.param("utf-8", None, None, id="nothing said"),
        pytest.param("utf-8-sig", "text/xml; charset=windows-1251", "koi8-r", id="a byte order mark decides"),
        pytest.param("utf-16", None, "utf-16", id="utf-16 with its mark"),
        pytest.param("utf-16-le", None, "utf-16", id="utf-16 without one"),
        pytest.param("utf-16-be", None, None, id="big-endian without one"),
        pytest.param("utf-32", None, None, id="utf-32"),
        pytest.param("cp1251", None, "windows-1251", id="the declaration"),
        pytest.param("cp1251", 'application/rss+xml; charset="Windows-1251"', None, id="the header"),
        pytest.param(
            "koi8-r", "text/xml; charset=koi8-r", "windows-1251", id="the header before the declaration"
        ),
        pytest.param(
            "cp1251", "text/xml; charset=ISO-8859-1", "windows-1251", id="not a server's own Latin-1"
        ),
        pytest.param("utf-8", "text/xml; charset=iso-8859-1", "iso-8859-1", id="utf-8 whatever they say"),
        pytest.param(
            "cp1251", "text/xml; charset=utf-8", "windows-1251", id="not utf-8 although the header says so"
        ),
        pytest.param("cp1251", None, "utf-8", id="Cyrillic that is not the utf-8 it claims to be"),
        pytest.param("koi8-r", None, None, id="undeclared koi8-r"),
        pytest.param("cp1251", "text/xml; charset=undefined", "punycode", id="labels that no browser knows"),
        pytest.param("cp866", None, "IBM866", id="an old label"),
    ],
)
def test_russian_text_is_read_as_it_was_meant(codec, header, declared):
    assert TEXT in decode(document(TEXT, declared).encode(codec), header)


@pytest.mark.parametrize(
    ("codec", "declared", "text"),
    [
        ("cp1252", "iso-8859-1", "Preis: 10 € – „günstig“"),
        ("gb18030", "gb2312", "投资资讯网交易在线"),
        ("cp932", "Shift_JIS", "日本語のニュース"),
        ("iso2022_jp", "iso-2022-jp", "日本語のニュース"),
        ("iso8859-7", "iso-8859-7", "ΕΠΙΚΑΙΡΟΤΗΤΑ"),
        ("cp949", "euc-kr", "한국어 뉴스"),
    ],
)
def test_labels_mean_what_the_web_means_by_them(codec, declared, text):
    assert text in decode(document(text, declared).encode(codec), None)


def test_undeclared_western_text_is_not_taken_for_russian():
    text = "Le président a annoncé la création d'un nouveau musée à Besançon, près de la frontière"
    assert text in decode(document(text).encode("cp1252"), None)


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r"])
def test_a_few_undeclared_russian_words_in_much_markup_are_russian(codec):
    items = "".join(
        f"<item><guid>https://a.example/{n}</guid><title>Copper</title></item>" for n in range(50)
    )
    body = f"<rss version='2.0'><channel>{items}<item><title>Медь дорожает</title></item></channel></rss>"
    assert "Медь дорожает" in decode(body.encode(codec), None)


def test_one_bad_byte_does_not_turn_a_feed_into_another_script():
    body = document(f"{TEXT}\x00", "utf-8").encode().replace(b"\0", b"\xe9")
    assert TEXT in decode(body, None)


def test_a_cut_in_the_middle_of_a_letter_leaves_the_rest():
    assert TEXT[:-1] in decode(document(TEXT).partition("</title>")[0].encode()[:-1], None)


def test_text_that_was_misread_and_saved_again_is_repaired():
    broken = document(TEXT).encode().decode("latin-1").encode()
    assert TEXT in decode(broken, None)


def test_capitals_in_quotation_marks_are_not_taken_for_misread_text():
    text = "El «CAFÉ» abrió; la «MÚSICA» volvió. " * 10
    assert text in decode(document(text).encode(), None)


@pytest.mark.parametrize("character", ["\0", "\x08", "\x1b", "\ufffe", "\uffff"])
def test_what_cannot_stand_in_xml_is_gone(character):
    assert "ab" in decode(document(f"a{character}b").encode(), None)


@pytest.mark.parametrize(
    "name", ["utf-7", "unicode_escape", "punycode", "idna", "zlib", "rot13", "undefined"]
)
def test_codecs_that_are_no_encodings_of_the_web_are_never_used(name):
    assert "+ADw-b+AD4-" in decode(document("+ADw-b+AD4-", name).encode(), f"text/xml; charset={name}")
