"""
Does a JSON value have the shape its readers count on?

An Application's `operation` and `status` are open to whatever a client sends;
the table here is what Moorage reads of them. A member that is absent or null
always fits, and members nobody reads are not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from moorage.engine.policy import decode_retry, parse_time


@dataclass(frozen=True, slots=True)
class Leaf:
    """
    A value that is no container of others: what it must be, in words and as a test.

    `type` is all there is to the test where a type says it.
    """

    words: str
    fits: Callable[[Any], object]
    type: Any = None


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


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31


TEXT = Leaf("a text", lambda value: isinstance(value, str), str)
NUMBER = Leaf("a whole number", _is_number, Annotated[int, msgspec.Meta(gt=-(2**31), lt=2**31)])
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


def _item(value: Any, shape: Shape, where: str) -> str:
    return f"{where}: must not be null" if value is None else misfit(value, shape, where)


def fitting(status: dict[str, Any]) -> dict[str, Any]:
    """Return a status without the parts that are not as they are written; they are written anew."""
    return {name: value for name, value in status.items() if name not in _PARTS or _PARTS[name].fits(value)}


class _Part:
    """
    A shape made ready to be asked often: every status that is written comes back through here.

    What types can say is checked as one type, the few other leaves one by one.
    """

    def __init__(self, shape: Shape) -> None:
        self._type = _type_of(shape)
        self._rest = _rest_of(shape)

    def fits(self, value: Any) -> bool:
        if value is None:
            return True
        try:
            msgspec.convert(value, self._type)
        except msgspec.ValidationError:
            return False
        return self._rest is None or not misfit(value, self._rest, "")


def _type_of(shape: Shape) -> Any:
    if isinstance(shape, Leaf):
        return Any if shape.type is None else shape.type
    if isinstance(shape, list):
        return list[_type_of(shape[0])]  # type: ignore[misc]
    if not shape:
        return dict[str, Any]
    members = [(name, _type_of(inner) | None, None) for name, inner in shape.items()]
    return msgspec.defstruct("Part", members)


def _rest_of(shape: Shape) -> Shape | None:
    """Return what of a shape no type says; None when that is nothing."""
    if isinstance(shape, Leaf):
        return shape if shape.type is None else None
    if isinstance(shape, list):
        inner = _rest_of(shape[0])
        return None if inner is None else [inner]
    rest = {name: inner for name, part in shape.items() if (inner := _rest_of(part)) is not None}
    return rest or None


_PARTS = {name: _Part(shape) for name, shape in STATUS.items()}
