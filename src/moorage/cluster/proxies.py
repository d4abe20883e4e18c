"""
How far away a server is: on this machine, or behind the proxy that the usual environment variables name.

The environment is a value handed in. What is in the cluster's own configuration
comes first; who calls sees to that.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit


def proxy_for(server: str, environment: Mapping[str, str]) -> str:
    """Return the proxy that ``HTTPS_PROXY`` and ``NO_PROXY`` mean for a server; empty for none, or for no address."""

    def value(name: str) -> str:
        return environment.get(name) or environment.get(name.lower()) or ""

    try:
        parts = urlsplit(server)
    except ValueError:
        return ""
    found, host = value(f"{parts.scheme.upper()}_PROXY"), parts.hostname or ""
    if not found or is_here(server):
        return ""
    if any(_means(item.strip().lower(), host, parts.netloc) for item in value("NO_PROXY").split(",")):
        return ""
    return found if "://" in found else f"http://{found}"


def is_here(server: str) -> bool:
    """Return whether a server is on this very machine, by its address."""
    try:
        host = urlsplit(server).hostname or ""
    except ValueError:
        return False
    return host == "localhost" or _is_loopback(host)


def _means(item: str, host: str, netloc: str) -> bool:
    """Return whether an entry of ``NO_PROXY`` is about a host: ``*``, a domain, an address or a network."""
    if not item:
        return False
    if item == "*" or item in (host, netloc):
        return True
    try:
        return ip_address(host) in ip_network(item, strict=False)
    except ValueError:
        return host.endswith("." + item.removeprefix("*").lstrip("."))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
