"""
In which fields do two JSON values differ?

The comparison, the plan's preview and the user interface ask this. A list
whose items are told apart by a field, such as containers by name, is compared
item by item under that name; other lists by position. `patch` turns the first
value into the second again, which is how the tests know that nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from moorage.model.equality import same


class Absent:
    """The value of a field that is not there; there is only one, `ABSENT`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


class Key(NamedTuple):
    """The item of a list whose `field` has `value`; `at` is its place when it is added."""

    field: str
    value: str | int
    at: int = -1


class Order(NamedTuple):
    """The order of a list's items, told apart by `field`."""

    field: str


Path = tuple[str | int | Key | Order, ...]

_LONGEST_VALUE = 120
# The fields that tell the items of Kubernetes lists apart, in the order in which they are tried.
_MERGE_KEYS = ("name", "mountPath", "containerPort", "port", "type", "key", "ip", "uid")


@dataclass(frozen=True, slots=True)
class FieldChange:
    """
    One field that differs: where, what it was, what it is.

    `old` or `new` is `ABSENT` where the field is added or removed. Prints as
    ``.spec.template.spec.containers[name=web].image: "a" → "b"``.
    """

    path: Path
    old: Any
    new: Any

    def __str__(self) -> str:
        place = print_path(self.path)
        if self.old is ABSENT:
            return f"{place}: added {_shown(self.new)}"
        if self.new is ABSENT:
            return f"{place}: removed {_shown(self.old)}"
        return f"{place}: {_shown(self.old)} → {_shown(self.new)}"


def diff(old: Any, new: Any) -> tuple[FieldChange, ...]:
    """Return the fields in which two JSON values differ, in path order; empty when they are equal."""
    if same(old, new):
        return ()
    changes: list[FieldChange] = []
    _walk(old, new, (), changes)
    return tuple(changes)


def print_path(path: Path) -> str:
    """Return a path as people write it: ``.spec.ports[name=http].port``."""
    return "".join(map(_printed, path)) or "."


def _printed(part: str | int | Key | Order) -> str:
    if isinstance(part, str):
        plain = part.replace("_", "").replace("-", "").isalnum()
        return f".{part}" if plain else f"[{_shown(part)}]"
    if isinstance(part, int):
        return f"[{part}]"
    if isinstance(part, Key):
        return f"[{part.field}={part.value}]"
    return f"[order by {part.field}]"


def _shown(value: Any) -> str:
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:
        text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _walk(old: Any, new: Any, path: Path, changes: list[FieldChange]) -> None:
    """Note how two values differ that are known to differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        _walk_fields(old, new, path, changes)
    elif isinstance(old, list) and isinstance(new, list):
        field = _merge_key(old, new)
        if field:
            _walk_items(field, old, new, path, changes)
        else:
            _walk_positions(old, new, path, changes)
    else:
        changes.append(FieldChange(path, old, new))


def _walk_fields(old: dict[str, Any], new: dict[str, Any], path: Path, changes: list[FieldChange]) -> None:
    names = old.keys() | new.keys()
    for name in sorted(names):
        before, after = old.get(name, ABSENT), new.get(name, ABSENT)
        if same(before, after):
            continue
        if before is ABSENT or after is ABSENT:
            changes.append(FieldChange((*path, name), before, after))
        else:
            _walk(before, after, (*path, name), changes)


def _walk_positions(old: list[Any], new: list[Any], path: Path, changes: list[FieldChange]) -> None:
    shared = min(len(old), len(new))
    for position in range(shared):
        if not same(old[position], new[position]):
            _walk(old[position], new[position], (*path, position), changes)
    changes += [FieldChange((*path, i), old[i], ABSENT) for i in range(shared, len(old))]
    changes += [FieldChange((*path, i), ABSENT, new[i]) for i in range(shared, len(new))]


def _walk_items(field: str, old: list[Any], new: list[Any], path: Path, changes: list[FieldChange]) -> None:
    before, after = {item[field]: item for item in old}, {item[field]: item for item in new}
    for value, item in before.items():
        if value not in after:
            changes.append(FieldChange((*path, Key(field, value)), item, ABSENT))
    for position, (value, item) in enumerate(after.items()):
        if value not in before:
            changes.append(FieldChange((*path, Key(field, value, position)), ABSENT, item))
        elif not same(before[value], item):
            _walk(before[value], item, (*path, Key(field, value)), changes)
    kept = [value for value in before if value in after]
    if kept != [value for value in after if value in before]:
        changes.append(FieldChange((*path, Order(field)), list(before), list(after)))


def _merge_key(old: list[Any], new: list[Any]) -> str:
    """Return the field that tells the items of both lists apart, or the empty string."""
    sample = (old or new)[0]
    if not isinstance(sample, dict):
        return ""
    for field in _MERGE_KEYS:
        if field in sample and _tells_apart(field, old) and _tells_apart(field, new):
            return field
    return ""


def _tells_apart(field: str, items: list[Any]) -> bool:
    seen = set()
    for item in items:
        value = item.get(field) if isinstance(item, dict) else None
        # True equals 1 in Python, so booleans must not serve as keys.
        if not isinstance(value, str | int) or isinstance(value, bool) or value in seen:
            return False
        seen.add(value)
    return True


def patch(value: Any, changes: Sequence[FieldChange]) -> Any:
    """Return `value` with the changes made; `patch(a, diff(a, b))` equals `b`. Nothing is changed in place."""
    if not changes:
        return value
    whole = next((change for change in changes if not change.path), None)
    if whole is not None:
        return whole.new
    by_part: dict[Any, list[FieldChange]] = {}
    for change in changes:
        by_part.setdefault(change.path[0], []).append(FieldChange(change.path[1:], change.old, change.new))
    return _patched_list(value, by_part) if isinstance(value, list) else _patched_fields(value, by_part)


def _patched_fields(value: dict[str, Any], by_part: dict[Any, list[FieldChange]]) -> dict[str, Any]:
    fields = dict(value)
    for name, changes in by_part.items():
        after = patch(fields.get(name, ABSENT), changes)
        if after is ABSENT:
            fields.pop(name, None)
        else:
            fields[name] = after
    return fields


def _patched_list(value: list[Any], by_part: dict[Any, list[FieldChange]]) -> list[Any]:
    items = list(value)
    added: list[tuple[int, Any]] = []
    for part, changes in by_part.items():
        if isinstance(part, Order):
            continue
        position = part if isinstance(part, int) else _position(value, part)
        after = patch(items[position] if 0 <= position < len(items) else ABSENT, changes)
        if 0 <= position < len(items):
            items[position] = after
        else:
            added.append((position if isinstance(part, int) else part.at, after))
    items = [item for item in items if item is not ABSENT]
    for position, item in sorted(added, key=lambda pair: pair[0]):
        items.insert(position, item)
    for part, changes in by_part.items():
        if isinstance(part, Order):
            by_value = {item[part.field]: item for item in items}
            items = [by_value[key] for key in changes[0].new]
    return items


def _position(items: list[Any], key: Key) -> int:
    return next((i for i, item in enumerate(items) if item[key.field] == key.value), -1)
