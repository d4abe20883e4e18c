"""
What is wrong with a value by the schema of a custom kind?

The checks, their order and their words are the API server's; what of several
alternatives is told, too: the one that came furthest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson

from moorage.model.manifest import Json
from moorage.sandbox.answers import Cause
from moorage.sandbox.formats import FORMATS

NOWHERE = "<nil>"
_INTEGERS = {
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
_LONG = (-(2**63), 2**63 - 1)


def schema_faults(value: Any, schema: Json, under: str = "") -> list[Cause]:
    """
    Return what is wrong with a value.

    Args:
        value: The value, of any type.
        schema: Its schema.
        under: The field it is the value of; the messages name what is below, the causes all.
    """
    check = _Check(under)
    check.value(value, schema, "")
    return check.causes


def join(path: str, name: str) -> str:
    """Return the path of a field below another."""
    return f"{path}.{name}" if path else name


def type_of(value: Any) -> str:
    """Return the name JSON schemas have for the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    words: dict[type, str] = {str: "string", list: "array", dict: "object", float: "number"}
    return words[type(value)]


def shown(value: Any) -> str:
    """Return a value as messages print it."""
    return orjson.dumps(value).decode() if isinstance(value, str | dict | list) else _number(value)


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "null" if value is None else str(value)


class _Check:
    """One walk; `depth` counts what was looked at, to tell which alternative came furthest."""

    def __init__(self, under: str = "") -> None:
        self.under = under
        self.causes: list[Cause] = []
        self.depth = 0

    def tell(self, reason: str, message: str, path: str) -> None:
        place = join(self.under, path) if self.under and path else path or self.under
        self.causes.append(Cause(reason, message, place or NOWHERE))

    def plainly(self, message: str) -> None:
        self.causes.append(Cause("FieldValueInvalid", f'Invalid value: "": {message}', self.under or NOWHERE))

    def wrong(self, value: Any, rule: str, path: str) -> None:
        self.tell("FieldValueInvalid", f"Invalid value: {shown(value)}: {path} in body {rule}", path)

    def value(self, value: Any, schema: Json, path: str) -> None:
        self.depth += 1
        if schema.get("x-kubernetes-int-or-string"):
            if type_of(value) not in ("integer", "string") and not (value is None and schema.get("nullable")):
                self.type(value, "integer,string", path)
            return
        fits = self.typed(value, schema, path)
        if value is None:
            if fits:
                self.enum(value, schema, path)
            return
        self.combined(value, schema, path)
        if isinstance(value, str):
            self.string(value, schema, path)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self.number(value, schema, path)
        elif isinstance(value, list):
            self.list(value, schema, path)
        self.enum(value, schema, path)
        if isinstance(value, dict):
            self.object(value, schema, path)

    def type(self, value: Any, wanted: str, path: str) -> None:
        found = type_of(value)
        told = f'{path} in body must be of type {wanted}: "{found}"'
        self.tell("FieldValueTypeInvalid", f'Invalid value: "{found}": {told}', path)

    def typed(self, value: Any, schema: Json, path: str) -> bool:
        wanted, found = schema.get("type"), type_of(value)
        if value is None and schema.get("nullable"):
            return True
        whole = isinstance(value, float) and value.is_integer() and wanted == "integer"
        fits = not wanted or found == wanted or whole or (wanted == "number" and found == "integer")
        if not fits:
            self.type(value, str(wanted), path)
        return fits

    def enum(self, value: Any, schema: Json, path: str) -> None:
        if "enum" in schema and value not in schema["enum"]:
            allowed = ", ".join(
                f'"{each}"' if isinstance(each, str) else f'"{shown(each)}"' for each in schema["enum"]
            )
            told = f"Unsupported value: {shown(value)}: supported values: {allowed}"
            self.tell("FieldValueNotSupported", told, path)

    def combined(self, value: Any, schema: Json, path: str) -> None:
        if alternatives := schema.get("anyOf"):
            tried = [self.tried(value, each, path) for each in alternatives]
            if all(each.causes for each in tried):
                self.plainly(f'"{path}" must validate at least one schema (anyOf)')
                self.causes += max(tried, key=lambda each: each.depth).causes
        if alternatives := schema.get("oneOf"):
            tried = [self.tried(value, each, path) for each in alternatives]
            valid = sum(not each.causes for each in tried)
            if valid != 1:
                told = "Found none valid" if not valid else f"Found {valid} valid alternatives"
                self.plainly(f'"{path}" must validate one and only one schema (oneOf). {told}')
                if not valid:
                    self.causes += max(tried, key=lambda each: each.depth).causes
        if parts := schema.get("allOf"):
            tried = [self.tried(value, each, path) for each in parts]
            self.causes += [cause for each in tried for cause in each.causes]
            if any(each.causes for each in tried):
                none = ". None validated" if all(each.causes for each in tried) else ""
                self.plainly(f'"{path}" must validate all the schemas (allOf){none}')
        if isinstance(schema.get("not"), dict) and not self.tried(value, schema["not"], path).causes:
            self.plainly(f'"{path}" must not validate the schema (not)')

    def tried(self, value: Any, schema: Json, path: str) -> _Check:
        check = _Check(self.under)
        check.value(value, schema, path)
        return check

    def string(self, value: str, schema: Json, path: str) -> None:
        pattern = _pattern(schema["pattern"]) if schema.get("pattern") else None
        if "maxLength" in schema and len(value) > schema["maxLength"]:
            told = f"Too long: may not be more than {schema['maxLength']} bytes"
            self.tell("FieldValueTooLong", told, path)
        elif "minLength" in schema and len(value) < schema["minLength"]:
            self.wrong(value, f"should be at least {schema['minLength']} chars long", path)
        elif pattern is not None and not pattern.search(value):
            self.wrong(value, f"should match '{schema['pattern']}'", path)
        test = FORMATS.get(schema.get("format") or "")
        if test is not None and not test(value):
            told = f"{path} in body must be of type {schema['format']}: {shown(value)}"
            self.tell("FieldValueTypeInvalid", f"Invalid value: {shown(value)}: {told}", path)

    def number(self, value: float, schema: Json, path: str) -> None:
        if schema.get("type") == "integer":
            least, most = _INTEGERS.get(schema.get("format", ""), _LONG)
            if value != int(value) or not least <= value <= most:
                form = f"with format {schema['format']}" if schema.get("format") else "(default format)"
                self.plainly(f"Checked value must be of type integer {form} in {path}")
        step, low, high = schema.get("multipleOf"), schema.get("minimum"), schema.get("maximum")
        if step and value % step:
            self.wrong(value, f"should be a multiple of {_number(step)}", path)
        if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
            than = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
            self.wrong(value, f"should be {than} {_number(low)}", path)
        if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
            than = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
            self.wrong(value, f"should be {than} {_number(high)}", path)

    def list(self, value: list[Any], schema: Json, path: str) -> None:
        items = schema.get("items")
        if isinstance(items, dict):
            for index, item in enumerate(value):
                self.value(item, items, f"{path}[{index}]")
        if "minItems" in schema and len(value) < schema["minItems"]:
            self.wrong(len(value), f"should have at least {schema['minItems']} items", path)
        self.most(len(value), schema.get("maxItems"), path)

    def most(self, count: int, most: int | None, path: str) -> None:
        if most is not None and count > most:
            self.tell("FieldValueTooMany", f"Too many: {count}: must have at most {most} items", path)

    def object(self, value: Json, schema: Json, path: str) -> None:
        properties = schema.get("properties") or {}
        additional = schema.get("additionalProperties")
        if "minProperties" in schema and len(value) < schema["minProperties"]:
            self.wrong(len(value), f"should have at least {schema['minProperties']} properties", path)
        self.most(len(value), schema.get("maxProperties"), path)
        for name, item in value.items():
            if name in properties:
                self.value(item, properties[name], join(path, name))
            elif isinstance(additional, dict):
                self.value(item, additional, join(path, name))
        for name in schema.get("required") or ():
            if name not in value:
                self.tell("FieldValueRequired", "Required value", join(path, name))


