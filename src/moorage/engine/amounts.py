"""
Where do quantities stand in Kubernetes' own kinds, and what is their shortest form?

The server writes ``0.5`` cores as ``500m`` and ``1024Mi`` as ``1Gi``. Both sides of a
comparison are brought to one form, at the places where quantities are known to
stand; elsewhere a text that looks like one is a text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moorage.engine.quantity import shortest
from moorage.model.manifest import Json

Rewrite = Callable[[Json], Json]

Place = tuple[str, ...]
"""The names that lead to a quantity; `*` stands for every item or field."""
_IN_POD: tuple[Place, ...] = (
    *(
        (containers, "*", "resources", amounts, "*")
        for containers in ("containers", "initContainers", "ephemeralContainers")
        for amounts in ("limits", "requests")
    ),
    *(
        (containers, "*", "env", "*", "valueFrom", "resourceFieldRef", "divisor")
        for containers in ("containers", "initContainers", "ephemeralContainers")
    ),
    ("volumes", "*", "downwardAPI", "items", "*", "resourceFieldRef", "divisor"),
    (
        "volumes",
        "*",
        "projected",
        "sources",
        "*",
        "downwardAPI",
        "items",
        "*",
        "resourceFieldRef",
        "divisor",
    ),
    ("volumes", "*", "emptyDir", "sizeLimit"),
    ("volumes", "*", "ephemeral", "volumeClaimTemplate", "spec", "resources", "requests", "*"),
    ("resources", "limits", "*"),
    ("resources", "requests", "*"),
    ("overhead", "*"),
)
IN_TARGET = tuple(
    ("spec", "metrics", "*", source, "target", amount)
    for source in ("resource", "containerResource", "pods", "object", "external")
    for amount in ("value", "averageValue")
)
IN_LIMITS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


_Tree = dict[str, Any]
"""Places as a tree: what is below a name; an empty tree is an amount."""


def quantities(*places: Place) -> Rewrite:
    """Return a function that brings the quantities at some places of an object to their shortest form."""
    tree: _Tree = {}
    for place in places:
        below = tree
        for name in place:
            below = below.setdefault(name, {})

    def rewrite(body: Json) -> Json:
        after: Json = _rewritten(body, tree)
        return after

    return rewrite


def quantities_of_pods(*prefix: str) -> Rewrite:
    """Return the function for the quantities of a pod's spec, which stands at the prefix."""
    return quantities(*((*prefix, *place) for place in _IN_POD))


def _rewritten(value: Any, tree: _Tree) -> Any:
    """Return `value` with the quantities at a tree's places in their shortest form; itself when nothing changes."""
    if not tree:
        return _amount(value)
    every = tree.get("*")
    if isinstance(value, list):
        if every is None:
            return value
        items = [_rewritten(item, every) for item in value]
        return value if all(map(_same, items, value)) else items
    if not isinstance(value, dict):
        return value
    changed = {}
    for name in value if every is not None else tree:
        inner = value.get(name)
        if inner is not None:
            after = _rewritten(inner, tree[name] if every is None else every)
            if after is not inner:
                changed[name] = after
    return {**value, **changed} if changed else value


def _same(one: object, other: object) -> bool:
    return one is other


def _amount(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        after = shortest(value)
    except ValueError:
        return value
    return value if after == value else after
