"""
Is a text of the format its schema names? Formats not listed here say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any


def _is_time(value: str) -> bool:
    try:
        return (
            "T" in value.upper()
            and datetime.fromisoformat(value.replace("Z", "+00:00").replace("z", "+00:00")).tzinfo is not None
        )
    except ValueError:
        return False


def _is_date(value: str) -> bool:
    try:
        return len(value) == 10 and datetime.fromisoformat(value) is not None
    except ValueError:
        return False


def _parses(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def test(value: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return test


def _version(number: int) -> Callable[[str], bool]:
    def test(value: str) -> bool:
        try:
            return ip_address(value).version == number
        except ValueError:
            return False

    return test


FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _is_time,
    "date": _is_date,
    "ipv4": _version(4),
    "ipv6": _version(6),
    "cidr": _parses(lambda value: ip_network(value, strict=False) if "/" in value else ip_network("")),
    "uuid": lambda value: re.fullmatch(r"(?i)[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", value) is not None,
    "email": lambda value: re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None,
    "uri": lambda value: re.match(r"(/|[A-Za-z][A-Za-z0-9+.-]*:)", value) is not None,
    "byte": lambda value: (
        re.fullmatch(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", value) is not None
    ),
    "duration": lambda value: (
        re.fullmatch(r"[-+]?(\d+(\.\d*)?(ns|us|µs|ms|s|m|h|d|w)\s*)+|0", value) is not None
    ),
}
