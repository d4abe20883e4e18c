"""
How long is ``1h30m``, and how is a length of time written?

Durations in specifications are written in Go's way: numbers with units, the
largest first by custom, in any order in fact.
"""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

_MICROSECONDS = {
    "ns": Fraction(1, 1000),
    "us": Fraction(1),
    "µs": Fraction(1),
    "μs": Fraction(1),
    "ms": Fraction(1000),
    "s": Fraction(1_000_000),
    "m": Fraction(60_000_000),
    "h": Fraction(3_600_000_000),
}
_PART = r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)"
_PARTS = re.compile(_PART, re.ASCII)
_WRITTEN = re.compile(rf"([+-]?)((?:{_PART})+|0)", re.ASCII)
_LONGEST = 64
_LARGEST = 2**63 // 1000


def parse_duration(text: str) -> timedelta:
    """Return the length of time `text` says, to the microsecond. Raises ValueError when it says none."""
    match = _WRITTEN.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(f"{text[:_LONGEST]!r} is not a duration such as 30s, 5m or 1h30m")
    parts = (Fraction(number.rstrip(".")) * _MICROSECONDS[unit] for number, unit in _PARTS.findall(match[2]))
    total = round(sum(parts, Fraction()))
    if total > _LARGEST:
        raise ValueError(f"{text!r} is too long for a duration")
    return timedelta(microseconds=-total if match[1] == "-" else total)


def format_duration(duration: timedelta) -> str:
    """Return a length of time as Go writes it: ``1h30m0s``, ``1.5s``, ``250ms``."""
    microseconds = duration // timedelta(microseconds=1)
    if microseconds == 0:
        return "0s"
    sign, microseconds = ("-", -microseconds) if microseconds < 0 else ("", microseconds)
    if microseconds < 1000:
        return f"{sign}{microseconds}µs"
    if microseconds < 1_000_000:
        return f"{sign}{_decimal(microseconds, 1000)}ms"
    minutes, rest = divmod(microseconds, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    written = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{written}{_decimal(rest, 1_000_000)}s"


def _decimal(amount: int, unit: int) -> str:
    whole, rest = divmod(amount, unit)
    return f"{whole}.{str(rest).zfill(len(str(unit)) - 1).rstrip('0')}" if rest else str(whole)
