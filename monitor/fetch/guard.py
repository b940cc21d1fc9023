"""Which addresses a feed may lead us to. Judged where a socket is made, so names, redirects and literals pass alike."""

import errno
import re
import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp.connector import AddrInfoType

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

MARK = "private address"
"""Stands in every error the guard raises, because connection errors are joined into one by their text."""

# Source: the IANA special-purpose address registries (RFC 6890 and its successors). 192.88.99.0/24 was the 6to4
# anycast; Azure answers metadata requests on a public-looking address, Oracle and Alibaba on shared ones.
_CLOSED: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
        "::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16",
        "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip
_LOOPBACK = IPv4Address("127.0.0.1")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_COMPATIBLE = ip_network("::/96")
_MAPPED = ip_network("::ffff:0:0/96")
_TRANSLATED = ip_network("::ffff:0:0:0/96")
_NAT64 = ip_network("64:ff9b::/96")
_SIX_TO_FOUR = ip_network("2002::/16")


class PrivateAddress(OSError):
    """A connection was about to go to an address that feeds may not reach."""

    def __init__(self, address: Address) -> None:
        super().__init__(errno.EACCES, f"{MARK} {address}")


def is_open(address: Address, allow: Sequence[Network] = ()) -> bool:
    """Whether feeds may reach this address: it is public, or the operator allowed its network."""
    if is_allowed(address, allow):
        return True
    return not any(form in network for form in (address, *_hidden(address)) for network in _CLOSED)


def is_allowed(address: Address, allow: Sequence[Network]) -> bool:
    """Whether the operator allowed this address's network."""
    return any(form in network for form in (address, *_hidden(address)) for network in allow)


def literal(host: str) -> Address | None:
    """The address that a host is written as; None for a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def may_ask_proxy_for(host: str, allow: Sequence[Network]) -> bool:
    """Whether a proxy may be asked for this host. What a name leads to is the proxy's business, what is written here is not.

    Numbers in other forms than the usual are refused: resolvers disagree on what they mean (inet_aton(3) reads 010
    as 8, others as 10). So is what a proxy may decode.
    """
    name = host.lower().rstrip(".")
    address = literal(name)
    if name == "localhost" or name.endswith(".localhost"):
        address = _LOOPBACK
    if address is not None:
        return is_open(address, allow)
    return "%" not in name and not _NUMBER.fullmatch(name.rpartition(".")[2])


def _hidden(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return ()
    if any(address in network for network in (_MAPPED, _TRANSLATED, _NAT64, _COMPATIBLE)):
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    if address in _SIX_TO_FOUR:
        return (IPv4Address(int(address) >> 80 & 0xFFFFFFFF),)
    return ()


def guarded_sockets(allow: Sequence[Network]) -> Callable[[AddrInfoType], socket.socket]:
    """A socket factory for the HTTP client that refuses closed addresses.

    Raises:
        PrivateAddress: From the factory, before any packet is sent.
    """

    def make(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, target = info
        address = ip_address(str(target[0]).partition("%")[0])
        if not is_open(address, allow):
            raise PrivateAddress(address)
        return socket.socket(family, kind, protocol)

    return make


def open_sockets(info: AddrInfoType) -> socket.socket:
    """A socket factory for a client that connects to nothing but its proxy, wherever the operator has that."""
    return socket.socket(*info[:3])
