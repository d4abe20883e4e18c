"""
Does a selector of a workload match these labels?
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moorage.model.manifest import Json


def selects(selector: Json | None, labels: Mapping[str, str] | None) -> bool:
    """Return whether a label selector matches; none matches nothing, an empty one everything."""
    if selector is None:
        return False
    labels = labels or {}
    exact: Mapping[str, str] = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in exact.items()):
        return False
    return all(_meets(rule, labels) for rule in selector.get("matchExpressions") or ())


def _meets(rule: Json, labels: Mapping[str, str]) -> bool:
    key, values = rule["key"], rule.get("values") or ()
    match rule["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


def share(value: Any, whole: int, *, up: bool) -> int:
    """Return a count given as a number or as a percentage of `whole`."""
    if isinstance(value, str) and value.endswith("%"):
        exact = int(value[:-1]) * whole
        return -(-exact // 100) if up else exact // 100
    return int(value or 0)
