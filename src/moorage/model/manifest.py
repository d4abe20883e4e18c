"""
Holds one Kubernetes object as read-only JSON, with its key and digest.

Bodies are ordinary dicts that nobody changes. They are neither frozen nor
deep-copied; a function that needs another body copies along the path it changes
(`with_value`). The tests take digests of all inputs around each engine call and
fail on a change, so the promise is checked where it is cheap.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from moorage.model.equality import same
from moorage.model.identity import ResourceKey, group_of

Json = dict[str, Any]
"""A JSON object. By convention never changed after it was handed over."""


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """
    One object as somebody declared or reported it.

    `key` names it; `body` is its JSON, read-only by convention; `origin` says
    where it came from (``apps/web.yaml:12``) or is empty for live objects.
    """

    key: ResourceKey
    body: Json
    origin: str = ""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifest) and (
            self is other
            or (self.key == other.key and self.origin == other.origin and same(self.body, other.body))
        )

    @classmethod
    def of(cls, body: Json, origin: str = "") -> Manifest:
        """Return the manifest of a body that has ``apiVersion``, ``kind`` and ``metadata.name``."""
        return cls(key_of(body), body, origin)

    @property
    def api_version(self) -> str:
        return str(self.body["apiVersion"])

    @property
    def annotations(self) -> dict[str, str]:
        return (self.body.get("metadata") or {}).get("annotations") or {}

    @property
    def labels(self) -> dict[str, str]:
        return (self.body.get("metadata") or {}).get("labels") or {}

    @property
    def digest(self) -> str:
        """The SHA-256 of the canonical JSON, in hex."""
        return digest(self.body)


def key_of(body: Json) -> ResourceKey:
    """Return the key of an object's body. Raises KeyError when a naming field is absent."""
    metadata = body["metadata"]
    return ResourceKey(
        group_of(body["apiVersion"]),
        body["kind"],
        metadata.get("namespace") or "",
        metadata.get("name") or "",
    )


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value's canonical form (sorted keys), in hex."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def with_value(body: Json, path: tuple[str, ...], value: Any) -> Json:
    """Return a copy of `body` with `value` at `path`; only the dicts along the path are copied."""
    copy = dict(body)
    if len(path) == 1:
        copy[path[0]] = value
    else:
        inner = copy.get(path[0])
        copy[path[0]] = with_value(inner if isinstance(inner, dict) else {}, path[1:], value)
    return copy


def without(body: Json, path: tuple[str, ...]) -> Json:
    """Return a copy of `body` without `path`; the same object when there is nothing to remove."""
    if path[0] not in body:
        return body
    if len(path) == 1:
        return {k: v for k, v in body.items() if k != path[0]}
    inner = body[path[0]]
    if not isinstance(inner, dict):
        return body
    changed = without(inner, path[1:])
    return body if changed is inner else {**body, path[0]: changed}
