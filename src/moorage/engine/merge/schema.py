"""
Describes how the parts of a kind are merged: which lists are keyed, which maps are atomic.

A schema node is a lazy view of OpenAPI JSON, from the published definitions, a
cluster's OpenAPI v3 or a CustomResourceDefinition. Children are resolved on first
use and kept, so merging many objects of a kind reads its definition once. Nodes
never judge values beyond their shape: required fields, patterns and CEL rules
belong to the API server.

Where no definition is known the `deduced` node stands in: maps are merged key by
key and lists are replaced as a whole, as the API server treats free-form objects.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from typing import Any, Final

from moorage.model.manifest import Json

QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"

_SCALARS: Final = frozenset({"string", "integer", "number", "boolean"})


class Schema:
    """
    What is known of one value: its type, and how two of it become one.

    `list_type` is ``atomic``, ``set`` or ``map``; `list_keys` names the keys of a
    ``map`` list. `map_type` is ``granular`` or ``atomic``. `merge_key` and
    `merge_strategies` are the older marks that strategic merges go by.
    """

    __slots__ = (
        "_additional",
        "_children",
        "_defaults",
        "_items",
        "_properties",
        "_raw",
        "_source",
        "atomic_list",
        "atomic_map",
        "default",
        "format",
        "int_or_string",
        "list_keys",
        "list_type",
        "map_type",
        "merge_key",
        "merge_strategies",
        "nullable",
        "preserve_unknown",
        "takes_list",
        "takes_map",
        "takes_scalar",
        "type",
    )

    def __init__(self, raw: Json, source: Schemas | None = None, *, preserve_unknown: bool = False) -> None:
        self._raw = raw
        self._source = source
        self._children: dict[str, Schema] = {}
        self._items: Schema | None = None
        self._additional: Schema | None = None
        self._defaults: dict[str, Any] | None = None
        properties = raw.get("properties")
        self._properties: Mapping[str, Json] = properties if isinstance(properties, dict) else {}
        self.type = _type_of(raw)
        self.format = str(raw.get("format") or "")
        self.default = raw.get("default")
        self.nullable = bool(raw.get("nullable"))
        self.int_or_string = bool(raw.get("x-kubernetes-int-or-string")) or self.format == "int-or-string"
        self.preserve_unknown = preserve_unknown or bool(raw.get("x-kubernetes-preserve-unknown-fields"))
        self.takes_scalar = self.int_or_string or self.type in _SCALARS or self.type == ""
        self.takes_list = not self.int_or_string and self.type in ("array", "")
        self.takes_map = not self.int_or_string and self.type in ("object", "")
        self.merge_key = str(raw.get("x-kubernetes-patch-merge-key") or "")
        strategy = str(raw.get("x-kubernetes-patch-strategy") or "")
        self.merge_strategies = tuple(part.strip() for part in strategy.split(",") if part.strip())
        self.list_type, self.list_keys = _list_type(raw, self.merge_key, self.merge_strategies)
        self.map_type = "atomic" if raw.get("x-kubernetes-map-type") == "atomic" else "granular"
        self.atomic_map = self.map_type == "atomic"
        self.atomic_list = self.list_type == "atomic"

    @builtins.property
    def raw(self) -> Json:
        """The OpenAPI JSON of this node, references resolved at its own level."""
        return self._raw

    @builtins.property
    def properties(self) -> Iterator[str]:
        """The names that are declared one by one."""
        return iter(self._properties)

    def declares(self, name: str) -> bool:
        """Return whether `name` is one of the declared properties."""
        return name in self._properties

    def property(self, name: str) -> Schema | None:
        """Return the schema of the value under `name`, or None when nothing is known of it."""
        child = self._children.get(name)
        if child is not None:
            return child
        raw = self._properties.get(name)
        if raw is None:
            return self.additional
        child = self._children[name] = self._resolve(raw)
        return child

    def child(self, name: str) -> Schema:
        """Return the schema of the value under `name`; the deduced one when nothing is known of it."""
        return self._children.get(name) or self.property(name) or _DEDUCED

    @builtins.property
    def items(self) -> Schema:
        """The schema of a list's elements; of untyped values when none is declared."""
        if self._items is None:
            raw = self._raw.get("items")
            self._items = self._resolve(raw) if isinstance(raw, dict) else _UNTYPED
        return self._items

    @builtins.property
    def additional(self) -> Schema | None:
        """The schema of values under undeclared names, or None when such names are not allowed."""
        if self._additional is None:
            self._additional = self._find_additional()
        return self._additional

    @builtins.property
    def key_defaults(self) -> Mapping[str, Any]:
        """What a key of a ``map`` list is when an element leaves it out."""
        if self._defaults is None:
            self._defaults = _key_defaults(self)
        return self._defaults

    def _find_additional(self) -> Schema | None:
        raw = self._raw.get("additionalProperties")
        if isinstance(raw, dict):
            return self._resolve(raw)
        if raw is True or (raw is None and (self.preserve_unknown or not self._properties)):
            return _DEDUCED
        return None

    def _resolve(self, raw: Json) -> Schema:
        if self._source is None:
            return Schema(raw, preserve_unknown=self.preserve_unknown)
        return self._source.node(raw, preserve_unknown=self.preserve_unknown)

    def __repr__(self) -> str:
        return f"Schema({self.type or 'any'}, list={self.list_type}, map={self.map_type})"


