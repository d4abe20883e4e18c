"""
What is an OpenAPI v2 document as the protobuf that older parts of kubectl and Helm ask for?

They check lists before sending them against this form, and no other is
accepted. Only what such clients read is written: schemas with their
extensions, and which parameters an operation takes. Numbers are those of
the published ``openapi.v2`` messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from moorage.model.manifest import Json

CONTENT_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_ASKED = (CONTENT_TYPE, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
_VERBS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}
_OPERATION_EXTENSIONS, _SCHEMA_EXTENSIONS = 13, 31


def asked(accept: str) -> bool:
    """Return whether a client accepts this form, in its right name or the older one."""
    return any(name in accept for name in _ASKED)


def encoded(document: Json) -> bytes:
    """Return an OpenAPI v2 document (JSON) as an ``openapi.v2.Document``."""
    info = document["info"]
    return b"".join(
        (
            _text(1, document["swagger"]),
            _bytes(2, _text(1, info["title"]) + _text(2, info["version"])),
            _bytes(
                8, b"".join(_bytes(2, _named(path, _path(told))) for path, told in document["paths"].items())
            ),
            _bytes(9, _schemas(document["definitions"])),
        )
    )


def _path(operations: Json) -> bytes:
    return b"".join(
        _bytes(_VERBS[verb], _operation(told)) for verb, told in operations.items() if verb in _VERBS
    )


def _operation(told: Json) -> bytes:
    parameters = (_query_parameter(each["name"], each["type"]) for each in told.get("parameters", ()))
    return b"".join((*parameters, *_extensions(told, _OPERATION_EXTENSIONS)))


def _query_parameter(name: str, kind: str) -> bytes:
    query = _text(2, "query") + _text(4, name) + _text(6, kind)
    # An item of parameters is a parameter, that is one not of the body, that is one of the query.
    return _bytes(8, _bytes(1, _bytes(2, _bytes(3, query))))


def _schemas(schemas: Json) -> bytes:
    return b"".join(_bytes(1, _named(name, _schema(schema))) for name, schema in schemas.items())


def _schema(schema: Json) -> bytes:
    parts: list[bytes] = []
    for field, number in (("$ref", 1), ("format", 2), ("description", 4)):
        if schema.get(field):
            parts.append(_text(number, schema[field]))
    parts += [_text(19, name) for name in schema.get("required", ())]
    parts += [_bytes(20, _bytes(2, _plain(value))) for value in schema.get("enum", ())]
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        parts.append(_bytes(21, _bytes(1, _schema(more))))
    if isinstance(kind := schema.get("type"), str):
        parts.append(_bytes(22, _text(1, kind)))
    if isinstance(items := schema.get("items"), dict):
        parts.append(_bytes(23, _bytes(1, _schema(items))))
    if schema.get("properties"):
        parts.append(_bytes(25, _schemas(schema["properties"])))
    return b"".join((*parts, *_extensions(schema, _SCHEMA_EXTENSIONS)))


def _extensions(told: Json, number: int) -> Iterable[bytes]:
    for name, value in told.items():
        if name.startswith("x-"):
            yield _bytes(number, _named(name, _bytes(2, _plain(value))))


def _plain(value: Any) -> bytes:
    # Extensions are YAML; JSON is.
    return orjson.dumps(value)


def _named(name: str, value: bytes) -> bytes:
    return _text(1, name) + _bytes(2, value)


def _text(number: int, text: str) -> bytes:
    return _bytes(number, text.encode())


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
