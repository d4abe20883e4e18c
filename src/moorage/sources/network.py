"""
May a connection go to this address?

Tenants name hosts; what counts is where the name leads. Every address is
looked up once, judged as resolved and in every disguise (IPv4 inside IPv6,
odd notations), and then connected to as judged, so that a second answer of a
name server changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from moorage.model.errors import SourceRefused, SourceUnreachable

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)


def check_ip(ip: str, host: str, *, allow_private: bool) -> None:
    """
    Refuse an IP address that is never a repository's.

    Raises:
        SourceRefused: for link-local, multicast and metadata addresses, however
            they are written, and for private ones unless they are allowed.
    """
    for meaning in _meanings(ipaddress.ip_address(ip.partition("%")[0])):
        if meaning.is_link_local or meaning in _METADATA or meaning.is_multicast or meaning.is_unspecified:
            raise SourceRefused(f"host {host}: it leads to {meaning}, an address Moorage never connects to")
        if not allow_private and not meaning.is_global:
            raise SourceRefused(
                f"host {host}: it leads to the private address {meaning}; the settings forbid that"
            )


async def look_up(host: str, port: int, *, allow_private: bool) -> tuple[str, ...]:
    """
    Return the IP addresses of a host, all of them judged.

    Raises:
        SourceUnreachable: when the name cannot be resolved.
        SourceRefused: when any of its addresses is one `check_ip` refuses.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SourceUnreachable(f"host {host}: its name cannot be resolved ({error})") from error
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    for ip in addresses:
        check_ip(ip, host, allow_private=allow_private)
    return addresses


def _meanings(ip: IpAddress) -> list[IpAddress]:
    """Return the address and every address it stands for to some part of the way."""
    meanings: list[IpAddress] = [ip]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            meanings.append(ip.ipv4_mapped)
        if ip.sixtofour:
            meanings.append(ip.sixtofour)
        if ip.teredo:
            meanings.append(ip.teredo[1])
        packed = int(ip) & 0xFFFFFFFF
        if any(ip in network for network in _NAT64) or (int(ip) >> 32 == 0 and packed > 1):
            meanings.append(ipaddress.IPv4Address(packed))
    return meanings
