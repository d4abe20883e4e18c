"""
Is a rendered document a Kubernetes object, and is there only one of each?

Every renderer ends here: lists are unpacked, what has no ``apiVersion``,
``kind`` or name is refused with file and line, two documents with one key are
refused naming both places, and each object is encoded once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from moorage.formats.yaml import Document
from moorage.model.errors import DuplicateResource, InvalidManifest, LimitExceeded
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json, key_of
from moorage.render.request import RenderLimits

Encoded = tuple[tuple[bytes, str], ...]


def encode(documents: Iterable[tuple[Document, str]], namespace: str, limits: RenderLimits) -> Encoded:
    """
    Return documents as encoded manifests with their origins.

    Args:
        documents: Each with the file it came from.
        namespace: The destination's; objects without one count as being there when keys are compared.
        limits: The sizes to keep.
    """
    encoded: list[tuple[bytes, str]] = []
    seen: dict[ResourceKey, str] = {}
    left = limits.output
    for document, name in documents:
        origin = f"{name}:{document.line}"
        for body in _objects(document.value, origin):
            key = _checked_key(body, origin)
            if not key.namespace:
                key = key._replace(namespace=namespace)
            if key.name:
                if key in seen:
                    raise DuplicateResource(f"{key}: given twice, at {seen[key]} and {origin}; remove one")
                seen[key] = origin
            content = _encode(body, key, origin, limits.object)
            left -= len(content)
            if left < 0:
                raise LimitExceeded(f"more than {limits.output} bytes were rendered; split the application")
            encoded.append((content, origin))
    return tuple(encoded)


def _objects(value: Any, origin: str) -> Iterable[Json]:
    if value is None:
        return
    if not isinstance(value, dict):
        raise InvalidManifest(
            f"{origin}: not a Kubernetes object but a {_word(value)}; write a map with kind"
        )
    if is_list(value):
        for item in value.get("items") or ():
            yield from _objects(item, origin)
        return
    yield value


def is_list(body: Json) -> bool:
    """Return whether an object is a ``List`` (or ``ConfigMapList``…) that stands for its items."""
    kind = body.get("kind")
    return isinstance(kind, str) and kind.endswith("List") and isinstance(body.get("items", None), list)


def _checked_key(body: Json, origin: str) -> ResourceKey:
    for field in ("apiVersion", "kind"):
        if not isinstance(body.get(field), str) or not body[field]:
            raise InvalidManifest(f"{origin}: {field} is missing or not text; add it")
    metadata = body.get("metadata")
    kind = body["kind"]
    if not isinstance(metadata, dict):
        raise InvalidManifest(f"{origin}: metadata of the {kind} is missing or not a map; add it")
    for field in ("name", "generateName", "namespace"):
        if metadata.get(field) is not None and not isinstance(metadata[field], str):
            raise InvalidManifest(f"{origin}: metadata.{field} of the {kind} is not text; quote it")
    if not metadata.get("name") and not metadata.get("generateName"):
        raise InvalidManifest(f"{origin}: metadata.name of the {kind} is missing; add it")
    for field in ("annotations", "labels"):
        _check_texts(metadata.get(field), f"{origin}: metadata.{field} of {kind}/{metadata.get('name', '')}")
    return key_of(body)


def _check_texts(pairs: Any, where: str) -> None:
    if pairs is None:
        return
    if not isinstance(pairs, dict):
        raise InvalidManifest(f"{where}: must be a map of text")
    for name, value in pairs.items():
        if not isinstance(value, str) and value is not None:
            raise InvalidManifest(f"{where}: {name} is a {_word(value)}, not text; quote the value")


def _encode(body: Json, key: ResourceKey, origin: str, limit: int) -> bytes:
    try:
        content = orjson.dumps(body)
    except orjson.JSONEncodeError:
        raise InvalidManifest(
            f"{origin}: {key} cannot be written as JSON; numbers must fit 64 bits"
        ) from None
    if len(content) > limit:
        raise InvalidManifest(
            f"{origin}: {key} has {len(content)} bytes, more than the {limit} an API server takes; make it smaller"
        )
    return content


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return {str: "text", int: "number", float: "number", list: "list", dict: "map"}.get(type(value), "value")
