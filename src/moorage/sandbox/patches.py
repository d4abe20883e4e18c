"""
What a patch makes of an object: the four content types, on the object or a part of it.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from moorage.engine.merge.directives import RETAIN_KEYS
from moorage.engine.merge.jsonmerge import merge_patch
from moorage.engine.merge.jsonpatch import PatchFailed, apply_patch
from moorage.engine.merge.strategic import strategic_merge
from moorage.model.manifest import Json
from moorage.sandbox import answers, bodies
from moorage.sandbox.requests import Request
from moorage.sandbox.resources import Resource
from moorage.sandbox.writes import Options

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
APPLY_CBOR = "application/apply-patch+cbor"
ACCEPTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)


def patched(resource: Resource, before: Json, patch: bytes, content_type: str) -> Json:
    """Return what a JSON, merge or strategic merge patch makes of `before`. Raises Failure (400, 415, 422, 500)."""
    if resource.custom and content_type not in (JSON_PATCH, MERGE_PATCH):
        raise answers.unsupported_media((JSON_PATCH, MERGE_PATCH, APPLY_PATCH))
    if content_type not in (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH):
        raise answers.Failure(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
    try:
        change = orjson.loads(patch)
    except orjson.JSONDecodeError:
        raise answers.bad_request("invalid JSON patch") from None
    result = _result(resource, before, change, content_type)
    if not isinstance(result, dict) or not isinstance(result.get("metadata"), dict):
        raise answers.bad_request("the patch does not leave an object with metadata")
    owned: Json = orjson.loads(orjson.dumps(result))
    return owned


def _result(resource: Resource, before: Json, change: Any, content_type: str) -> Any:
    if content_type == JSON_PATCH:
        if not isinstance(change, list):
            raise _undecodable(change, "[]handlers.jsonPatchOp")
        try:
            return apply_patch(before, change)
        except PatchFailed:
            told = "the server rejected our request due to an error in our request"
            raise answers.Failure(422, "Invalid", told, {}) from None
    if not isinstance(change, dict):
        raise _undecodable(change, "map[string]interface {}")
    if content_type == MERGE_PATCH:
        return merge_patch(before, change)
    try:
        return strategic_merge(before, change, resource.schema)
    except PatchFailed as refused:
        if refused.server_says:
            raise answers.Failure(500, "", refused.server_says) from None
        if RETAIN_KEYS in str(refused):
            raise answers.bad_request("invalid patch format of retainKeys") from None
        raise answers.bad_request(str(refused)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise answers.bad_request(str(error)) from None


def _undecodable(change: Any, wanted: str) -> answers.Failure:
    told = f"json: cannot unmarshal {bodies.json_type(change)} into Go value of type {wanted}"
    return answers.bad_request(f"error decoding patch: {told}")


def report_duplicates(request: Request, resource: Resource, options: Options) -> None:
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
        raise resource.undecodable("strict decoding error: " + ", ".join(told))
    options.warnings += told
