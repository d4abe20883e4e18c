"""
How do people edit a manifest?

They take a field away, change a word or a number, add an item to a list, move one or
remove one. Edits fit the place they are made at as far as the value tells; what the
server refuses nevertheless is no case.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from random import Random
from typing import Any

Json = Any
Path = tuple[str | int, ...]

# Nothing else of these can be changed once they are created.
ONLY: dict[str, tuple[Path, ...]] = {
    "Job": (("metadata",),),
    "PersistentVolumeClaim": (("metadata",),),
    "StorageClass": (("metadata",),),
    "PriorityClass": (("metadata",), ("description",)),
    "RoleBinding": (("metadata",), ("subjects",)),
    "ClusterRoleBinding": (("metadata",), ("subjects",)),
    "StatefulSet": (("metadata",), ("spec", "template", "spec"), ("spec", "updateStrategy")),
}
FIXED: frozenset[Path] = frozenset(
    {
        ("apiVersion",),
        ("kind",),
        ("spec",),
        ("metadata",),
        ("metadata", "name"),
        ("metadata", "namespace"),
        ("spec", "selector"),
        ("spec", "template"),
        ("spec", "template", "metadata", "labels"),
        ("spec", "template", "spec"),
        ("spec", "template", "spec", "containers"),
        ("spec", "names"),
        ("spec", "scope"),
        ("spec", "group"),
        ("spec", "versions"),
        ("spec", "conversion"),
    }
)
BELOW_FIXED = frozenset({("spec", "selector"), ("spec", "names"), ("spec", "conversion")})
AMOUNT = re.compile(r"\d+(m|Ki|Mi|Gi|%|s)?")
CHOSEN = re.compile(r"^[0-9.]+/|^[^:]*/[^:]*$")
"""Words that stand for one thing: networks, media types, groups. So do those that begin with a capital."""
MAPS = (
    "labels",
    "annotations",
    "data",
    "stringData",
    "matchLabels",
    "parameters",
    "hard",
    "requests",
    "limits",
)
NAMES = ("name", "key", "path", "mountPath", "topologyKey", "host", "type")
NUMBERS = ("containerPort", "port", "weight", "hostPort")


def edited(rng: Random, body: Json) -> Json:
    """Return an object after a few edits."""
    made = copy.deepcopy(body)
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        places = list(_places(made, ONLY.get(made["kind"], ((),))))
        if rng.random() < 0.2 or not places:
            _annotate(rng, made)
        else:
            _edit(rng, made, rng.choice(places))
    return made


def _annotate(rng: Random, body: Json) -> None:
    where = body["metadata"].setdefault(rng.choice(("labels", "annotations")), {}) or {}
    where[rng.choice(("one", "two", "example.com/three"))] = rng.choice(("1", "2"))


def _places(body: Json, roots: tuple[Path, ...]) -> Iterator[Path]:
    for root in roots:
        value = body
        for part in root:
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            yield from _inside(value, root)


def _inside(value: Json, path: Path) -> Iterator[Path]:
    if path in BELOW_FIXED:
        return
    if path and path not in FIXED:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _inside(each, (*path, key))


def _edit(rng: Random, body: Json, path: Path) -> None:
    *way, last = path
    parent = body
    for part in way:
        parent = parent[part]
    value = parent[last]
    if isinstance(value, list) and value and rng.random() < 0.8:
        _edit_list(rng, value)
    elif isinstance(value, dict) and last in MAPS and rng.random() < 0.6:
        value[rng.choice(("one", "two"))] = rng.choice(("1", "2"))
    elif isinstance(value, dict | list | None) or rng.random() < 0.3:
        _take_away(body, path)
    elif isinstance(value, str) and (not value or value[0].isupper() or CHOSEN.search(value)):
        _annotate(rng, body)
    else:
        parent[last] = _another(rng, value)


def _take_away(body: Json, path: Path) -> None:
    """Take a field away, and with it whatever would be left empty."""
    *way, last = path
    parent = body
    for part in way:
        parent = parent[part]
    del parent[last]
    if not parent and way and tuple(way) not in FIXED:
        _take_away(body, tuple(way))


def _edit_list(rng: Random, items: list[Json]) -> None:
    how = rng.choice(("move", "turn", "remove", "add", "add"))
    if how == "move":
        items.insert(rng.randrange(len(items)), items.pop(rng.randrange(len(items))))
    elif how == "turn":
        items.reverse()
    elif how == "remove":
        items.pop(rng.randrange(len(items)))
    else:
        items.insert(rng.randint(0, len(items)), _sibling(rng, rng.choice(items)))


def _sibling(rng: Random, item: Json) -> Json:
    """Return an item like another, told apart by what tells items of such a list apart."""
    if not isinstance(item, dict):
        return _another(rng, item)
    made = copy.deepcopy(item)
    for key in NAMES:
        if isinstance(made.get(key), str):
            made[key] = f"{made[key]}-{rng.randint(2, 4)}"
            break
    for key in NUMBERS:
        if isinstance(made.get(key), int):
            made[key] += rng.randint(1, 3)
    return made


def _another(rng: Random, value: Json) -> Json:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice((1, 2, 10))
    if isinstance(value, str) and AMOUNT.fullmatch(value):
        return re.sub(r"\d+", str(rng.randint(1, 50)), value)
    return f"{value}-{rng.randint(2, 4)}" if isinstance(value, str) else value
