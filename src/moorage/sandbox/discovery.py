"""
What the server tells about itself: groups, versions, resources, and that it is a sandbox.

Both forms are served: the classic documents one by one, and the aggregated
one. They are made once for each state of the registry.
"""

from __future__ import annotations

import base64
import hashlib

import orjson

from moorage.model.manifest import Json
from moorage.sandbox import answers, kinds
from moorage.sandbox.answers import Answer
from moorage.sandbox.requests import Request
from moorage.sandbox.resources import Registry, Resource

_MAJOR, _MINOR = kinds.VERSION.split(".")
VERSION = {
    "major": _MAJOR,
    "minor": _MINOR,
    "gitVersion": f"v{kinds.VERSION}.0+moorage.sandbox",
    "gitCommit": "0000000000000000000000000000000000000000",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none (Moorage sandbox)",
    "compiler": "none",
    "platform": "linux/amd64",
}

_AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_SUB_KINDS = {
    "scale": ("autoscaling", "v1", "Scale", ("get", "patch", "update")),
    "eviction": ("policy", "v1", "Eviction", ("create",)),
    "binding": ("", "v1", "Binding", ("create",)),
    "token": ("authentication.k8s.io", "v1", "TokenRequest", ("create",)),
    "exec": ("", "v1", "PodExecOptions", ("create", "get")),
    "attach": ("", "v1", "PodAttachOptions", ("create", "get")),
    "portforward": ("", "v1", "PodPortForwardOptions", ("create", "get")),
    "log": ("", "v1", "Pod", ("get",)),
    "finalize": ("", "v1", "Namespace", ("update",)),
}

# Kinds a server stores in a group or version other than the one it prefers to answer with.
_STORED_AS: dict[tuple[str, str], tuple[str, str]] = {
    ("apiextensions.k8s.io", "CustomResourceDefinition"): ("apiextensions.k8s.io", "v1beta1"),
    ("events.k8s.io", "Event"): ("", "v1"),
    ("certificates.k8s.io", "ClusterTrustBundle"): ("certificates.k8s.io", "v1beta1"),
    ("certificates.k8s.io", "PodCertificateRequest"): ("certificates.k8s.io", "v1beta1"),
}
# The endpoints of custom kinds are told in the order they were made, those of built-in ones by name.
_CUSTOM_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


