"""What single settings may be: networks, addresses, channels, zones; each message says the way out."""

import ipaddress
import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator

from monitor.secret import Secret

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_value(value: object) -> Network:
    try:
        return ipaddress.ip_network(str(value), strict=False)
    except ValueError as error:
        raise ValueError(f"'{value}' is no network", "write it like 10.0.0.0/8") from error


def secret_value(value: object) -> Secret:
    return value if isinstance(value, Secret) else Secret(str(value))


_HOST = re.compile(r"[A-Za-z0-9._:-]+")


def proxy_value(value: object) -> Secret | None:
    """The message does not repeat the address: it may hold a password."""
    if value is None or isinstance(value, Secret):
        return value
    hint = "write it like http://proxy.news.example:3128"
    try:
        parts = urlsplit(str(value).strip())
        port = parts.port
    except ValueError as error:
        raise ValueError("this is no address of a proxy", hint) from error
    if parts.scheme != "http" or not _HOST.fullmatch(parts.hostname or "") or port == 0:
        raise ValueError("this is no address of a proxy", hint)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("this is no address of a proxy", hint)
    return Secret(str(value).strip())


def at_most_an_hour(value: timedelta) -> timedelta:
    if value > timedelta(hours=1):
        raise ValueError("this must be at most 1h", "write it like 1s")
    return value


def zone_value(value: object) -> str:
    try:
        ZoneInfo(str(value))
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone '{value}'", "write it like Asia/Almaty") from error
    return str(value)


_MAILBOX = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_CHANNEL = re.compile(r"[CDGU][A-Z0-9]{2,}")


def mailbox_value(value: object) -> str:
    if not isinstance(value, str) or not _MAILBOX.fullmatch(value) or not value.isascii():
        raise ValueError(f"'{value}' is no mail address", "write it like desk@news.example")
    return value


def channel_value(value: object) -> str:
    if not isinstance(value, str) or not _CHANNEL.fullmatch(value):
        raise ValueError(
            f"'{value}' is no Slack channel id",
            "open the channel's details in Slack: it looks like C0123ABCD",
        )
    return value


def sender_value(value: object) -> str:
    text = str(value)
    found = re.fullmatch(r"\s*(?:(.*?)\s*<([^<>]+)>|([^<>\s]+))\s*", text)
    if not found or any(not character.isprintable() for character in text):
        raise ValueError(
            f"cannot read '{text}' as a sender", 'write it like "News monitor <alerts@news.example>"'
        )
    mailbox_value(found[2] or found[3])
    return text


_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


def listen_address(text: str) -> tuple[str, int]:
    """Where to listen, as host and port; port 0 stands for a free one.

    Raises:
        ValueError: It cannot be read; carries what is wrong and the way out.
    """
    found = _LISTEN.fullmatch(text)
    if not found or int(found[2]) > 65535:
        raise ValueError(
            f"'{text}' is no address to listen on",
            "write it like 127.0.0.1:8080, or [::1]:8080, or 0.0.0.0:8080 for every address, or off",
        )
    return found[1].strip("[]"), int(found[2])


def listen_value(value: object) -> str | None:
    if value is None or value is False or value == OFF:
        return None
    listen_address(str(value))
    return str(value)


def web_value(value: object) -> object:
    """`web: off` is `web: {listen: off}`."""
    return {"listen": OFF} if value is False or value == OFF else value


OFF = "off"
Zone = Annotated[str, BeforeValidator(zone_value)]
SecretValue = Annotated[Secret, BeforeValidator(secret_value)]


def scheme_of(value: str) -> str:
    return value.split("://", 1)[0] + "://" if "://" in value else value
