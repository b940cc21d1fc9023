"""Which addresses feeds may reach."""

import socket
from ipaddress import ip_address, ip_network

import pytest

from monitor.fetch.guard import PrivateAddress, guarded_sockets, is_open


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1",
        "192.168.1.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "168.63.129.16", "100.100.100.200", "::", "::1", "fe80::1",
        "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::", "2001:db8::1", "2001::1", "fec0::1", "::ffff:0:7f00:1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_closed(address):
    assert not is_open(ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2002:101:101::", "64:ff9b::101:101"]
)
def test_public_addresses_are_open(address):
    assert is_open(ip_address(address))


@pytest.mark.parametrize(
    ("address", "network", "is_allowed"),
    [
        ("127.0.0.1", "127.0.0.0/8", True),
        ("::ffff:127.0.0.1", "127.0.0.0/8", True),
        ("10.0.0.1", "127.0.0.0/8", False),
        ("fd00::1", "fd00::/8", True),
        ("::1", "127.0.0.0/8", False),
    ],
)
def test_the_operator_can_allow_a_network(address, network, is_allowed):
    assert is_open(ip_address(address), [ip_network(network)]) is is_allowed


def test_no_socket_is_made_for_a_closed_address():
    with pytest.raises(PrivateAddress):
        guarded_sockets(())((socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%lo", 80, 0, 1)))
