"""
Which defaults hide inside values that an apply replaces whole?

A field of its own keeps the default the server gave it. Inside an atomic value (a
`fieldRef`, a rule of a NetworkPolicy) an apply takes it away and the server puts it
back, so its absence is no difference. Here these places are known, with the value
the server fills in; both sides of a comparison lose it.

Source: the defaulting functions and ``x-kubernetes-map-type`` / ``-list-type`` of
the Kubernetes API types.
"""

from __future__ import annotations

from typing import Any, Final

from moorage.model.identity import group_of
from moorage.model.manifest import Json

_Where = tuple[str, ...]
_Tree = dict[str, Any]
"""Places as a tree; ``*`` is every item, a leaf is the default that is as good as absent."""

_RBAC: Final = "rbac.authorization.k8s.io"
_CONTAINERS: Final = ("containers", "initContainers", "ephemeralContainers")
_FIELD: Final = (("fieldRef", "apiVersion"), ("resourceFieldRef", "divisor"))
_FIELD_DEFAULTS: Final = {"apiVersion": "v1", "divisor": "0"}
_SOURCES: Final = ("volumes", "*", "projected", "sources", "*")

_IN_POD: Final[dict[_Where, Any]] = {
    **{
        (containers, "*", "env", "*", "valueFrom", *place): _FIELD_DEFAULTS[place[-1]]
        for containers in _CONTAINERS
        for place in _FIELD
    },
    **{
        (*prefix, "items", "*", *place): _FIELD_DEFAULTS[place[-1]]
        for prefix in (("volumes", "*", "downwardAPI"), (*_SOURCES, "downwardAPI"))
        for place in _FIELD
    },
    (*_SOURCES, "serviceAccountToken", "expirationSeconds"): 3600,
}
_POLICY: Final[dict[_Where, Any]] = {
    ("spec", direction, "*", "ports", "*", "protocol"): "TCP" for direction in ("ingress", "egress")
}
_BINDING: Final[dict[_Where, Any]] = {
    ("roleRef", "apiGroup"): _RBAC,
    ("subjects", "*", "apiGroup"): _RBAC,
}
_WEBHOOKS: Final[dict[_Where, Any]] = {("webhooks", "*", "rules", "*", "scope"): "*"}
_CLAIMS: Final[dict[_Where, Any]] = {
    ("spec", "volumeClaimTemplates", "*", "apiVersion"): "v1",
    ("spec", "volumeClaimTemplates", "*", "kind"): "PersistentVolumeClaim",
    ("spec", "volumeClaimTemplates", "*", "spec", "volumeMode"): "Filesystem",
    ("spec", "volumeClaimTemplates", "*", "status", "phase"): "Pending",
}


def without_defaults(body: Json) -> Json:
    """Return an object without the defaults that stand inside values an apply replaces whole."""
    tree = _TREES.get((group_of(str(body.get("apiVersion"))), str(body.get("kind"))))
    if tree is None:
        return body
    bare: Json = _without(body, tree)
    return bare


def _without(value: Any, tree: _Tree) -> Any:
    """Return `value` without the defaults at a tree's places; itself when there are none."""
    every = tree.get("*")
    if isinstance(value, list):
        if every is None:
            return value
        items = [_without(item, every) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    if not isinstance(value, dict):
        return value
    after = value
    for name, below in tree.items():
        inner = value.get(name)
        if inner is None:
            continue
        if not isinstance(below, dict):
            if inner == below:
                after = {key: each for key, each in after.items() if key != name}
            continue
        fresh = _without(inner, below)
        if fresh is not inner:
            after = {**after, name: fresh}
    return after


def _tree(*tables: dict[_Where, Any], prefix: _Where = ()) -> _Tree:
    tree: _Tree = {}
    for table in tables:
        for place, default in table.items():
            below = tree
            *way, last = (*prefix, *place)
            for name in way:
                below = below.setdefault(name, {})
            below[last] = default
    return tree


def _merged(one: _Tree, other: _Tree) -> _Tree:
    merged = dict(one)
    for name, below in other.items():
        held = merged.get(name)
        merged[name] = _merged(held, below) if isinstance(held, dict) and isinstance(below, dict) else below
    return merged


_WORKLOAD: Final = _tree(_IN_POD, prefix=("spec", "template", "spec"))
_TREES: Final[dict[tuple[str, str], _Tree]] = {
    ("", "Pod"): _tree(_IN_POD, prefix=("spec",)),
    ("", "PodTemplate"): _tree(_IN_POD, prefix=("template", "spec")),
    ("", "ReplicationController"): _WORKLOAD,
    ("apps", "Deployment"): _WORKLOAD,
    ("apps", "DaemonSet"): _WORKLOAD,
    ("apps", "ReplicaSet"): _WORKLOAD,
    ("apps", "StatefulSet"): _merged(_WORKLOAD, _tree(_CLAIMS)),
    ("batch", "Job"): _WORKLOAD,
    ("batch", "CronJob"): _tree(_IN_POD, prefix=("spec", "jobTemplate", "spec", "template", "spec")),
    ("networking.k8s.io", "NetworkPolicy"): _tree(_POLICY),
    (_RBAC, "RoleBinding"): _tree(_BINDING),
    (_RBAC, "ClusterRoleBinding"): _tree(_BINDING),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _tree(_WEBHOOKS),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _tree(_WEBHOOKS),
}
