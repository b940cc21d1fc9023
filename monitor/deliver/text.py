"""Text for one channel: escaping, links, cuts. What comes in is clean text already; what goes out cannot act."""

import re
import unicodedata
from base64 import b64encode
from urllib.parse import quote

from markupsafe import Markup, escape

from monitor.stories.text import MAX_CHARACTERS, plain

SECTION_LIMIT = 2_900
"""Slack refuses a text of more than 3,000 characters; emoji may count twice."""
LINK_LIMIT = 2_400
"""Characters of a link with its label: a cut never falls inside a link, so a longer one would take its headline along."""


def clean(text: str) -> str:
    """A stretch of a field without control, bidi and invisible characters; blanks at its ends stay."""
    # Composing makes some letters three, and no cut may take the mark at the end for one.
    return plain(f"|{text[: MAX_CHARACTERS - 2]}|", limit=3 * MAX_CHARACTERS)[1:-1]


_UNSEEN = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters by their class, blanks to the eye."""


def readable(text: str) -> str:
    """A clean text from its first letter, figure or sign on; empty where there is none.

    A mark without a letter would sit on whatever a template puts before it.
    """
    for place, character in enumerate(text):
        if unicodedata.category(character)[0] in "LNPS" and character not in _UNSEEN:
            return text[place:]
    return ""


def _is_page(url: str | None) -> bool:
    """Whether an address is one to click on: in Slack an address may also be a call to a whole channel."""
    return bool(url and re.match(r"https?://[^/?#\s]", url))


# ---- Slack ---------------------------------------------------------------------------------------------------


def slack_escaped(text: str) -> str:
    """Letters only: nothing in it can call, name or link anybody.

    Source: docs.slack.dev/messaging/formatting-message-text, "Escaping text".
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_link(label: str, url: str | None) -> Markup:
    """A link, or only its label where there is none or where both are too long for Slack.

    A `|` would end the label's address, so a twin stands in.
    """
    shown = slack_escaped(" ".join(label.split()).replace("|", "∣"))
    page = url if url and _is_page(url) else ""
    address = quote(page, safe="/:?#[]@!$&'()*+,;=~-._%", errors="replace").replace("&", "&amp;")
    if not address or not shown or len(address) + slack_length(shown) > LINK_LIMIT:
        return Markup(shown)  # noqa: S704 - escaped above
    return Markup(f"<{address}|{shown}>")  # noqa: S704


def slack_bold(text: str) -> Markup:
    """Bold letters; their own asterisks would end it."""
    shown = slack_escaped(text.replace("*", "∗").strip())
    return Markup(f"*{shown}*" if shown else "")  # noqa: S704


def slack_from_html(rendered: str) -> str:
    """What autoescape made, as Slack reads it: Slack knows three entities and shows the others as they are."""
    return rendered.replace("&#39;", "'").replace("&#34;", '"')


def slack_length(text: str) -> int:
    """Characters as Slack counts them: emoji twice."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


_SLACK_TOKEN = re.compile(r"<[^<>\n]{0,3500}>|&(?:amp|lt|gt);|.", re.DOTALL)


def slack_cut(mrkdwn: str, limit: int = SECTION_LIMIT) -> str:
    """At most so many characters, never cut inside an entity or a link; emoji count twice."""
    used = 0
    kept: list[str] = []
    for token in _SLACK_TOKEN.findall(mrkdwn):
        used += slack_length(token)
        if used > limit - 1:
            return "".join(kept).rstrip() + "…"
        kept.append(token)
    return mrkdwn


# ---- mail ----------------------------------------------------------------------------------------------------


def header(text: str, limit: int = 180) -> str:
    """One line that is only words: it can begin no header of its own, in no encoding.

    Source: RFC 2047 §2 (encoded words), CVE-2024-6923.
    """
    return plain(text, limit=limit).replace("=?", "= ?").replace("?=", "? =")


def html_link(label: str, url: str | None) -> Markup:
    """A link, or only its label where there is none or where it is so long that a few of them would fill the mail."""
    if not _is_page(url) or len(escape(url)) > LINK_LIMIT:
        return escape(label)
    return Markup('<a href="{}">{}</a>').format(url, label)


def html_bold(text: str) -> Markup:
    """Bold letters on a light ground; both, because some mail programs drop one of them."""
    return Markup('<b class="hit" style="background:#fff0c2;">{}</b>').format(text)


# ---- plain text ----------------------------------------------------------------------------------------------


def text_link(label: str, url: str | None) -> str:
    """The label, and the address behind it."""
    return f"{label} {url}" if url else label


def text_bold(text: str) -> str:
    """Asterisks, as people write it in mail."""
    return f"*{text}*"


def printable(text: str) -> str:
    """Lines that a terminal shows and does not obey: control characters become blanks, bidi ones go."""
    return "\n".join(_printable_line(line) for line in text.split("\n"))


def _printable_line(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line
    indent = len(line) - len(line.lstrip(" "))
    return " " * indent + plain(line, limit=4_000)


# ---- what nobody reads ---------------------------------------------------------------------------------------


def hidden(text: str, *secrets: str) -> str:
    """A provider's words without secrets it may have repeated, as they are or in base64."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***").replace(b64encode(secret.encode()).decode(), "***")
    return text
