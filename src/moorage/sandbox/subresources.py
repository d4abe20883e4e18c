"""
What hangs under an object besides itself: scale, logs, eviction, tokens; and reviews, which are only answered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import orjson

from moorage.model.manifest import Json
from moorage.sandbox import answers, bodies, patches, table
from moorage.sandbox.answers import Answer
from moorage.sandbox.durations import age
from moorage.sandbox.requests import Request, Target
from moorage.sandbox.resources import Resource, ScalePaths
from moorage.sandbox.tokens import Tokens, user_info
from moorage.sandbox.workloads.logs import logs
from moorage.sandbox.writes import Options, Writes

_TEXT = (("content-type", "text/plain; charset=utf-8"),)


def answer(
    writes: Writes, resource: Resource, target: Target, request: Request, options: Options, tokens: Tokens
) -> Answer:
    """Return the answer of a subresource that is not a part of the object. Raises Failure."""
    name = target.subresource
    if name == "scale":
        return _scale(writes, resource, target, request, options)
    writes.existing(resource, target.namespace, target.name)
    if name == "log" and request.method == "GET":
        return _log(writes, resource, target, request)
    if name == "eviction" and request.method == "POST":
        writes.delete(resource, (target.namespace, target.name), {}, options)
        return answers.json_answer(
            {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
        )
    if name == "binding" and request.method == "POST":
        return _bind(writes, resource, target, request, options)
    if name == "token" and request.method == "POST":
        return _token(writes, resource, target, request, tokens)
    raise answers.Failure(501, "NotImplemented", f"the sandbox has no {name}: its pods are pretended")


def review(resource: Resource, target: Target, request: Request, tokens: Tokens) -> Answer:
    """Return the answer to a review: whoever holds the token may do everything. Raises Failure (404, 405)."""
    if request.method == "GET" and resource.plural == "componentstatuses":
        return answers.json_answer(
            {"kind": "ComponentStatusList", "apiVersion": "v1", "metadata": {}, "items": []}
        )
    if request.method != "POST" or target.name:
        raise answers.method_not_allowed()
    body = bodies.decode(request.body, request.content_type)
    status = _verdict(resource.kind, body, request, tokens)
    if status is None:
        raise answers.method_not_allowed()
    shown = {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "metadata": {},
        "spec": body.get("spec") or {},
    }
    return answers.json_answer({**shown, "status": status}, 201)


def _verdict(kind: str, body: Json, request: Request, tokens: Tokens) -> Json | None:
    if kind == "SelfSubjectReview":
        return {"userInfo": user_info(request.user)}
    if kind == "TokenReview":
        name = tokens.bearer(str((body.get("spec") or {}).get("token", "")))
        return {"authenticated": True, "user": user_info(name)} if name else {"user": {}}
    return _VERDICTS.get(kind)


_ALLOWED = {"allowed": True, "reason": "the sandbox allows everything"}
_VERDICTS: dict[str, Json] = {
    "SelfSubjectAccessReview": _ALLOWED,
    "SubjectAccessReview": _ALLOWED,
    "LocalSubjectAccessReview": _ALLOWED,
    "SelfSubjectRulesReview": {
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": False,
    },
}


def _scale(writes: Writes, resource: Resource, target: Target, request: Request, options: Options) -> Answer:
    key = (target.namespace, target.name)
    entry = writes.existing(resource, *key)
    paths = resource.scale or ScalePaths()
    before = resource.shown(entry.body)
    now = scale_of(before, paths)
    if request.method == "GET":
        return _shown(now, request)
    if request.method == "PUT":
        wanted = bodies.decode(request.body, request.content_type)
    elif request.method == "PATCH":
        kind = (
            patches.MERGE_PATCH
            if request.content_type in (patches.STRATEGIC_PATCH, patches.APPLY_PATCH)
            else request.content_type
        )
        wanted = patches.patched(resource, now, request.body, kind)
    else:
        raise answers.method_not_allowed()
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    # What a custom kind says of its own replicas is told when the object is written.
    if not resource.custom and (not isinstance(replicas, int) or replicas < 0):
        told = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise answers.invalid(
            "autoscaling", "Scale", target.name, [answers.Cause("FieldValueInvalid", told, "spec.replicas")]
        )
    version = (wanted.get("metadata") or {}).get("resourceVersion")
    body: Json = orjson.loads(orjson.dumps(before))
    body["metadata"]["resourceVersion"] = version or before["metadata"]["resourceVersion"]
    place: Any = body
    for part in paths.replicas[:-1]:
        place = place.setdefault(part, {})
    place[paths.replicas[-1]] = replicas
    written = writes.change(resource, key, entry, body, options, "scale")
    return answers.json_answer(scale_of(resource.shown(written.body), paths))


def _shown(scale: Json, request: Request) -> Answer:
    if table.form_of(request.accept) is not table.Form.TABLE:
        return answers.json_answer(scale)
    meta = scale["metadata"]
    cells = [
        meta["name"],
        scale["spec"]["replicas"],
        scale["status"]["replicas"],
        age(meta["creationTimestamp"]),
    ]
    told: Json = {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": meta["resourceVersion"]},
        "columnDefinitions": [_column(*column) for column in _SCALE_COLUMNS],
        "rows": [{"cells": cells, "object": table.partial(scale)}],
    }
    return answers.json_answer(told)


_SCALE_COLUMNS = (
    ("Name", "string"),
    ("Desired", "integer"),
    ("Available", "integer"),
    ("Age", "string"),
)


def _column(name: str, kind: str) -> Json:
    return {
        "name": name,
        "type": kind,
        "format": "name" if name == "Name" else "",
        "description": f"{name} of the scale.",
        "priority": 0,
    }


def scale_of(body: Json, paths: ScalePaths) -> Json:
    """Return an object's `Scale`."""
    meta = body["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: Json = {"replicas": _at(body, paths.status) or 0}
    selector = _at(body, paths.selector)
    if isinstance(selector, dict):
        labels = selector.get("matchLabels", selector if "matchExpressions" not in selector else {})
        selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    if selector:
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: meta[name] for name in kept if name in meta},
        "spec": {"replicas": count} if (count := _at(body, paths.replicas)) else {},
        "status": status,
    }


