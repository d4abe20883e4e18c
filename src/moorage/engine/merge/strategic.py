"""
Merges the way Kubernetes patches its own kinds: lists by their merge keys.

`three_way_strategic` finds the patch a client-side apply sends. It is made of two:
what the configuration sets otherwise than the live object, and the deletion of what
the last configuration set and this one does not. What others put into the live object
is in neither, so it stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moorage.engine.merge.directives import (
    DELETE_PREFIX,
    DIRECTIVE,
    ORDER_PREFIX,
    RETAIN_KEYS,
    in_order,
    merge_key_text,
    merge_maps,
    scalar_text,
    strategy_of,
)
from moorage.engine.merge.schema import Schema
from moorage.model.equality import same
from moorage.model.manifest import Json


@dataclass(frozen=True, slots=True)
class _Looking:
    """Which half of the difference is looked for."""

    additions: bool
    deletions: bool


_ADDITIONS = _Looking(additions=True, deletions=False)
_DELETIONS = _Looking(additions=False, deletions=True)
_BOTH = _Looking(additions=True, deletions=True)


def strategic_merge(current: Json, patch: Json, schema: Schema) -> Json:
    """
    Return `current` with a strategic patch applied to it.

    Raises:
        PatchFailed: A directive is malformed, or an element lacks its merge key.
    """
    return merge_maps(current, patch, schema, applying=True)


def three_way_strategic(original: Json, modified: Json, current: Json, schema: Schema) -> Json:
    """
    Return the strategic patch that takes `current` to `modified`.

    Args:
        original: The configuration that was applied last.
        modified: The configuration to apply now.
        current: The live object.
        schema: How the kind merges.

    Raises:
        PatchFailed: An element of a keyed list lacks its key.
    """
    additions = _map_diff(current, modified, schema, _ADDITIONS)
    deletions = _map_diff(original, modified, schema, _DELETIONS)
    return merge_maps(deletions, additions, schema, applying=False)


def _map_diff(
    original: Json, modified: Json, schema: Schema, looking: _Looking, *, retain: bool = False
) -> Json:
    patch: Json = {}
    for name, value in modified.items():
        old = original.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            _diff_maps_into(patch, name, old, value, schema.child(name), looking)
        elif isinstance(value, list) and isinstance(old, list):
            _diff_lists_into(patch, name, old, value, schema.child(name), looking)
        elif looking.additions and (name not in original or not same(old, value)):
            patch[name] = value
    if looking.deletions:
        patch.update({name: None for name in original if name not in modified})
    if retain and (patch or any(name not in modified for name in original)):
        kept = sorted(name for name, value in modified.items() if value is not None)
        if kept:
            patch[RETAIN_KEYS] = kept
    return patch


def _diff_maps_into(patch: Json, name: str, old: Json, new: Json, schema: Schema, looking: _Looking) -> None:
    if strategy_of(schema) == "replace":
        if looking.additions:
            patch[name] = new
        return
    inner = _map_diff(old, new, schema, looking, retain="retainKeys" in schema.merge_strategies)
    if inner:
        patch[name] = inner


def _diff_lists_into(
    patch: Json, name: str, old: list[Any], new: list[Any], schema: Schema, looking: _Looking
) -> None:
    if strategy_of(schema) != "merge":
        if looking.additions and not same(old, new):
            patch[name] = new
        return
    if not old:
        if new and looking.additions:
            patch[name] = new
        return
    if isinstance(old[0], dict):
        added, order = _diff_elements(old, new, schema, looking)
        removed: list[Any] = []
    else:
        added, removed, order = _diff_scalars(old, new, looking)
    if added:
        patch[name] = added
    if removed:
        patch[f"{DELETE_PREFIX}{name}"] = removed
    if order:
        patch[f"{ORDER_PREFIX}{name}"] = order


def _diff_elements(
    old: list[Any], new: list[Any], schema: Schema, looking: _Looking
) -> tuple[list[Any], list[Any]]:
    key = schema.merge_key
    changed: list[Any] = []
    gone: list[Any] = []
    for before, after in _paired(old, new, key):
        if before is None:
            if looking.additions:
                changed.append(after)
        elif after is None:
            if looking.deletions:
                gone.append({DIRECTIVE: "delete", key: before[key]})
        else:
            retain = "retainKeys" in schema.merge_strategies
            if inner := _map_diff(before, after, schema.items, looking, retain=retain):
                changed.append({**inner, key: after[key]})
    changed = in_order(changed, new, key) + gone
    moved = looking.additions and _texts(old, key) != _texts(new, key)
    return changed, [{key: element[key]} for element in new] if changed or moved else []


def _texts(values: list[Any], key: str) -> list[str]:
    return [merge_key_text(one, key) for one in values]


def _paired(old: list[Any], new: list[Any], key: str) -> Iterator[tuple[Any, Any]]:
    # Elements are matched in the order of their keys. Ports of two protocols share a
    # key here, so the first of one list meets the first of the other.
    left = sorted(zip(_texts(old, key), old, strict=True), key=lambda pair: pair[0])
    right = sorted(zip(_texts(new, key), new, strict=True), key=lambda pair: pair[0])
    at = then = 0
    while at < len(left) or then < len(right):
        if at < len(left) and then < len(right) and left[at][0] == right[then][0]:
            yield left[at][1], right[then][1]
            at += 1
            then += 1
        elif at == len(left) or (then < len(right) and left[at][0] > right[then][0]):
            yield None, right[then][1]
            then += 1
        else:
            yield left[at][1], None
            at += 1


def _diff_scalars(
    old: list[Any], new: list[Any], looking: _Looking
) -> tuple[list[Any], list[Any], list[Any]]:
    before, after = {scalar_text(one) for one in old}, {scalar_text(one) for one in new}
    added = [one for one in new if scalar_text(one) not in before] if looking.additions else []
    removed: dict[str, Any] = {}
    if looking.deletions:
        removed = {scalar_text(one): one for one in old if scalar_text(one) not in after}
    gone = [removed[text] for text in sorted(removed)]
    # The sequence of the old values is not looked at, as in kubectl: it sorts them first.
    reordered = bool(gone) or (looking.additions and sorted(old, key=scalar_text) != new)
    return added, gone, new if reordered else []
