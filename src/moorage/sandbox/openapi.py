"""
The schemas of all served kinds as OpenAPI v3 (and v2) documents.

One document for each group and version, with a hash in its address, so clients
fetch only what changed. Paths are told as far as clients read them: which kind
a path serves and which query parameters a write takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from moorage.model.manifest import Json
from moorage.sandbox import answers, kinds, openapi_protobuf
from moorage.sandbox.answers import Answer
from moorage.sandbox.requests import Request
from moorage.sandbox.resources import Registry, Resource

_REF = "#/components/schemas/"
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_TEXT = {"type": "string", "uniqueItems": True}
_WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_PATCHES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
)
_STRATEGIC_PATCH = "application/strategic-merge-patch+json"


class OpenApi:
    """Answers ``/openapi/v3`` and ``/openapi/v2``."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._documents: dict[str, bytes] = {}
        self._revision = -1

    def answer(self, path: str, request: Request) -> Answer | None:
        """Return the document at a path, None when there is none of that form."""
        self._refresh()
        if path == "/openapi/v3":
            return answers.json_answer({"paths": {name: self._address(name) for name in self._names()}})
        if path.startswith("/openapi/v3/"):
            name = path.removeprefix("/openapi/v3/")
            if name not in self._names():
                return None
            return self._document(name, request)
        if path == "/openapi/v2":
            return self._second(request)
        return None

    def _refresh(self) -> None:
        if self._revision != self.registry.revision:
            changed = {name for name in self._documents if not name.startswith("builtin:")}
            for name in changed:
                del self._documents[name]
            self._revision = self.registry.revision

    def _names(self) -> list[str]:
        names = []
        for group in self.registry.groups():
            versions = self.registry.version_order[group]
            names += [f"apis/{group}/{version}" if group else f"api/{version}" for version in versions]
        return sorted(names)

    def _address(self, name: str) -> Json:
        return {"serverRelativeURL": f"/openapi/v3/{name}?hash={self._hash(name)}"}

    def _hash(self, name: str) -> str:
        # Built-in documents are large and never change: their hash is that of the
        # data's version, so that listing the addresses need not write them all.
        resources = self._resources(name)
        if all(not resource.custom for resource in resources):
            told = f"{kinds.VERSION}:{name}".encode()
        else:
            told = self._bytes(name)
        return hashlib.sha512(told).hexdigest().upper()

    def _resources(self, name: str) -> list[Resource]:
        parts = name.split("/")
        group, version = (parts[1], parts[2]) if parts[0] == "apis" else ("", parts[1])
        return self.registry.in_version(group, version)

    def _document(self, name: str, request: Request) -> Answer:
        accept = request.accept
        if accept and "json" not in accept and "*/*" not in accept:
            raise answers.not_acceptable(("application/json",))
        etag = f'"{self._hash(name)}"'
        headers = (("content-type", "application/json"), ("etag", etag), ("vary", "Accept"))
        if request.headers.get("if-none-match") == etag:
            return Answer(304, b"", headers)
        return Answer(200, self._bytes(name), headers)

    def _bytes(self, name: str) -> bytes:
        made = self._documents.get(name)
        if made is None:
            made = self._documents[name] = orjson.dumps(_document(self._resources(name)))
        return made

    def _second(self, request: Request) -> Answer:
        accept = request.accept
        if openapi_protobuf.asked(accept):
            return self._second_as("v2.pb", openapi_protobuf.encoded, openapi_protobuf.CONTENT_TYPE)
        if accept and "application/json" not in accept and "*/*" not in accept:
            raise answers.not_acceptable(("application/json", openapi_protobuf.CONTENT_TYPE))
        return self._second_as("v2", orjson.dumps, "application/json")

    def _second_as(self, name: str, encode: Callable[[Json], bytes], content_type: str) -> Answer:
        made = self._documents.get(name)
        if made is None:
            document = _second_version(list(self.registry.by_path.values()))
            made = self._documents[name] = encode(document)
        return Answer(200, made, (("content-type", content_type),))


def _info() -> Json:
    return {"title": "Kubernetes", "version": f"v{kinds.VERSION}.0"}


