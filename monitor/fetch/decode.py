"""From bytes to text: which charset an answer is in, whatever it says. Only encodings of the web are ever tried."""

import codecs
import re

# The codec that reads what documents mean ← how they write it.
# Source: WHATWG Encoding Standard §4.2 (Latin-1 means windows-1252, GB2312 means GB18030, and so on).
_LABELS = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8 x-utf-8 utf-8n",
    "cp1252": "iso-8859-1 iso8859-1 latin1 latin-1 l1 us-ascii ascii ansi_x3.4-1968",
    "cp1251": "win1251",
    "cp1254": "iso-8859-9 iso8859-9 latin5",
    "cp874": "tis-620 windows-874 iso-8859-11 cp874",
    "cp866": "ibm866 cp866 866",
    "koi8-r": "koi8-r koi8 koi8r",
    "koi8-u": "koi8-u koi8-ru",
    "kz1048": "kz1048 kz-1048 strk1048-2002 rk1048",
    "ptcp154": "ptcp154 pt154 cp154 cyrillic-asian",
    "mac_roman": "macintosh mac",
    "mac_cyrillic": "x-mac-cyrillic",
    "gb18030": "gb2312 gbk gb18030 x-gbk cp936 gb_2312-80",
    "big5hkscs": "big5 big5-hkscs cn-big5 x-x-big5 cp950",
    "cp932": "shift_jis shift-jis sjis x-sjis windows-31j ms_kanji cp932",
    "euc_jp": "euc-jp x-euc-jp eucjp",
    "cp949": "euc-kr ks_c_5601-1987 ksc5601 cp949 windows-949",
    "iso2022_jp": "iso-2022-jp",
}
_CODECS = {
    **{
        f"{name}{page}": f"cp{page}"
        for page in range(1250, 1259)
        for name in ("windows-", "cp", "x-cp", "cp-", "win-")
    },
    **{
        f"{name}{part}": f"iso8859-{part}"
        for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)
        for name in ("iso-8859-", "iso8859-", "iso_8859-")
    },
    **{label: codec for codec, labels in _LABELS.items() for label in labels.split()},
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_PARAMETER = re.compile(r"""(?i)charset\s*=\s*["']?([\w.:-]{1,40})""")
_DECLARED = re.compile(rb"""<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']\s*([A-Za-z0-9_.:-]{1,40})""")
_UPPER_WORD = re.compile(rb"[\xc0-\xff]{3,}")
_BEYOND_ASCII = re.compile("[^\0-\x7f]+")
_MISREAD = re.compile("[ÂÃÐÑ][\x80-\xbf\u0152-\u0178\u02c6\u02dc\u2013-\u2122]")
_UNFIT = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def decode(body: bytes, content_type: str | None) -> str:
    """Read an answer as text. Characters that cannot stand in XML are gone from it; bad bytes become U+FFFD.

    A byte order mark decides; else bytes that are UTF-8 are, whatever the labels say; else the labels in turn.

    Source: RFC 7303 §3 (mark before parameter before declaration); bent where publishers do otherwise.
    """
    for mark, codec in _MARKS:
        if body.startswith(mark):
            return _fit(body[len(mark) :].decode(codec, "replace"))
    for start, codec in _WIDE:
        if body.startswith(start):
            return _fit(body.decode(codec, "replace"))
    return _fit(_decode_narrow(body, content_type or ""))


def known_codecs() -> frozenset[str]:
    """Every codec that `decode` may use, so that a process can load them before it closes its doors."""
    return frozenset((*_CODECS.values(), *(codec for _, codec in (*_MARKS, *_WIDE))))


def _fit(text: str) -> str:
    return _UNFIT.sub("", text.lstrip("\ufeff"))


def _decode_narrow(body: bytes, content_type: str) -> str:
    labels = _labels(body, content_type)
    if b"\x1b" in body and "iso2022_jp" in labels:
        return body.decode("iso2022_jp", "replace")
    try:
        return _reread(body.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    if _is_nearly_utf8(body):
        return body.decode("utf-8", "replace")
    for codec in labels:
        if codec != "utf-8":
            return body.decode(codec, "replace")
    return body.decode(_guess(body), "replace")


def _reread(text: str) -> str:
    """Undo what a publisher did who took UTF-8 for windows-1252 and saved it again; only where nearly all shows it."""
    if len(_MISREAD.findall(text, 0, 200_000)) < 5:
        return text
    runs = _BEYOND_ASCII.findall(text)
    if sum(_reread_run(run) is not None for run in runs) < 0.8 * len(runs):
        return text
    return _BEYOND_ASCII.sub(lambda found: _reread_run(found[0]) or found[0], text)


def _reread_run(run: str) -> str | None:
    try:
        return b"".join(_narrow(character) for character in run).decode("utf-8")
    except UnicodeError:
        return None


def _narrow(character: str) -> bytes:
    """The byte of windows-1252; the five that it leaves open stand for themselves."""
    return character.encode("latin-1") if "\x80" <= character <= "\x9f" else character.encode("cp1252")


def _labels(body: bytes, content_type: str) -> tuple[str, ...]:
    """The codecs that the header and the document name, the likelier first."""
    header = _PARAMETER.search(content_type)
    document = _DECLARED.search(body[:2048].lstrip())
    named = [header[1].lower() if header else "", document[1].decode("ascii").lower() if document else ""]
    # Servers add Latin-1 by themselves; a document that says otherwise knows better.
    if _CODECS.get(named[0]) == "cp1252":
        named.reverse()
    return tuple(_CODECS[label] for label in named if label in _CODECS)


def _is_nearly_utf8(body: bytes) -> bool:
    """Whether most of the non-ASCII is UTF-8: a cut or a stray byte must not turn a whole feed into another script."""
    text = body.decode("utf-8", "replace")
    bad = text.count("\ufffd")
    beyond_ascii = len(body) - len(body.translate(None, bytes(range(128, 256))))
    return (beyond_ascii - bad) > 3 * bad


def _guess(body: bytes) -> str:
    """The one-byte charset of an answer that names none: Cyrillic where letters of the upper half stand together, as
    whole words do. How much markup and Latin is around them says nothing."""
    upper = body.translate(None, bytes(range(0xC0)))
    together = b"".join(_UPPER_WORD.findall(body))
    if len(together) * 2 < len(upper) or not upper:
        return "cp1252"
    lower_half = len(together.translate(None, bytes(range(0xE0, 0x100))))
    return "koi8-r" if lower_half > len(together) - lower_half else "cp1251"
