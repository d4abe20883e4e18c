"""Lengths of time in Go's way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.duration import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("5s", 5, id="seconds"),
        pytest.param("3m", 180, id="minutes"),
        pytest.param("1h30m", 5400, id="hours and minutes"),
        pytest.param("1.5h", 5400, id="a fraction"),
        pytest.param("100ms", 0.1, id="milliseconds"),
        pytest.param("2us", 0.000002, id="microseconds"),
        pytest.param("2µs", 0.000002, id="with a micro sign"),
        pytest.param("2μs", 0.000002, id="with a mu"),
        pytest.param("1500ns", 0.000002, id="nanoseconds are rounded"),
        pytest.param("0", 0, id="nothing"),
        pytest.param("-2m", -120, id="negative"),
        pytest.param("+2m", 120, id="positive"),
        pytest.param("1m1h", 3660, id="in any order"),
        pytest.param(".5s", 0.5, id="without whole"),
    ],
)
def test_reading(text, seconds):
    """
    Numbers with units are read in any order and added up.
    """
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("5", id="no unit"),
        pytest.param("5 s", id="a space"),
        pytest.param("1d", id="days"),
        pytest.param("5S", id="case"),
        pytest.param("s", id="no number"),
        pytest.param("-", id="a sign"),
        pytest.param("1h-5m", id="a sign inside"),
        pytest.param("999999999999h", id="too long a time"),
        pytest.param("1s" * 50, id="too long a text"),
    ],
)
def test_what_is_no_duration(text):
    """
    What is not a duration is refused.
    """
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        pytest.param(timedelta(), "0s", id="nothing"),
        pytest.param(timedelta(seconds=5), "5s", id="seconds"),
        pytest.param(timedelta(hours=1, minutes=30), "1h30m0s", id="hours"),
        pytest.param(timedelta(minutes=3), "3m0s", id="minutes"),
        pytest.param(timedelta(seconds=1.5), "1.5s", id="a fraction"),
        pytest.param(timedelta(milliseconds=250), "250ms", id="milliseconds"),
        pytest.param(timedelta(microseconds=7), "7µs", id="microseconds"),
        pytest.param(timedelta(seconds=-90), "-1m30s", id="negative"),
        pytest.param(timedelta(days=2), "48h0m0s", id="days"),
    ],
)
def test_writing(duration, text):
    """
    A length of time is written as Go writes it.
    """
    assert format_duration(duration) == text


@given(st.timedeltas(timedelta(days=-9999), timedelta(days=9999)))
def test_what_is_written_is_read_again(duration):
    """
    Writing and reading gives the same length of time.
    """
    assert parse_duration(format_duration(duration)) == duration
