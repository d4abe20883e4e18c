"""
What would a body be after Go decoded it into its type and wrote it again?

Built-in kinds are typed: nulls and empty optional lists and maps vanish, fields
nobody knows are lost, quantities take their canonical form. A `Shape` is a
definition of the OpenAPI data, resolved once for fast walks; defaulting and
validation both walk by it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from moorage.model.identity import group_of
from moorage.model.manifest import Json
from moorage.sandbox import kinds, quantities

Form = Literal[
    "object",
    "map",
    "list",
    "string",
    "bytes",
    "time",
    "integer",
    "number",
    "boolean",
    "quantity",
    "either",
    "any",
]

_NAMED: dict[str, Form] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "either",
}
_FORMATS: dict[tuple[str, str], Form] = {("string", "byte"): "bytes", ("string", "date-time"): "time"}
_SCALARS: dict[str, Form] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}


class Shape:
    """The form of one field, with the shapes below it."""

    __slots__ = ("fields", "form", "item", "keeps", "name", "required")

    def __init__(self, name: str, form: Form = "any") -> None:
        self.name = name
        """The last part of the definition's name, for messages: ``DeploymentSpec``."""
        self.form: Form = form
        self.fields: dict[str, Shape] = {}
        self.required: tuple[str, ...] = ()
        self.keeps: frozenset[str] = frozenset()
        """Fields written even when they are zero, because Go holds them by pointer or always writes them."""
        self.item: Shape | None = None


class _Resolver:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.definitions = definitions
        self.known: dict[str, Shape] = {}

    def definition(self, name: str) -> Shape:
        if name not in self.known:
            shape = self.known[name] = Shape(name.rpartition(".")[2])
            if name in _NAMED:
                shape.form = _NAMED[name]
            else:
                self.fill(shape, self.definitions[name])
                shape.keeps = frozenset(kinds.zeroes_written().get(name, ()))
        return self.known[name]

    def field(self, schema: Json, name: str) -> Shape:
        references = schema.get("allOf") or [schema]
        if reference := references[0].get("$ref"):
            return self.definition(reference.rpartition("/")[2])
        shape = Shape(name)
        self.fill(shape, schema)
        return shape

    def fill(self, shape: Shape, schema: Json) -> None:
        kind = schema.get("type", "")
        if "properties" in schema:
            shape.form = "object"
            shape.required = tuple(schema.get("required", ()))
            shape.fields = {name: self.field(each, name) for name, each in schema["properties"].items()}
        elif kind == "object" and "additionalProperties" in schema:
            shape.form, shape.item = "map", self.field(schema["additionalProperties"], shape.name)
        elif kind == "array":
            shape.form, shape.item = "list", self.field(schema.get("items") or {}, shape.name)
        elif kind in _SCALARS:
            shape.form = _FORMATS.get((kind, schema.get("format", "")), _SCALARS[kind])


@cache
def _resolver() -> _Resolver:
    return _Resolver(kinds.definitions())


@cache
def shape_of(api_version: str, kind: str) -> Shape | None:
    """Return the shape of a built-in kind, None when there is no such kind."""
    name = kinds.definition_names().get((group_of(api_version), api_version.rpartition("/")[2], kind))
    return _resolver().definition(name) if name else None


@cache
def shape_named(definition: str) -> Shape:
    """Return the shape of a definition by its full name."""
    return _resolver().definition(definition)


def decoded(body: Json, shape: Shape) -> Json:
    """Return a private copy of `body` as Go would write it again; values of free form are shared."""
    return Decoding().read(body, shape)


