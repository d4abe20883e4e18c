"""Sync windows and their schedules: tables with fixed times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from deciding import application

from moorage.engine.cron import parse_schedule
from moorage.engine.windows import BLOCKED, is_active, permission, selects
from moorage.model.application import Destination
from moorage.model.project import SyncWindow

MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
IN, OUT = "0 11 * * *", "0 2 * * *"
SERVER = "https://kubernetes.default.svc"


def window(kind="allow", schedule=IN, hours=2.0, **fields):
    return SyncWindow(kind, schedule, timedelta(hours=hours), **{"applications": ("*",), **fields})


def allowed(*windows, manual=False, begun=None, now=MONDAY):
    return permission(windows, application(), SERVER, now, manual=manual, begun=begun).allowed


@pytest.mark.parametrize(
    ("windows", "automated", "manual"),
    [
        pytest.param([], True, True, id="no windows"),
        pytest.param([window()], True, True, id="active allow"),
        pytest.param([window(schedule=OUT)], False, False, id="inactive allow"),
        pytest.param([window(schedule=OUT, manual_sync=True)], False, True, id="inactive allow, manual"),
        pytest.param([window("deny")], False, False, id="active deny"),
        pytest.param([window("deny", manual_sync=True)], False, True, id="active deny, manual"),
        pytest.param([window("deny", OUT)], True, True, id="inactive deny"),
        pytest.param([window(), window("deny")], False, False, id="deny wins"),
        pytest.param(
            [window(), window("deny", manual_sync=True)], False, True, id="deny wins, but not by hand"
        ),
        pytest.param(
            [window("deny", manual_sync=True), window("deny")],
            False,
            False,
            id="all denies must let it through",
        ),
        pytest.param([window(), window(schedule=OUT)], True, True, id="one allow is enough"),
        pytest.param(
            [window(schedule=OUT, manual_sync=True), window(schedule=OUT)],
            False,
            False,
            id="all allows must let it through",
        ),
        pytest.param([window("deny", applications=("other",))], True, True, id="about another application"),
        pytest.param([window(schedule=OUT, applications=("other",))], True, True, id="allows another"),
        pytest.param([window("deny", schedule="every day")], False, False, id="unreadable deny"),
        pytest.param([window(schedule="every day")], False, False, id="unreadable allow"),
        pytest.param([window("deny", time_zone="Mars/Olympus")], False, False, id="unknown time zone"),
    ],
)
def test_decisions(windows, automated, manual):
    """
    An active deny wins, then an active allow; where allows exist and none is active, nothing begins.
    """
    assert (automated, manual) == (allowed(*windows), allowed(*windows, manual=True))


def test_a_refusal_names_the_window():
    """
    What is blocked says by which window, in Argo CD's words.
    """
    refused = permission([window("deny")], application(), SERVER, MONDAY, manual=False)

    assert refused.message == f"{BLOCKED}: a deny window is active (0 11 * * *, UTC)"


@pytest.mark.parametrize(
    ("windows", "begun", "expected"),
    [
        pytest.param([window("deny")], MONDAY - timedelta(hours=2), False, id="no overrun"),
        pytest.param(
            [window("deny", sync_overrun=True)], MONDAY - timedelta(hours=2), True, id="began before"
        ),
        pytest.param(
            [window("deny", sync_overrun=True)], MONDAY - timedelta(minutes=5), False, id="began inside"
        ),
        pytest.param(
            [window("deny", sync_overrun=True), window("deny")],
            MONDAY - timedelta(hours=2),
            False,
            id="all denies must let it run",
        ),
        pytest.param(
            [window(schedule="0 9 * * *", sync_overrun=True)],
            MONDAY - timedelta(hours=2),
            True,
            id="an allow that ended",
        ),
        pytest.param(
            [window(schedule="0 9 * * *")], MONDAY - timedelta(hours=2), False, id="an allow, no overrun"
        ),
    ],
)
def test_overrun(windows, begun, expected):
    """
    An operation that began when it was allowed to may end, if every window in its way says so.
    """
    assert expected is allowed(*windows, begun=begun)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"applications": ("shop",)}, True, id="name"),
        pytest.param({"applications": ("sh*",)}, True, id="glob"),
        pytest.param({"applications": ("web",)}, False, id="another name"),
        pytest.param({"applications": (), "clusters": (SERVER,)}, True, id="server"),
        pytest.param({"applications": (), "clusters": ("prod",)}, True, id="name of the cluster"),
        pytest.param({"applications": (), "namespaces": ("web",)}, True, id="namespace"),
        pytest.param({"applications": ("x",), "namespaces": ("web",)}, True, id="one of two"),
        pytest.param(
            {"applications": ("x",), "namespaces": ("web",), "and_operator": True}, False, id="not both"
        ),
        pytest.param(
            {"applications": ("shop",), "namespaces": ("web",), "and_operator": True}, True, id="both"
        ),
        pytest.param({"applications": (), "and_operator": True}, False, id="nobody"),
    ],
)
def test_whom_a_window_is_about(fields, expected):
    """
    A window selects by name, cluster or namespace; with andOperator by all that it names.
    """
    app = application(destination=Destination("", "prod", "web"))

    assert expected is selects(window(**fields), app, SERVER)


@pytest.mark.parametrize(
    ("schedule", "hours", "zone", "moment", "expected"),
    [
        pytest.param("0 12 * * *", 1, "UTC", "2026-03-02T12:00:00+00:00", True, id="at its beginning"),
        pytest.param("0 12 * * *", 1, "UTC", "2026-03-02T12:59:59+00:00", True, id="a second before its end"),
        pytest.param("0 12 * * *", 1, "UTC", "2026-03-02T13:00:00+00:00", False, id="at its end"),
        pytest.param("0 22 * * *", 8, "UTC", "2026-03-03T03:00:00+00:00", True, id="over midnight"),
        pytest.param("0 22 * * 5", 60, "UTC", "2026-03-08T12:00:00+00:00", True, id="a weekend"),
        pytest.param("0 0 1 1 *", 24, "", "2026-01-01T23:00:00+00:00", True, id="no time zone is UTC"),
        pytest.param(
            "0 9 * * *", 1, "Europe/Berlin", "2026-03-02T08:30:00+00:00", True, id="another time zone"
        ),
        pytest.param("0 9 * * *", 1, "Europe/Berlin", "2026-07-02T07:30:00+00:00", True, id="in summer"),
        pytest.param(
            "0 9 * * *", 1, "Europe/Berlin", "2026-07-02T08:30:00+00:00", False, id="not an hour later"
        ),
        # On 29 March 2026 clocks go from 02:00 to 03:00: four hours from 01:00 end at 06:00.
        pytest.param(
            "0 1 * * *", 4, "Europe/Berlin", "2026-03-29T03:30:00+00:00", True, id="keeps its length"
        ),
        pytest.param("0 1 * * *", 4, "Europe/Berlin", "2026-03-29T04:00:00+00:00", False, id="and no more"),
        # On 25 October 2026 they go back from 03:00 to 02:00: four hours from 01:00 end at 04:00.
        pytest.param("0 1 * * *", 4, "Europe/Berlin", "2026-10-25T02:59:00+00:00", True, id="in autumn too"),
        pytest.param(
            "0 1 * * *", 4, "Europe/Berlin", "2026-10-25T03:00:00+00:00", False, id="and no more in autumn"
        ),
    ],
)
def test_when_a_window_is_open(schedule, hours, zone, moment, expected):
    """
    A window opens when its schedule fires in its time zone, and stays open for its length.
    """
    assert expected is is_active(
        window(schedule=schedule, hours=hours, time_zone=zone), datetime.fromisoformat(moment)
    )


# Schedules.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("* * * * *", "2026-03-02 12:01", id="every minute"),
        pytest.param("*/15 * * * *", "2026-03-02 12:15", id="steps"),
        pytest.param("5/20 * * * *", "2026-03-02 12:05", id="steps from a number"),
        pytest.param("0 8-10 * * *", "2026-03-03 08:00", id="range"),
        pytest.param("0 8-18/5 * * *", "2026-03-02 13:00", id="range with steps"),
        pytest.param("30 1,13 * * *", "2026-03-02 13:30", id="list"),
        pytest.param("0 0 29 2 *", "2028-02-29 00:00", id="leap day"),
        pytest.param("0 0 * * sun", "2026-03-08 00:00", id="name of a day"),
        pytest.param("0 0 * * 7", "2026-03-08 00:00", id="Sunday as 7"),
        pytest.param("0 0 1 JUL ?", "2026-07-01 00:00", id="name of a month"),
        pytest.param("0 0 13 * fri", "2026-03-06 00:00", id="either day"),
        pytest.param("0 0 */2 * mon", "2026-03-03 00:00", id="a step restricts"),
        pytest.param("0 0 */1 * mon", "2026-03-09 00:00", id="a step of one does not"),
        pytest.param("@daily", "2026-03-03 00:00", id="shorthand"),
        pytest.param("0 0 31 2 *", "None", id="never"),
    ],
)
def test_next_firing(text, expected):
    """
    A schedule fires at the next minute that its five fields describe.
    """
    fires = parse_schedule(text).next(datetime(2026, 3, 2, 12, 0))

    assert expected == (str(fires)[:16] if fires else "None")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("* * * * *", "2026-03-02 12:00", id="now"),
        pytest.param("0 8-10 * * *", "2026-03-02 10:00", id="earlier today"),
        pytest.param("59 23 * * *", "2026-03-01 23:59", id="yesterday"),
        pytest.param("0 0 1 1 *", "None", id="longer ago than asked"),
    ],
)
def test_last_firing(text, expected):
    """
    The latest firing is found at or before a moment, not further back than asked.
    """
    fired = parse_schedule(text).last(datetime(2026, 3, 2, 12, 0, 30), timedelta(days=7))

    assert expected == (str(fired)[:16] if fired else "None")


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        pytest.param("", "five fields", id="empty"),
        pytest.param("* * * *", "five fields", id="four fields"),
        pytest.param("60 * * * *", "minute '60'", id="minute"),
        pytest.param("* 24 * * *", "hour '24'", id="hour"),
        pytest.param("* * 0 * *", "day '0'", id="day"),
        pytest.param("* * * 13 *", "month '13'", id="month"),
        pytest.param("* * * * 8", "weekday '8'", id="weekday"),
        pytest.param("*/0 * * * *", "minute '\\*/0'", id="no step"),
        pytest.param("9-5 * * * *", "minute '9-5'", id="backwards"),
        pytest.param("x * * * *", "minute 'x' is not a number", id="no number"),
        pytest.param("-1 * * * *", "minute", id="negative"),
        pytest.param("1,, * * * *", "minute", id="empty part"),
    ],
)
def test_schedules_that_cannot_be_read(text, wrong):
    """
    A schedule that cannot be read is refused with the field that is wrong.
    """
    with pytest.raises(ValueError, match=wrong):
        parse_schedule(text)
