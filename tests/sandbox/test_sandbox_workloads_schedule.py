"""Cron schedules: when is one due next?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from moorage.sandbox.schedule import BadSchedule, parse_schedule


@pytest.mark.parametrize(
    ("schedule", "after", "due"),
    [
        ("* * * * *", "2026-01-01T00:00:30", "2026-01-01T00:01:00"),
        ("*/15 * * * *", "2026-01-01T00:15:00", "2026-01-01T00:30:00"),
        ("0 3 * * *", "2026-01-01T04:00:00", "2026-01-02T03:00:00"),
        ("0 0 1 * *", "2026-01-15T00:00:00", "2026-02-01T00:00:00"),
        ("0 0 29 feb *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 9 * * mon-fri", "2026-01-02T10:00:00", "2026-01-05T09:00:00"),
        ("0 9 * * 7", "2026-01-01T00:00:00", "2026-01-04T09:00:00"),
        ("0 0 13 * 5", "2026-01-01T12:00:00", "2026-01-02T00:00:00"),
        ("5-10/5,30 12 * * *", "2026-01-01T12:10:00", "2026-01-01T12:30:00"),
        ("@hourly", "2026-01-01T00:00:00", "2026-01-01T01:00:00"),
        ("@weekly", "2026-01-01T00:00:00", "2026-01-04T00:00:00"),
    ],
)
def test_next_time(schedule, after, due):
    """
    The next time is the first minute after now that fits every field.
    """
    found = parse_schedule(schedule).after(datetime.fromisoformat(after).replace(tzinfo=UTC))

    assert found == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_impossible_dates_never_come():
    """
    A date that does not exist is never due, and asking ends.
    """
    assert parse_schedule("0 0 30 2 *").after(datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "* * * * mons", "*/0 * * * *", "5-1 * * * *", "@never"]
)
def test_other_texts_are_refused(text):
    """
    What is no schedule is refused, never taken for another.
    """
    with pytest.raises(BadSchedule):
        parse_schedule(text)
