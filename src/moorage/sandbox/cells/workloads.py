"""
Which words does ``kubectl get`` show of pods and of what makes pods?
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox.cells.words import NONE, UNSET, Since, age, joined, labels, meta, name, part, selector
from moorage.sandbox.durations import duration


def _template(body: Json) -> tuple[str, str]:
    spec = part(part(part(body, "spec"), "template"), "spec")
    containers = spec.get("containers") or ()
    return joined(each["name"] for each in containers), joined(each.get("image", "") for each in containers)


def pod(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    held = status.get("containerStatuses") or []
    restarts = sum(each.get("restartCount", 0) for each in held)
    gates = spec.get("readinessGates") or []
    return [
        name(body),
        f"{sum(bool(each.get('ready')) for each in held)}/{len(spec.get('containers') or ())}",
        _pod_status(body),
        str(restarts),
        age(body),
        status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"0/{len(gates)}" if gates else NONE,
    ]


def _pod_status(body: Json) -> str:
    status = part(body, "status")
    if meta(body).get("deletionTimestamp"):
        return "Terminating"
    reason = status.get("reason") or status.get("phase") or "Unknown"
    starting = status.get("initContainerStatuses") or []
    for index, each in enumerate(starting):
        state = each.get("state") or {}
        if "waiting" in state and state["waiting"].get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{state['waiting']['reason']}"
        if "terminated" not in state:
            return f"Init:{index}/{len(starting)}"
    for each in reversed(status.get("containerStatuses") or []):
        state = each.get("state") or {}
        told = (state.get("waiting") or state.get("terminated") or {}).get("reason")
        reason = told or reason
    return str(reason)


def deployment(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    return [
        name(body),
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(body),
        *_template(body),
        selector(spec.get("selector")),
    ]


def replica_set(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    told = spec.get("selector") or {}
    shown = selector(told) if body.get("kind") == "ReplicaSet" else labels(told)
    return [
        name(body),
        spec.get("replicas", 1),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age(body),
        *_template(body),
        shown,
    ]


def stateful_set(body: Json) -> list[Any]:
    ready = f"{part(body, 'status').get('readyReplicas', 0)}/{part(body, 'spec').get('replicas', 1)}"
    return [name(body), ready, age(body), *_template(body)]


def daemon_set(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    node_selector = part(part(spec, "template"), "spec").get("nodeSelector")
    return [
        name(body),
        status.get("desiredNumberScheduled", 0),
        status.get("currentNumberScheduled", 0),
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        status.get("numberAvailable", 0),
        labels(node_selector),
        age(body),
        *_template(body),
        selector(spec.get("selector")),
    ]


def controller_revision(body: Json) -> list[Any]:
    owner = next((each for each in meta(body).get("ownerReferences") or () if each.get("controller")), None)
    controller = NONE
    if owner:
        group = owner["apiVersion"].rpartition("/")[0]
        controller = f"{owner['kind'].lower()}{'.' + group if group else ''}/{owner['name']}"
    return [name(body), controller, body.get("revision", 0), age(body)]


def job(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    succeeded = status.get("succeeded", 0)
    wanted = spec.get("completions")
    done = f"{succeeded}/{wanted}" if wanted is not None else f"{succeeded}/1 of {spec.get('parallelism', 1)}"
    return [
        name(body),
        _job_state(body),
        done,
        _job_duration(status),
        age(body),
        *_template(body),
        selector(spec.get("selector")),
    ]


def _job_state(body: Json) -> str:
    held = {c["type"]: c["status"] for c in part(body, "status").get("conditions") or ()}
    for word in ("Complete", "Failed"):
        if held.get(word) == "True":
            return word
    if meta(body).get("deletionTimestamp"):
        return "Terminating"
    for word, shown in (
        ("Suspended", "Suspended"),
        ("FailureTarget", "FailureTarget"),
        ("SuccessCriteriaMet", "SuccessCriteriaMet"),
    ):
        if held.get(word) == "True":
            return shown
    return "Running"


def _job_duration(status: Json) -> Any:
    start = status.get("startTime")
    if not start:
        return ""
    end = status.get("completionTime")
    if not end:
        return Since(start)
    return duration(int((_moment(end) - _moment(start)).total_seconds()))


def _moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp.replace("Z", "+00:00"))


def cron_job(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    inner = part(part(spec, "jobTemplate"), "spec")
    last = status.get("lastScheduleTime")
    return [
        name(body),
        spec.get("schedule", ""),
        spec.get("timeZone") or NONE,
        str(bool(spec.get("suspend"))),
        len(status.get("active") or ()),
        Since(last) if last else NONE,
        age(body),
        *_template({"spec": inner}),
        selector(inner.get("selector")),
    ]


def autoscaler(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    target = spec.get("scaleTargetRef") or {}
    return [
        name(body),
        f"{target.get('kind', '')}/{target.get('name', '')}",
        joined(_metric(each) for each in spec.get("metrics") or ()).replace(",", ", "),
        str(spec.get("minReplicas", UNSET)),
        str(spec.get("maxReplicas", "")),
        status.get("currentReplicas", 0),
        age(body),
    ]


def _metric(metric: Json) -> str:
    inner = metric.get("resource") or metric.get("containerResource") or {}
    wanted = inner.get("target") or {}
    if "averageUtilization" in wanted:
        return f"{inner.get('name', '')}: <unknown>/{wanted['averageUtilization']}%"
    return f"<unknown>/{wanted.get('averageValue', wanted.get('value', '<auto>'))}"


def budget(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    return [
        name(body),
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        status.get("disruptionsAllowed", 0),
        age(body),
    ]
