"""
What does a Helm parameter such as ``hosts[0].name=a`` set?

The syntax of ``helm --set``: dots and indexes make the path, braces a list,
a backslash takes the next character as it is. Indexes and nesting are
bounded, so a short text cannot ask for a gigabyte of nothing.
"""

from __future__ import annotations

import re
from typing import Any

from moorage.model.errors import InvalidSpec
from moorage.model.manifest import Json

MAX_INDEX = 65_536
MAX_NESTING = 30

_PART = re.compile(r"((?:\\.|[^\\.\[\]])*)((?:\[[^\[\]]*\])*)(\.|$)", re.DOTALL)
_INDEX = re.compile(r"\[([^\[\]]*)\]")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ITEM = re.compile(r"((?:\\.|[^\\,])*)(?:,|$)", re.DOTALL)


def assign(values: Json, name: str, value: str, where: str, *, as_text: bool = False) -> None:
    """
    Set one parameter in a tree of values, in place.

    Args:
        values: Changed.
        name: The path, as left of the equals sign.
        value: As right of it.
        where: Names the field in errors.
        as_text: Whether ``true``, ``null`` and numbers stay text.
    """
    put(values, name, _value(value, as_text), where)


def put(values: Json, name: str, value: Any, where: str) -> None:
    """Set a value as it is at a parameter's path, in place."""
    path = _path(name, where)
    target: Any = values
    for step, following in zip(path, [*path[1:], None], strict=True):
        if following is None:
            _store(target, step, value)
            return
        inner = _inner(target, step)
        wanted = list if isinstance(following, int) else dict
        if inner is None:
            inner = wanted()
        elif not isinstance(inner, wanted):
            raise InvalidSpec(
                f"{where}: {name} goes through a value that is not a {_WORDS[wanted]}; set it as a whole"
            )
        _store(target, step, inner)
        target = inner


_WORDS: dict[type, str] = {list: "list", dict: "map"}


def _path(name: str, where: str) -> list[str | int]:
    path: list[str | int] = []
    position = 0
    while position <= len(name):
        match = _PART.match(name, position)
        if match is None or not match[1]:
            raise InvalidSpec(f"{where}: not a parameter name; write it like image.tag or hosts[0].name")
        path.append(_ESCAPED.sub(r"\1", match[1]))
        for text in _INDEX.findall(match[2]):
            if not text.isdecimal() or int(text[:9]) > MAX_INDEX or len(text) > 9:
                raise InvalidSpec(f"{where}: a list index must be a number from 0 to {MAX_INDEX}")
            path.append(int(text))
        position = match.end()
        if not match[3]:
            break
    if len(path) > MAX_NESTING:
        raise InvalidSpec(f"{where}: nested deeper than {MAX_NESTING} levels")
    return path


def _inner(target: Any, step: str | int) -> Any:
    if isinstance(step, int):
        return target[step] if step < len(target) else None
    return target.get(step)


def _store(target: Any, step: str | int, value: Any) -> None:
    if isinstance(step, int):
        target.extend([None] * (step + 1 - len(target)))
    target[step] = value


def _value(text: str, as_text: bool) -> Any:
    if text.startswith("{") and text.endswith("}"):
        inner = text[1:-1]
        if not inner:
            return []
        items = _ITEM.findall(inner)
        # The pattern matches once more, with nothing, at the end.
        return [
            _typed(_ESCAPED.sub(r"\1", item), as_text)
            for item in items[: -1 if not inner.endswith(",") else None]
        ]
    return _typed(_ESCAPED.sub(r"\1", text), as_text)


def _typed(text: str, as_text: bool) -> Any:
    if as_text:
        return text
    lowered = text.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if lowered == "null":
        return None
    if text == "0":
        return 0
    if (
        not text.startswith("0")
        and _WHOLE.fullmatch(text)
        and -(2**63) <= int(text[:30]) < 2**63
        and len(text) <= 30
    ):
        return int(text)
    return text
