"""
What is wrong with an object of a built-in kind?

Asked with the body as it would be stored, defaults and all, and with what it
replaces. Fields the type does not have, and values it cannot hold, were found
before by `shapes`; here are the rules beyond types, in the server's own words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from moorage.model.identity import group_of
from moorage.model.manifest import Json
from moorage.sandbox import crdfaults, faults, immutables, objectfaults, workloadfaults
from moorage.sandbox.answers import Cause
from moorage.sandbox.shapes import Shape, shape_of

Check = Callable[[Json], Iterator[Cause]]
Change = Callable[[Json, Json], Iterator[Cause]]


def validate(body: Json, before: Json | None = None, subresource: str = "") -> list[Cause]:
    """
    Return what is wrong with `body`, each fault once.

    Args:
        body: The object with its defaults; of a kind not built in, nothing is wrong.
        before: What it replaces, None at creation.
        subresource: The part that is written; a status is taken as it is.
    """
    if subresource:
        return []
    group, kind = group_of(body["apiVersion"]), body["kind"]
    shape = shape_of(body["apiVersion"], kind)
    if shape is None:
        return []
    found = (
        []
        if before is not None and before.get("spec") is body.get("spec")
        else list(_missing(body, shape, ""))
    )
    # A check by hand tells more than "required", so it goes first and wins.
    told = list(_CHECKS[group, kind](body)) if (group, kind) in _CHECKS else []
    if before is not None and (group, kind) in _CHANGES:
        told += _CHANGES[group, kind](body, before)
    paths = {cause.get("field") for cause in told}
    told += [cause for cause in found if cause["field"] not in paths]
    return list({(cause.get("field"), cause["message"]): cause for cause in told}.values())


# Lists the API allows to be left out although their type says they are required.
_OPTIONAL = frozenset(
    {
        ("Role", "rules"),
        ("ClusterRole", "rules"),
        ("EndpointSlice", "endpoints"),
        ("RoleBinding", "roleRef"),
        ("ClusterRoleBinding", "roleRef"),
        ("StatefulSetSpec", "serviceName"),
    }
)
_COUNTED = frozenset({"port", "maxReplicas", "maxSkew"})
_SKIPPED = frozenset({"status", "metadata"})


def _missing(value: Any, shape: Shape, path: str) -> Iterator[Cause]:
    """Yield the fields that must be there and are not. Numbers may be zero, which is how Go reads an absent one."""
    if not _demanding(shape):
        return
    if shape.form == "object" and isinstance(value, dict):
        for name in shape.required:
            below = shape.fields[name]
            demanded = below.form not in ("integer", "number", "boolean") or name in _COUNTED
            if (
                name not in value
                and demanded
                and (shape.name, name) not in _OPTIONAL
                and name not in _SKIPPED
            ):
                yield faults.required(f"{path}.{name}" if path else name)
        for name, each in value.items():
            if name not in _SKIPPED and name in shape.fields:
                yield from _missing(each, shape.fields[name], f"{path}.{name}" if path else name)
    elif shape.item is not None and isinstance(value, list):
        for index, each in enumerate(value):
            yield from _missing(each, shape.item, f"{path}[{index}]")
    elif shape.item is not None and isinstance(value, dict):
        for name, each in value.items():
            yield from _missing(each, shape.item, f"{path}[{name}]")


@cache
def _demanding(shape: Shape) -> bool:
    """Return whether anything below a shape is required, so that free-form data is not walked in vain."""
    seen: set[int] = set()
    left = [shape]
    while left:
        each = left.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if each.required:
            return True
        left += [below for name, below in each.fields.items() if name not in _SKIPPED]
        left += [each.item] if each.item is not None else []
    return False


_RBAC = "rbac.authorization.k8s.io"
_CHECKS: dict[tuple[str, str], Check] = {
    ("", "Pod"): workloadfaults.pod,
    ("apps", "Deployment"): workloadfaults.deployment,
    ("apps", "ReplicaSet"): workloadfaults.replica_set,
    ("apps", "DaemonSet"): workloadfaults.daemon_set,
    ("apps", "StatefulSet"): workloadfaults.stateful_set,
    ("batch", "Job"): workloadfaults.job,
    ("batch", "CronJob"): workloadfaults.cron_job,
    ("autoscaling", "HorizontalPodAutoscaler"): workloadfaults.autoscaler,
    ("policy", "PodDisruptionBudget"): workloadfaults.budget,
    ("", "Service"): objectfaults.service,
    ("networking.k8s.io", "Ingress"): objectfaults.ingress,
    ("", "ConfigMap"): objectfaults.config_map,
    ("", "Secret"): objectfaults.secret,
    ("", "PersistentVolumeClaim"): objectfaults.claim,
    ("", "PersistentVolume"): objectfaults.volume,
    (_RBAC, "Role"): objectfaults.role,
    (_RBAC, "ClusterRole"): objectfaults.role,
    (_RBAC, "RoleBinding"): objectfaults.role_binding,
    (_RBAC, "ClusterRoleBinding"): objectfaults.role_binding,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): crdfaults.definition,
}
_CHANGES: dict[tuple[str, str], Change] = {
    ("", "Pod"): immutables.pod,
    ("apps", "Deployment"): immutables.selector,
    ("apps", "ReplicaSet"): immutables.selector,
    ("apps", "DaemonSet"): immutables.selector,
    ("apps", "StatefulSet"): immutables.stateful_set,
    ("batch", "Job"): immutables.job,
    ("", "Service"): immutables.service,
    ("", "PersistentVolumeClaim"): immutables.claim,
    ("", "ConfigMap"): immutables.config_map,
    ("", "Secret"): immutables.secret,
    (_RBAC, "RoleBinding"): immutables.role_binding,
    (_RBAC, "ClusterRoleBinding"): immutables.role_binding,
    ("storage.k8s.io", "StorageClass"): immutables.storage_class,
    ("scheduling.k8s.io", "PriorityClass"): immutables.priority_class,
    ("networking.k8s.io", "IngressClass"): immutables.ingress_class,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): immutables.definition,
}
