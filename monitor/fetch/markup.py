"""HTML of an entry as plain text, a line for each block. Takes text out; builds no tree and trusts no nesting."""

import html
import re

_TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9:-]*+)")
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "dir",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "li",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "title",
        "tr",
        "ul",
    ]
)
_SILENT = frozenset(
    [
        "head",
        "iframe",
        "noscript",
        "object",
        "script",
        "select",
        "style",
        "svg",
        "template",
        "textarea",
        "title",
        "xml",
    ]
)
"""Elements whose inside no reader sees as text."""

_INLINE = frozenset(
    [
        "a",
        "abbr",
        "b",
        "big",
        "cite",
        "code",
        "del",
        "em",
        "font",
        "i",
        "img",
        "ins",
        "kbd",
        "mark",
        "q",
        "s",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "u",
    ]
)
_KNOWN = (
    _BLOCKS
    | _SILENT
    | _INLINE
    | frozenset(
        [
            "area",
            "audio",
            "base",
            "button",
            "canvas",
            "embed",
            "input",
            "label",
            "link",
            "meta",
            "object",
            "picture",
            "source",
            "track",
            "video",
            "wbr",
        ]
    )
)
_ANY_TAG = re.compile(r"""<(/?)([A-Za-z][A-Za-z0-9:-]*+)(?=[\s/>])[^<>]*+(/?)>""")
_REFERENCE = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")
_LONG_NUMBER = re.compile(r"&#(?:[xX][0-9a-fA-F]{9,}+|[0-9]{9,}+);?")
_XML_OWN = frozenset(("&amp;", "&lt;", "&gt;", "&#38;", "&#60;", "&#62;", "&#x26;", "&#x3c;", "&#x3e;"))
_TAG_REST = re.compile(r"""(?:[^>=]++|=(?:\s*+(?:"[^"]{0,4000}+"|'[^']{0,4000}+'))?+)*+>""")
"""A quotation mark opens a value only behind `=`, and only the same one closes it: `alt="The bank's head"`."""


def looks_like_markup(text: str) -> bool:
    """Whether text that may be either is HTML: it has a tag that HTML knows, or one that ends an element."""
    return any(found[1] or found[2].lower() in _KNOWN for found in _ANY_TAG.finditer(text))


def has_certain_markup(text: str) -> bool:
    """Whether text that claims to be plain is HTML all the same: a pair of tags, or one with attributes or a slash.

    A headline about the `<br>` tag is none of these.
    """
    opened: set[str] = set()
    for found in _ANY_TAG.finditer(text):
        name = found[2].lower()
        if name not in _KNOWN:
            continue
        if found[1]:
            if name in opened:
                return True
        elif found[3] or "=" in found[0]:
            return True
        else:
            opened.add(name)
    return False


def unescape_whole(text: str) -> str:
    """Resolve once the references that are written in full; `?a=1&copy=2` is none."""
    return _REFERENCE.sub(lambda found: unescape(found[0]), text)


def unescape(text: str) -> str:
    """Resolve character references once, as browsers do. Numbers too long for any character become U+FFFD."""
    return html.unescape(_LONG_NUMBER.sub("\ufffd", text)) if "&" in text else text


def unescape_signs(text: str) -> str:
    """Resolve character references once, but for those that stand for what XML itself escapes."""
    return _REFERENCE.sub(lambda found: found[0] if found[0] in _XML_OWN else unescape(found[0]), text)


def text_of(markup: str) -> str:
    """The text a reader would see. White space collapses, blocks begin lines; one pass, whatever is unclosed.

    Without any tag it is text that somebody only called HTML, and keeps its line breaks.
    """
    if "<" not in markup:
        return unescape(markup)
    pieces: list[str] = []
    unclosed: set[str] = set()
    position, end = 0, len(markup)
    while position < end:
        start = markup.find("<", position)
        if start < 0:
            start = end
        pieces.append(_inline(markup[position:start]))
        if start == end:
            break
        position, piece = _after_tag(markup, start, unclosed)
        pieces.append(piece)
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def _inline(text: str) -> str:
    """Text between two tags, where line breaks are white space like any other."""
    return unescape(text).replace("\n", " ").replace("\r", " ") if text else ""


def _after_tag(markup: str, start: int, unclosed: set[str]) -> tuple[int, str]:
    """Step over what begins with `<`.

    Args:
        unclosed: Elements known to have no end tag further on, so that it is looked for once.

    Returns:
        Where to go on, and the text that stands for it.
    """
    if markup.startswith("<!--", start):
        return _past(markup, "-->", start + 4), ""
    if markup.startswith("<![CDATA[", start):
        stop = markup.find("]]>", start)
        stop = len(markup) if stop < 0 else stop
        return stop + 3, _inline(markup[start + 9 : stop])
    if markup.startswith(("<!", "<?"), start):
        return _past(markup, ">", start), ""
    tag = _TAG.match(markup, start)
    if tag is None:
        return start + 1, "<"
    name = tag[1].lower()
    stop = _tag_end(markup, tag.end())
    if stop < 0:
        return len(markup), ""
    if name in _SILENT and name not in unclosed and markup[start + 1] != "/" and markup[stop - 2] != "/":
        stop = _past_element(markup, name, stop, unclosed)
    return stop, "\n" if name in _BLOCKS else ""


def _tag_end(markup: str, position: int) -> int:
    """Behind the `>` that ends a tag; one inside a quoted value ends none. -1 where the tag never ends."""
    found = _TAG_REST.match(markup, position)
    return found.end() if found else -1


def _past(markup: str, mark: str, position: int) -> int:
    found = markup.find(mark, position)
    return len(markup) if found < 0 else found + len(mark)


def _past_element(markup: str, name: str, position: int, unclosed: set[str]) -> int:
    """Behind the end tag of an element. Without one, program text goes on to the end, and other text is text."""
    closing = re.compile(rf"(?i)</{re.escape(name)}\s*>").search(markup, position)
    if closing is not None:
        return closing.end()
    unclosed.add(name)
    return len(markup) if name in ("script", "style") else position
