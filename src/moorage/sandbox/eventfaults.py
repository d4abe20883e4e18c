"""
What is wrong with an event?

Events are judged in the form they are kept in, and told of by its names. The
group of their own is strict: what it takes says who reports and when, and most
of it never changes. The core group asks that only of events that tell a time.
"""

from __future__ import annotations

from collections.abc import Iterator

from moorage.model.equality import same
from moorage.model.manifest import Json
from moorage.sandbox import faults
from moorage.sandbox.answers import Cause
from moorage.sandbox.metadata import qualified_name_faults

_LONGEST_WORD, _LONGEST_MESSAGE = 128, 1024
_FIXED = (
    "involvedObject",
    "reason",
    "message",
    "source",
    "firstTimestamp",
    "lastTimestamp",
    "count",
    "type",
    "eventTime",
    "action",
    "related",
    "reportingController",
    "reportingInstance",
)


def faults_of(body: Json, before: Json | None, *, strict: bool) -> list[Cause]:
    """
    Return what is wrong with an event.

    Args:
        body: The event as it is kept.
        before: What it replaces, None at creation.
        strict: Whether it comes through the group of its own.
    """
    found = list(_faults(body, "reportingController" if strict else "reportingComponent"))
    if strict and before is None:
        found += _series(body)
        found += _of_a_new_one(body)
    elif strict and before is not None:
        found += [] if same(body.get("series"), before.get("series")) else _series(body)
        found += _changes(body, before)
    return found


def _faults(body: Json, reporter: str) -> Iterator[Cause]:
    namespace = body["metadata"].get("namespace", "")
    about = (body.get("involvedObject") or {}).get("namespace") or ""
    timed = bool(body.get("eventTime"))
    homes = ("default", "kube-system") if timed else ("", "default")
    if (about and about != namespace and not timed) or (not about and namespace not in homes):
        yield faults.invalid("involvedObject.namespace", about, "does not match event.namespace")
    if not timed:
        return
    name = body.get("reportingComponent") or ""
    if not name:
        yield faults.required(reporter)
    for why in qualified_name_faults(name):
        yield faults.invalid(reporter, name, why)
    for field in ("reportingInstance", "action", "reason"):
        yield from _word(body.get(field) or "", field)
    if len((body.get("message") or "").encode()) > _LONGEST_MESSAGE:
        yield faults.invalid("message", "", f"can have at most {_LONGEST_MESSAGE} characters")


def _word(value: str, field: str) -> Iterator[Cause]:
    if not value:
        yield faults.required(field)
    if len(value.encode()) > _LONGEST_WORD:
        yield faults.invalid(field, "", f"can have at most {_LONGEST_WORD} characters")


def _series(body: Json) -> Iterator[Cause]:
    series = body.get("series")
    if not series:
        return
    if series.get("count", 0) < 2:
        yield faults.invalid("series.count", "", "should be at least 2")
    if not series.get("lastObservedTime"):
        yield faults.required("series.lastObservedTime")


def _of_a_new_one(body: Json) -> Iterator[Cause]:
    if not body.get("eventTime"):
        yield faults.required("eventTime")
    if body.get("type") not in ("Normal", "Warning"):
        yield faults.invalid("type", "", f"has invalid value: {body.get('type') or ''}")
    for field in ("firstTimestamp", "lastTimestamp", "count", "source"):
        if body.get(field):
            yield faults.invalid(field, "", "needs to be unset")


def _changes(body: Json, before: Json) -> Iterator[Cause]:
    for field in _FIXED:
        kept = "reportingComponent" if field == "reportingController" else field
        if not same(before.get(kept), body.get(kept)):
            yield faults.invalid(field, body.get(kept), faults.IMMUTABLE)
