"""
Walks values along their schema: how two merge, how they differ, what fits.

These are the walks that server-side apply is made of. They follow the shape
of the value where value and schema disagree, since judging is `mismatches`' work
and live objects have been judged by the API server already.

A value that is absent is told apart from one that is null: absent leaves things
alone, null is a value of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import orjson

from moorage.engine.merge.fields import MEMBER, Mismatch, Node, as_member, printed
from moorage.engine.merge.fields import edge_of as edge_of
from moorage.engine.merge.schema import Schema, deduced
from moorage.model.equality import same
from moorage.model.manifest import Json


class _Absent:
    def __bool__(self) -> bool:
        return False


ABSENT: Final = _Absent()


class Comparison(NamedTuple):
    """How a value became another: trees of the fields that came, changed and went."""

    added: Node | None = None
    modified: Node | None = None
    removed: Node | None = None


_SAME: Final = Comparison()


def merge(live: Any, config: Any, schema: Schema) -> Any:
    """
    Return `live` with what `config` says put over it.

    Nothing is removed; elements that both lists have keep the order of `config`,
    those of `live` alone keep their place among them.
    """
    if isinstance(config, dict):
        if not isinstance(live, dict) or not live or schema.atomic_map:
            return config
        return _merge_map(live, config, schema) if config else live
    if isinstance(config, list):
        if not isinstance(live, list) or not live or schema.atomic_list:
            return config
        return _merge_list(live, config, schema) if config else live
    if config is None and _outlasts_null(live, schema):
        return live
    return config


def _outlasts_null(live: Any, schema: Schema) -> bool:
    if not live:
        return False
    if isinstance(live, dict):
        return schema.takes_map and not schema.atomic_map
    return isinstance(live, list) and schema.takes_list and not schema.takes_map and not schema.atomic_list


def _merge_map(live: Json, config: Json, schema: Schema) -> Json:
    merged = dict(live)
    for name, value in config.items():
        old = live.get(name, ABSENT)
        if old is ABSENT:
            merged[name] = value
        elif isinstance(value, (dict, list)) or value is None:
            merged[name] = merge(old, value, schema.child(name))
        else:
            merged[name] = value
    return merged


def _indexed(
    values: list[Any], schema: Schema, *, duplicates: bool
) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    pairs = [(edge_of(value, schema), value) for value in values]
    index: dict[str, Any] = {}
    for edge, value in pairs:
        if edge in index:
            if not duplicates:
                raise Mismatch(f"duplicate entries for key {printed(edge)}")
            # An element that stands twice is not merged with: the new one replaces them.
            index[edge] = None
        else:
            index[edge] = value
    return pairs, index


def _merge_list(live: list[Any], config: list[Any], schema: Schema) -> list[Any]:
    left, old = _indexed(live, schema, duplicates=True)
    right, new = _indexed(config, schema, duplicates=False)
    items = schema.items
    shared = iter([edge for edge, _ in right if edge in old])
    awaited = next(shared, None)
    merged: list[Any] = []
    done: set[str] = set()
    at = then = 0
    while at < len(left) or then < len(right):
        if at < len(left):
            edge, value = left[at]
            if edge not in new:
                merged.append(value)
                at += 1
                continue
            if then < len(right) and edge != right[then][0] and awaited is not None and edge != awaited:
                # Both have it, and its turn comes where `config` puts it.
                at += 1
                continue
            if edge in done or (then < len(right) and edge == right[then][0]):
                at += 1
        if then < len(right):
            edge, value = right[then]
            merged.append(merge(old[edge], value, items) if edge in old else value)
            done.add(edge)
            then += 1
            if edge == awaited:
                awaited = next(shared, None)
    return merged


def compare(left: Any, right: Any, schema: Schema) -> Comparison:
    """Return which fields `right` adds to `left`, sets otherwise and lacks; either may be ABSENT."""
    if left is right:
        return _SAME
    if isinstance(left, dict) or isinstance(right, dict):
        if schema.takes_map and not schema.atomic_map and (left or right):
            return _compare_maps(left, right, schema)
    elif (isinstance(left, list) or isinstance(right, list)) and (
        schema.takes_list and not schema.atomic_list and (left or right)
    ):
        return _compare_lists(left, right, schema)
    return _compare_leaves(left, right)


def _compare_leaves(left: Any, right: Any) -> Comparison:
    if left is ABSENT:
        return Comparison(added=MEMBER)
    if right is ABSENT:
        return Comparison(removed=MEMBER)
    return _SAME if same(left, right) else Comparison(modified=MEMBER)


def _compare_maps(left: Any, right: Any, schema: Schema) -> Comparison:
    old = left if isinstance(left, dict) else {}
    new = right if isinstance(right, dict) else {}
    trees: tuple[Node, Node, Node] = ({}, {}, {})
    for name, value in old.items():
        other = new.get(name, ABSENT)
        if value is not other and not (value.__class__ is str and value == other):
            _gather(trees, f"f:{name}", compare(value, other, schema.child(name)))
    for name, value in new.items():
        if name not in old:
            _gather(trees, f"f:{name}", compare(ABSENT, value, schema.child(name)))
    return _closed(trees, left, right, old, new)


def _compare_lists(left: Any, right: Any, schema: Schema) -> Comparison:
    old_values = left if isinstance(left, list) else []
    new_values = right if isinstance(right, list) else []
    old, new = _grouped(old_values, schema), _grouped(new_values, schema)
    items = schema.items
    trees: tuple[Node, Node, Node] = ({}, {}, {})
    for edge in {**old, **new}:
        before, after = old.get(edge, []), new.get(edge, [])
        first = before[0] if len(before) == 1 else ABSENT
        last = after[0] if len(after) == 1 else ABSENT
        if len(before) > 1 and len(after) > 1:
            _gather(trees, edge, _SAME if same(before, after) else Comparison(modified=MEMBER))
            continue
        found = _SAME if first is ABSENT and last is ABSENT else compare(first, last, items)
        if len(before) > 1:
            found = found._replace(removed=as_member(found.removed))
        if len(after) > 1:
            found = found._replace(added=as_member(found.added))
        _gather(trees, edge, found)
    return _closed(trees, left, right, old_values, new_values)


def _grouped(values: list[Any], schema: Schema) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for value in values:
        try:
            groups.setdefault(edge_of(value, schema), []).append(value)
        except Mismatch:
            continue
    return groups


def _gather(trees: tuple[Node, Node, Node], edge: str, found: Comparison) -> None:
    for tree, node in zip(trees, found, strict=True):
        if node is not None:
            tree[edge] = node


def _closed(trees: tuple[Node, Node, Node], left: Any, right: Any, old: Any, new: Any) -> Comparison:
    added, modified, removed = trees[0] or None, trees[1] or None, trees[2] or None
    if left is ABSENT:
        added = as_member(added)
    elif right is ABSENT:
        removed = as_member(removed)
    elif (left is not old and left is not None) or (right is not new and right is not None):
        # One side is a map or list and the other is not: the value itself changed.
        modified = as_member(modified)
    return Comparison(added, modified, removed)


def remove(value: Any, fields: Node, schema: Schema) -> Any:
    """
    Return `value` without the members of `fields`.

    Maps and lists that become empty stay, but those without a schema: of them a null is left.
    """
    if isinstance(value, dict):
        if not schema.takes_map or schema.atomic_map:
            return {} if schema.atomic_map else value
        return _remove_from_map(value, fields, schema)
    if isinstance(value, list):
        if not schema.takes_list or schema.atomic_list:
            return [] if schema.atomic_list else value
        return _remove_from_list(value, fields, schema)
    return value


def _remove_from_map(value: Json, fields: Node, schema: Schema) -> Json:
    kept: Json = {}
    for name, inner in value.items():
        node = fields.get(f"f:{name}")
        if node is None:
            kept[name] = inner
        elif node and "." not in node:
            kept[name] = _left(remove(inner, node, schema.child(name)), inner, schema.child(name))
    return kept


def _left(rest: Any, before: Any, schema: Schema) -> Any:
    # Servers since 1.37 leave null where an earlier one leaves {} or []; neither says anything.
    emptied = not rest and bool(before) and isinstance(before, dict | list)
    return None if emptied and schema.takes_scalar and schema.takes_map else rest


def _remove_from_list(value: list[Any], fields: Node, schema: Schema) -> list[Any]:
    kept: list[Any] = []
    for item in value:
        try:
            node = fields.get(edge_of(item, schema))
        except Mismatch:
            node = None
        if node is None:
            kept.append(item)
        elif node and "." not in node:
            kept.append(remove(item, node, schema.items))
    return kept


def mismatches(value: Any, schema: Schema, *, path: str = "") -> Iterator[str]:
    """Yield what keeps a configuration from being applied, in the API server's words."""
    if schema is deduced() or value is None:
        return
    if isinstance(value, dict) and schema.takes_map:
        yield from _map_mismatches(value, schema, path)
    elif isinstance(value, list) and schema.takes_list:
        yield from _list_mismatches(value, schema, path)
    elif complaint := _complaint(value, schema):
        yield f"{path}: {complaint}" if path else complaint