def list_faults(value: Any, schema: Json, path: str = "") -> list[Cause]:
    """Return which elements of sets and keyed lists are there twice, at any depth."""
    if isinstance(value, dict):
        properties, additional = schema.get("properties") or {}, schema.get("additionalProperties")
        rest = additional if isinstance(additional, dict) else {}
        return [
            cause
            for name, item in value.items()
            for cause in list_faults(item, properties.get(name, rest), join(path, name))
        ]
    if not isinstance(value, list):
        return []
    items = schema.get("items")
    causes = _repeated(value, schema, path)
    for index, item in enumerate(value):
        causes += list_faults(item, items if isinstance(items, dict) else {}, f"{path}[{index}]")
    return causes


def _repeated(value: list[Any], schema: Json, path: str) -> list[Cause]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or ()
    key: Callable[[Any], Any]
    if kind == "set":
        key = lambda item: item  # noqa: E731 - two of a kind
    elif kind == "map":
        key = lambda item: {name: item.get(name) for name in keys} if isinstance(item, dict) else item  # noqa: E731
    else:
        return []
    causes, seen = [], set()
    for index, item in enumerate(value):
        mark = orjson.dumps(key(item), option=orjson.OPT_SORT_KEYS)
        if mark in seen:
            told = f"Duplicate value: {shown(key(item))}"
            causes.append(Cause("FieldValueDuplicate", told, f"{path}[{index}]"))
        seen.add(mark)
    return causes


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text.replace("[[:alnum:]]", "[A-Za-z0-9]"))
    except re.error:
        return None