class Schemas:
    """
    The definitions of many kinds, found by group, version and kind.

    Takes the ``definitions`` of a swagger v2 document, the ``components.schemas``
    of an OpenAPI v3 document, or either whole document.
    """

    def __init__(self, definitions: Mapping[str, Json]) -> None:
        self._definitions = _definitions_of(definitions)
        self._named: dict[str, Schema] = {}
        self._kinds: dict[tuple[str, str, str], str] | None = None

    def of(self, group: str, version: str, kind: str) -> Schema | None:
        """Return the schema of a kind, or None when the definitions do not have it."""
        if self._kinds is None:
            self._kinds = _index(self._definitions)
        name = self._kinds.get((group, version, kind))
        return None if name is None else self.named(name)

    def named(self, name: str) -> Schema:
        """Return the schema of a definition by its full name; deduced when it is absent."""
        found = self._named.get(name)
        if found is None:
            found = self._named[name] = self._build(name)
        return found

    def node(self, raw: Json, *, preserve_unknown: bool = False) -> Schema:
        """Return the schema of an inline definition, following its reference."""
        name = _reference(raw)
        if name is None:
            return Schema(_flattened(raw), self, preserve_unknown=preserve_unknown)
        overlay = {
            k: v for k, v in raw.items() if k.startswith("x-kubernetes-") or k in ("default", "nullable")
        }
        target = self.named(name)
        if not overlay or target is _DEDUCED or target is _UNTYPED:
            return target
        return Schema({**target.raw, **overlay}, self)

    def merged(self, other: Schemas) -> Schemas:
        """Return the definitions of both; those of `other` win."""
        return Schemas({**self._definitions, **other._definitions})

    def _build(self, name: str) -> Schema:
        if name.endswith("runtime.RawExtension"):
            return _UNTYPED
        raw = self._definitions.get(name)
        if raw is None:
            return _DEDUCED
        if name == QUANTITY:
            return Schema({"type": "string", "format": "quantity"}, self)
        if name.endswith("intstr.IntOrString"):
            return Schema({"type": "string", "format": "int-or-string"}, self)
        return self.node(raw)


class _Deduced(Schema):
    """A node that allows everything; its children are the given node."""

    __slots__ = ("_child",)

    def __init__(self, raw: Json) -> None:
        super().__init__(raw)
        self._child: Schema = self

    def property(self, name: str) -> Schema | None:
        return self._child

    def child(self, name: str) -> Schema:
        return self._child

    @builtins.property
    def items(self) -> Schema:
        return _UNTYPED

    @builtins.property
    def additional(self) -> Schema | None:
        return self._child


def deduced() -> Schema:
    """Return the schema of objects nothing is known about: maps are granular, lists atomic."""
    return _DEDUCED


def _type_of(raw: Json) -> str:
    declared = raw.get("type")
    if isinstance(declared, list):
        declared = next((name for name in declared if name != "null"), "")
    return str(declared or "")


def _list_type(raw: Json, merge_key: str, strategies: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    declared = raw.get("x-kubernetes-list-type")
    if declared == "map":
        keys = tuple(raw.get("x-kubernetes-list-map-keys") or ())
        return ("map", keys) if keys else ("atomic", ())
    if declared is not None:
        return ("set", ()) if declared == "set" else ("atomic", ())
    if "merge" in strategies:
        return ("map", (merge_key,)) if merge_key else ("set", ())
    return "atomic", ()


def _key_defaults(schema: Schema) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    for key in schema.list_keys:
        declared = schema.items.child(key).default if schema.items.declares(key) else None
        if declared is not None:
            defaults[key] = declared
        elif key == "protocol" and {"containerPort", "port"} & set(schema.list_keys):
            # Published definitions leave this one out though every API server fills it in.
            defaults[key] = "TCP"
    return defaults


def _reference(raw: Json) -> str | None:
    reference = raw.get("$ref")
    if reference is None:
        every = raw.get("allOf")
        if not isinstance(every, list) or len(every) != 1 or not isinstance(every[0], dict):
            return None
        reference = every[0].get("$ref")
    return None if reference is None else str(reference).rpartition("/")[2]


def _flattened(raw: Json) -> Json:
    # A union of scalars is written as oneOf or anyOf without a type of its own.
    if raw.get("type") or raw.get("properties"):
        return raw
    options = raw.get("oneOf") or raw.get("anyOf")
    if not isinstance(options, list) or not options:
        return raw
    types = [_type_of(option) for option in options if isinstance(option, dict)]
    if len(types) == len(options) and set(types) <= _SCALARS:
        return {**raw, "type": "string", "format": raw.get("format") or "int-or-string"}
    return raw


def _definitions_of(document: Mapping[str, Any]) -> dict[str, Json]:
    for key in ("definitions", "$defs"):
        inner = document.get(key)
        if isinstance(inner, Mapping):
            return dict(inner)
    components = document.get("components")
    if isinstance(components, Mapping) and isinstance(components.get("schemas"), Mapping):
        return dict(components["schemas"])
    return dict(document)


def _index(definitions: Mapping[str, Json]) -> dict[tuple[str, str, str], str]:
    kinds: dict[tuple[str, str, str], str] = {}
    for name, raw in definitions.items():
        entries = raw.get("x-kubernetes-group-version-kind") if isinstance(raw, dict) else None
        # DeleteOptions and its like belong to every group; only a single mark names a kind.
        if not isinstance(entries, list) or (len(entries) > 1 and name.endswith("Options")):
            continue
        for entry in entries:
            kinds[entry.get("group", ""), entry.get("version", ""), entry.get("kind", "")] = name
    return kinds


_UNTYPED: Final[Schema] = _Deduced({"x-kubernetes-map-type": "atomic"})
_DEDUCED: Final[Schema] = _Deduced({"x-kubernetes-preserve-unknown-fields": True})
