"""A value that never prints itself."""

import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit


class Secret:
    """A password, a token or an address that holds one. Only `reveal()` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value itself: for the request that needs it, never for a person to read."""
        return self._value

    def __str__(self) -> str:
        return "***"

    __repr__ = __str__

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._value))


_MOST_BYTES = 64_000


def read_secret(path: Path) -> tuple[Secret | None, str]:
    """Read a secret from its file, without the blanks and line breaks around it.

    Returns:
        The secret, or None and why there is none, in words.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except (OSError, ValueError) as error:
        return None, (getattr(error, "strerror", None) or type(error).__name__).lower()
    text = data.decode("utf-8", "replace").strip()
    return (Secret(text), "") if text else (None, "it is empty")


_SECRET_PARAMETER = re.compile(
    r"(?i)(?<=[?&;])([^=&;#]*(?:token|key|secret|pass(?:word|wd|phrase|code)|pwd|auth|sig|signature|access"
    r"|(?<![a-z])(?:user|login)?pass(?![a-z]))[^=&;#]*)=[^&;#]*"
)


def masked_url(url: str) -> str:
    """Show an address without what it may hide: user, password and secret-looking parameters as `***`."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    netloc = parts.netloc
    if "@" in netloc:
        netloc = "***@" + netloc.rpartition("@")[2]
    query = _SECRET_PARAMETER.sub(r"\1=***", "?" + parts.query)[1:]
    return urlunsplit((parts.scheme, netloc, parts.path, query, parts.fragment))


def bare(environment: Mapping[str, str]) -> dict[str, str]:
    """What a child process needs of our environment to find its modules: nothing that holds a secret."""
    return {name: environment[name] for name in ("PYTHONPATH", "LD_LIBRARY_PATH") if name in environment}
