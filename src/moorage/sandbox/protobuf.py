"""
What does a body say that a typed client sent as protobuf?

kubectl and Helm send objects of built-in kinds in this form and understand
answers in JSON, so only reading is needed. Field numbers come from the
published definitions (`scripts/protobuf_fields.py`); names, and where JSON has
the fields of an embedded message in its place, are settled there too.
"""

from __future__ import annotations

import base64
import gzip
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from moorage.model.identity import group_of
from moorage.model.manifest import Json
from moorage.sandbox import answers, kinds

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_META = "k8s.io.apimachinery.pkg.apis.meta.v1"
_MORE = {
    "DeleteOptions": f"{_META}.DeleteOptions",
    "Scale": "k8s.io.api.autoscaling.v1.Scale",
    "Eviction": "k8s.io.api.policy.v1.Eviction",
    "TokenRequest": "k8s.io.api.authentication.v1.TokenRequest",
}
_DEPTH = 100
Field = tuple[str, str]


class _Malformed(ValueError):
    pass


@cache
def _messages() -> dict[str, dict[int, Field]]:
    packed = files("moorage.sandbox").joinpath("data", f"protobuf-{kinds.VERSION}.json.gz").read_bytes()
    table = orjson.loads(gzip.decompress(packed))
    return {name: {number: (field, kind) for number, field, kind in rows} for name, rows in table.items()}


def decode(body: bytes) -> Json:
    """Return the object of a protobuf body as JSON. Raises Failure (400)."""
    try:
        return _decode(body)
    except (_Malformed, IndexError, struct.error, UnicodeDecodeError, OverflowError, orjson.JSONDecodeError):
        raise answers.bad_request("the body of the request is not valid protobuf") from None


def _decode(body: bytes) -> Json:
    if not body.startswith(_MAGIC):
        raise _Malformed
    api_version = kind = ""
    raw = b""
    for number, value in _fields(memoryview(body)[4:]):
        if number == 1 and isinstance(value, memoryview):
            told = {n: bytes(v).decode() for n, v in _fields(value) if isinstance(v, memoryview)}
            api_version, kind = told.get(1, ""), told.get(2, "")
        elif number == 2 and isinstance(value, memoryview):
            raw = bytes(value)
    return {"kind": kind, "apiVersion": api_version, **_message(memoryview(raw), _name(api_version, kind), 0)}


def _name(api_version: str, kind: str) -> str:
    version = api_version.rpartition("/")[2]
    definition = kinds.definition_names().get((group_of(api_version), version, kind))
    name = _MORE.get(kind) or message_name(definition or "")
    if name not in _messages():
        raise _Malformed
    return name


def message_name(definition: str) -> str:
    """Return the protobuf name of an OpenAPI definition: ``io.k8s.api…`` is ``k8s.io.api…``."""
    parts = definition.split(".")
    named = ["k8s", "io", *parts[2:]] if parts[:2] == ["io", "k8s"] else parts
    return ".".join(named).replace("-", "_")


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
        if shift > 63:
            raise _Malformed


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        form = tag & 7
        value: int | memoryview
        if form == 0:
            value, at = _varint(data, at)
        elif form in (1, 2, 5):
            if form == 2:
                length, at = _varint(data, at)
            else:
                length = 8 if form == 1 else 4
            if at + length > end:
                raise _Malformed
            value, at = data[at : at + length], at + length
        else:
            raise _Malformed
        yield tag >> 3, value


def _message(data: memoryview, name: str, depth: int) -> Any:
    if depth > _DEPTH:
        raise _Malformed
    special = _SPECIAL.get(name)
    if special is not None:
        return special(dict(_fields(data)))
    known = _messages().get(name, {})
    result: Json = {}
    for number, value in _fields(data):
        if number not in known:
            continue
        field, kind = known[number]
        if kind.startswith("[]"):
            result.setdefault(field, []).append(_value(value, kind[2:], depth))
        elif kind.startswith("{}"):
            key, item = _pair(value, kind[2:], depth)
            result.setdefault(field, {})[key] = item
        elif kind.startswith("<>"):
            result.update(_value(value, kind[2:], depth))
        else:
            result[field] = _value(value, kind, depth)
    chosen = _CHOICES.get(name.rpartition(".")[2])
    if chosen is not None:
        return next((result[field] for field in chosen if field in result), [])
    return result


_CHOICES = {
    "ExtraValue": ("items",),
    "Verbs": ("items",),
    "JSONSchemaPropsOrArray": ("jSONSchemas", "schema"),
    "JSONSchemaPropsOrBool": ("schema", "allows"),
    "JSONSchemaPropsOrStringArray": ("schema", "property"),
}
"""Messages for which JSON has one of their fields in their place, the first that is told."""


def _pair(value: int | memoryview, kind: str, depth: int) -> tuple[str, Any]:
    if not isinstance(value, memoryview):
        raise _Malformed
    key, item = "", _EMPTY.get(kind, {})
    for number, part in _fields(value):
        if number == 1 and isinstance(part, memoryview):
            key = bytes(part).decode()
        elif number == 2:
            item = _value(part, kind, depth)
    return key, item


_EMPTY: dict[str, Any] = {"string": "", "bytes": "", "bool": False, "int32": 0, "int64": 0}


def _value(value: int | memoryview, kind: str, depth: int) -> Any:
    if isinstance(value, int):
        if kind == "bool":
            return bool(value)
        return value - (1 << 64) if value >= 1 << 63 else value
    match kind:
        case "string":
            return bytes(value).decode()
        case "bytes":
            return base64.b64encode(value).decode()
        case "double":
            return struct.unpack("<d", value)[0]
        case "float":
            return struct.unpack("<f", value)[0]
    return _message(value, kind, depth + 1)


Parts = dict[int, int | memoryview]


def _text(parts: Parts, number: int) -> str:
    value = parts.get(number, b"")
    return bytes(value).decode() if not isinstance(value, int) else ""


def _number(parts: Parts, number: int) -> int:
    value = parts.get(number, 0)
    if not isinstance(value, int):
        return 0
    return value - (1 << 64) if value >= 1 << 63 else value


def _time(parts: Parts) -> str | None:
    if not parts:
        return None
    return datetime.fromtimestamp(_number(parts, 1), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(parts: Parts) -> str | None:
    if not parts:
        return None
    stamp = datetime.fromtimestamp(_number(parts, 1), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{stamp}.{_number(parts, 2) // 1000:06d}Z"


def _int_or_string(parts: Parts) -> int | str:
    return _text(parts, 3) if _number(parts, 1) else _number(parts, 2)


def _duration(parts: Parts) -> str:
    return f"{_number(parts, 1) / 1e9:g}s"


def _raw_json(parts: Parts) -> Any:
    text = _text(parts, 1)
    return orjson.loads(text) if text else None


_SPECIAL: dict[str, Callable[[Parts], Any]] = {
    f"{_META}.Time": _time,
    f"{_META}.MicroTime": _micro_time,
    f"{_META}.Duration": _duration,
    f"{_META}.FieldsV1": _raw_json,
    "k8s.io.apimachinery.pkg.api.resource.Quantity": lambda parts: _text(parts, 1) or "0",
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": _int_or_string,
    "k8s.io.apimachinery.pkg.runtime.RawExtension": _raw_json,
    "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSON": _raw_json,
}
