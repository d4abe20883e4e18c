"""
Which fields of an existing object may not change any more?
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox import faults, quantities
from moorage.sandbox.answers import Cause

_STATEFUL_SET = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_CLAIM = ("resources", "volumeAttributesClassName")
_POD = (
    "activeDeadlineSeconds",
    "terminationGracePeriodSeconds",
    "tolerations",
    "containers",
    "initContainers",
)
_POD_TOLD = (
    "spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
    "previously negative)"
)
_WHEN_SET = "field is immutable when `immutable` is set"


def selector(body: Json, before: Json) -> Iterator[Cause]:
    yield from faults.unchanged(before["spec"].get("selector"), body["spec"].get("selector"), "spec.selector")


def stateful_set(body: Json, before: Json) -> Iterator[Cause]:
    immutable = ("selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy")
    for name in immutable:
        yield from faults.unchanged(before["spec"].get(name), body["spec"].get(name), f"spec.{name}")
    rest = (*_STATEFUL_SET, *immutable)
    if _without(body["spec"], rest) != _without(before["spec"], rest):
        names = ", ".join(f"'{name}'" for name in _STATEFUL_SET[:-1])
        told = f"updates to statefulset spec for fields other than {names} and '{_STATEFUL_SET[-1]}' are forbidden"
        yield faults.forbidden("spec", told)


def job(body: Json, before: Json) -> Iterator[Cause]:
    held, spec = before["spec"], body["spec"]
    names = ["selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"]
    if spec.get("completionMode") != "Indexed":
        names.append("completions")
    # Of a suspended job a queue may still change what decides its place, and the resources.
    suspended = held.get("suspend") and not before.get("status", {}).get("startTime")
    if suspended and _fixed(held["template"]) != _fixed(spec["template"]):
        yield faults.invalid("spec.template.spec", spec["template"]["spec"], faults.IMMUTABLE)
    elif not suspended:
        names.append("template")
    for name in names:
        yield from faults.unchanged(held.get(name), spec.get(name), f"spec.{name}")


def _fixed(template: Json) -> Json:
    """Return of a template what may not even change while its job is suspended."""
    placing = ("nodeSelector", "tolerations", "schedulingGates", "affinity")
    spec = _without(template["spec"], (*placing, "containers", "initContainers"))
    for kind in ("containers", "initContainers"):
        spec[kind] = [_without(each, ("resources",)) for each in template["spec"].get(kind, ())]
    return spec


def service(body: Json, before: Json) -> Iterator[Cause]:
    held, spec = before["spec"], body["spec"]
    given = held.get("clusterIP")
    kept = "ExternalName" not in (held.get("type"), spec.get("type"))
    if kept and given and spec.get("clusterIP") != given:
        yield faults.invalid("spec.clusterIPs[0]", [spec.get("clusterIP")], "may not change once set")


def claim(body: Json, before: Json) -> Iterator[Cause]:
    free = _CLAIM if (body.get("status") or {}).get("phase") == "Bound" else ()
    held, spec = _without(before["spec"], free), _without(body["spec"], free)
    size, least = _storage(body["spec"].get("resources")), _storage(body.get("status"), "capacity")
    if free and size < _storage(before["spec"].get("resources")) and size <= least:
        told = "field can not be less than status.capacity"
        yield faults.forbidden("spec.resources.requests.storage", told)
    # Binding fills these in; until then they may be given by hand.
    for name in ("volumeName", "storageClassName"):
        if not held.get(name):
            held.pop(name, None)
            spec.pop(name, None)
    if held != spec:
        told = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
        yield faults.forbidden("spec", told)


def _storage(part: Any, name: str = "requests") -> float:
    return quantities.amount(((part or {}).get(name) or {}).get("storage", "0"))


def config_map(body: Json, before: Json) -> Iterator[Cause]:
    if not before.get("immutable"):
        return
    if not body.get("immutable"):
        yield faults.forbidden("immutable", _WHEN_SET)
    for name in ("data", "binaryData"):
        if (before.get(name) or {}) != (body.get(name) or {}):
            yield faults.forbidden(name, _WHEN_SET)


def secret(body: Json, before: Json) -> Iterator[Cause]:
    yield from faults.unchanged(before.get("type"), body.get("type"), "type")
    yield from config_map(body, before)


def role_binding(body: Json, before: Json) -> Iterator[Cause]:
    reference = body.get("roleRef") or {}
    if before.get("roleRef") != reference:
        # Printed as the server's own type.
        shown = {name[0].upper() + name[1:]: reference.get(name, "") for name in ("kind", "name")}
        yield faults.invalid(
            "roleRef", {"APIGroup": reference.get("apiGroup", ""), **shown}, faults.IMMUTABLE
        )


def pod(body: Json, before: Json) -> Iterator[Cause]:
    held, spec = before["spec"], body["spec"]
    placed = not held.get("nodeName")
    same = _without(held, (*_POD, "nodeName") if placed else _POD) == _without(
        spec, (*_POD, "nodeName") if placed else _POD
    )
    for kind in ("containers", "initContainers"):
        same = same and [_without(each, ("image",)) for each in held.get(kind, ())] == [
            _without(each, ("image",)) for each in spec.get(kind, ())
        ]
    if not same:
        yield faults.forbidden("spec", f"pod updates may not change fields other than `{_POD_TOLD}")


def storage_class(body: Json, before: Json) -> Iterator[Cause]:
    for name in ("parameters", "provisioner"):
        if (before.get(name) or {}) != (body.get(name) or {}):
            yield faults.forbidden(name, f"updates to {name} are forbidden.")
    for name in ("reclaimPolicy", "volumeBindingMode"):
        yield from faults.unchanged(before.get(name), body.get(name), name)


def priority_class(body: Json, before: Json) -> Iterator[Cause]:
    if before.get("value") != body.get("value"):
        yield faults.forbidden("value", "may not be changed in an update.")


def ingress_class(body: Json, before: Json) -> Iterator[Cause]:
    held, now = (before.get("spec") or {}).get("controller"), (body.get("spec") or {}).get("controller")
    yield from faults.unchanged(held, now, "spec.controller")


def definition(body: Json, before: Json) -> Iterator[Cause]:
    held, spec = before["spec"], body["spec"]
    yield from faults.unchanged(held.get("group"), spec.get("group"), "spec.group")
    yield from faults.unchanged(held.get("scope"), spec.get("scope"), "spec.scope")
    for name in ("kind", "plural"):
        path = f"spec.names.{name}"
        yield from faults.unchanged(held["names"].get(name), spec["names"].get(name), path)


def _without(value: Json, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name not in names}
