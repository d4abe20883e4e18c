"""
What is wrong with the definition of a custom kind: its name, its versions, its schemas?
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox import faults
from moorage.sandbox.answers import Cause
from moorage.sandbox.schemafaults import schema_faults

_APPROVED = "api-approved.kubernetes.io"
_COMMUNITY = ("k8s.io", "kubernetes.io")


def definition(body: Json) -> Iterator[Cause]:
    spec = body["spec"]
    names = spec.get("names") or {}
    wanted = f"{names.get('plural', '')}.{spec.get('group', '')}"
    if body["metadata"]["name"] != wanted:
        why = 'must be spec.names.plural+"."+spec.group'
        yield faults.invalid("metadata.name", body["metadata"]["name"], why)
    yield from faults.one_of(spec.get("scope"), ("Cluster", "Namespaced"), "spec.scope")
    yield from _versions(spec)
    yield from _approval(body)


def _versions(spec: Json) -> Iterator[Cause]:
    versions = spec.get("versions") or []
    schemas = [(version.get("schema") or {}).get("openAPIV3Schema") for version in versions]
    stored = [version["name"] for version in versions if version.get("storage")]
    if len(stored) != 1:
        shown = [_as_go(version, one) for version, one in zip(versions, schemas, strict=True)]
        yield faults.invalid(
            "spec.versions", shown, "must have exactly one version marked as storage version"
        )
    shared = bool(schemas) and all(one == schemas[0] for one in schemas)
    for index, schema in enumerate(schemas):
        place = f"spec.versions[{index}].schema.openAPIV3Schema"
        if not schema:
            yield faults.required(place)
        elif not shared:
            yield from structure(schema, place)
    if shared and schemas[0]:
        yield from structure(schemas[0], "spec.validation.openAPIV3Schema")
    if not versions:
        yield faults.invalid("status.storedVersions", None, "must have at least one stored version")
    elif len(stored) > 1:
        why = f"must have the storage version {stored[-1]}"
        yield faults.invalid("status.storedVersions", stored[:1], why)


def _as_go(version: Json, schema: Json | None) -> Json:
    # The server prints its own type, in which a schema that all versions share is elsewhere.
    return {
        "Name": version.get("name", ""),
        "Served": bool(version.get("served")),
        "Storage": bool(version.get("storage")),
        "Deprecated": bool(version.get("deprecated")),
        "DeprecationWarning": version.get("deprecationWarning"),
        "Schema": None,
        "Subresources": None,
        "AdditionalPrinterColumns": None,
        "SelectableFields": None,
    }


def _approval(body: Json) -> Iterator[Cause]:
    group = body["spec"].get("group", "")
    community = any(group == each or group.endswith(f".{each}") for each in _COMMUNITY)
    if community and not (body["metadata"].get("annotations") or {}).get(_APPROVED):
        told = (
            f'protected groups must have approval annotation "{_APPROVED}", see '
            "https://github.com/kubernetes/enhancements/pull/1111"
        )
        yield faults.required(f"metadata.annotations[{_APPROVED}]", told)


def structure(schema: Json, path: str, what: str = "at the root") -> Iterator[Cause]:
    """Yield what keeps a schema from being structural: types left out, keys left out, defaults that do not fit."""
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if not schema.get("type") and not free:
        yield faults.required(f"{path}.type", f"must not be empty {what}")
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys")
    if kind == "map" and not keys:
        why = "must not be empty if x-kubernetes-list-type is map"
        yield faults.required(f"{path}.x-kubernetes-list-map-keys", why)
    if "default" in schema and schema.get("type"):
        yield from _default(schema, path)
    for name, below in (schema.get("properties") or {}).items():
        yield from structure(below, f"{path}.properties[{name}]", "for specified object fields")
    for name in ("items", "additionalProperties"):
        inner: Any = schema.get(name)
        if isinstance(inner, dict):
            told = "for specified array items" if name == "items" else "for specified object fields"
            yield from structure(inner, f"{path}.{name}", told)


def _default(schema: Json, path: str) -> Iterator[Cause]:
    for cause in schema_faults(schema["default"], schema):
        field = cause.get("field", "")
        below = "" if field in ("", "<nil>") else f".{field}"
        yield Cause(cause["reason"], cause["message"], f"{path}.default{below}")
