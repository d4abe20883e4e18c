"""
What must not count as a difference between two states of one object?

A list of functions from object to object, each of which removes or rewrites
one thing: what the server keeps for itself, what it writes differently, and
what the user asked to ignore. Both sides of a comparison pass through the same
list. A function that finds nothing to do returns the very object it was given;
normalizing twice gives what normalizing once gives.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import orjson

from moorage.engine.defaulted import without_defaults
from moorage.engine.quantity import shortest
from moorage.model.identity import group_of
from moorage.model.ignore import IgnoreRule
from moorage.model.manifest import Json, without
from moorage.model.words import DEPLOYMENT_REVISION_ANNOTATION, LAST_APPLIED_ANNOTATION

JqDelete = Callable[[Json, str], Json]
"""(body, jq path) → the body without that path. Evaluated elsewhere, within limits."""

Normalizer = Callable[[Json], Json]


def normalize(body: Json, status_fields: str = "all") -> Json:
    """
    Return an object without what must not count as a difference.

    Args:
        body: A target, live or predicted object.
        status_fields: Whose `status` is ignored: ``all`` kinds, only ``crd``
            (definitions of kinds), or ``none``.
    """
    body = _without_bookkeeping(body)
    kind = body.get("kind")
    if "status" in body and (
        status_fields == "all" or (status_fields == "crd" and kind == "CustomResourceDefinition")
    ):
        body = {name: value for name, value in body.items() if name != "status"}
    for function in _BY_KIND.get((group_of(str(body.get("apiVersion"))), str(kind)), ()):
        body = function(body)
    return _without_emptiness(without_defaults(body))


# What the server keeps for itself.

_BOOKKEEPING = frozenset(
    {
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "managedFields",
        "selfLink",
    }
)
_KEPT_ANNOTATIONS = frozenset(
    {LAST_APPLIED_ANNOTATION, DEPLOYMENT_REVISION_ANNOTATION, "deprecated.daemonset.template.generation"}
)


def _without_bookkeeping(body: Json) -> Json:
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        return body
    annotations = metadata.get("annotations")
    noisy = isinstance(annotations, dict) and not _KEPT_ANNOTATIONS.isdisjoint(annotations)
    if not noisy and _BOOKKEEPING.isdisjoint(metadata):
        return body
    kept = {name: value for name, value in metadata.items() if name not in _BOOKKEEPING}
    if noisy and annotations:
        kept["annotations"] = {k: v for k, v in annotations.items() if k not in _KEPT_ANNOTATIONS}
    return {**body, "metadata": kept}


# What is as good as not there.

_EMPTY_MEANS_ABSENT = frozenset({"metadata", "annotations", "labels", "status"})
_EMPTY_MEANS_ABSENT_IN_OWN_KINDS = _EMPTY_MEANS_ABSENT | {
    "matchLabels",
    "nodeSelector",
    "data",
    "binaryData",
    "stringData",
    "resources",
    "limits",
    "requests",
    "securityContext",
    "affinity",
    "parameters",
    "strategy",
    "updateStrategy",
    "hard",
}


_ZERO_MEANS_ABSENT = frozenset(
    {
        "clusterIP",
        "externalName",
        "healthCheckNodePort",
        "hostIPC",
        "hostNetwork",
        "hostPID",
        "hostPort",
        "initialDelaySeconds",
        "insecureSkipTLSVerify",
        "loadBalancerIP",
        "minReadySeconds",
        "nodePort",
        "paused",
        "priorityClassName",
        "publishNotReadyAddresses",
        "readOnly",
        "stdin",
        "stdinOnce",
        "subPath",
        "tty",
        "workingDir",
    }
)
"""Fields of Kubernetes' own kinds that Go holds by value and leaves out when they are zero, false or empty."""

_ZERO_IN_TEXT = re.compile(rb'"(?:%s)":(?:0|false|"")[,}]' % "|".join(sorted(_ZERO_MEANS_ABSENT)).encode())


def _without_emptiness(body: Json) -> Json:
    try:
        text = orjson.dumps(body)
    except TypeError:
        text = b":null"
    # Most objects hold nothing empty; asking the serializer is ten times faster than looking.
    if not (b":null" in text or b":[]" in text or b":{}" in text or _ZERO_IN_TEXT.search(text)):
        return body
    group = group_of(str(body.get("apiVersion")))
    own_kind = "." not in group or group.endswith(".k8s.io")
    return {
        name: after
        for name, value in body.items()
        if not _as_good_as_absent(name, after := _pruned(value, own_kind), own_kind)
    }


