"""
What does a JSON text say, and where is it wrong?

Strict JSON: UTF-8, no comments, no infinities, no key twice, bounded in size
and depth. Errors give file, line and column and never quote content.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from moorage.model.errors import InvalidManifest, LimitExceeded

MAX_SIZE = 50 * 1024 * 1024
MAX_DEPTH = 200


def load(text: str | bytes, *, origin: str = "", strict: bool = True, size: int = MAX_SIZE) -> Any:
    """
    Return the value of a JSON text.

    Args:
        text: UTF-8.
        origin: The file name used in errors.
        strict: Whether a key given twice is an error; otherwise the last wins.
        size: The most bytes to accept.
    """
    name = origin or "JSON"
    if len(text) > size:
        raise LimitExceeded(f"{name}: larger than the {size} bytes allowed; split it into several files")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # The reason after the colon is a fixed sentence of the parser.
        reason = error.msg.partition(":")[0]
        raise InvalidManifest(f"{name}:{error.lineno}:{error.colno}: {reason}; write it as JSON") from None
    _check_depth(value, name)
    if strict:
        json.loads(text, object_pairs_hook=lambda pairs: _unique(pairs, name))
    return value


def dump(value: Any) -> bytes:
    """Return a JSON value as compact UTF-8."""
    return orjson.dumps(value)


def _check_depth(value: Any, name: str) -> None:
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        children = (child for item in level for child in (item.values() if isinstance(item, dict) else item))
        level = [child for child in children if isinstance(child, (dict, list))]
    if level:
        raise LimitExceeded(f"{name}: nested deeper than {MAX_DEPTH} levels")


def _unique(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise InvalidManifest(f"{name}: the field {twice} is given twice in one object; remove one")
    return unique
