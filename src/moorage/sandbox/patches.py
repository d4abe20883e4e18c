"""
What a patch makes of an object: the four content types, on the object or a part of it.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from moorage.engine.merge.jsonmerge import merge_patch
from moorage.engine.merge.jsonpatch import PatchFailed, apply_patch
from moorage.engine.merge.strategic import strategic_merge
from moorage.formats import yaml
from moorage.model.errors import Error
from moorage.model.manifest import Json
from moorage.sandbox import answers, protobuf
from moorage.sandbox.requests import Request
from moorage.sandbox.resources import Resource
from moorage.sandbox.writes import Options

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
APPLY_CBOR = "application/apply-patch+cbor"
ACCEPTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)


def decode(body: bytes, content_type: str) -> Json:
    """Return the object in a request's body, JSON or YAML. Raises Failure (400, 415)."""
    if content_type == protobuf.CONTENT_TYPE:
        return protobuf.decode(body)
    if content_type not in ("", "application/json", "application/yaml", "text/yaml", "*/*", APPLY_PATCH):
        raise answers.unsupported_media(("application/json", "application/yaml"))
    value: Any
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if content_type in ("", "application/json", "*/*"):
            raise answers.bad_request(f"couldn't get version/kind; json parse error: {error}") from None
        try:
            value = yaml.load(body, strict=False)
        except Error as fault:
            raise answers.bad_request(f"error decoding YAML: {fault}") from None
    if not isinstance(value, dict):
        raise answers.bad_request("the body of the request is not an object")
    return value


def patched(resource: Resource, before: Json, patch: bytes, content_type: str) -> Json:
    """Return what a JSON, merge or strategic merge patch makes of `before`. Raises Failure (400, 415, 422)."""
    if content_type == STRATEGIC_PATCH and resource.custom:
        raise answers.unsupported_media((JSON_PATCH, MERGE_PATCH, APPLY_PATCH))
    if content_type not in (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH):
        raise answers.unsupported_media(
            ACCEPTED if not resource.custom else (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
        )
    try:
        change = orjson.loads(patch)
    except orjson.JSONDecodeError as error:
        raise answers.bad_request(f"error decoding patch: {error}") from None
    try:
        result = _result(resource, before, change, content_type)
    except (PatchFailed, ValueError, KeyError, TypeError) as error:
        if content_type == JSON_PATCH:
            raise answers.invalid("", "", "", [answers.Cause("", str(error))]) from None
        raise answers.bad_request(str(error)) from None
    if not isinstance(result, dict) or not isinstance(result.get("metadata"), dict):
        raise answers.bad_request("the patch does not leave an object with metadata")
    owned: Json = orjson.loads(orjson.dumps(result))
    return owned


def _result(resource: Resource, before: Json, change: Any, content_type: str) -> Any:
    if content_type == JSON_PATCH:
        if not isinstance(change, list):
            raise answers.bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
        return apply_patch(before, change)
    if not isinstance(change, dict):
        raise answers.bad_request("the patch is not an object")
    if content_type == MERGE_PATCH:
        return merge_patch(before, change)
    return strategic_merge(before, change, resource.schema)


def report_duplicates(request: Request, options: Options) -> None:
    """Warn of keys a JSON body gives twice, or raise Failure (400) when validation is strict."""
    if "fieldValidation" not in request.query or options.validation == "Ignore":
        return
    body = request.body
    if not body.lstrip().startswith(b"{"):
        return
    found: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        held = dict(pairs)
        if len(held) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    found.append(key)
                seen.add(key)
        return held

    try:
        json.loads(body, object_pairs_hook=collect)
    except ValueError:
        return
    told = [f'duplicate field "{key}"' for key in dict.fromkeys(found)]
    if told and options.validation == "Strict":
        raise answers.bad_request("strict decoding error: " + ", ".join(told))
    options.warnings += told