# What bodies and answers hold besides the kinds themselves.
_COMMON = ("DeleteOptions", "Patch", "Status")
_BUILTIN = ("APIResourceList", "WatchEvent")
_OF_SUBRESOURCE = {
    "scale": "io.k8s.api.autoscaling.v1.Scale",
    "token": "io.k8s.api.authentication.v1.TokenRequest",
    "eviction": "io.k8s.api.policy.v1.Eviction",
}
# Groups the server of custom kinds does not read options of.
_ELSEWHERE = ("admission.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "imagepolicy.k8s.io")


def _document(resources: list[Resource]) -> Json:
    known = kinds.definitions()
    schemas: dict[str, Any] = {}
    paths: Json = {}
    for resource in resources:
        name = schema_name(resource)
        for more in (*_COMMON, *(("ObjectMeta", "ListMeta") if resource.custom else _BUILTIN)):
            _gather(f"{_META}{more}", known, schemas)
        for more in sorted(resource.subresources):
            _gather(_OF_SUBRESOURCE.get(more, ""), known, schemas)
        if resource.custom:
            schemas[name] = custom_schema(resource)
            schemas[f"{name}List"] = _list_schema(resource, name)
        elif name:
            _gather(name, known, schemas)
            _gather(f"{name}List", known, schemas)
        paths.update(_paths(resource, name))
    if resources:
        _narrow_options(schemas, resources[0])
    return {"openapi": "3.0.0", "info": _info(), "paths": paths, "components": {"schemas": schemas}}


def _narrow_options(schemas: dict[str, Any], resource: Resource) -> None:
    """Let the types that belong to every group name those groups alone that read them here."""
    for kind in ("DeleteOptions", "WatchEvent"):
        schema = schemas.get(f"{_META}{kind}")
        if schema is None:
            continue
        named = schema["x-kubernetes-group-version-kind"]
        if resource.custom:
            kept = [each for each in named if each["group"] not in _ELSEWHERE]
        else:
            own = (resource.group, resource.version)
            kept = [each for each in named if (each["group"], each["version"]) in (("", "v1"), own)]
        schemas[f"{_META}{kind}"] = {**schema, "x-kubernetes-group-version-kind": kept}


def schema_name(resource: Resource) -> str:
    """Return the name of a resource's definition: built-in ones by the data, custom ones by their group."""
    if resource.custom:
        return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])
    return kinds.definition_names().get((resource.group, resource.version, resource.kind), "")


def custom_schema(resource: Resource) -> Json:
    """Return the definition of a custom kind: its own schema with the fields every object has."""
    schema = _with_embedded(
        resource.openapi or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    )
    reference = {"allOf": [{"$ref": f"{_REF}{_META}ObjectMeta"}], "default": {}}
    schema["properties"] = {
        **(schema.get("properties") or {}),
        "apiVersion": {
            "type": "string",
            "description": "The versioned schema of this representation of an object.",
        },
        "kind": {"type": "string", "description": "The REST resource this object represents."},
        "metadata": {**reference, "description": "Standard object's metadata."},
    }
    schema["x-kubernetes-group-version-kind"] = [_gvk(resource)]
    return {**schema, **_selectable(resource)}


def _selectable(resource: Resource) -> Json:
    fields = [{"fieldPath": path} for path in resource.selectable]
    return {"x-kubernetes-selectable-fields": fields} if fields else {}


def _with_embedded(schema: Any) -> Any:
    """Return a schema in which whole objects inside objects have the fields every object has."""
    if isinstance(schema, list):
        return [_with_embedded(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: _with_embedded(each) for name, each in schema.items()}
    if schema.get("x-kubernetes-embedded-resource") is True:
        reference = {"allOf": [{"$ref": f"{_REF}{_META}ObjectMeta"}]}
        own = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": reference}
        result["properties"] = {**(result.get("properties") or {}), **own}
        needed = result.get("required") or []
        result["required"] = [*needed, *(name for name in ("kind", "apiVersion") if name not in needed)]
    return result


def _list_schema(resource: Resource, name: str) -> Json:
    return {
        "type": "object",
        "description": f"{resource.list_kind} is a list of {resource.kind}",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [{"$ref": f"{_REF}{_META}ListMeta"}], "default": {}},
            "items": {"type": "array", "items": {"$ref": _REF + name}},
        },
        "x-kubernetes-group-version-kind": [{**_gvk(resource), "kind": resource.list_kind}],
        **_selectable(resource),
    }