class Discovery:
    """Answers ``/api``, ``/apis`` and what hangs under them."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._made: dict[str, bytes] = {}
        self._revision = -1

    def answer(self, path: str, request: Request) -> Answer | None:
        """Return the discovery document at a path, None when the path is not one of discovery."""
        if self._revision != self.registry.revision:
            self._made.clear()
            self._revision = self.registry.revision
        parts = path.strip("/").split("/")
        if path in ("/api", "/apis") and _wants_aggregated(request.accept):
            body = self._once(f"aggregated{path}", lambda: self._aggregated(path))
            etag = f'"{hashlib.sha256(body).hexdigest().upper()}"'
            headers = (("content-type", _AGGREGATED), ("vary", "Accept"), ("etag", etag))
            if request.headers.get("if-none-match") == etag:
                return Answer(304, b"", headers)
            return Answer(200, body, headers)
        if path == "/api":
            return Answer(200, self._once(path, _api_versions))
        if path == "/apis":
            return Answer(200, self._once(path, self._groups))
        if parts[0] == "api" and len(parts) == 2:
            return self._version("", parts[1])
        if parts[0] == "apis" and len(parts) == 2:
            return self._group(parts[1])
        if parts[0] == "apis" and len(parts) == 3:
            return self._version(parts[1], parts[2])
        return None

    def _once(self, name: str, make: object) -> bytes:
        if name not in self._made:
            self._made[name] = orjson.dumps(make())  # type: ignore[operator]
        return self._made[name]

    def _group_names(self) -> list[str]:
        return [group for group in self.registry.groups() if group]

    def _describe(self, group: str) -> Json:
        versions = [
            {"groupVersion": f"{group}/{v}", "version": v} for v in self.registry.version_order[group]
        ]
        return {"name": group, "versions": versions, "preferredVersion": versions[0]}

    def _groups(self) -> Json:
        return {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [self._describe(g) for g in self._group_names()],
        }

    def _group(self, group: str) -> Answer:
        if group not in self._group_names():
            raise answers.page_not_found()
        return Answer(
            200,
            self._once(
                f"/apis/{group}", lambda: {"kind": "APIGroup", "apiVersion": "v1", **self._describe(group)}
            ),
        )

    def _version(self, group: str, version: str) -> Answer:
        resources = self.registry.in_version(group, version)
        if not resources:
            raise self.nowhere(group)
        api_version = resources[0].api_version
        # The list of the core group does not tell its own version.
        own = {"apiVersion": "v1"} if group else {}
        return Answer(
            200,
            self._once(
                f"/{group}/{version}",
                lambda: {
                    "kind": "APIResourceList",
                    **own,
                    "groupVersion": api_version,
                    "resources": [line for resource in resources for line in _classic(resource)],
                },
            ),
        )

    def nowhere(self, group: str) -> Exception:
        """Return the refusal of a path that no resource of a group has; it depends on who would serve the group."""
        served = self.registry.serving(group)
        if served and not served[0].custom:
            return answers.no_such_path()
        return answers.page_not_found()

    def _aggregated(self, path: str) -> Json:
        groups = [""] if path == "/api" else self._group_names()
        items = []
        for group in groups:
            versions = [
                {
                    "version": version,
                    "resources": [_modern(resource) for resource in self.registry.in_version(group, version)],
                    "freshness": "Current",
                }
                for version in self.registry.version_order[group]
            ]
            meta = {"name": group} if group else {}
            items.append({"metadata": meta, "versions": versions})
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": items,
        }


def _wants_aggregated(accept: str) -> bool:
    for part in accept.split(","):
        pieces = {piece.strip() for piece in part.split(";")}
        if "as=APIGroupDiscoveryList" in pieces and "v=v2" in pieces and "application/json" in pieces:
            return True
        if "application/json" in pieces and not any(piece.startswith("as=") for piece in pieces):
            return False
    return False


def _api_versions() -> Json:
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
    }


def _storage_hash(resource: Resource) -> str:
    stored = _STORED_AS.get((resource.group, resource.kind), (resource.group, resource.storage_version))
    digest = hashlib.sha256("/".join((*stored, resource.kind)).encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _subresource(resource: Resource, name: str) -> tuple[str, str, str, tuple[str, ...]]:
    if name in _SUB_KINDS:
        return _SUB_KINDS[name]
    if name == "proxy":
        return ("", "v1", f"{resource.kind}ProxyOptions", ("create", "delete", "get", "patch", "update"))
    return (resource.group, resource.version, resource.kind, ("get", "patch", "update"))


def _classic(resource: Resource) -> list[Json]:
    first: Json = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": _verbs(resource),
    }
    if resource.short_names:
        first["shortNames"] = list(resource.short_names)
    if resource.categories:
        first["categories"] = list(resource.categories)
    if "list" in resource.verbs and resource.kind != "ComponentStatus":
        first["storageVersionHash"] = _storage_hash(resource)
    lines = [first]
    for name in sorted(resource.subresources):
        group, version, kind, verbs = _subresource(resource, name)
        line: Json = {
            "name": f"{resource.plural}/{name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": kind,
            "verbs": list(verbs),
        }
        if (group, version) != (resource.group, resource.version):
            line |= {"group": group, "version": version}
        lines.append(line)
    return lines


def _verbs(resource: Resource) -> list[str]:
    return list(_CUSTOM_VERBS if resource.custom else resource.verbs)


def _response(resource: Resource, group: str, version: str, kind: str) -> Json:
    # Of built-in kinds the server leaves out what is the same as of the resource.
    if not resource.custom and (group, version) == (resource.group, resource.version):
        group = version = ""
    return {"group": group, "version": version, "kind": kind}


def _modern(resource: Resource) -> Json:
    shown: Json = {
        "resource": resource.plural,
        "responseKind": _response(resource, resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": _verbs(resource),
    }
    if resource.short_names:
        shown["shortNames"] = list(resource.short_names)
    if resource.categories:
        shown["categories"] = list(resource.categories)
    subs = []
    for name in sorted(resource.subresources):
        group, version, kind, verbs = _subresource(resource, name)
        subs.append(
            {
                "subresource": name,
                "responseKind": _response(resource, group, version, kind),
                "verbs": list(verbs),
            }
        )
    if subs:
        shown["subresources"] = subs
    return shown
