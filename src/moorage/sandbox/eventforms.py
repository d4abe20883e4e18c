"""
How does an Event of the group ``events.k8s.io`` look as one of the core group, and the other way?

A server keeps events once, in the core group's form. What both forms have is
called the same; of the rest one says ``regarding``, ``note`` and ``deprecated…``
where the other says ``involvedObject``, ``message`` and so on.
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox import kinds

CORE, FRESH = "v1", "events.k8s.io/v1"
_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_BACK = {fresh: core for core, fresh in _NAMES.items()}
_TIMES = {
    CORE: ("firstTimestamp", "lastTimestamp", "eventTime"),
    FRESH: ("deprecatedFirstTimestamp", "deprecatedLastTimestamp", "eventTime"),
}


def to_core(body: Json) -> Json:
    """Return an event of its own group in the form it is kept in; other events as they are."""
    return _renamed(body, CORE, _BACK) if body.get("apiVersion") == FRESH else body


def to_fresh(body: Json) -> Json:
    """Return a kept event in the form of its own group."""
    return _renamed(body, FRESH, _NAMES)


def fill_parts(body: Json) -> None:
    """Add the parts that an event's type always writes, in place."""
    for name, zero in kinds.blank(body["apiVersion"], "Event").items():
        body.setdefault(name, zero)


def fill_times(body: Json) -> None:
    """Add the times that are not known, in place: they are written as null, and nobody owns that."""
    for name in _TIMES[body["apiVersion"]]:
        body.setdefault(name, None)


def _renamed(body: Json, api_version: str, names: dict[str, str]) -> Json:
    renamed = {names.get(name, name): value for name, value in body.items()}
    renamed["apiVersion"] = api_version
    if api_version == FRESH and not renamed.get("reportingController"):
        renamed.pop("reportingController", None)
    if api_version == FRESH and not renamed.get("reportingInstance"):
        renamed.pop("reportingInstance", None)
    fill_parts(renamed)
    fill_times(renamed)
    return renamed