def _gvk(resource: Resource) -> Json:
    return {"group": resource.group, "kind": resource.kind, "version": resource.version}


def _gather(name: str, known: Mapping[str, Any], into: dict[str, Any]) -> None:
    waiting = [name]
    while waiting:
        found = waiting.pop()
        if found in into or found not in known:
            continue
        into[found] = known[found]
        waiting += _references(known[found])


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        mine = [node["$ref"].rpartition("/")[2]] if isinstance(node.get("$ref"), str) else []
        return mine + [name for value in node.values() for name in _references(value)]
    if isinstance(node, list):
        return [name for value in node for name in _references(value)]
    return []


def _paths(resource: Resource, name: str) -> Json:
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    place = f"{root}/namespaces/{{namespace}}" if resource.namespaced else root
    answer = (
        {"200": {"description": "OK", "content": {"application/json": {"schema": {"$ref": _REF + name}}}}}
        if name
        else {}
    )
    gvk = _gvk(resource)

    def operation(action: str, *parameters: str, body: tuple[str, ...] = ()) -> Json:
        told: Json = {
            "responses": answer,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": gvk,
            "parameters": [{"name": p, "in": "query", "schema": _TEXT} for p in parameters],
        }
        if body and name:
            told["requestBody"] = {"content": {kind: {"schema": {"$ref": _REF + name}} for kind in body}}
        return told

    many: Json = {}
    single: Json = {}
    if "list" in resource.verbs:
        many["get"] = operation("list", "labelSelector", "fieldSelector", "limit", "continue", "watch")
    if "create" in resource.verbs:
        many["post"] = operation("post", *_WRITE_PARAMETERS, body=("*/*",))
    if "get" in resource.verbs:
        single["get"] = operation("get")
    if "update" in resource.verbs:
        single["put"] = operation("put", *_WRITE_PARAMETERS, body=("*/*",))
    if "patch" in resource.verbs:
        # kubectl sends strategic patches to every kind that is said to take them.
        forms = _PATCHES if resource.custom else (*_PATCHES, _STRATEGIC_PATCH)
        single["patch"] = operation("patch", *_WRITE_PARAMETERS, "force", body=forms)
    if "delete" in resource.verbs:
        single["delete"] = operation("delete", "dryRun", "gracePeriodSeconds", "propagationPolicy")
    paths = {f"{place}/{resource.plural}": many}
    if single:
        paths[f"{place}/{resource.plural}/{{name}}"] = single
    if resource.namespaced and "list" in resource.verbs:
        paths[f"{root}/{resource.plural}"] = {"get": many["get"]}
    return paths


def _second_version(resources: list[Resource]) -> Json:
    definitions: dict[str, Any] = dict(kinds.definitions())
    paths: Json = {}
    for resource in resources:
        name = schema_name(resource)
        if resource.custom:
            definitions[name] = custom_schema(resource)
        for path, operations in _paths(resource, name).items():
            paths[path] = {verb: {**told, "responses": {}} for verb, told in operations.items()}
            for told in paths[path].values():
                told.pop("requestBody", None)
                told["parameters"] = [
                    {"name": p["name"], "in": "query", "type": "string"} for p in told["parameters"]
                ]
    body = {"swagger": "2.0", "info": _info(), "paths": paths, "definitions": definitions}
    moved: Json = orjson.loads(orjson.dumps(body).replace(_REF.encode(), b"#/definitions/"))
    flat: Json = _flattened(moved)
    return flat


def _flattened(node: Any) -> Any:
    # Version 3 wraps a reference that has neighbours in allOf; version 2 has plain ones.
    if isinstance(node, dict):
        inner = node.get("allOf")
        if isinstance(inner, list) and len(inner) == 1 and "$ref" in inner[0]:
            rest = {key: value for key, value in node.items() if key not in ("allOf", "default")}
            return {**rest, "$ref": inner[0]["$ref"]}
        return {key: _flattened(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_flattened(value) for value in node]
    return node
