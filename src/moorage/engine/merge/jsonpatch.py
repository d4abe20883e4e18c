"""
Applies JSON patches to an object, all operations or none, as the API server does.

RFC 6902 with the API server's leniency: an index may be negative and then counts
from the end, `replace` may name a field that is not there, `test` takes an absent
field for null, and of a path only what follows its first slash counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moorage.model.equality import same
from moorage.model.errors import Terminal
from moorage.model.manifest import Json


class PatchFailed(Terminal):
    """An operation of a patch cannot be done; `server_says` are the words of an API server, where they differ."""

    reason = "PatchFailed"
    server_says = ""


def not_as_told(message: str, server_says: str) -> PatchFailed:
    """Return a refusal that an API server puts into other words."""
    refused = PatchFailed(message)
    refused.server_says = server_says
    return refused


def apply_patch(body: Any, operations: Sequence[Json]) -> Any:
    """
    Return `body` after the operations, in order.

    Raises:
        PatchFailed: An operation is malformed, its path does not exist or a test failed.
    """
    for number, operation in enumerate(operations):
        try:
            body = _performed(body, operation)
        except _Impossible as problem:
            name = operation.get("op") if isinstance(operation, dict) else None
            where = operation.get("path") if isinstance(operation, dict) else None
            raise PatchFailed(f"operation {number} ({name} {where}): {problem}") from problem
    return body


class _Impossible(Exception):
    pass


def _performed(body: Any, operation: Json) -> Any:
    if not isinstance(operation, dict):
        raise _Impossible("an operation must be an object")
    path = _pointer(operation, "path")
    match operation.get("op"):
        case "add":
            return _added(body, path, _value(operation))
        case "remove":
            return _removed(body, path)
        case "replace":
            return _replaced(body, path, _value(operation))
        case "move":
            source = _pointer(operation, "from")
            if path[: len(source)] == source and path != source:
                raise _Impossible("cannot move a value into itself")
            return _added(_removed(body, source), path, _found(body, source))
        case "copy":
            return _added(body, path, _found(body, _pointer(operation, "from"), lenient=True))
        case "test":
            if not same(_found(body, path, lenient=True), operation.get("value")):
                raise _Impossible("the value is another")
            return body
        case other:
            raise _Impossible(f"unknown operation {other!r}")


def _value(operation: Json) -> Any:
    if "value" not in operation:
        raise _Impossible("value is missing")
    return operation["value"]


def _pointer(operation: Json, name: str) -> tuple[str, ...]:
    text = operation.get(name)
    if not isinstance(text, str):
        raise _Impossible(f"{name} is missing")
    if not text:
        return ()
    if "/" not in text:
        raise _Impossible(f"{name} must begin with a slash")
    parts = text.partition("/")[2].split("/")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def _found(body: Any, path: tuple[str, ...], *, lenient: bool = False) -> Any:
    for place, part in enumerate(path):
        if isinstance(body, dict):
            if part not in body:
                if lenient and place == len(path) - 1:
                    return None
                raise _Impossible(f"there is no {part!r}")
            body = body[part]
        elif isinstance(body, list):
            body = body[_index(part, len(body) - 1)]
        else:
            raise _Impossible(f"there is nothing below {part!r}")
    return body


def _added(body: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    return _changed(body, path, value, insert=True)


def _replaced(body: Any, path: tuple[str, ...], value: Any) -> Any:
    if not path:
        return value
    return _changed(body, path, value, insert=False)


def _changed(body: Any, path: tuple[str, ...], value: Any, *, insert: bool) -> Any:
    part, rest = path[0], path[1:]
    if isinstance(body, dict):
        if rest and part not in body:
            raise _Impossible(f"there is no {part!r}")
        return {**body, part: _changed(body[part], rest, value, insert=insert) if rest else value}
    if not isinstance(body, list):
        raise _Impossible(f"there is nothing below {part!r}")
    copy = list(body)
    if rest:
        at = _index(part, len(body) - 1)
        copy[at] = _changed(body[at], rest, value, insert=insert)
    elif insert:
        copy.insert(len(body) if part == "-" else _index(part, len(body)), value)
    else:
        copy[_index(part, len(body) - 1)] = value
    return copy


def _removed(body: Any, path: tuple[str, ...]) -> Any:
    if not path:
        raise _Impossible("the whole object cannot be removed")
    part, rest = path[0], path[1:]
    if isinstance(body, dict):
        if part not in body:
            raise _Impossible(f"there is no {part!r}")
        if rest:
            return {**body, part: _removed(body[part], rest)}
        return {name: value for name, value in body.items() if name != part}
    if isinstance(body, list):
        at = _index(part, len(body) - 1)
        tail = [_removed(body[at], rest)] if rest else []
        return [*body[:at], *tail, *body[at + 1 :]]
    raise _Impossible(f"there is nothing below {part!r}")


def _index(part: str, last: int) -> int:
    try:
        index = int(part)
    except ValueError:
        raise _Impossible(f"{part!r} is not an index") from None
    if index < 0:
        index += last + 1
    if not 0 <= index <= last:
        raise _Impossible(f"index {part} is out of range")
    return index
