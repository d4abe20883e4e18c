"""
Objects nobody thought of: drawn by hypothesis from the schemas a server publishes.

A story begins with an object that is valid and has random fields put into it,
goes on with writes of others, and ends with a target drawn the same way. What
the server refuses is no case; what it takes must come out the same everywhere.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.conformance.cases.words import GROUP
from tests.conformance.pairs import MANAGER, Json, Story

WORDS = ("a", "b", "c1", "web")
QUANTITIES = ("1", "500m", "1Gi", "0.5", "1024Mi")
# Fields that are the server's, or that make most objects invalid when they are random.
LEFT_OUT = frozenset(
    {
        "status", "metadata", "apiVersion", "kind", "managedFields", "ephemeralContainers", "windowsOptions", "os",
        "hostname", "subdomain", "priorityClassName", "priority", "overhead", "evictionResponders", "resourceClaims",
        "schedulingGates", "activeDeadlineSeconds", "runtimeClassName", "deprecatedServiceAccount", "serviceAccount",
        "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "loadBalancerIP", "externalIPs", "nodePort",
        "healthCheckNodePort", "scheduling", "schedulingGroup", "workloadRef", "resizePolicy", "restartPolicyRules",
    }
)  # fmt: skip
MOST_DEPTH = 7


@dataclass(frozen=True, slots=True)
class Growing:
    """A kind whose objects are drawn: a valid one, and at which places random fields are put into it."""

    plural: str
    group: str
    version: str
    kind: str
    base: Json
    places: tuple[tuple[str | int, ...], ...]


_POD = {"containers": [{"name": "main", "image": "example/app:1"}]}
_TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": _POD}
_SELECTOR = {"matchLabels": {"app": "x"}}
_POD_PLACES = (("spec",), ("spec", "containers", 0))


def _below(*prefix: str | int) -> tuple[tuple[str | int, ...], ...]:
    return tuple((*prefix, *place) for place in _POD_PLACES)


KINDS: tuple[Growing, ...] = (
    Growing("deployments", "apps", "v1", "Deployment",
            {"spec": {"replicas": 0, "paused": True, "selector": _SELECTOR, "template": _TEMPLATE}},
            (("spec",), *_below("spec", "template"))),
    Growing("statefulsets", "apps", "v1", "StatefulSet",
            {"spec": {"replicas": 0, "serviceName": "x", "selector": _SELECTOR, "template": _TEMPLATE}},
            _below("spec", "template")),
    Growing("cronjobs", "batch", "v1", "CronJob",
            {"spec": {"schedule": "0 0 1 1 *", "suspend": True,
                      "jobTemplate": {"spec": {"template": {"spec": {**_POD, "restartPolicy": "Never"}}}}}},
            (("spec",), ("spec", "jobTemplate", "spec"), *_below("spec", "jobTemplate", "spec", "template"))),
    Growing("services", "", "v1", "Service", {"spec": {"clusterIP": "None", "ports": [{"name": "a", "port": 80}]}},
            (("spec",), ("spec", "ports", 0))),
    Growing("ingresses", "networking.k8s.io", "v1", "Ingress",
            {"spec": {"defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}}}, (("spec",),)),
    Growing("networkpolicies", "networking.k8s.io", "v1", "NetworkPolicy", {"spec": {"podSelector": {}}}, (("spec",),)),
    Growing("configmaps", "", "v1", "ConfigMap", {"data": {"a": "1"}}, ((),)),
    Growing("secrets", "", "v1", "Secret", {"data": {"a": "YQ=="}}, ((),)),
    Growing("serviceaccounts", "", "v1", "ServiceAccount", {}, ((),)),
    Growing("roles", "rbac.authorization.k8s.io", "v1", "Role", {"rules": []}, ((),)),
    Growing("resourcequotas", "", "v1", "ResourceQuota", {"spec": {"hard": {"pods": "1"}}}, (("spec",),)),
    Growing("poddisruptionbudgets", "policy", "v1", "PodDisruptionBudget", {"spec": {"selector": _SELECTOR}},
            (("spec",),)),
    Growing("horizontalpodautoscalers", "autoscaling", "v2", "HorizontalPodAutoscaler",
            {"spec": {"maxReplicas": 3,
                      "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}}}, (("spec",),)),
    Growing("widgets", GROUP, "v1", "Widget", {"spec": {"size": 1}}, (("spec",),)),
)  # fmt: skip


def collect(schemas: dict[str, Any], count: int, draw: Callable[..., st.SearchStrategy[Any]]) -> list[Any]:
    """Return `count` examples of a strategy, the same in every run."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(draw(schemas))
    def gather(example: Any) -> None:
        found.append(example)

    gather()
    return found