def _at(body: Any, path: tuple[str, ...]) -> Any:
    for part in path:
        body = body.get(part) if isinstance(body, dict) else None
    return body


def _bind(writes: Writes, resource: Resource, target: Target, request: Request, options: Options) -> Answer:
    node = (bodies.decode(request.body, request.content_type).get("target") or {}).get("name")
    entry = writes.existing(resource, target.namespace, target.name)
    body: Json = orjson.loads(orjson.dumps(entry.body))
    body.setdefault("spec", {})["nodeName"] = node
    writes.change(resource, (target.namespace, target.name), entry, body, options, "binding")
    return answers.json_answer(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201
    )


def _token(writes: Writes, resource: Resource, target: Target, request: Request, tokens: Tokens) -> Answer:
    body = bodies.decode(request.body, request.content_type) if request.body else {}
    spec = {"expirationSeconds": _HOUR, **(body.get("spec") or {})}
    seconds = spec["expirationSeconds"]
    if not isinstance(seconds, int) or seconds < _SHORTEST:
        told = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        cause = answers.Cause("FieldValueInvalid", told, "spec.expirationSeconds")
        raise answers.invalid("authentication.k8s.io", "TokenRequest", target.name, [cause])
    account = writes.existing(resource, target.namespace, target.name).body
    token, end = tokens.issue(account, seconds)
    ends = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"}
    metadata = {"name": target.name, "namespace": target.namespace}
    status = {"token": token, "expirationTimestamp": ends}
    return answers.json_answer({**shown, "metadata": metadata, "spec": spec, "status": status}, 201)


_HOUR, _SHORTEST = 3600, 600


def _log(writes: Writes, resource: Resource, target: Target, request: Request) -> Answer:
    body = writes.existing(resource, target.namespace, target.name).body
    containers = [c["name"] for c in (body.get("spec") or {}).get("containers") or ()]
    containers += [c["name"] for c in (body.get("spec") or {}).get("initContainers") or ()]
    name = request.query.get("container") or containers[0]
    if name not in containers:
        raise answers.bad_request(f"container {name} is not valid for pod {target.name}")
    if not request.query.get("container") and len(containers) > 1:
        told = " ".join(containers)
        raise answers.bad_request(
            f"a container name must be specified for pod {target.name}, choose one of: [{told}]"
        )
    lines = logs(body, name).splitlines()
    tail = request.number("tailLines")
    if tail is not None:
        lines = lines[-tail:] if tail else []
    if request.flag("timestamps"):
        stamp = body["metadata"]["creationTimestamp"]
        lines = [f"{stamp} {line}" for line in lines]
    text = "".join(f"{line}\n" for line in lines).encode()
    if request.flag("follow"):
        return Answer(200, headers=_TEXT, stream=_once(text))
    return Answer(200, text, _TEXT)


async def _once(text: bytes) -> AsyncIterator[bytes]:
    yield text