def _pruned(value: Any, own_kind: bool) -> Any:
    if isinstance(value, dict):
        kept: Json = {}
        for name, inner in value.items():
            after = _pruned(inner, own_kind) if isinstance(inner, dict | list) else inner
            if not _as_good_as_absent(name, after, own_kind):
                kept[name] = after
        return kept
    if isinstance(value, list):
        # Items stay even when they are empty: `to: [{}]` is not `to: []`.
        return [_pruned(item, own_kind) if isinstance(item, dict | list) else item for item in value]
    return value


def _as_good_as_absent(name: str, value: Any, own_kind: bool) -> bool:
    """
    Return whether a field may as well be missing.

    The server drops nulls everywhere, and empty lists in the kinds it brings
    itself. An empty map often means something (`podSelector: {}` selects all),
    so only the names for which it does not are listed.
    """
    if value is None:
        return True
    if value == [] and isinstance(value, list):
        return own_kind
    if own_kind and name in _ZERO_MEANS_ABSENT and (value is False or value == "" or value == 0):
        return True
    return value == {} and name in (_EMPTY_MEANS_ABSENT_IN_OWN_KINDS if own_kind else _EMPTY_MEANS_ABSENT)


# What the server writes differently, by kind.


def _secret_strings_as_data(body: Json) -> Json:
    """Move `stringData` into `data`, as the server does; leave a malformed Secret to the server."""
    strings, values = body.get("stringData"), body.get("data")
    if isinstance(values, dict) and any(
        isinstance(v, str) and ("\n" in v or "\r" in v) for v in values.values()
    ):
        values = {k: "".join(v.split()) if isinstance(v, str) else v for k, v in values.items()}
        body = {**body, "data": values}
    if not isinstance(strings, dict) or not (values is None or isinstance(values, dict)):
        return body
    if not all(isinstance(value, str) for value in strings.values()):
        return body
    encoded = {k: base64.b64encode(v.encode(errors="surrogatepass")).decode() for k, v in strings.items()}
    merged = {name: value for name, value in body.items() if name != "stringData"}
    merged["data"] = {**(values or {}), **encoded}
    return merged


def _without_aggregated_rules(body: Json) -> Json:
    """Drop the rules of a ClusterRole that the server fills from other roles."""
    return without(body, ("rules",)) if body.get("aggregationRule") else body


def _crd_without_defaults(body: Json) -> Json:
    if _fields(body, "spec").get("preserveUnknownFields") is False:
        body = without(body, ("spec", "preserveUnknownFields"))
    if _bundle_is_injected(body):
        body = without(body, ("spec", "conversion", "webhook", "clientConfig", "caBundle"))
    return body


_INJECTORS = (
    "cert-manager.io/inject-ca-from",
    "cert-manager.io/inject-ca-from-secret",
    "cert-manager.io/inject-apiserver-ca",
    "service.beta.openshift.io/inject-cabundle",
)


def _bundle_is_injected(body: Json) -> bool:
    annotations = _fields(_fields(body, "metadata"), "annotations")
    return any(name in annotations for name in _INJECTORS)


def _fields(body: Json, name: str) -> Json:
    """Return the object in a field; an empty one when there is none."""
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _webhooks_without_injected_bundles(body: Json) -> Json:
    webhooks = body.get("webhooks")
    if not isinstance(webhooks, list) or not _bundle_is_injected(body):
        return body
    stripped = [
        without(webhook, ("clientConfig", "caBundle")) if isinstance(webhook, dict) else webhook
        for webhook in webhooks
    ]
    return {**body, "webhooks": stripped}


def _api_service_without_injected_bundle(body: Json) -> Json:
    return without(body, ("spec", "caBundle")) if _bundle_is_injected(body) else body


def _endpoints_sorted(body: Json) -> Json:
    subsets = body.get("subsets")
    if not isinstance(subsets, list):
        return body
    ordered = [
        {
            name: sorted(value, key=_canonical) if isinstance(value, list) else value
            for name, value in subset.items()
        }
        if isinstance(subset, dict)
        else subset
        for subset in subsets
    ]
    return {**body, "subsets": sorted(ordered, key=_canonical)}


