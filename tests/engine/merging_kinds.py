"""Small definitions and objects that the tests of merges share."""

from __future__ import annotations

from typing import Any

from moorage.engine.merge.schema import Schema, Schemas

STRINGS: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string"}}

DEFINITIONS: dict[str, Any] = {
    "meta.ObjectMeta": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "namespace": {"type": "string"},
            "uid": {"type": "string"},
            "resourceVersion": {"type": "string"},
            "labels": STRINGS,
            "annotations": STRINGS,
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
        },
    },
    "meta.LabelSelector": {
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {"matchLabels": STRINGS},
    },
    "core.Port": {
        "type": "object",
        "properties": {
            "containerPort": {"type": "integer"},
            "name": {"type": "string"},
            "protocol": {"type": "string", "default": "TCP"},
        },
    },
    "core.Container": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "image": {"type": "string"},
            "args": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
            "ports": {
                "type": "array",
                "items": {"$ref": "#/definitions/core.Port"},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
                "x-kubernetes-patch-merge-key": "containerPort",
                "x-kubernetes-patch-strategy": "merge",
            },
        },
    },
    "apps.Deployment": {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [{"$ref": "#/definitions/meta.ObjectMeta"}], "default": {}},
            "spec": {
                "type": "object",
                "properties": {
                    "replicas": {"type": "integer"},
                    "selector": {"$ref": "#/definitions/meta.LabelSelector"},
                    "strategy": {
                        "type": "object",
                        "properties": {
                            "type": {"type": "string"},
                            "rollingUpdate": {"type": "object"},
                        },
                        "x-kubernetes-patch-strategy": "retainKeys",
                    },
                    "containers": {
                        "type": "array",
                        "items": {"$ref": "#/definitions/core.Container"},
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "x-kubernetes-patch-merge-key": "name",
                        "x-kubernetes-patch-strategy": "merge",
                    },
                },
            },
        },
        "x-kubernetes-group-version-kind": [{"group": "apps", "version": "v1", "kind": "Deployment"}],
    },
}

SCHEMAS = Schemas(DEFINITIONS)


def kind() -> Schema:
    """Return the schema of the small Deployment."""
    schema = SCHEMAS.of("apps", "v1", "Deployment")
    assert schema is not None
    return schema


def web(metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a Deployment named web with the given spec."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", **(metadata or {})},
        "spec": spec,
    }
