"""
What did the user ask to ignore, and what is left of an object without it?

Rules name fields by JSON pointer, by jq path, or by who manages them. A rule
that finds nothing returns the very object it was given. Paths of jq are
evaluated elsewhere, within limits: the function comes in as `JqDelete`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import orjson

from moorage.model.equality import same
from moorage.model.identity import group_of
from moorage.model.ignore import IgnoreRule
from moorage.model.manifest import Json

JqDelete = Callable[[Json, str], Json]
"""(body, jq path) → the body without that path. Evaluated elsewhere, within limits."""


def apply_ignore_rules(
    target: Json,
    live: Json,
    rules: Sequence[IgnoreRule],
    jq: JqDelete | None = None,
    managed_fields: Sequence[Any] | None = None,
) -> tuple[Json, Json]:
    """
    Return target (or predicted) and live state without the fields that the rules ignore.

    Args:
        target: What is wanted, or predicted.
        live: What is there; it says which rules select the object.
        rules: All rules; those that do not select the object do nothing.
        jq: Deletes a jq path; without it jq paths are left alone.
        managed_fields: The live object's, when `live` has lost them already.
    """
    selected = [rule for rule in rules if selects(rule, live)]
    if not selected:
        return target, live
    if managed_fields is None:
        entries = _metadata(live).get("managedFields")
        managed_fields = entries if isinstance(entries, list) else ()
    for rule in selected:
        for pointer in rule.json_pointers:
            parts = _pointer_parts(pointer)
            if parts:
                target, live = _without_pointer(target, parts), _without_pointer(live, parts)
        if jq is not None:
            for path in rule.jq_paths:
                target, live = jq(target, path), jq(live, path)
        for owned in _owned_by(rule.managers, managed_fields):
            target, live = without_owned(target, owned), without_owned(live, owned)
    return target, live


def selects(rule: IgnoreRule, body: Json) -> bool:
    """Return whether a rule is about this object."""
    metadata = _metadata(body)
    return (
        fnmatchcase(str(body.get("kind")), rule.kind or "*")
        and fnmatchcase(group_of(str(body.get("apiVersion"))), rule.group)
        and rule.name in ("", metadata.get("name"))
        and rule.namespace in ("", metadata.get("namespace"))
    )


def _metadata(body: Json) -> Json:
    metadata = body.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


@lru_cache(maxsize=1024)
def _pointer_parts(pointer: str) -> tuple[str, ...]:
    """Return the parts of a JSON pointer (RFC 6901); none when it is malformed or names the whole."""
    if not pointer.startswith("/"):
        return ()
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def _without_pointer(value: Any, parts: tuple[str, ...]) -> Any:
    name, rest = parts[0], parts[1:]
    if isinstance(value, dict):
        if name not in value:
            return value
        if not rest:
            return {key: inner for key, inner in value.items() if key != name}
        after = _without_pointer(value[name], rest)
        return value if after is value[name] else {**value, name: after}
    if isinstance(value, list) and name.isascii() and name.isdigit() and int(name) < len(value):
        position = int(name)
        if not rest:
            return [*value[:position], *value[position + 1 :]]
        after = _without_pointer(value[position], rest)
        if after is not value[position]:
            return [*value[:position], after, *value[position + 1 :]]
    return value


def _owned_by(managers: Sequence[str], managed_fields: Sequence[Any]) -> list[Json]:
    """Return the field trees (FieldsV1) that these managers own in the live object."""
    return [
        entry["fieldsV1"]
        for entry in managed_fields
        if isinstance(entry, dict)
        and entry.get("manager") in managers
        and isinstance(entry.get("fieldsV1"), dict)
    ]


def without_owned(value: Any, owned: Json) -> Any:
    """
    Return `value` without the fields of a tree of owned fields (FieldsV1).

    Fields go with their containers once these are empty. An item of a list
    goes when nothing is left of it but the keys it is known by.
    """
    if isinstance(value, dict):
        return _without_owned_fields(value, owned)
    if isinstance(value, list):
        return _without_owned_items(value, owned)
    return value


def _without_owned_fields(value: Json, owned: Json) -> Json:
    kept = value
    for edge, inner in owned.items():
        name = edge[2:]
        if not edge.startswith("f:") or name not in kept:
            continue
        after = without_owned(kept[name], inner) if _has_parts(inner) else None
        if after is kept[name]:
            continue
        if after is None or after in ({}, []):
            kept = {key: field for key, field in kept.items() if key != name}
        else:
            kept = {**kept, name: after}
    return kept


def _without_owned_items(value: list[Any], owned: Json) -> list[Any]:
    items: list[Any] = list(value)
    for edge, inner in owned.items():
        named = _edge_value(edge)
        for position, item in enumerate(items):
            if edge.startswith("v:") and same(item, named):
                items[position] = None
            elif edge.startswith("i:") and position == named:
                items[position] = without_owned(item, inner) if _has_parts(inner) else None
            elif edge.startswith("k:") and _is_known_by(item, named):
                after = without_owned(item, inner)
                items[position] = (
                    None if after is not item and after.keys() <= named.keys() else {**after, **named}
                )
    kept = [item for item in items if item is not None]
    return value if same(kept, value) else kept


def _edge_value(edge: str) -> Any:
    try:
        return orjson.loads(edge[2:])
    except orjson.JSONDecodeError:
        return None


def _is_known_by(item: Any, keys: Any) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(keys, dict)
        and all(same(item.get(k), v) for k, v in keys.items())
    )


def _has_parts(owned: Any) -> bool:
    return isinstance(owned, dict) and any(edge != "." for edge in owned)
