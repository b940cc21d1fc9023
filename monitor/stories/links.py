"""Links from outside: absolute http(s) or nothing; and when two links lead to the same page."""

import re
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

MAX_CHARACTERS = 2_000
_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]+")
_NO_HOST = re.compile(r"(?i)(?:https?:)?//+(?:[?#]|$)|https?:(?!//)")
"""What would else become a link to the page it stands on."""

_PATH_SAFE = "/:@!$&'()*+,;=~-._%"
_QUERY_SAFE = "/?:@!$&'()*+,;=~-._%"


def safe_link(value: object, base: str = "") -> str | None:
    """An absolute http(s) address in ASCII, without user or password; None when it cannot be one.

    Args:
        base: What a relative link is relative to.
    """
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_CHARACTERS:
        return None
    text = "".join(character for character in value.strip() if character not in "\t\r\n")
    if "\\" in text or _NO_HOST.match(text):
        return None
    try:
        parts = urlsplit(urljoin(base, text))
        host, port = parts.hostname, parts.port
        if parts.scheme.lower() not in ("http", "https") or not host:
            return None
        host = host if host.isascii() else host.encode("idna").decode()
    except (ValueError, UnicodeError):
        return None
    if ":" in host:
        host = f"[{host}]"
    if not _HOST.fullmatch(host):
        return None
    netloc = f"{host}:{port}" if port else host
    try:
        path, query, fragment = (
            quote(parts.path, _PATH_SAFE),
            quote(parts.query, _QUERY_SAFE),
            quote(parts.fragment, _QUERY_SAFE),
        )
    except UnicodeError:
        return None
    return urlunsplit((parts.scheme.lower(), netloc, path, query, fragment))


def host_of(link: str | None) -> str:
    """The host of a link without `www.`, or nothing."""
    if not link:
        return ""
    try:
        return (urlsplit(link).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


_TRACKING = re.compile(
    r"(?:utm_|mtm_|pk_|at_)\w*|fbclid|gclid|dclid|yclid|msclkid|igshid|mc_[ce]id|_openstat|cmpid|ref_src|wt_mc"
)


def canonical_link(link: str) -> str:
    """The link for comparison only: without scheme, `www.`, fragment, tracking parameters and a last slash."""
    parts = urlsplit(link)
    query = urlencode([(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True)
                       if not _TRACKING.fullmatch(key.lower())])  # fmt: skip
    host = (parts.hostname or "").removeprefix("www.")
    port = f":{parts.port}" if parts.port else ""
    return f"{host}{port}{parts.path.rstrip('/')}" + (f"?{query}" if query else "")
