"""The custom resource definitions that the cases use, one of each feature."""

from __future__ import annotations

from typing import Any

GROUP = "conformance.moorage.dev"

_STRING = {"type": "string"}
_KEYED = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": _STRING,
        "protocol": {"type": "string", "default": "TCP"},
        "port": {"type": "integer"},
        "tags": {"type": "array", "items": _STRING},
    },
}
_WIDGET_SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 0, "maximum": 100},
        "weight": {"type": "number", "exclusiveMinimum": True, "minimum": 0},
        "step": {"type": "integer", "multipleOf": 5},
        "big": {"type": "integer", "format": "int64"},
        "small": {"type": "integer", "format": "int32"},
        "colour": {"type": "string", "enum": ["red", "green", "blue"], "default": "red"},
        "code": {"type": "string", "pattern": "^[A-Z]{2}[0-9]+$", "minLength": 3, "maxLength": 6},
        "on": {"type": "boolean"},
        "when": {"type": "string", "format": "date-time"},
        "day": {"type": "string", "format": "date"},
        "address": {"type": "string", "format": "ipv4"},
        "bytes": {"type": "string", "format": "byte"},
        "span": {"type": "string", "format": "duration"},
        "id": {"type": "string", "format": "uuid"},
        "either": {"x-kubernetes-int-or-string": True},
        "nothing": {"type": "string", "nullable": True},
        "nothingDefault": {"type": "string", "nullable": True, "default": "some"},
        "replicas": {"type": "integer", "default": 1},
        "selector": _STRING,
        "map": {"type": "object", "additionalProperties": _STRING, "maxProperties": 3},
        "numbers": {"type": "object", "additionalProperties": {"type": "integer"}},
        "atomicMap": {"type": "object", "additionalProperties": _STRING, "x-kubernetes-map-type": "atomic"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "partlyFree": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {"known": {"type": "object", "properties": {"a": _STRING}}},
        },
        "inner": {
            "type": "object",
            "default": {"a": "outer"},
            "properties": {"a": _STRING, "b": {"type": "string", "default": "inner"}},
        },
        "list": {"type": "array", "items": _STRING, "maxItems": 4},
        "atomicList": {"type": "array", "items": _STRING, "x-kubernetes-list-type": "atomic"},
        "set": {"type": "array", "items": _STRING, "x-kubernetes-list-type": "set"},
        "keyed": {
            "type": "array",
            "items": _KEYED,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
        "keyedTwice": {
            "type": "array",
            "items": _KEYED | {"required": ["name", "port"]},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port", "protocol"],
        },
        "unique": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        "oneOf": {
            "type": "object",
            "properties": {"left": _STRING, "right": _STRING},
            "oneOf": [{"required": ["left"]}, {"required": ["right"]}],
        },
        "anyOf": {
            "type": "object",
            "properties": {"left": _STRING, "right": _STRING},
            "anyOf": [{"required": ["left"]}, {"required": ["right"]}],
        },
        "not": {
            "type": "object",
            "properties": {"left": _STRING, "right": _STRING},
            "not": {"required": ["left", "right"]},
        },
        "embedded": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        },
    },
}
_STATUS = {
    "type": "object",
    "properties": {
        "replicas": {"type": "integer"},
        "selector": _STRING,
        "phase": _STRING,
        "conditions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type"],
                "properties": {"type": _STRING, "status": _STRING, "reason": _STRING},
            },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    },
}
_SCALE = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}


def definition(
    plural: str,
    kind: str,
    *versions: dict[str, Any],
    scope: str = "Namespaced",
    group: str = GROUP,
    **names: Any,
) -> dict[str, Any]:
    """Return a CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {
                "plural": plural,
                "singular": kind.lower(),
                "kind": kind,
                "listKind": f"{kind}List",
                **names,
            },
            "versions": list(versions),
        },
    }


def version(name: str, schema: dict[str, Any], *, storage: bool = True, **more: Any) -> dict[str, Any]:
    """Return one version of a definition."""
    return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema}, **more}


WIDGETS = definition(
    "widgets",
    "Widget",
    version(
        "v1",
        {"type": "object", "properties": {"spec": _WIDGET_SPEC, "status": _STATUS}},
        subresources={"status": {}, "scale": _SCALE},
        additionalPrinterColumns=[
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size", "description": "How big."},
            {"name": "Colour", "type": "string", "jsonPath": ".spec.colour"},
            {"name": "Code", "type": "string", "jsonPath": ".spec.code", "priority": 1},
            {"name": "First", "type": "string", "jsonPath": ".spec.keyed[0].name"},
            {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
        selectableFields=[{"jsonPath": ".spec.colour"}],
    ),
    shortNames=["wd"],
    categories=["conformance"],
)

_FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
GADGETS = definition(
    "gadgets",
    "Gadget",
    version("v1", _FREE),
    version("v1beta1", _FREE, storage=False, deprecated=True),
    scope="Cluster",
)

ALL = (WIDGETS, GADGETS)
