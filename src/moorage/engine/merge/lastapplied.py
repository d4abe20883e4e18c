"""
Helps kubectl from client-side to server-side apply, as the API server does for it alone.

An object that ``kubectl apply`` made carries its last configuration in an annotation.
When kubectl turns to server-side apply, fields that still are as that configuration
says are its own already: they are no conflict. The annotation is kept up to date, so
that turning back is safe.
"""

from __future__ import annotations

from typing import Final

import orjson

from moorage.engine.merge.fields import FieldSet
from moorage.engine.merge.managed import LAST_APPLIED
from moorage.engine.merge.schema import Schema
from moorage.engine.merge.typed import compare
from moorage.model.manifest import Json, with_value, without

KUBECTL: Final = "kubectl"
_PATH: Final = ("metadata", "annotations", LAST_APPLIED)


def last_applied(body: Json) -> Json:
    """Return the configuration in the annotation; empty when there is none to read."""
    text = ((body.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
    if not text:
        return {}
    try:
        configuration = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return configuration if isinstance(configuration, dict) else {}


def still_as_applied(live: Json, schema: Schema, api_version: str) -> FieldSet:
    """Return the fields of `live` that are as the annotation says."""
    last = last_applied(live)
    if last.get("apiVersion") != api_version:
        return FieldSet()
    changes = compare(last, live, schema)
    fields = FieldSet.from_value(last, schema)
    for tree in changes:
        fields = fields.difference(FieldSet(tree))
    return fields


def with_last_applied(body: Json, configuration: Json) -> Json:
    """Return `body` with its annotation telling `configuration`; a body without the annotation stays."""
    if not ((body.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED):
        return body
    text = orjson.dumps(without(configuration, _PATH), option=orjson.OPT_SORT_KEYS).decode()
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return with_value(body, _PATH, f"{text}\n")