def stories(schemas: dict[str, Any], *, client_side: bool = False) -> st.SearchStrategy[Story]:
    """Return the strategy of stories; `schemas` are the published definitions by name."""

    @st.composite
    def told(draw: st.DrawFn) -> Story:
        kind = draw(st.sampled_from(KINDS))
        bodies = st.builds(
            lambda grown: grown, _grown(kind, schemas)
        )  # one strategy for all writes of the story
        first = draw(bodies)
        if client_side:
            writes = [("kubectl-client-side-apply", first, "create")]
        else:
            writes = [(draw(st.sampled_from((MANAGER, MANAGER, "other"))), first, "apply")]
            for _ in range(draw(st.integers(0, 2))):
                writes.append((draw(st.sampled_from(("other", "third", MANAGER))), draw(bodies), "force"))
        target = draw(bodies) if draw(st.booleans()) else _thinned(draw, first)
        return Story(kind.plural, kind.group, kind.version, kind.kind, tuple(writes), target)

    return told()


def named(story: Story, name: str) -> Story:
    """Return a story about an object of that name."""

    def renamed(body: Json) -> Json:
        return body | {"metadata": body["metadata"] | {"name": name}}

    writes = tuple((manager, renamed(body), how) for manager, body, how in story.writes)
    return Story(story.plural, story.group, story.version, story.kind, writes, renamed(story.target))


def _thinned(draw: st.DrawFn, body: Json) -> Json:
    """Return a body that lacks some of what another has, as after a commit that removes fields."""
    copied = copy.deepcopy(body)
    for name in ("spec", "data", "rules"):
        part = copied.get(name)
        if isinstance(part, dict):
            for key in [
                key for key in part if key not in ("selector", "template", "schedule", "jobTemplate")
            ]:
                if draw(st.integers(0, 3)) == 0:
                    del part[key]
    return copied


@st.composite
def _grown(draw: st.DrawFn, kind: Growing, schemas: dict[str, Any]) -> Json:
    body = copy.deepcopy(kind.base)
    api_version = f"{kind.group}/{kind.version}" if kind.group else kind.version
    root = next(
        schema
        for schema in schemas.values()
        if {"group": kind.group, "version": kind.version, "kind": kind.kind}
        in schema.get("x-kubernetes-group-version-kind", ())
        and len(schema["x-kubernetes-group-version-kind"]) == 1
    )
    for place in draw(st.lists(st.sampled_from(kind.places), max_size=3)):
        target, schema = _walk(body, root, place, schemas)
        known = [name for name in schema.get("properties", {}) if name not in LEFT_OUT]
        for name in draw(st.lists(st.sampled_from(known), max_size=3, unique=True)):
            # What the base says is what keeps it valid.
            if name not in target or name in ("data", "ports", "rules"):
                target[name] = draw(_value(schema["properties"][name], schemas, 0, name))
    labels = draw(st.dictionaries(st.sampled_from(WORDS), st.sampled_from(WORDS), max_size=2))
    meta = {"name": "x"} | ({"labels": labels} if labels else {})
    return {"apiVersion": api_version, "kind": kind.kind, "metadata": meta, **body}


def _walk(
    body: Json, schema: Json, place: tuple[str | int, ...], schemas: dict[str, Any]
) -> tuple[Any, Json]:
    schema = _resolved(schema, schemas)
    for part in place:
        if isinstance(part, int):
            body, schema = body[part], _resolved(schema["items"], schemas)
        else:
            body = body.setdefault(part, {})
            schema = _resolved(schema["properties"][part], schemas)
    return body, schema


