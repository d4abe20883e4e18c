"""
What a custom kind's structural schema does to an object: prune, default, validate.

The messages are the API server's. Validation by expressions (CEL) is not done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from moorage.model.manifest import Json
from moorage.sandbox import faults
from moorage.sandbox.answers import Cause
from moorage.sandbox.resources import ScalePaths
from moorage.sandbox.schemafaults import join, list_faults, schema_faults
from moorage.sandbox.shapes import Decoding, shape_named

_ROOT = frozenset({"apiVersion", "kind", "metadata"})
_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_MOST_REPLICAS = 2**31 - 1


class StructuralRules:
    """The rules of one version of a custom kind."""

    def __init__(self, schema: Json, *, preserve: bool, scale: ScalePaths | None = None) -> None:
        self.schema = schema
        self.preserve = preserve or not schema
        self.scale = scale

    def decode(self, body: Json, *, applied: bool = False) -> tuple[Json, list[str], list[str]]:
        """Return a copy without unknown fields, their paths, and what metadata cannot be read."""
        wrong: list[str] = []
        metadata = _metadata(body.get("metadata") or {}, "metadata", wrong, [])
        if self.preserve:
            return {**orjson.loads(orjson.dumps(body)), "metadata": metadata}, [], wrong
        unknown: list[str] = []
        kept = {key: value for key, value in body.items() if key in _ROOT} | {"metadata": metadata}
        rest = {key: value for key, value in body.items() if key not in _ROOT}
        pruned = _pruned(rest, self.schema, "", unknown, wrong)
        if not applied:
            _drop_nulls(pruned, self.schema)
        return {**kept, **pruned}, unknown, wrong

    def applied_faults(self, config: Json) -> Sequence[Cause]:
        """Return the nulls that other writes would lose and an apply must not have."""
        return [
            cause
            for cause in schema_faults(config, self.schema)
            if cause["reason"] == "FieldValueTypeInvalid"
            and cause["message"].startswith('Invalid value: "null"')
        ]

    def default(self, body: Json) -> None:
        """Fill in the defaults of the schema."""
        for name, schema in (self.schema.get("properties") or {}).items():
            if name not in _ROOT:
                _default_property(body, name, schema)

    def prepare(self, body: Json, before: Json | None) -> None:
        """The server gives out nothing to objects of custom kinds."""

    def validate(self, body: Json, before: Json | None, subresource: str) -> Sequence[Cause]:
        """Return what is wrong with the body; of a status, in the words of a status."""
        if subresource == "scale":
            return [*self._scale_faults(body, spec=True), *schema_faults(body, self._without_root())]
        if subresource == "status":
            status = (self.schema.get("properties") or {}).get("status") or {}
            found = schema_faults(body["status"], status, "status") if "status" in body else []
            return [*found, *self._scale_faults(body, spec=False)]
        found = schema_faults(body, self._without_root())
        return [
            *found,
            *self._scale_faults(body, spec=True),
            *self._scale_faults(body, spec=False),
            *_embedded_faults(body, self.schema, ""),
            *list_faults(body, self.schema),
        ]

    def _without_root(self) -> Json:
        properties = self.schema.get("properties") or {}
        return {
            **self.schema,
            "properties": {name: schema for name, schema in properties.items() if name not in _ROOT},
        }

    def _scale_faults(self, body: Json, *, spec: bool) -> list[Cause]:
        if self.scale is None:
            return []
        path = self.scale.replicas if spec else self.scale.status
        field = "." + ".".join(path)
        value: Any = body
        for index, part in enumerate(path):
            if not isinstance(value, dict):
                told = f"accessor error: {_go(value)} is of the type {_go_type(value)}, expected map[string]interface{{}}"
                return [faults.invalid(field, 0, f".{'.'.join(path[: index + 1])} {told}")]
            if part not in value:
                return []
            value = value[part]
        if not isinstance(value, int) or isinstance(value, bool):
            told = f"accessor error: {_go(value)} is of the type {_go_type(value)}, expected int64"
            return [faults.invalid(field, 0, f"{field} {told}")]
        if value < 0:
            return [faults.invalid(field, value, "should be a non-negative integer")]
        if value > _MOST_REPLICAS:
            return [faults.invalid(field, value, f"should be less than or equal to {_MOST_REPLICAS}")]
        return []


def _go(value: Any) -> str:
    return str(value).replace(", ", " ") if isinstance(value, list) else str(value)


def _go_type(value: Any) -> str:
    words = {str: "string", list: "[]interface {}", bool: "bool", float: "float64", int: "int64"}
    return words.get(type(value), "map[string]interface {}" if isinstance(value, dict) else "<nil>")


def _metadata(value: Any, path: str, wrong: list[str], unknown: list[str]) -> Any:
    """Return metadata as its Go type is written again; what it cannot hold goes to `wrong`."""
    if not isinstance(value, dict):
        return value
    decoding = Decoding()
    read = decoding.read(value, shape_named(_META))
    unknown += [join(path, name) for name in decoding.unknown]
    if decoding.faults:
        shown = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
        wrong.append(f"{path}: Invalid value: {shown}: {decoding.faults[0]}")
    return read


def _drop_nulls(value: Any, schema: Json) -> None:
    if isinstance(value, dict):
        properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
        for name in list(value):
            below = properties.get(name, additional if isinstance(additional, dict) else None)
            if below is None:
                continue
            if value[name] is None and not below.get("nullable") and "default" not in below:
                del value[name]
            else:
                _drop_nulls(value[name], below)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            _drop_nulls(item, schema["items"])


def _embedded_faults(value: Any, schema: Json, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if isinstance(value, dict):
        if schema.get("x-kubernetes-embedded-resource"):
            for name in ("apiVersion", "kind"):
                if not value.get(name):
                    why = "must not be empty" if name in value else ""
                    causes.append(faults.required(join(path, name), why))
        properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
        for name, item in value.items():
            below = properties.get(name, additional if isinstance(additional, dict) else {})
            causes += _embedded_faults(item, below, join(path, name))
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            causes += _embedded_faults(item, schema["items"], f"{path}[{index}]")
    return causes


def _pruned(value: Any, schema: Json, path: str, unknown: list[str], wrong: list[str]) -> Any:
    if isinstance(value, list):
        items = schema.get("items")
        if not isinstance(items, dict):
            return value
        return [_pruned(item, items, f"{path}[{index}]", unknown, wrong) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    keep = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    embedded = bool(schema.get("x-kubernetes-embedded-resource"))
    result = {}
    for name, item in value.items():
        if embedded and name in _ROOT:
            result[name] = _metadata(item, join(path, name), wrong, unknown) if name == "metadata" else item
        elif name in properties:
            result[name] = _pruned(item, properties[name], join(path, name), unknown, wrong)
        elif isinstance(additional, dict):
            result[name] = _pruned(item, additional, join(path, name), unknown, wrong)
        elif additional is True or keep:
            result[name] = item
        else:
            unknown.append(join(path, name))
    return result


def _default_property(holder: Json, name: str, schema: Json) -> None:
    value = holder.get(name)
    if "default" in schema and (name not in holder or (value is None and not schema.get("nullable"))):
        holder[name] = orjson.loads(orjson.dumps(schema["default"]))
    elif value is None and name in holder and not schema.get("nullable"):
        return
    if name in holder:
        _default_below(holder[name], schema)


def _default_below(value: Any, schema: Json) -> None:
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        for name, below in properties.items():
            _default_property(value, name, below)
        additional = schema.get("additionalProperties")
        if isinstance(additional, dict):
            for name in value:
                if name not in properties:
                    _default_below(value[name], additional)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            _default_below(item, schema["items"])
