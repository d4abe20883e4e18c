"""
Merges and compares JSON as RFC 7386 says: maps key by key, everything else as a whole.

This is how custom resources are patched, whose definitions carry no merge keys.
"""

from __future__ import annotations

from typing import Any

from moorage.model.equality import same
from moorage.model.manifest import Json


def merge_patch(body: Any, patch: Any) -> Any:
    """Return `body` with `patch` merged into it; null removes, lists replace."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(body) if isinstance(body, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            merged[name] = merge_patch(merged.get(name), value)
        else:
            merged[name] = value
    return merged


def diff_merge(before: Json, after: Json) -> Json:
    """
    Return the patch that makes `before` into `after`.

    A merge patch cannot write a null into an object: nulls of `after` read as absent.
    """
    patch: Json = {name: None for name in before if after.get(name) is None}
    for name, value in after.items():
        if value is None:
            continue
        old = before.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := diff_merge(old, value):
                patch[name] = inner
        elif not same(old, value):
            patch[name] = value
    return patch


def three_way_merge(original: Json, modified: Json, current: Json) -> Json:
    """
    Return the patch a client-side apply sends.

    Args:
        original: The configuration that was applied last.
        modified: The configuration to apply now.
        current: The live object.

    Returns:
        What `modified` sets otherwise than `current`, and a null for everything that
        `original` set and `modified` does not.
    """
    return merge_patches(_additions(current, modified), _deletions(original, modified))


def merge_patches(first: Json, second: Json) -> Json:
    """Return one patch that does what both do; nulls stay, since they delete."""
    merged = dict(first)
    for name, value in second.items():
        old = merged.get(name)
        merged[name] = (
            merge_patches(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged


def _additions(current: Json, modified: Json) -> Json:
    patch: Json = {}
    for name, value in modified.items():
        old = current.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            if inner := _additions(old, value):
                patch[name] = inner
        elif name not in current or not same(old, value):
            patch[name] = value
    return patch


def _deletions(original: Json, modified: Json) -> Json:
    patch: Json = {}
    for name, value in original.items():
        kept = modified.get(name)
        if name not in modified:
            patch[name] = None
        elif isinstance(value, dict) and isinstance(kept, dict) and (inner := _deletions(value, kept)):
            patch[name] = inner
    return patch