def _resolved(schema: Json, schemas: dict[str, Any]) -> Json:
    reference = schema.get("$ref") or next(
        (each["$ref"] for each in schema.get("allOf", ()) if "$ref" in each), None
    )
    return schemas[reference.rpartition("/")[2]] if reference else schema


def _value(schema: Json, schemas: dict[str, Any], depth: int, name: str) -> st.SearchStrategy[Any]:
    schema = _resolved(schema, schemas)
    if "quantity" in str(schema.get("description", "")).lower()[:60] or {"type": "number"} in schema.get(
        "oneOf", ()
    ):
        return st.sampled_from(QUANTITIES)
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return st.sampled_from((1, 80, "50%", "http"))
    if schema.get("enum"):
        return st.sampled_from([each for each in schema["enum"] if each != ""])
    if any(f"`{word}`" in name for word in WORDS):
        return st.sampled_from(WORDS)
    return _by_type(schema, schemas, depth, name)


def _by_type(schema: Json, schemas: dict[str, Any], depth: int, name: str) -> st.SearchStrategy[Any]:
    match schema.get("type"):
        case "string":
            return _text(schema, name)
        case "integer":
            low, high = schema.get("minimum", 1), schema.get("maximum", 90)
            return st.integers(int(low), min(int(high), int(low) + 89))
        case "number":
            return st.sampled_from((1, 1.5, 2))
        case "boolean":
            return st.booleans()
        case "array":
            most = 0 if depth >= MOST_DEPTH else 3
            items = schema.get("items", {})
            return st.lists(_value(items, schemas, depth + 1, name), max_size=most).map(_unique(schema))
    if "properties" in schema:
        return _object(schema, schemas, depth)
    additional = schema.get("additionalProperties")
    inner = (
        _value(additional, schemas, depth + 1, name)
        if isinstance(additional, dict)
        else st.sampled_from(WORDS)
    )
    return st.dictionaries(st.sampled_from(WORDS), inner, max_size=2)


def _text(schema: Json, name: str) -> st.SearchStrategy[Any]:
    if schema.get("format") == "byte":
        return st.sampled_from(("YQ==", "Yg==", ""))
    if schema.get("format") == "date-time":
        return st.just("2026-01-01T00:00:00Z")
    known = {"protocol": ("TCP", "UDP"), "mountPath": ("/a", "/b"), "path": ("/", "/a"), "ip": ("10.1.2.3", "10.1.2.4"),
             "cidr": ("10.0.0.0/8", "10.1.0.0/16"), "image": ("example/app:1", "example/side:2"),
             "topologyKey": ("kubernetes.io/hostname", "topology.kubernetes.io/zone")}  # fmt: skip
    if name in known:
        return st.sampled_from(known[name])
    return st.sampled_from(WORDS)


@st.composite
def _object(draw: st.DrawFn, schema: Json, schemas: dict[str, Any], depth: int) -> Json:
    properties = {name: each for name, each in schema["properties"].items() if name not in LEFT_OUT}
    required = [name for name in schema.get("required", ()) if name in properties]
    optional = sorted(properties.keys() - set(required))
    most = 2 if depth < MOST_DEPTH and optional else 0
    chosen = draw(st.lists(st.sampled_from(optional), max_size=most, unique=True)) if most else []
    return {name: draw(_value(properties[name], schemas, depth + 1, name)) for name in [*required, *chosen]}


def _unique(schema: Json) -> Callable[[list[Any]], list[Any]]:
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    if schema.get("x-kubernetes-list-type") not in ("map", "set"):
        return lambda items: items

    def kept(items: list[Any]) -> list[Any]:
        seen: list[Any] = []
        result = []
        for item in items:
            mark = [item.get(key, "TCP" if key == "protocol" else None) for key in keys] if keys else item
            if mark not in seen:
                seen.append(mark)
                result.append(item)
        return result

    return kept
