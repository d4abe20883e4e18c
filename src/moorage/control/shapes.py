"""
Does a JSON value have the shape its readers count on?

An Application's `operation` and `status` are open to whatever a client sends;
the table here is what Moorage reads of them. A member that is absent or null
always fits, and members nobody reads are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moorage.engine.policy import decode_retry, parse_time


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that is no container of others: what it must be, in words and as a test."""

    words: str
    fits: Callable[[Any], object]


Shape = Leaf | dict[str, Any] | list[Any]
"""A leaf, an object by the shapes of its members, or a list by the one shape of its items."""


def _is_time(value: Any) -> bool:
    try:
        return parse_time(value).tzinfo is not None
    except (ValueError, TypeError, AttributeError):
        return False


def _is_retry(value: Any) -> bool:
    try:
        decode_retry(value)
    except ValueError:
        return False
    return True


TEXT = Leaf("a text", lambda value: isinstance(value, str))
NUMBER = Leaf("a whole number", lambda value: isinstance(value, int) and abs(value) < 2**31)
TIME = Leaf("a time such as 2026-01-31T12:00:00Z", _is_time)
RETRY = Leaf("a retry policy with limit and backoff", _is_retry)

_RESOURCE: Shape = dict.fromkeys(("group", "kind", "namespace", "name", "version"), TEXT)
_RESULT: Shape = {
    **dict.fromkeys(("group", "kind", "namespace", "name", "version", "message", "status"), TEXT),
    **dict.fromkeys(("syncPhase", "hookType", "hookPhase"), TEXT),
    "images": [TEXT],
}

OPERATION: Shape = {
    "sync": {
        "revision": TEXT,
        "syncStrategy": {"apply": {}, "hook": {}},
        "syncOptions": [TEXT],
        "resources": [_RESOURCE],
        "autoHealAttemptsCount": NUMBER,
    },
    "retry": RETRY,
    "initiatedBy": {"username": TEXT},
}

STATUS: dict[str, Shape] = {
    "operationState": {
        "startedAt": TIME,
        "finishedAt": TIME,
        "phase": TEXT,
        "message": TEXT,
        "retryCount": NUMBER,
        "operation": OPERATION,
        "syncResult": {"revision": TEXT, "source": {}, "resources": [_RESULT]},
    },
    "history": [{"id": NUMBER}],
    "conditions": [{"type": TEXT, "message": TEXT, "lastTransitionTime": TEXT}],
    "sync": {"status": TEXT, "revision": TEXT, "comparedTo": {}},
    "health": {"status": TEXT, "lastTransitionTime": TEXT},
    "resources": [_RESOURCE],
    "summary": {"images": [TEXT]},
}


def misfit(value: Any, shape: Shape, where: str) -> str:
    """Return what does not fit, ``operation.sync: must be an object``, or the empty string."""
    if value is None:
        return ""
    if isinstance(shape, Leaf):
        return "" if shape.fits(value) else f"{where}: must be {shape.words}"
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{where}: must be a list"
        return next(
            filter(None, (_item(item, shape[0], f"{where}[{i}]") for i, item in enumerate(value))), ""
        )
    if not isinstance(value, dict):
        return f"{where}: must be an object"
    return next(filter(None, (misfit(value.get(n), inner, f"{where}.{n}") for n, inner in shape.items())), "")


def _fits(value: Any, shape: Shape) -> bool:
    """Return whether there is no misfit; says not where, which is most of the work."""
    if value is None:
        return True
    if isinstance(shape, Leaf):
        return bool(shape.fits(value))
    if isinstance(shape, list):
        inner = shape[0]
        return isinstance(value, list) and all(item is not None and _fits(item, inner) for item in value)
    return isinstance(value, dict) and all(_fits(value.get(name), inner) for name, inner in shape.items())


def _item(value: Any, shape: Shape, where: str) -> str:
    return f"{where}: must not be null" if value is None else misfit(value, shape, where)


def fitting(status: dict[str, Any]) -> dict[str, Any]:
    """Return a status without the parts that are not as they are written; they are written anew."""
    return {name: value for name, value in status.items() if name not in STATUS or _fits(value, STATUS[name])}
