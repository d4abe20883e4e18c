"""
How does ``kubectl get`` word what many kinds have: names, ages, labels, selectors?

A time that is shown as an age is a `Since`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from moorage.model.manifest import Json

NONE = "<none>"
UNSET = "<unset>"


class Since(NamedTuple):
    """A time to be shown as how long ago it was."""

    stamp: str


def meta(body: Json) -> Json:
    """Return an object's metadata."""
    return body.get("metadata") or {}


def name(body: Json) -> str:
    """Return an object's name."""
    return str(meta(body).get("name", ""))


def age(body: Json) -> Since:
    """Return the time an object was created."""
    return Since(meta(body).get("creationTimestamp") or "")


def part(body: Json, field: str) -> Json:
    """Return an object inside an object, empty where there is none."""
    return body.get(field) or {}


def joined(values: Iterable[Any], empty: str = NONE) -> str:
    """Return values separated by commas, `empty` where there are none."""
    return ",".join(str(value) for value in values) or empty


def labels(values: Json | None) -> str:
    """Return labels as ``key=value`` pairs."""
    return joined(f"{key}={value}" for key, value in sorted((values or {}).items()))


def selector(told: Json | None) -> str:
    """Return a label selector in the words of a query."""
    told = told or {}
    parts = [f"{key}={value}" for key, value in sorted((told.get("matchLabels") or {}).items())]
    for rule in told.get("matchExpressions") or ():
        operator, values = rule["operator"], ",".join(sorted(rule.get("values") or ()))
        words = {"Exists": rule["key"], "DoesNotExist": f"!{rule['key']}"}
        parts.append(words.get(operator) or f"{rule['key']} {operator.lower()} ({values})")
    return joined(parts)


def plain(body: Json) -> list[Any]:
    """Return the cells of a kind without columns of its own: name and age."""
    return [name(body), age(body)]


def created(body: Json) -> list[Any]:
    """Return name and time of creation, which most kinds without columns show."""
    return [name(body), meta(body).get("creationTimestamp") or ""]
