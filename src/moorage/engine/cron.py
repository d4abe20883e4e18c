"""
When does a five-field cron schedule fire?

Fields: minute, hour, day of month, month, day of week; lists, ranges, steps and
English names as in cron(5). When both days are restricted, either may match;
a step, such as ``*/2``, is a restriction.
Times are local to whatever the caller passes: nothing here reads a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

MONTHS = {
    name: i
    for i, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
DAYS = {name: i for i, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_LONGEST = 1_000
SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}


@dataclass(frozen=True, slots=True)
class Schedule:
    """The minutes, hours and days at which a schedule fires."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    def fires_on(self, day: datetime) -> bool:
        """Whether the schedule fires at some time of this day."""
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, (day.weekday() + 1) % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_day and by_weekday
        return by_day or by_weekday

    def last(self, moment: datetime, within: timedelta) -> datetime | None:
        """Return the latest firing at or before `moment`, not further back than `within`."""
        at = moment.replace(second=0, microsecond=0)
        limit = moment - within
        while at >= limit:
            if not self.fires_on(at):
                at = at.replace(hour=23, minute=59) - timedelta(days=1)
            elif at.hour not in self.hours:
                at = at.replace(minute=59) - timedelta(hours=1)
            elif at.minute not in self.minutes:
                at -= timedelta(minutes=1)
            else:
                return at
        return None

    def next(self, moment: datetime, within: timedelta = timedelta(days=366 * 5)) -> datetime | None:
        """Return the first firing after `moment`, not further away than `within`."""
        at = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        limit = moment + within
        while at <= limit:
            if not self.fires_on(at):
                at = at.replace(hour=0, minute=0) + timedelta(days=1)
            elif at.hour not in self.hours:
                at = at.replace(minute=0) + timedelta(hours=1)
            elif at.minute not in self.minutes:
                at += timedelta(minutes=1)
            else:
                return at
        return None


@lru_cache(maxsize=1024)
def parse_schedule(text: str) -> Schedule:
    """Return the schedule a text describes. Raises ValueError saying which field is wrong."""
    if len(text) > _LONGEST:
        raise ValueError(f"a schedule has at most {_LONGEST} characters, this has {len(text)}")
    fields = SHORTHANDS.get(text.strip().lower(), text).split()
    if len(fields) != 5:
        raise ValueError(
            f"a schedule has five fields (minute hour day month weekday), this has {len(fields)}"
        )
    weekdays = {day % 7 for day in _field(fields[4], 0, 7, DAYS, "weekday")}
    return Schedule(
        frozenset(_field(fields[0], 0, 59, {}, "minute")),
        frozenset(_field(fields[1], 0, 23, {}, "hour")),
        frozenset(_field(fields[2], 1, 31, {}, "day")),
        frozenset(_field(fields[3], 1, 12, MONTHS, "month")),
        frozenset(weekdays),
        _is_any(fields[2]),
        _is_any(fields[4]),
    )


def _is_any(field: str) -> bool:
    """Whether a field restricts nothing; ``*/2`` does restrict."""
    return any(part in ("*", "?", "*/1", "?/1") for part in field.split(","))


def _field(text: str, low: int, high: int, names: dict[str, int], what: str) -> set[int]:
    values: set[int] = set()
    for part in text.lower().split(","):
        span, _, step_text = part.partition("/")
        step = _number(step_text, {}, what) if step_text else 1
        if span in ("*", "?"):
            first, last = low, high
        elif "-" in span:
            begin, _, end = span.partition("-")
            first, last = _number(begin, names, what), _number(end, names, what)
        else:
            first = _number(span, names, what)
            last = high if step_text else first
        if step < 1 or not low <= first <= last <= high:
            raise ValueError(f"{what} {part!r} is not within {low}-{high}")
        values.update(range(first, last + 1, step))
    return values


def _number(text: str, names: dict[str, int], what: str) -> int:
    if text in names:
        return names[text]
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{what} {text!r} is not a number")
    return int(text)
