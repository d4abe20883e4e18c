"""
One request in, one answer out: routing, and what each verb does.

Everything is decided without waiting; only watches and logs go on, as streams.
HTTP, simulations and tests all come in here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import orjson

from moorage.model.manifest import Json
from moorage.sandbox import (
    accepting,
    answers,
    asking,
    bodies,
    builtin,
    crds,
    patches,
    reads,
    subresources,
    watches,
)
from moorage.sandbox.answers import Answer, Failure
from moorage.sandbox.discovery import VERSION, Discovery
from moorage.sandbox.openapi import OpenApi
from moorage.sandbox.requests import Request, Target, parse_target
from moorage.sandbox.resources import Registry, Resource
from moorage.sandbox.store import Entry, Store
from moorage.sandbox.tokens import Tokens
from moorage.sandbox.watches import Watch
from moorage.sandbox.writes import Options, Writes, Written

BODY_LIMIT = 3 * 1024 * 1024
# Kinds whose deletion is answered with the object as it was last.
_RETURNED = frozenset(
    {
        ("", "namespaces"),
        ("", "persistentvolumeclaims"),
        ("", "persistentvolumes"),
        ("", "pods"),
        ("", "podtemplates"),
        ("", "resourcequotas"),
        ("", "serviceaccounts"),
        ("", "services"),
        *(
            ("resource.k8s.io", f"{name}s")
            for name in ("resourceclaim", "resourceclaimtemplate", "resourceslice")
        ),
        ("resource.k8s.io", "deviceclasses"),
        *(("storage.k8s.io", f"{name}s") for name in ("csidriver", "csinode", "volumeattachment")),
        ("storage.k8s.io", "storageclasses"),
        ("storage.k8s.io", "volumeattributesclasses"),
    }
)
_WEBHOOKS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")


class Api:
    """The whole API over one store."""

    def __init__(
        self,
        store: Store,
        writes: Writes,
        registry: Registry,
        tokens: Tokens,
        *,
        bookmark_seconds: float = 60.0,
    ) -> None:
        self.store = store
        self.tokens = tokens
        self.writes = writes
        self.registry = registry
        self.bookmark_seconds = bookmark_seconds
        self.open_watches: set[Watch] = set()
        self.health: Callable[[], bool] = lambda: True
        self._discovery = Discovery(registry)
        self._openapi = OpenApi(registry)

    def respond(self, request: Request) -> Answer:
        """Return the answer to a request; refusals are answers too."""
        try:
            return self._respond(request)
        except Failure as failure:
            return failure.answer()

    def _respond(self, request: Request) -> Answer:
        target = parse_target(request.path)
        if target is not None:
            resource = self.registry.find(target.group, target.version, target.plural)
            if resource is not None:
                yaml = accepting.wants_yaml(request.accept)
                told = self._on_resource(request, resource, target)
                return accepting.in_yaml(told) if yaml else told
            raise self._discovery.nowhere(target.group)
        if request.method != "GET":
            raise answers.method_not_allowed()
        answer = self._about(request)
        if answer is None:
            raise answers.page_not_found()
        return answer

    def _about(self, request: Request) -> Answer | None:
        path = request.path.rstrip("/") or "/"
        if path in ("/healthz", "/livez", "/readyz"):
            ok = self.health()
            return Answer(
                200 if ok else 500,
                b"ok" if ok else b"not ready",
                (("content-type", "text/plain; charset=utf-8"),),
            )
        if path == "/version":
            return answers.json_answer(VERSION)
        if path == "/":
            return answers.json_answer(
                {
                    "paths": [
                        "/api",
                        "/apis",
                        "/healthz",
                        "/livez",
                        "/openapi/v2",
                        "/openapi/v3",
                        "/readyz",
                        "/version",
                    ]
                }
            )
        if path.startswith("/openapi/"):
            return self._openapi.answer(path, request)
        return self._discovery.answer(path, request)

    def _on_resource(self, request: Request, resource: Resource, target: Target) -> Answer:
        if len(request.body) > BODY_LIMIT:
            raise answers.too_large(f"Request entity too large: limit is {BODY_LIMIT}")
        if "list" not in resource.verbs:
            return subresources.review(resource, target, request, self.tokens)
        if target.namespace and not resource.namespaced:
            raise answers.no_such_path()
        if target.subresource:
            return self._on_subresource(request, resource, target)
        if target.name:
            return self._on_object(request, resource, target)
        return self._on_collection(request, resource, target)

    def _on_collection(self, request: Request, resource: Resource, target: Target) -> Answer:
        match request.method:
            case "GET" | "HEAD":
                if request.flag("watch"):
                    return self._watch(request, resource, target)
                return reads.many(self.store, resource, target, request)
            case "POST":
                return self._create(request, resource, target)
            case "DELETE":
                return self._delete_many(request, resource, target)
        raise answers.method_not_allowed()

    def _on_object(self, request: Request, resource: Resource, target: Target) -> Answer:
        key = (target.namespace, target.name)
        match request.method:
            case "GET" | "HEAD":
                if request.flag("watch"):
                    return self._watch(request, resource, target)
                return reads.one(resource, self.writes.existing(resource, *key), request)
            case "PUT":
                options = asking.write_options(request)
                body = self._body(request, resource, target)
                return self._put(request, resource, target, body, options)
            case "PATCH":
                return self._patch(request, resource, target)
            case "DELETE":
                return self._delete(request, resource, target)
        raise answers.method_not_allowed()

    def _on_subresource(self, request: Request, resource: Resource, target: Target) -> Answer:
        name = target.subresource
        if name not in resource.subresources:
            if resource.custom:
                raise answers.not_found(resource.group, resource.plural, target.name)
            raise answers.no_such_path()
        if name in ("status", "finalize", "approval", "resize", "ephemeralcontainers"):
            match request.method:
                case "GET":
                    return reads.one(
                        resource, self.writes.existing(resource, target.namespace, target.name), request
                    )
                case "PUT":
                    body = self._body(request, resource, target)
                    return self._put(request, resource, target, body, asking.write_options(request))
                case "PATCH":
                    return self._patch(request, resource, target)
            raise answers.method_not_allowed()
        options = asking.write_options(request)
        return subresources.answer(self.writes, resource, target, request, options, self.tokens)

    def _watch(self, request: Request, resource: Resource, target: Target) -> Answer:
        return watches.watch(
            self.store,
            resource,
            target,
            request,
            bookmark_seconds=self.bookmark_seconds,
            open_watches=self.open_watches,
        )

    def _body(self, request: Request, resource: Resource, target: Target) -> Json:
        body = bodies.decode(request.body, request.content_type, resource.kind)
        bodies.check_kind(resource, body, request.body)
        return _placed(body, target)

    def _create(self, request: Request, resource: Resource, target: Target) -> Answer:
        if "create" not in resource.verbs:
            raise answers.method_not_allowed()
        if resource.namespaced and not target.namespace:
            raise answers.method_not_allowed()
        options = asking.write_options(request)
        body = self._body(request, resource, target)
        patches.report_duplicates(request, resource, options)
        if resource.plural in _WEBHOOKS:
            options.warnings.append(
                "the sandbox does not call admission webhooks; this configuration has no effect"
            )
        written = self.writes.create(resource, target.namespace, body, options)
        return self._written(resource, written, request, options)

    def _put(
        self, request: Request, resource: Resource, target: Target, body: Json, options: Options
    ) -> Answer:
        patches.report_duplicates(request, resource, options)
        if resource.custom and not body["metadata"].get("resourceVersion"):
            self.writes.existing(resource, target.namespace, target.name)
            cause = answers.Cause(
                "FieldValueInvalid",
                "Invalid value: 0: must be specified for an update",
                "metadata.resourceVersion",
            )
            raise answers.invalid(resource.group, resource.plural, target.name, [cause])
        written = self.writes.update(
            resource, target.namespace, target.name, body, options, target.subresource
        )
        return self._written(resource, written, request, options)

    def _patch(self, request: Request, resource: Resource, target: Target) -> Answer:
        options = asking.write_options(request)
        kind = request.content_type
        key = (target.namespace, target.name)
        if kind == patches.APPLY_PATCH:
            config = _placed(bodies.applied_config(request.body, resource, target.name), target)
            patches.report_duplicates(request, resource, options)
            written = self.writes.apply(resource, key, config, options, target.subresource)
            return self._written(resource, written, request, options)
        entry = self.writes.existing(resource, *key)
        body = patches.patched(resource, resource.shown(entry.body), request.body, kind)
        _check_patched(body, resource, target)
        written = self.writes.change(resource, key, entry, body, options, target.subresource)
        return self._written(resource, written, request, options)

    def _written(self, resource: Resource, written: Written, request: Request, options: Options) -> Answer:
        entry = written.entry or Entry(written.body, 0)
        answer = reads.one(resource, entry, request, 201 if written.created else 200)
        answer.warnings = options.warnings
        return answer

    def _delete(self, request: Request, resource: Resource, target: Target) -> Answer:
        wishes = asking.delete_wishes(request)
        options = Options(manager=request.manager, dry_run="All" in (wishes.get("dryRun") or ()))
        written = self.writes.delete(resource, (target.namespace, target.name), wishes, options)
        if written.entry is not None or (resource.group, resource.plural) in _RETURNED:
            return self._written(resource, written, request, options)
        uid = written.body["metadata"]["uid"]
        return answers.json_answer(answers.success(resource.group, resource.plural, target.name, uid))

    def _delete_many(self, request: Request, resource: Resource, target: Target) -> Answer:
        if "deletecollection" not in resource.verbs:
            raise answers.method_not_allowed()
        wishes = asking.delete_wishes(request)
        options = Options(manager=request.manager, dry_run="All" in (wishes.get("dryRun") or ()))
        answer = reads.many(self.store, resource, target, request)
        collection = self.store.collection(*resource.place)
        test = reads.selection(request, resource)
        for key, _ in list(reads.matching(collection, target.namespace, test)):
            if key in collection.objects:
                self.writes.delete(resource, key, wishes, options)
        return answer

    def close(self) -> None:
        """End every watch, so that clients learn at once that the server goes."""
        for watch in tuple(self.open_watches):
            watch.end()


def _check_patched(body: Json, resource: Resource, target: Target) -> None:
    """Raise Failure (400, 422) when a patch made another object of the one it is for."""
    meta = body["metadata"]
    if (body.get("kind"), body.get("apiVersion")) != (resource.kind, resource.api_version):
        shown = orjson.dumps(orjson.dumps(body).decode()).decode()
        group = resource.group.partition(".")[0] or "core"
        version = str(body.get("apiVersion", "")).rpartition("/")[2]
        told = f"converting ({version}.{body.get('kind')}) to ({group}.{resource.kind}): unknown conversion"
        cause = answers.Cause("FieldValueInvalid", f"Invalid value: {shown}: {told}", "patch")
        raise answers.invalid("", "", "", [cause])
    if meta.get("namespace") and meta["namespace"] != target.namespace:
        raise answers.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if meta.get("name") != target.name:
        raise answers.bad_request(
            f"the name of the object ({meta.get('name')}) does not match the name on the URL ({target.name})"
        )


def _placed(body: Json, target: Target) -> Json:
    """Return a body that names the place its path does. Raises Failure (400)."""
    meta = body.get("metadata")
    if meta is None:
        meta = body["metadata"] = {}
    if not isinstance(meta, dict):
        raise answers.bad_request("metadata is not an object")
    told = meta.get("namespace")
    if told and told != target.namespace:
        raise answers.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if target.name:
        if meta.get("name") and meta["name"] != target.name:
            raise answers.bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL ({target.name})"
            )
        meta["name"] = target.name
    return body


def build(store: Store, *, token: str = "", bookmark_seconds: float = 60.0, **clock: Any) -> Api:
    """
    Return an API over a store, with all built-in kinds and the custom ones the store holds.

    `token` is that of the one user; without it there is none who could know it.
    """
    registry = Registry()
    builtin.register(registry)
    writes = Writes(store, registry, **clock)
    crds.attach(store, registry, writes)
    tokens = Tokens(store, token or secrets.token_urlsafe(24))
    return Api(store, writes, registry, tokens, bookmark_seconds=bookmark_seconds)
