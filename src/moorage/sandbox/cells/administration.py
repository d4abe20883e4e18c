"""
Which words does ``kubectl get`` show of the kinds that administrators deal with?

One function a kind, cells in the order of its columns.
"""

from __future__ import annotations

from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox.cells.words import NONE, UNSET, Since, age, joined, labels, name, part, selector


def component(body: Json) -> list[Any]:
    healthy: Json = next((each for each in body.get("conditions") or () if each.get("type") == "Healthy"), {})
    words = {"True": "Healthy", "False": "Unhealthy"}
    told = words.get(healthy.get("status", ""), "Unknown")
    return [name(body), told, healthy.get("message", ""), healthy.get("error", "")]


def pod_template(body: Json) -> list[Any]:
    template = part(body, "template")
    containers = part(template, "spec").get("containers") or ()
    names = joined(each["name"] for each in containers)
    images = joined(each.get("image", "") for each in containers)
    return [name(body), names, images, labels(part(template, "metadata").get("labels"))]


def driver(body: Json) -> list[Any]:
    spec = part(body, "spec")
    requests = spec.get("tokenRequests")
    return [
        name(body),
        spec.get("attachRequired", True),
        spec.get("podInfoOnMount", False),
        spec.get("storageCapacity", False),
        UNSET if requests is None else ",".join(each.get("audience", "") for each in requests),
        spec.get("requiresRepublish", False),
        joined(spec.get("volumeLifecycleModes") or ()),
        age(body),
    ]


def runtime_class(body: Json) -> list[Any]:
    return [name(body), body.get("handler", ""), age(body)]


def attachment(body: Json) -> list[Any]:
    spec = part(body, "spec")
    return [
        name(body),
        spec.get("attacher", ""),
        part(spec, "source").get("persistentVolumeName", ""),
        spec.get("nodeName", ""),
        part(body, "status").get("attached", False),
        age(body),
    ]


def storage_node(body: Json) -> list[Any]:
    return [name(body), len(part(body, "spec").get("drivers") or ()), age(body)]


def attributes_class(body: Json) -> list[Any]:
    return [name(body), body.get("driverName", ""), age(body)]


def admission_policy(body: Json) -> list[Any]:
    spec = part(body, "spec")
    rules = spec.get("validations") or spec.get("mutations") or ()
    kind = spec.get("paramKind")
    shown = f"{kind.get('apiVersion', '')}/{kind.get('kind', '')}" if kind else UNSET
    return [name(body), len(rules), shown, age(body)]


def admission_binding(body: Json) -> list[Any]:
    spec = part(body, "spec")
    reference = spec.get("paramRef") or {}
    shown = UNSET
    if reference.get("name"):
        shown = f"{reference.get('namespace') or '*'}/{reference['name']}"
    elif reference.get("selector") is not None:
        shown = selector(reference["selector"])
    return [name(body), spec.get("policyName", ""), shown, age(body)]


def flow_schema(body: Json) -> list[Any]:
    spec, conditions = part(body, "spec"), part(body, "status").get("conditions") or ()
    return [
        name(body),
        part(spec, "priorityLevelConfiguration").get("name", ""),
        spec.get("matchingPrecedence", 0),
        part(spec, "distinguisherMethod").get("type", NONE),
        age(body),
        next((each["status"] for each in conditions if each["type"] == "Dangling"), "?"),
    ]


def priority_level(body: Json) -> list[Any]:
    spec = part(body, "spec")
    limited = part(spec, "limited")
    queuing = part(part(limited, "limitResponse"), "queuing")
    return [
        name(body),
        spec.get("type", ""),
        limited.get("nominalConcurrencyShares", NONE),
        *(queuing.get(each, NONE) for each in ("queues", "handSize", "queueLengthLimit")),
        age(body),
    ]


def resource_claim(body: Json) -> list[Any]:
    status, leaving = part(body, "status"), bool(part(body, "metadata").get("deletionTimestamp"))
    states = ["deleted"] if leaving else []
    if status.get("allocation"):
        states += ["allocated", "reserved"] if status.get("reservedFor") else ["allocated"]
    elif not leaving:
        states.append("pending")
    return [name(body), ",".join(states), age(body)]


def resource_slice(body: Json) -> list[Any]:
    spec = part(body, "spec")
    pool = part(spec, "pool").get("name", "")
    return [name(body), spec.get("nodeName", ""), spec.get("driver", ""), pool, age(body)]


def service_range(body: Json) -> list[Any]:
    return [name(body), ",".join(part(body, "spec").get("cidrs") or ()), age(body)]


def address(body: Json) -> list[Any]:
    parent = part(body, "spec").get("parentRef")
    shown = NONE
    if parent:
        group = f".{parent['group']}" if parent.get("group") else ""
        place = f"/{parent['namespace']}" if parent.get("namespace") else ""
        shown = f"{parent['resource']}{group}".lower() + f"{place}/{parent['name']}"
    # The server gives an age here, although it names no column for it.
    return [name(body), shown, age(body)]


def definition(body: Json) -> list[Any]:
    spec, conditions = part(body, "spec"), part(body, "status").get("conditions") or ()
    names = part(spec, "names")
    versions = [
        f"{each['name']}(storage)" if each.get("storage") else each["name"]
        for each in spec.get("versions") or ()
        if each.get("served")
    ]
    return [
        name(body),
        spec.get("scope", ""),
        ",".join(sorted(versions)),
        part(body, "metadata").get("creationTimestamp", ""),
        spec.get("group", ""),
        names.get("kind", ""),
        ",".join(names.get("shortNames") or ()),
        any(each["type"] == "Established" and each["status"] == "True" for each in conditions),
    ]


def trust_bundle(body: Json) -> list[Any]:
    return [name(body), part(body, "spec").get("signerName", "")]


def pod_certificate(body: Json) -> list[Any]:
    spec, conditions = part(body, "spec"), part(body, "status").get("conditions") or ()
    states = [each["type"] for each in conditions if each["type"] in ("Issued", "Denied", "Failed")]
    fields = ("podName", "serviceAccountName", "nodeName", "signerName")
    shown = [spec.get(each, "") for each in fields]
    return [
        name(body),
        *shown,
        states[-1] if states else "Pending",
        labels(spec.get("unverifiedUserAnnotations")),
    ]


def device_taint(body: Json) -> list[Any]:
    taint = part(part(body, "spec"), "taint")
    added = Since(taint["timeAdded"]) if taint.get("timeAdded") else ""
    return [name(body), *(taint.get(each, "") for each in ("key", "value", "effect")), added, age(body)]


def storage_migration(body: Json) -> list[Any]:
    resource = part(part(body, "spec"), "resource")
    group = f".{resource['group']}" if resource.get("group") else ""
    held = [c["type"] for c in part(body, "status").get("conditions") or () if c["status"] == "True"]
    return [name(body), f"{resource.get('resource', '')}{group}", held[-1] if held else "Pending"]
