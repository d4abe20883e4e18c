"""
What a custom kind's structural schema does to an object: prune, default, validate.

The messages are the API server's. Validation by expressions (CEL) is not done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

import orjson

from moorage.model.manifest import Json
from moorage.sandbox.answers import Cause

_ROOT = frozenset({"apiVersion", "kind", "metadata"})


class StructuralRules:
    """The rules of one version of a custom kind."""

    def __init__(self, schema: Json, *, preserve: bool) -> None:
        self.schema = schema
        self.preserve = preserve or not schema

    def decode(self, body: Json) -> tuple[Json, list[str], list[str]]:
        """Return a copy without unknown fields, their paths, and no faults."""
        unknown: list[str] = []
        if self.preserve:
            return orjson.loads(orjson.dumps(body)), unknown, []
        kept = {key: value for key, value in body.items() if key in _ROOT}
        rest = {key: value for key, value in body.items() if key not in _ROOT}
        return {**kept, **_pruned(rest, self.schema, "", unknown)}, unknown, []

    def default(self, body: Json) -> None:
        """Fill in the defaults of the schema."""
        for name, schema in (self.schema.get("properties") or {}).items():
            if name not in _ROOT:
                _default_property(body, name, schema)

    def prepare(self, body: Json, before: Json | None) -> None:
        """The server gives out nothing to objects of custom kinds."""

    def validate(self, body: Json, before: Json | None, subresource: str) -> Sequence[Cause]:
        """Return what is wrong with the body."""
        checked = body
        if "metadata" in (self.schema.get("required") or ()):
            checked = body
        return list(_faults(checked, self.schema, ""))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _pruned(value: Any, schema: Json, path: str, unknown: list[str]) -> Any:
    if isinstance(value, list):
        items = schema.get("items")
        if not isinstance(items, dict):
            return value
        return [_pruned(item, items, f"{path}[{index}]", unknown) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    keep = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    embedded = bool(schema.get("x-kubernetes-embedded-resource"))
    result = {}
    for name, item in value.items():
        if embedded and name in _ROOT:
            result[name] = item
        elif name in properties:
            result[name] = _pruned(item, properties[name], _join(path, name), unknown)
        elif isinstance(additional, dict):
            result[name] = _pruned(item, additional, _join(path, name), unknown)
        elif additional is True or keep:
            result[name] = item
        else:
            unknown.append(_join(path, name))
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


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "integer" if value.is_integer() else "number"
    words: dict[type, str] = {str: "string", list: "array", dict: "object"}
    return words[type(value)]


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return orjson.dumps(value).decode()
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _faults(value: Any, schema: Json, path: str) -> Iterator[Cause]:
    if value is None and schema.get("nullable"):
        return
    if schema.get("x-kubernetes-int-or-string"):
        if _type_of(value) not in ("integer", "string"):
            yield _of_type(value, "integer,string", path)
        return
    wanted = schema.get("type")
    found = _type_of(value)
    if wanted and found != wanted and not (wanted == "number" and found == "integer"):
        yield _of_type(value, wanted, path)
        return
    yield from _general_faults(value, schema, path)
    if isinstance(value, dict):
        yield from _object_faults(value, schema, path)
    elif isinstance(value, list):
        yield from _list_faults(value, schema, path)
    elif isinstance(value, str):
        yield from _string_faults(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number_faults(value, schema, path)


def _of_type(value: Any, wanted: str, path: str) -> Cause:
    found = _type_of(value)
    told = f'{path or "<nil>"} in body must be of type {wanted}: "{found}"'
    return Cause("FieldValueTypeInvalid", f'Invalid value: "{found}": {told}', path or "<nil>")


def _body(value: Any, rule: str, path: str, reason: str = "FieldValueInvalid") -> Cause:
    return Cause(reason, f"Invalid value: {_shown(value)}: {path or '<nil>'} in body {rule}", path or "<nil>")


def _general_faults(value: Any, schema: Json, path: str) -> Iterator[Cause]:
    if "enum" in schema and value not in schema["enum"]:
        allowed = ", ".join(_shown(each) for each in schema["enum"])
        yield Cause(
            "FieldValueNotSupported", f"Unsupported value: {_shown(value)}: supported values: {allowed}", path
        )
    for below in schema.get("allOf") or ():
        yield from _faults(value, below, path)
    if schema.get("anyOf") and all(
        any(True for _ in _faults(value, below, path)) for below in schema["anyOf"]
    ):
        yield _body(value, "must validate at least one schema (anyOf)", path)
        yield from _faults(value, schema["anyOf"][0], path)
    if schema.get("oneOf"):
        valid = sum(1 for below in schema["oneOf"] if not any(True for _ in _faults(value, below, path)))
        if valid != 1:
            told = "Found none valid" if not valid else f"Found {valid} valid alternatives"
            yield _body(value, f"must validate one and only one schema (oneOf). {told}", path)
    if isinstance(schema.get("not"), dict) and not any(True for _ in _faults(value, schema["not"], path)):
        yield _body(value, "must not validate the schema (not)", path)


def _object_faults(value: Json, schema: Json, path: str) -> Iterator[Cause]:
    for name in schema.get("required") or ():
        if name not in value:
            yield Cause("FieldValueRequired", "Required value", _join(path, name))
    properties = schema.get("properties") or {}
    additional = schema.get("additionalProperties")
    for name, item in value.items():
        if not path and name in _ROOT:
            continue
        if name in properties:
            yield from _faults(item, properties[name], _join(path, name))
        elif isinstance(additional, dict):
            yield from _faults(item, additional, _join(path, name))
    if "minProperties" in schema and len(value) < schema["minProperties"]:
        yield _body(value, f"should have at least {schema['minProperties']} properties", path)
    if "maxProperties" in schema and len(value) > schema["maxProperties"]:
        most = schema["maxProperties"]
        yield Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items", path)
    if schema.get("x-kubernetes-embedded-resource"):
        for name in ("apiVersion", "kind"):
            if not value.get(name):
                yield Cause("FieldValueRequired", "Required value: must not be empty", _join(path, name))


def _list_faults(value: list[Any], schema: Json, path: str) -> Iterator[Cause]:
    items = schema.get("items")
    if isinstance(items, dict):
        for index, item in enumerate(value):
            yield from _faults(item, items, f"{path}[{index}]")
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        most = schema["maxItems"]
        yield Cause("FieldValueTooMany", f"Too many: {len(value)}: must have at most {most} items", path)
    if "minItems" in schema and len(value) < schema["minItems"]:
        yield _body(value, f"should have at least {schema['minItems']} items", path)
    kind = schema.get("x-kubernetes-list-type")
    if schema.get("uniqueItems") or kind == "set":
        yield from _duplicates(value, path, lambda item: item)
    elif kind == "map":
        keys = schema.get("x-kubernetes-list-map-keys") or ()
        yield from _duplicates(
            value, path, lambda item: {key: item.get(key) for key in keys} if isinstance(item, dict) else item
        )


def _duplicates(value: list[Any], path: str, key: Callable[[Any], Any]) -> Iterator[Cause]:
    seen: set[bytes] = set()
    for index, item in enumerate(value):
        mark = orjson.dumps(key(item), option=orjson.OPT_SORT_KEYS)
        if mark in seen:
            yield Cause("FieldValueDuplicate", f"Duplicate value: {_shown(key(item))}", f"{path}[{index}]")
        seen.add(mark)


def _string_faults(value: str, schema: Json, path: str) -> Iterator[Cause]:
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield Cause("FieldValueTooLong", f"Too long: may not be more than {schema['maxLength']} bytes", path)
    if "minLength" in schema and len(value) < schema["minLength"]:
        yield _body(value, f"should be at least {schema['minLength']} chars long", path)
    pattern = schema.get("pattern")
    if pattern:
        compiled = _pattern(pattern)
        if compiled is not None and not compiled.search(value):
            yield _body(value, f"should match '{pattern}'", path)
    test = _FORMATS.get(schema.get("format") or "")
    if test is not None and not test(value):
        yield _body(value, f"must be of type {schema['format']}: {_shown(value)}", path)


def _number_faults(value: float, schema: Json, path: str) -> Iterator[Cause]:
    low, high, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    if low is not None:
        if schema.get("exclusiveMinimum") and value <= low:
            yield _body(value, f"should be greater than {_shown(low)}", path)
        elif value < low:
            yield _body(value, f"should be greater than or equal to {_shown(low)}", path)
    if high is not None:
        if schema.get("exclusiveMaximum") and value >= high:
            yield _body(value, f"should be less than {_shown(high)}", path)
        elif value > high:
            yield _body(value, f"should be less than or equal to {_shown(high)}", path)
    if step and value % step:
        yield _body(value, f"should be a multiple of {_shown(step)}", path)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text.replace("[[:alnum:]]", "[A-Za-z0-9]"))
    except re.error:
        return None


def _is_time(value: str) -> bool:
    try:
        return (
            "T" in value.upper()
            and datetime.fromisoformat(value.replace("Z", "+00:00").replace("z", "+00:00")).tzinfo is not None
        )
    except ValueError:
        return False


def _is_date(value: str) -> bool:
    try:
        return len(value) == 10 and datetime.fromisoformat(value) is not None
    except ValueError:
        return False


def _parses(parse: Callable[[str], Any]) -> Callable[[str], bool]:
    def test(value: str) -> bool:
        try:
            parse(value)
        except ValueError:
            return False
        return True

    return test


def _version(number: int) -> Callable[[str], bool]:
    def test(value: str) -> bool:
        try:
            return ip_address(value).version == number
        except ValueError:
            return False

    return test


_FORMATS: dict[str, Callable[[str], bool]] = {
    "date-time": _is_time,
    "date": _is_date,
    "ipv4": _version(4),
    "ipv6": _version(6),
    "cidr": _parses(lambda value: ip_network(value, strict=False) if "/" in value else ip_network("")),
    "uuid": lambda value: re.fullmatch(r"(?i)[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", value) is not None,
    "email": lambda value: re.fullmatch(r"[^@\s]+@[^@\s]+", value) is not None,
    "uri": lambda value: re.match(r"(/|[A-Za-z][A-Za-z0-9+.-]*:)", value) is not None,
    "byte": lambda value: (
        re.fullmatch(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", value) is not None
    ),
    "duration": lambda value: (
        re.fullmatch(r"[-+]?(\d+(\.\d*)?(ns|us|µs|ms|s|m|h|d|w)\s*)+|0", value) is not None
    ),
}
