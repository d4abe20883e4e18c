"""
Do a project's sync windows let an operation begin now?

The rules are Argo CD's: an active deny wins; then an active allow; where there
are allow windows and none is active, nothing begins. A window may let manual
syncs through, and one with ``syncOverrun`` lets an operation end that began when
it was allowed to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from moorage.engine.cron import parse_schedule
from moorage.engine.permits import matches
from moorage.engine.policy import OPEN, Permission
from moorage.model.application import Application
from moorage.model.project import SyncWindow

BLOCKED = "Sync operation blocked by sync window"


def permission(
    windows: Sequence[SyncWindow],
    app: Application,
    server: str,
    now: datetime,
    *,
    manual: bool,
    begun: datetime | None = None,
) -> Permission:
    """
    Return whether an operation of `app` may begin now, or go on.

    Args:
        windows: The project's.
        app: Its name and destination select the windows.
        server: The destination's address.
        now: The time, with a time zone.
        manual: Whether a person asked for the operation.
        begun: When the operation began, if it runs already.
    """
    if not windows:
        return OPEN
    concerned = [w for w in windows if selects(w, app, server)]
    denying = [w for w in concerned if w.kind == "deny" and is_active(w, now)]
    overrun = begun is not None and permission(windows, app, server, begun, manual=manual).allowed
    if denying:
        return _excepted(denying, manual, overrun, "a deny window is active")
    allowing = [w for w in concerned if w.kind == "allow"]
    if not allowing or any(is_active(w, now) for w in allowing):
        return OPEN
    return _excepted(allowing, manual, overrun, "no allow window is active")


def _excepted(windows: Sequence[SyncWindow], manual: bool, overrun: bool, why: str) -> Permission:
    if manual and all(w.manual_sync for w in windows):
        return OPEN
    if overrun and all(w.sync_overrun for w in windows):
        return OPEN
    return Permission(False, f"{BLOCKED}: {why} ({windows[0].schedule}, {windows[0].time_zone})")


def selects(window: SyncWindow, app: Application, server: str) -> bool:
    """Whether a window is about an application: by name, cluster or namespace."""
    found = []
    if window.applications:
        found.append(any(matches(glob, app.key.name) for glob in window.applications))
    if window.clusters:
        names = (server, app.destination.name)
        found.append(any(matches(glob, name) for glob in window.clusters for name in names if name))
    if window.namespaces:
        found.append(any(matches(glob, app.destination.namespace) for glob in window.namespaces))
    return bool(found) and (all(found) if window.and_operator else any(found))


def is_active(window: SyncWindow, now: datetime) -> bool:
    """
    Whether a window is open now.

    A schedule or time zone that cannot be read makes a deny window active and
    an allow window not: what is not understood never opens a door.
    """
    try:
        zone = _zone(window.time_zone)
        local = now.astimezone(zone).replace(tzinfo=None)
        begun = parse_schedule(window.schedule).last(local, window.duration + _CLOCKS_CHANGE)
    except (ValueError, KeyError, OSError, OverflowError):
        return window.kind == "deny"
    # Lengths are measured in UTC: a window that spans a change of clocks keeps its length.
    return begun is not None and now < begun.replace(tzinfo=zone).astimezone(UTC) + window.duration


_CLOCKS_CHANGE = timedelta(hours=2)


_LONGEST_ZONE = 64


def _zone(name: str) -> tzinfo:
    # A name of many parts makes zoneinfo look for as many packages inside each other.
    if len(name) > _LONGEST_ZONE:
        raise ValueError(f"{name[:_LONGEST_ZONE]!r} is not a time zone")
    return UTC if name in ("", "UTC") else ZoneInfo(name)
