"""
Which words does ``kubectl get`` show of configuration, storage and the cluster itself?
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox.cells.words import NONE, UNSET, Since, age, joined, meta, name, part
from moorage.sandbox.durations import duration
from moorage.sandbox.eventforms import to_core


def config_map(body: Json) -> list[Any]:
    return [name(body), len(body.get("data") or ()) + len(body.get("binaryData") or ()), age(body)]


def secret(body: Json) -> list[Any]:
    return [name(body), body.get("type", "Opaque"), len(body.get("data") or ()), age(body)]


def service_account(body: Json) -> list[Any]:
    return [name(body), age(body)]


def namespace(body: Json) -> list[Any]:
    return [name(body), part(body, "status").get("phase", ""), age(body)]


def node(body: Json) -> list[Any]:
    status = part(body, "status")
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions") or ())
    word = "Ready" if ready else "NotReady"
    if part(body, "spec").get("unschedulable"):
        word += ",SchedulingDisabled"
    mark = "node-role.kubernetes.io/"
    roles = sorted(
        label.removeprefix(mark) for label in meta(body).get("labels") or () if label.startswith(mark)
    )
    told = status.get("nodeInfo") or {}
    addresses = {each["type"]: each["address"] for each in status.get("addresses") or ()}
    return [
        name(body),
        word,
        joined(roles),
        age(body),
        told.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        told.get("osImage") or "<unknown>",
        told.get("kernelVersion") or "<unknown>",
        told.get("containerRuntimeVersion") or "<unknown>",
    ]


_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _modes(modes: Iterable[str] | None) -> str:
    return ",".join(_MODES.get(mode, mode) for mode in modes or ())


def volume(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    claim = spec.get("claimRef") or {}
    return [
        name(body),
        (spec.get("capacity") or {}).get("storage", ""),
        _modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        "Terminating" if meta(body).get("deletionTimestamp") else status.get("phase", ""),
        f"{claim['namespace']}/{claim['name']}" if claim else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        status.get("reason", ""),
        age(body),
        spec.get("volumeMode") or UNSET,
    ]


def claim(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    bound = bool(spec.get("volumeName"))
    return [
        name(body),
        "Terminating" if meta(body).get("deletionTimestamp") else status.get("phase", ""),
        spec.get("volumeName", ""),
        (status.get("capacity") or {}).get("storage", "") if bound else "",
        _modes(status.get("accessModes")) if bound else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        age(body),
        spec.get("volumeMode") or UNSET,
    ]


def event(body: Json) -> list[Any]:
    about, source = body.get("involvedObject") or {}, body.get("source") or {}
    first = body.get("firstTimestamp") or body.get("eventTime") or ""
    last = (body.get("series") or {}).get("lastObservedTime") or body.get("lastTimestamp") or first
    reporter = [source.get("component") or body.get("reportingComponent"), source.get("host")]
    return [
        Since(last),
        body.get("type", ""),
        body.get("reason", ""),
        f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        ", ".join(part for part in reporter if part),
        str(body.get("message", "")).strip(),
        Since(first),
        body.get("count") or (body.get("series") or {}).get("count") or 1,
        name(body),
    ]


def fresh_event(body: Json) -> list[Any]:
    return event(to_core(body))


def quota(body: Json) -> list[Any]:
    status = part(body, "status")
    hard, used = status.get("hard") or {}, status.get("used") or {}
    shown = [f"{each}: {used.get(each, '0')}/{value}" for each, value in sorted(hard.items())]
    limits = [text for text in shown if text.startswith("limits.")]
    return [name(body), ", ".join(t for t in shown if t not in limits), ", ".join(limits), age(body)]


def role_binding(body: Json) -> list[Any]:
    role = body.get("roleRef") or {}
    subjects = body.get("subjects") or ()
    named = {kind: [s["name"] for s in subjects if s.get("kind") == kind] for kind in ("User", "Group")}
    accounts = [
        f"{s.get('namespace', '')}/{s['name']}" for s in subjects if s.get("kind") == "ServiceAccount"
    ]
    return [
        name(body),
        f"{role.get('kind', '')}/{role.get('name', '')}",
        age(body),
        ", ".join(named["User"]),
        ", ".join(named["Group"]),
        ", ".join(accounts),
    ]


def storage_class(body: Json) -> list[Any]:
    annotations = meta(body).get("annotations") or {}
    main = annotations.get("storageclass.kubernetes.io/is-default-class") == "true"
    return [
        f"{name(body)} (default)" if main else name(body),
        body.get("provisioner", ""),
        body.get("reclaimPolicy", "Delete"),
        body.get("volumeBindingMode") or UNSET,
        bool(body.get("allowVolumeExpansion")),
        age(body),
    ]


def priority_class(body: Json) -> list[Any]:
    return [
        name(body),
        body.get("value", 0),
        bool(body.get("globalDefault")),
        age(body),
        body.get("preemptionPolicy", ""),
    ]


def lease(body: Json) -> list[Any]:
    return [name(body), part(body, "spec").get("holderIdentity", ""), age(body)]


def api_service(body: Json) -> list[Any]:
    backend = part(body, "spec").get("service")
    available = next(
        (c for c in part(body, "status").get("conditions") or () if c["type"] == "Available"), None
    )
    shown = "Unknown"
    if available:
        shown = available["status"]
        if shown != "True" and available.get("reason"):
            shown = f"{shown} ({available['reason']})"
    return [
        name(body),
        f"{backend['namespace']}/{backend['name']}" if backend else "Local",
        shown,
        age(body),
    ]


def webhooks(body: Json) -> list[Any]:
    return [name(body), len(body.get("webhooks") or ()), age(body)]


def signing_request(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    words = [c["type"] for c in status.get("conditions") or ()] or ["Pending"]
    if status.get("certificate"):
        words.append("Issued")
    seconds = spec.get("expirationSeconds")
    return [
        name(body),
        age(body),
        spec.get("signerName", ""),
        spec.get("username", ""),
        duration(int(seconds)) if seconds else NONE,
        ",".join(words),
    ]
