"""
How long ago was that, in the short form kubectl prints: ``45s``, ``3m12s``, ``5d2h``?
"""

from __future__ import annotations

from datetime import UTC, datetime


def age(stamp: str, now: datetime | None = None) -> str:
    """Return how long before `now` (the present when absent) a time was; ``<unknown>`` of an empty one."""
    if not stamp:
        return "<unknown>"
    try:
        then = datetime.fromisoformat(stamp.replace("Z", "+00:00"))
    except ValueError:
        return "<invalid>"
    return duration(int(((now or datetime.now(UTC)) - then).total_seconds()))


def duration(seconds: int) -> str:
    """Return a duration with two units at most, the finer one left out as it stops mattering."""
    if seconds < 0:
        return "<invalid>" if seconds < -1 else "0s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _pair(minutes, "m", seconds % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 2920:
        return _pair(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _pair(large: int, unit: str, small: int, rest: str) -> str:
    return f"{large}{unit}{small}{rest}" if small else f"{large}{unit}"
