"""
What does the body of a request say, and is it of the kind its path speaks of?

Refusals have the words of a real API server, which are those of Go's decoders.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from moorage.formats import yaml
from moorage.model.errors import Error
from moorage.model.manifest import Json
from moorage.sandbox import answers, protobuf
from moorage.sandbox.resources import Resource

ACCEPTED = ("application/json", "application/yaml", protobuf.CONTENT_TYPE)
_JSON_TYPES = ("", "application/json", "*/*")
_NOT_IN_YAML = re.compile(rb"\x7f|\xc2[\x80-\x84\x86-\x9f]|\xef\xbf[\xbe\xbf]")
_NEXT_LINE = b"\xc2\x85"
_YAML_TYPES = ("application/yaml", "text/yaml", "application/apply-patch+yaml")
_SHOWN = 30
_HEAD = r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
_YAML_FAULT = re.compile(r"YAML:(\d+):\d+: (.*?)(;|$)", re.DOTALL)


def decode(body: bytes, content_type: str, kind: str = "") -> Json:
    """Return the object in a request's body, JSON or YAML or protobuf. Raises Failure (400, 415)."""
    if content_type == protobuf.CONTENT_TYPE:
        return protobuf.decode(body)
    if content_type not in _JSON_TYPES and content_type not in _YAML_TYPES:
        raise answers.unsupported_media(ACCEPTED)
    try:
        value = _loaded(body, content_type)
    except ValueError as fault:
        raise _unrecognized(body, kind, str(fault)) from None
    if not isinstance(value, dict):
        told = f"json: cannot unmarshal {json_type(value)} into Go value of type {_HEAD}"
        raise _unrecognized(body, kind, f"couldn't get version/kind; json parse error: {told}")
    return value


def _loaded(body: bytes, content_type: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        if content_type in _JSON_TYPES:
            told = json_fault(body)
            raise ValueError(f"couldn't get version/kind; json parse error: {told}") from None
    return load_yaml(body)


def load_yaml(body: bytes) -> Any:
    """Return the value of a YAML document; a ValueError speaks as Go's decoder does."""
    try:
        return yaml.load(body, strict=False)
    except Error as fault:
        found = _YAML_FAULT.search(str(fault))
        # Go counts lines from the one before.
        told = f"yaml: line {int(found[1]) - 1}: {found[2]}" if found else f"yaml: {fault}"
        raise ValueError(told) from None


def _unrecognized(body: bytes, kind: str, why: str) -> answers.Failure:
    text = "<empty>" if not body else body.decode(errors="replace") if body[:1] == b"{" else body.hex()
    width = _SHOWN if body[:1] == b"{" else _SHOWN * 2
    shown = f"{text[:width]} ..." if len(text) > width else text
    return answers.bad_request(
        f"the object provided is unrecognized (must be of type {kind}): {why} ({shown})"
    )


def json_type(value: Any) -> str:
    """Return how Go's decoder names the type of a JSON value."""
    if isinstance(value, bool):
        return "bool"
    words = {dict: "object", list: "array", str: "string", int: "number", float: "number"}
    return words.get(type(value), "null")


def json_fault(body: bytes) -> str:
    """Return what Go's decoder says of a text that is no JSON."""
    text = body.decode("latin-1")
    try:
        json.loads(text)
    except json.JSONDecodeError as fault:
        if fault.pos >= len(text.rstrip()) or fault.msg.startswith("Unterminated string"):
            return "unexpected end of JSON input"
        what = {
            "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
            "Expecting ':' delimiter": "after object key",
            "Expecting ',' delimiter": "after object key:value pair",
            "Extra data": "after top-level value",
        }.get(fault.msg, "looking for beginning of value")
        wrong = text[fault.pos]
        shown = wrong if wrong.isprintable() else f"\\u{ord(wrong):04x}"
        return f"invalid character '{shown}' {what}"
    return "invalid JSON"


def check_kind(resource: Resource, body: Json, sent: bytes) -> None:
    """
    Make sure that a body is of the resource it was sent to; what it leaves out is filled in.

    Raises:
        Failure: It is of another kind or version (400, 422).
    """
    kind, version = body.get("kind") or "", body.get("apiVersion") or ""
    if resource.custom:
        _check_custom(resource, body, kind, version, sent)
        return
    kind = body["kind"] = kind or resource.kind
    version = body["apiVersion"] = version or resource.api_version
    if (kind, version) == (resource.kind, resource.api_version):
        return
    bare = version.rpartition("/")[2]
    head = f'{kind} in version "{bare}" cannot be handled as a {resource.kind}'
    if version == resource.api_version:
        target = f"{resource.group.partition('.')[0] or 'core'}.{resource.kind}"
        raise answers.bad_request(f"{head}: converting ({bare}.{kind}) to ({target}): unknown conversion")
    if version.rpartition("/")[0] == resource.group:
        told = f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"'
        raise answers.bad_request(f"{head}: {told}")
    raise _other_version(resource, version)


def _other_version(resource: Resource, version: str) -> answers.Failure:
    return answers.bad_request(
        f"the API version in the data ({version}) does not match the expected API version ({resource.api_version})"
    )


def _check_custom(resource: Resource, body: Json, kind: str, version: str, sent: bytes) -> None:
    for name, told in (("Kind", kind), ("apiVersion", version)):
        if not told:
            text = sent.decode(errors="replace")
            raise _unrecognized(sent, resource.kind, f"Object '{name}' is missing in '{text}'")
    if version != resource.api_version:
        raise _other_version(resource, version)
    if kind != resource.kind:
        meta = body.get("metadata")
        name = str(meta.get("name", "")) if isinstance(meta, dict) else ""
        cause = answers.Cause(
            "FieldValueInvalid", f'Invalid value: "{kind}": must be {resource.kind}', "kind"
        )
        raise answers.invalid(resource.group, kind, name, [cause])


def _json_or_yaml(body: bytes) -> Any:
    # What is JSON is YAML too, and read as such a sixth of the time of an apply, but for characters of two minds.
    if _NEXT_LINE in body:
        return load_yaml(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return load_yaml(body)


def applied_config(body: bytes, resource: Resource, name: str) -> Json:
    """Return the configuration in the body of a server-side apply. Raises Failure (400)."""
    if _NOT_IN_YAML.search(body):
        told = "error converting YAML to JSON: yaml: control characters are not allowed"
        raise answers.bad_request(f"error decoding patch: {told}")
    try:
        value = _json_or_yaml(body)
    except ValueError as fault:
        raise answers.bad_request(f"error encoding patch: {fault}") from None
    config: Json = value if isinstance(value, dict) else {}
    kind, version = config.get("kind") or "", config.get("apiVersion") or ""
    if (kind, version) != (resource.kind, resource.api_version):
        shown = version if "/" in version else f"/{version}"
        raise answers.bad_request(f"invalid object type: {shown}, Kind={kind}")
    meta = config.get("metadata")
    if not isinstance(meta, dict) or not meta.get("name"):
        raise answers.bad_request(
            f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )
    return config
