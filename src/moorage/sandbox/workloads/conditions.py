"""
How do conditions of a status change: which moments move, and which stay?
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from moorage.model.manifest import Json
from moorage.sandbox.workloads.ports import stamp


def condition(kind: str, status: bool | str, reason: str = "", message: str = "") -> Json:
    """Return a condition without its moments; `put` adds them."""
    told = {True: "True", False: "False"}.get(status, status) if isinstance(status, bool) else status
    made: Json = {"type": kind, "status": told}
    if reason:
        made["reason"] = reason
    if message:
        made["message"] = message
    return made


def put(
    held: Iterable[Json] | None, wanted: Iterable[Json], now: datetime, *, updates: bool = False
) -> list[Json]:
    """
    Return the conditions with the wanted ones in place of those of the same type.

    A condition that says the same keeps its moments. With `updates` it has a
    ``lastUpdateTime`` too, which moves when the words change but the status does not.
    """
    old = {each["type"]: each for each in held or ()}
    for each in wanted:
        before = old.get(each["type"])
        moments: Json = {"lastTransitionTime": stamp(now)}
        if before is not None and before["status"] == each["status"]:
            moments["lastTransitionTime"] = before.get("lastTransitionTime", stamp(now))
        if updates:
            same = before is not None and all(
                before.get(key) == each.get(key) for key in ("status", "reason", "message")
            )
            moments["lastUpdateTime"] = (
                before.get("lastUpdateTime", stamp(now)) if before and same else stamp(now)
            )
        old[each["type"]] = {**each, **moments}
    return list(old.values())


def holds(body: Json, kind: str) -> bool:
    """Return whether the object's condition of that type is True."""
    found = (body.get("status") or {}).get("conditions") or ()
    return any(each["type"] == kind and each["status"] == "True" for each in found)
