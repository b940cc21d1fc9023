"""Which Host names are answered. A page on the web can name itself anything; here it reaches nothing by that."""

import ipaddress
import re

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/@]+)(?::[0-9]{1,5})?")


def is_known(host: str, *, own: str) -> bool:
    """Whether a request with this Host field is answered: it names this machine, an address, or what was set.

    A browser that was led here by a name of somebody else's (DNS rebinding) sends that name, and gets nothing.

    Args:
        host: The field as it came, with or without a port.
        own: The host of the listen setting.

    Source: RFC 9110 §7.2 (Host), RFC 6761 §6.3 (localhost).
    """
    found = _HOST.fullmatch(host.strip())
    if not found:
        return False
    name = found[1].strip("[]").rstrip(".").lower()
    return name in ("localhost", own.strip("[]").lower()) or name.endswith(".localhost") or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
