"""
How do the functions of this package change the body they were given?
"""

from __future__ import annotations

from typing import Any

from moorage.model.manifest import Json


def spec_of(body: Json) -> Json:
    """Return the spec of an object, made when there is none."""
    spec: Json = body.setdefault("spec", {})
    return spec


def fill_in(target: Json, **values: Any) -> None:
    """Give fields that are absent a value."""
    for name, value in values.items():
        target.setdefault(name, value)


def with_status(body: Json) -> None:
    """Give an object a status."""
    body.setdefault("status", {})