def _canonical(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return repr(value).encode(errors="backslashreplace")


# Quantities, where they are known to stand. `*` stands for every item or field.

_Where = tuple[str, ...]
_IN_POD: tuple[_Where, ...] = (
    *(
        (containers, "*", "resources", amounts, "*")
        for containers in ("containers", "initContainers", "ephemeralContainers")
        for amounts in ("limits", "requests")
    ),
    *(
        (containers, "*", "env", "*", "valueFrom", "resourceFieldRef", "divisor")
        for containers in ("containers", "initContainers", "ephemeralContainers")
    ),
    ("volumes", "*", "downwardAPI", "items", "*", "resourceFieldRef", "divisor"),
    (
        "volumes",
        "*",
        "projected",
        "sources",
        "*",
        "downwardAPI",
        "items",
        "*",
        "resourceFieldRef",
        "divisor",
    ),
    ("volumes", "*", "emptyDir", "sizeLimit"),
    ("volumes", "*", "ephemeral", "volumeClaimTemplate", "spec", "resources", "requests", "*"),
    ("resources", "limits", "*"),
    ("resources", "requests", "*"),
    ("overhead", "*"),
)
_IN_TARGET = tuple(
    ("spec", "metrics", "*", source, "target", amount)
    for source in ("resource", "containerResource", "pods", "object", "external")
    for amount in ("value", "averageValue")
)
_IN_LIMITS = ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")


_Tree = dict[str, Any]
"""Places as a tree: what is below a name; an empty tree is an amount."""


def _quantities(*places: _Where) -> Normalizer:
    tree: _Tree = {}
    for place in places:
        below = tree
        for name in place:
            below = below.setdefault(name, {})

    def rewrite(body: Json) -> Json:
        after: Json = _rewritten(body, tree)
        return after

    return rewrite


def _in_pods(*prefix: str) -> Normalizer:
    return _quantities(*((*prefix, *place) for place in _IN_POD))


def _rewritten(value: Any, tree: _Tree) -> Any:
    """Return `value` with the quantities at a tree's places in their shortest form; itself when nothing changes."""
    if not tree:
        return _amount(value)
    every = tree.get("*")
    if isinstance(value, list):
        if every is None:
            return value
        items = [_rewritten(item, every) for item in value]
        return value if all(map(_same, items, value)) else items
    if not isinstance(value, dict):
        return value
    changed = {}
    for name in value if every is not None else tree:
        inner = value.get(name)
        if inner is not None:
            after = _rewritten(inner, tree[name] if every is None else every)
            if after is not inner:
                changed[name] = after
    return {**value, **changed} if changed else value


def _same(one: object, other: object) -> bool:
    return one is other


def _amount(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        after = shortest(value)
    except ValueError:
        return value
    return value if after == value else after


_WORKLOAD = (_in_pods("spec", "template", "spec"),)
_WEBHOOKS = (_webhooks_without_injected_bundles,)
_BY_KIND: dict[tuple[str, str], tuple[Normalizer, ...]] = {
    ("", "Secret"): (_secret_strings_as_data,),
    ("", "Endpoints"): (_endpoints_sorted,),
    ("", "Pod"): (_in_pods("spec"),),
    ("", "PodTemplate"): (_in_pods("template", "spec"),),
    ("", "ReplicationController"): _WORKLOAD,
    ("", "PersistentVolume"): (_quantities(("spec", "capacity", "*")),),
    ("", "PersistentVolumeClaim"): (
        _quantities(("spec", "resources", "requests", "*"), ("spec", "resources", "limits", "*")),
    ),
    ("", "ResourceQuota"): (_quantities(("spec", "hard", "*")),),
    ("", "LimitRange"): (_quantities(*(("spec", "limits", "*", name, "*") for name in _IN_LIMITS)),),
    ("apps", "Deployment"): _WORKLOAD,
    ("apps", "ReplicaSet"): _WORKLOAD,
    ("apps", "DaemonSet"): _WORKLOAD,
    ("apps", "StatefulSet"): (
        *_WORKLOAD,
        _quantities(("spec", "volumeClaimTemplates", "*", "spec", "resources", "requests", "*")),
    ),
    ("batch", "Job"): _WORKLOAD,
    ("batch", "CronJob"): (_in_pods("spec", "jobTemplate", "spec", "template", "spec"),),
    ("argoproj.io", "Rollout"): _WORKLOAD,
    ("autoscaling", "HorizontalPodAutoscaler"): (_quantities(*_IN_TARGET),),
    ("rbac.authorization.k8s.io", "ClusterRole"): (_without_aggregated_rules,),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): (_crd_without_defaults,),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _WEBHOOKS,
    ("apiregistration.k8s.io", "APIService"): (_api_service_without_injected_bundle,),
}


# What the user asked to ignore.


def apply_ignore_rules(
    target: Json,
    live: Json,
    rules: Sequence[IgnoreRule],
    jq: JqDelete | None = None,
    managed_fields: Sequence[Any] | None = None,
) -> tuple[Json, Json]:
    """
    Return target (or predicted) and live state without the fields that the rules ignore.

    Args:
        target: What is wanted, or predicted.
        live: What is there; it says which rules select the object.
        rules: All rules; those that do not select the object do nothing.
        jq: Deletes a jq path; without it jq paths are left alone.
        managed_fields: The live object's, when `live` has lost them already.
    """
    selected = [rule for rule in rules if selects(rule, live)]
    if not selected:
        return target, live
    if managed_fields is None:
        entries = _fields(live, "metadata").get("managedFields")
        managed_fields = entries if isinstance(entries, list) else ()
    for rule in selected:
        for pointer in rule.json_pointers:
            parts = _pointer_parts(pointer)
            if parts:
                target, live = _without_pointer(target, parts), _without_pointer(live, parts)
        if jq is not None:
            for path in rule.jq_paths:
                target, live = jq(target, path), jq(live, path)
        for owned in _owned_by(rule.managers, managed_fields):
            target, live = without_owned(target, owned), without_owned(live, owned)
    return target, live


def selects(rule: IgnoreRule, body: Json) -> bool:
    """Return whether a rule is about this object."""
    metadata = _fields(body, "metadata")
    return (
        fnmatchcase(str(body.get("kind")), rule.kind or "*")
        and fnmatchcase(group_of(str(body.get("apiVersion"))), rule.group)
        and rule.name in ("", metadata.get("name"))
        and rule.namespace in ("", metadata.get("namespace"))
    )


@lru_cache(maxsize=1024)
def _pointer_parts(pointer: str) -> tuple[str, ...]:
    """Return the parts of a JSON pointer (RFC 6901); none when it is malformed or names the whole."""
    if not pointer.startswith("/"):
        return ()
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def _without_pointer(value: Any, parts: tuple[str, ...]) -> Any:
    name, rest = parts[0], parts[1:]
    if isinstance(value, dict):
        if name not in value:
            return value
        if not rest:
            return {key: inner for key, inner in value.items() if key != name}
        after = _without_pointer(value[name], rest)
        return value if after is value[name] else {**value, name: after}
    if isinstance(value, list) and name.isascii() and name.isdigit() and int(name) < len(value):
        position = int(name)
        if not rest:
            return [*value[:position], *value[position + 1 :]]
        after = _without_pointer(value[position], rest)
        if after is not value[position]:
            return [*value[:position], after, *value[position + 1 :]]
    return value


def _owned_by(managers: Sequence[str], managed_fields: Sequence[Any]) -> list[Json]:
    """Return the field trees (FieldsV1) that these managers own in the live object."""
    return [
        entry["fieldsV1"]
        for entry in managed_fields
        if isinstance(entry, dict)
        and entry.get("manager") in managers
        and isinstance(entry.get("fieldsV1"), dict)
    ]


def without_owned(value: Any, owned: Json) -> Any:
    """
    Return `value` without the fields of a tree of owned fields (FieldsV1).

    Fields go with their containers once these are empty. An item of a list
    goes when nothing is left of it but the keys it is known by.
    """
    if isinstance(value, dict):
        return _without_owned_fields(value, owned)
    if isinstance(value, list):
        return _without_owned_items(value, owned)
    return value


def _without_owned_fields(value: Json, owned: Json) -> Json:
    kept = value
    for edge, inner in owned.items():
        name = edge[2:]
        if not edge.startswith("f:") or name not in kept:
            continue
        after = without_owned(kept[name], inner) if _has_parts(inner) else None
        if after is kept[name]:
            continue
        if after is None or after in ({}, []):
            kept = {key: field for key, field in kept.items() if key != name}
        else:
            kept = {**kept, name: after}
    return kept


def _without_owned_items(value: list[Any], owned: Json) -> list[Any]:
    items: list[Any] = list(value)
    for edge, inner in owned.items():
        named = _edge_value(edge)
        for position, item in enumerate(items):
            if edge.startswith("v:") and item == named:
                items[position] = None
            elif edge.startswith("i:") and position == named:
                items[position] = without_owned(item, inner) if _has_parts(inner) else None
            elif edge.startswith("k:") and _is_known_by(item, named):
                after = without_owned(item, inner)
                items[position] = (
                    None if after is not item and after.keys() <= named.keys() else {**after, **named}
                )
    kept = [item for item in items if item is not None]
    return value if kept == value else kept


def _edge_value(edge: str) -> Any:
    try:
        return orjson.loads(edge[2:])
    except orjson.JSONDecodeError:
        return None


def _is_known_by(item: Any, keys: Any) -> bool:
    return (
        isinstance(item, dict) and isinstance(keys, dict) and all(item.get(k) == v for k, v in keys.items())
    )


def _has_parts(owned: Any) -> bool:
    return isinstance(owned, dict) and any(edge != "." for edge in owned)
