"""
When is a cron schedule due next?
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_NAMES = {
    name: number
    for names, first in (
        ("jan feb mar apr may jun jul aug sep oct nov dec", 1),
        ("sun mon tue wed thu fri sat", 0),
    )
    for number, name in enumerate(names.split(), first)
}
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_YEARS_AHEAD = 5


class BadSchedule(ValueError):
    """The text is not a cron schedule."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The five fields of a cron line as sets of numbers."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    """Both days were given: one that fits is enough, as in cron."""

    def after(self, moment: datetime) -> datetime | None:
        """Return the first time after `moment`, None when there is none within years."""
        at = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        end = at + timedelta(days=366 * _YEARS_AHEAD)
        while at < end:
            if at.month not in self.months or not self._fits_day(at):
                at = at.replace(hour=0, minute=0) + timedelta(days=1)
            elif at.hour not in self.hours:
                at = at.replace(minute=0) + timedelta(hours=1)
            elif at.minute not in self.minutes:
                at += timedelta(minutes=1)
            else:
                return at
        return None

    def _fits_day(self, at: datetime) -> bool:
        by_date, by_weekday = at.day in self.days, at.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.either_day else by_date and by_weekday


def parse_schedule(text: str) -> Schedule:
    """Return the schedule a cron line means. Raises BadSchedule."""
    fields = _MACROS.get(text.strip().lower(), text).split()
    if len(fields) != len(_BOUNDS):
        raise BadSchedule(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    sets = [_numbers(field, *bounds) for field, bounds in zip(fields, _BOUNDS, strict=True)]
    weekdays = frozenset(day % 7 for day in sets[4])
    either = not fields[2].startswith(("*", "?")) and not fields[4].startswith(("*", "?"))
    return Schedule(sets[0], sets[1], sets[2], sets[3], weekdays, either)


def _numbers(field: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in field.lower().split(","):
        span, slash, step = part.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        else:
            start, dash, end = span.partition("-")
            first = _number(start)
            last = _number(end) if dash else high if slash else first
        stride = _number(step) if slash else 1
        if not low <= first <= last <= high or stride < 1:
            raise BadSchedule(f"{part} is out of range {low}-{high}")
        found.update(range(first, last + 1, stride))
    return frozenset(found)


def _number(text: str) -> int:
    try:
        return _NAMES[text] if text in _NAMES else int(text)
    except ValueError:
        raise BadSchedule(f"failed to parse int from {text}") from None
