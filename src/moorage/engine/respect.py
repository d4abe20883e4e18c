"""
What must an apply leave as it is, because the user asked to ignore it?

With ``RespectIgnoreDifferences=true`` an ignored field is not only no difference:
a sync does not touch it either. Where the target says something about such a
field, it is made to say what the live object says. Fields it does not mention are
left alone by any apply.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moorage.engine.diff import FieldChange, Key, Order, Path, diff, patch
from moorage.engine.ignoring import JqDelete, apply_ignore_rules
from moorage.model.ignore import IgnoreRule
from moorage.model.manifest import Json


def respecting(target: Json, live: Json, rules: Sequence[IgnoreRule], jq: JqDelete | None = None) -> Json:
    """
    Return the target with the live values of the fields that the rules ignore.

    The status is never taken over. Without an ignored field in both objects the
    target comes back as it is.
    """
    bare, _ = apply_ignore_rules(live, live, rules, jq)
    ignored = [change for change in diff(bare, live) if change.path[:1] != ("status",)]
    kept: list[FieldChange] = [change for change in ignored if _mentions(target, change.path)]
    return dict(patch(target, kept)) if kept else target


def _mentions(value: Any, path: Path) -> bool:
    """Whether a value says something at a path."""
    for part in path:
        if isinstance(part, Order):
            return False
        if isinstance(part, Key):
            value = _item(value, part)
        elif isinstance(part, int):
            value = value[part] if isinstance(value, list) and part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            return False
    return True


def _item(value: Any, key: Key) -> Any:
    items = value if isinstance(value, list) else []
    return next((i for i in items if isinstance(i, dict) and i.get(key.field) == key.value), None)
