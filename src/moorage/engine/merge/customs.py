"""
What is known of a custom resource: its definition's schema, and what every object has.
"""

from __future__ import annotations

from typing import Any, Final

from moorage.engine.merge.schema import Schema, Schemas
from moorage.model.manifest import Json


def crd_schema(openapi_v3_schema: Json) -> Schema:
    """
    Return the schema of a custom resource's version.

    The API server knows ``metadata``, ``apiVersion`` and ``kind`` of every object,
    whatever the CustomResourceDefinition says of them, so they are put in here.
    """
    if not openapi_v3_schema.get("properties") and not openapi_v3_schema.get("additionalProperties"):
        preserving = openapi_v3_schema.get("x-kubernetes-preserve-unknown-fields")
        openapi_v3_schema = {**openapi_v3_schema, "x-kubernetes-preserve-unknown-fields": preserving or True}
    whole = {**openapi_v3_schema, "type": "object", "x-kubernetes-embedded-resource": True}
    return Schemas({}).node(_embedding(whole))


def _embedding(raw: Any) -> Any:
    """Return a schema in which every object with metadata knows those of all objects."""
    if isinstance(raw, list):
        return [_embedding(each) for each in raw]
    if not isinstance(raw, dict):
        return raw
    result = {name: _embedding(each) for name, each in raw.items()}
    if raw.get("x-kubernetes-embedded-resource") is True:
        result["properties"] = {
            **(result.get("properties") or {}),
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": _METADATA,
        }
    return result


_STRINGS: Final[Json] = {"type": "object", "additionalProperties": {"type": "string"}}
_METADATA: Final[Json] = {
    "type": "object",
    "properties": {
        "annotations": _STRINGS,
        "labels": _STRINGS,
        **{
            name: {"type": "string"}
            for name in ("name", "namespace", "generateName", "resourceVersion", "selfLink", "uid")
        },
        **{
            name: {"type": "string", "format": "date-time"}
            for name in ("creationTimestamp", "deletionTimestamp")
        },
        **{name: {"type": "integer"} for name in ("generation", "deletionGracePeriodSeconds")},
        "finalizers": {
            "type": "array",
            "items": {"type": "string"},
            "x-kubernetes-list-type": "set",
            "x-kubernetes-patch-strategy": "merge",
        },
        "managedFields": {
            "type": "array",
            "items": {"type": "object"},
            "x-kubernetes-list-type": "atomic",
        },
        "ownerReferences": {
            "type": "array",
            "items": {
                "type": "object",
                "x-kubernetes-map-type": "atomic",
                "properties": {
                    **{name: {"type": "string"} for name in ("apiVersion", "kind", "name", "uid")},
                    "controller": {"type": "boolean"},
                    "blockOwnerDeletion": {"type": "boolean"},
                },
            },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["uid"],
            "x-kubernetes-patch-merge-key": "uid",
            "x-kubernetes-patch-strategy": "merge",
        },
    },
}