class Decoding:
    """One walk over a body: `unknown` and `faults` collect what Go would have complained of, in order."""

    __slots__ = ("faults", "unknown")

    def __init__(self) -> None:
        self.unknown: list[str] = []
        """Paths of fields the type does not have."""
        self.faults: list[str] = []
        """What cannot be decoded at all, in the API server's words."""

    def read(self, body: Json, shape: Shape) -> Json:
        """Return the body as Go would write it again."""
        result = self._value(body, shape, "", shape.name)
        return result if isinstance(result, dict) else {}

    def _value(self, value: Any, shape: Shape, path: str, owner: str) -> Any:
        match shape.form:
            case "any":
                return value
            case "object" if isinstance(value, dict):
                return self._object(value, shape, path)
            case "list" if isinstance(value, list):
                item = shape.item or _ANYTHING
                empty: Any = {} if item.form == "object" else ""
                return [
                    self._value(empty if each is None else each, item, f"{path}[{index}]", owner)
                    for index, each in enumerate(value)
                ]
            case "map" if isinstance(value, dict):
                return self._map(value, shape, path, owner)
            case "quantity" if isinstance(value, str | int | float) and not isinstance(value, bool):
                return self._quantity(value)
            case "either" if isinstance(value, str | int) and not isinstance(value, bool):
                return value
        return self._scalar(value, shape, path, owner)

    def _object(self, value: Json, shape: Shape, path: str) -> Json:
        result: Json = {}
        for name, each in value.items():
            below = shape.fields.get(name)
            here = f"{path}.{name}" if path else name
            if below is None:
                self.unknown.append(here)
            elif each.__class__ is str and below.form == "string":
                if each or name in shape.required or name in shape.keeps:
                    result[name] = each
            elif each is not None:
                written = self._value(each, below, here, shape.name)
                if written or below.form in _WRITTEN_EMPTY or name in shape.required or name in shape.keeps:
                    result[name] = written
        return result

    def _map(self, value: Json, shape: Shape, path: str, owner: str) -> Json:
        item = shape.item or _ANYTHING
        if item.form == "string" and all(isinstance(each, str) for each in value.values()):
            return dict(value)
        empty: Any = {} if item.form == "object" else "0" if item.form == "quantity" else ""
        return {
            # A plain value is told by the field that holds the map.
            key: self._value(
                empty if each is None else each,
                item,
                path if item.form in _PYTHON else f"{path}.{key}",
                owner,
            )
            for key, each in value.items()
        }

    def _scalar(self, value: Any, shape: Shape, path: str, owner: str) -> Any:
        wanted = _PYTHON.get(shape.form)
        if shape.form == "bytes" and isinstance(value, str):
            self._bytes(value)
        if (
            wanted is not None
            and isinstance(value, wanted)
            and (shape.form == "boolean" or not isinstance(value, bool))
        ):
            return value
        if shape.form == "integer" and isinstance(value, float) and value.is_integer():
            return int(value)
        target = _GO.get(shape.form, shape.name)
        where = _INDEX.sub("", path)
        self.faults.append(
            f"json: cannot unmarshal {_json_type(value)} into Go struct field {owner}.{where} of type {target}"
        )
        return value

    def _bytes(self, value: str) -> None:
        found = _BASE64.match(value)
        right = found.end() if found else 0
        if right < len(value) or len(value) % 4:
            self.faults.append(f"illegal base64 data at input byte {right}")

    def _quantity(self, value: str | int | float) -> str:
        text = value.strip() if isinstance(value, str) else repr(value)
        try:
            return quantities.canonical(text)
        except quantities.NotAQuantity as wrong:
            self.faults.append(str(wrong))
            return text


_INDEX = re.compile(r"\[\d+\]")
_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]*={0,2}", re.ASCII)
_ANYTHING = Shape("any")
_WRITTEN_EMPTY = frozenset({"object", "any", "quantity", "either"})
_PYTHON: dict[Form, tuple[type, ...]] = {
    "string": (str,),
    "bytes": (str,),
    "time": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_GO = {
    "string": "string",
    "bytes": "[]uint8",
    "time": "v1.Time",
    "integer": "int32",
    "number": "float64",
    "boolean": "bool",
    "map": "map[string]string",
    "either": "intstr.IntOrString",
    "quantity": "resource.Quantity",
}


def _json_type(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"
