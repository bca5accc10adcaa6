"""Addresses of sets."""

import socket


def mac_of(address: str) -> str:
    """The hardware address of the interface with an IPv4 address: locally
    administered, and as unique as the address.
    """
    packed = socket.inet_pton(socket.AF_INET, address)
    return f"02:ca:{packed.hex(':')}"