def _map_mismatches(value: Json, schema: Schema, path: str) -> Iterator[str]:
    for name, inner in value.items():
        child = schema.property(name)
        if child is None:
            yield f"{path}.{name}: field not declared in schema"
            return
        if inner.__class__ is str and child.type == "string":
            continue
        yield from mismatches(inner, child, path=f"{path}.{name}")


def _list_mismatches(value: list[Any], schema: Schema, path: str) -> Iterator[str]:
    seen: set[str] = set()
    items = schema.items
    for position, item in enumerate(value):
        where = f"[{position}]"
        if not schema.atomic_list:
            try:
                edge = edge_of(item, schema)
            except Mismatch as problem:
                yield f"{path}: element {position}: {problem}"
                return
            where = printed(edge)
            if edge in seen:
                yield f"{path}: duplicate entries for key {where}"
            seen.add(edge)
        yield from mismatches(item, items, path=path + where)


def _complaint(value: Any, schema: Schema) -> str | None:
    if not schema.takes_scalar:
        wanted = "map" if schema.takes_map else "list"
        return f"expected {wanted}, got {_held(value)}"
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if isinstance(value, (dict, list)):
        return f"expected {_wanted(schema)}, got {_shown(value)}"
    if schema.type in ("integer", "number") and not number:
        return f"expected numeric (int or float), got {_go_type(value)}"
    if schema.type == "boolean" and not isinstance(value, bool):
        return f"expected boolean, got {_shown(value)}"
    if schema.type == "string" and schema.format in ("", "byte") and not isinstance(value, str):
        return (
            None
            if schema.int_or_string
            else f"expected string, got &value.valueUnstructured{{Value:{_shown(value)}}}"
        )
    return None


def _held(value: Any) -> str:
    # A text is printed by what holds it.
    return f"&{{{value}}}" if isinstance(value, str) else _shown(value)


def _wanted(schema: Schema) -> str:
    if schema.type in ("integer", "number"):
        return "numeric (int or float)"
    if schema.type == "boolean":
        return "boolean"
    return "string" if schema.type == "string" and schema.format in ("", "byte") else "any scalar"


def _go_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, dict):
        return "map[string]interface {}"
    return "[]interface {}" if isinstance(value, list) else "string"


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()
