"""
What may be shown of a Secret?

Every answer, diff and message about an object passes through here first. The
values of Secrets become strings of ``+``: equal values get equal masks on all
sides, so that one still sees *which* keys differ, and a mask tells nothing
about the length of what it hides.

Masking does not trust its input. A Secret that is malformed, or that carries a
copy of itself in an annotation, is masked all the same; what is not understood
is hidden whole.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from typing import Any

import orjson

from moorage.model.manifest import Json

_SHORTEST_MASK = 8
_DEEPEST_COPY = 3
_SHOWN_FIELDS = frozenset({"apiVersion", "kind", "metadata", "type", "immutable"})
_VALUE_FIELDS = ("data", "stringData")


def is_secret(body: Json) -> bool:
    """Return whether an object holds secret values, whatever it says about its version."""
    if body.get("kind") == "Secret":
        return True
    items = body.get("items")
    return isinstance(items, list) and any(isinstance(item, dict) and is_secret(item) for item in items)


def mask_secrets(
    bodies: Sequence[Json | None], annotation_keys: Collection[str] = ()
) -> tuple[Json | None, ...]:
    """
    Return the sides of one object with all secret values masked.

    Args:
        bodies: Target, live, predicted… of the same object. When one of them
            is a Secret, all are masked. Others are returned as they are.
        annotation_keys: Annotations whose values are to be hidden as well.
    """
    if not any(body is not None and is_secret(body) for body in bodies):
        return tuple(bodies)
    masks = _Masks(frozenset(annotation_keys))
    return tuple(None if body is None else masks.body(body) for body in bodies)


def mask_secret(body: Json, annotation_keys: Collection[str] = ()) -> Json:
    """Return one object with all secret values masked; the same object if it is no Secret."""
    return mask_secrets((body,), annotation_keys)[0] or {}


class _Masks:
    """The masks given so far: per key, each distinct value has its own number of plus signs."""

    def __init__(self, annotation_keys: frozenset[str]) -> None:
        self._annotation_keys = annotation_keys
        self._given: dict[str, dict[bytes, str]] = {}

    def body(self, body: Json, depth: int = 0) -> Json:
        masked: Json = {}
        for name, value in body.items():
            if name == "metadata":
                masked[name] = self._metadata(value, depth)
            elif name in _VALUE_FIELDS:
                masked[name] = self._values(name, value)
            elif name == "items" and isinstance(value, list):
                masked[name] = [
                    self.body(i, depth) if isinstance(i, dict) else self._mask(name, i) for i in value
                ]
            elif name in _SHOWN_FIELDS and not isinstance(value, dict | list):
                masked[name] = value
            else:
                masked[name] = self._mask(name, value)
        return masked

    def _values(self, name: str, values: Any) -> Any:
        if not isinstance(values, dict):
            return self._mask(name, values)
        plain = name == "stringData"
        return {
            key: self._mask(f"data/{key}", _encoded(value) if plain else value)
            for key, value in values.items()
        }

    def _metadata(self, metadata: Any, depth: int) -> Any:
        if not isinstance(metadata, dict):
            return self._mask("metadata", metadata)
        annotations = metadata.get("annotations")
        if annotations is None:
            return metadata
        if not isinstance(annotations, dict):
            return {**metadata, "annotations": self._mask("annotations", annotations)}
        shown = {key: self._annotation(key, value, depth) for key, value in annotations.items()}
        return {**metadata, "annotations": shown}

    def _annotation(self, key: str, value: Any, depth: int) -> Any:
        if key in self._annotation_keys or not isinstance(value, str):
            return self._mask(f"annotations/{key}", value)
        if not value.lstrip().startswith(("{", "[", '"')) and not key.endswith("last-applied-configuration"):
            return value
        # Programs keep copies of what they applied in annotations, kubectl first of all.
        copy = _parsed(value)
        if not isinstance(copy, dict) or depth >= _DEEPEST_COPY:
            return self._mask(f"annotations/{key}", value)
        return orjson.dumps(self.body(copy, depth + 1)).decode()

    def _mask(self, key: str, value: Any) -> str:
        given = self._given.setdefault(key, {})
        return given.setdefault(_identity(value), "+" * (_SHORTEST_MASK + len(given)))


def _encoded(value: Any) -> Any:
    """Return a plain value as the API server will store it, so that it equals its stored self."""
    if not isinstance(value, str):
        return value
    return base64.b64encode(value.encode(errors="surrogatepass")).decode()


def _identity(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return repr(value).encode(errors="backslashreplace")


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
