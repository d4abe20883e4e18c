"""
What must not count as a difference between two states of one object?

A list of functions from object to object, each of which removes or rewrites
one thing: what the server keeps for itself, and what it writes differently. Both
sides of a comparison pass through the same list. A function that finds nothing to do returns the very object it was given;
normalizing twice gives what normalizing once gives.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import orjson

from moorage.engine.amounts import IN_LIMITS, IN_TARGET, quantities, quantities_of_pods
from moorage.engine.defaulted import without_defaults
from moorage.model.identity import group_of
from moorage.model.manifest import Json, without
from moorage.model.words import DEPLOYMENT_REVISION_ANNOTATION, LAST_APPLIED_ANNOTATION

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
    "capabilities",
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
        for name, value in _without_empty_lists_about_it(body).items()
        if not _as_good_as_absent(name, after := _pruned(value, own_kind), own_kind)
    }


def _without_empty_lists_about_it(body: Json) -> Json:
    # Metadata is Kubernetes' own in every kind: it has no empty finalizers or owners.
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or [] not in metadata.values():
        return body
    return {**body, "metadata": {name: value for name, value in metadata.items() if value != []}}


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


_WORKLOAD = (quantities_of_pods("spec", "template", "spec"),)
_WEBHOOKS = (_webhooks_without_injected_bundles,)
_BY_KIND: dict[tuple[str, str], tuple[Normalizer, ...]] = {
    ("", "Secret"): (_secret_strings_as_data,),
    ("", "Endpoints"): (_endpoints_sorted,),
    ("", "Pod"): (quantities_of_pods("spec"),),
    ("", "PodTemplate"): (quantities_of_pods("template", "spec"),),
    ("", "ReplicationController"): _WORKLOAD,
    ("", "PersistentVolume"): (quantities(("spec", "capacity", "*")),),
    ("", "PersistentVolumeClaim"): (
        quantities(("spec", "resources", "requests", "*"), ("spec", "resources", "limits", "*")),
    ),
    ("", "ResourceQuota"): (quantities(("spec", "hard", "*")),),
    ("", "LimitRange"): (quantities(*(("spec", "limits", "*", name, "*") for name in IN_LIMITS)),),
    ("apps", "Deployment"): _WORKLOAD,
    ("apps", "ReplicaSet"): _WORKLOAD,
    ("apps", "DaemonSet"): _WORKLOAD,
    ("apps", "StatefulSet"): (
        *_WORKLOAD,
        quantities(("spec", "volumeClaimTemplates", "*", "spec", "resources", "requests", "*")),
    ),
    ("batch", "Job"): _WORKLOAD,
    ("batch", "CronJob"): (quantities_of_pods("spec", "jobTemplate", "spec", "template", "spec"),),
    ("argoproj.io", "Rollout"): _WORKLOAD,
    ("autoscaling", "HorizontalPodAutoscaler"): (quantities(*IN_TARGET),),
    ("rbac.authorization.k8s.io", "ClusterRole"): (_without_aggregated_rules,),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): (_crd_without_defaults,),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _WEBHOOKS,
    ("apiregistration.k8s.io", "APIService"): (_api_service_without_injected_bundle,),
}
