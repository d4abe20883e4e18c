"""
What does the API server add to an object after it has noted who wrote which field?

Addresses and ports, selectors of jobs, finalizers, tolerations, the priority of
a pod: nobody owns them. `defaults` comes before, and its additions are owned by
whoever wrote the object.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from moorage.model.identity import group_of
from moorage.model.manifest import Json

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
_GONE_NODES = ("not-ready", "unreachable")
_IMPORTANT = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}


def prepare(body: Json, before: Json | None) -> None:
    """Complete a body with its defaults that is about to be stored in place of `before`, None at creation."""
    rule = _RULES.get((group_of(body["apiVersion"]), body["kind"]))
    if rule is not None:
        rule(body, before)


def _set(target: Json, **values: Any) -> None:
    for name, value in values.items():
        target.setdefault(name, value)


def _pod(body: Json, before: Json | None) -> None:
    if before is not None:
        return
    spec = body["spec"]
    _set(spec, priority=_IMPORTANT.get(spec.get("priorityClassName", ""), 0))
    _set(spec, preemptionPolicy="PreemptLowerPriority")
    tolerations = spec.get("tolerations") or []
    for word in _GONE_NODES:
        key = f"node.kubernetes.io/{word}"
        if not any(_tolerates(each, key) for each in tolerations):
            tolerations = [
                *tolerations,
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            ]
    spec["tolerations"] = tolerations
    if spec.get("schedulingGates"):
        waits = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
            "lastProbeTime": None,
            "lastTransitionTime": body["metadata"]["creationTimestamp"],
        }
        body["status"] = {**(body.get("status") or {}), "conditions": [waits]}


def _tolerates(toleration: Json, key: str) -> bool:
    return bool(toleration.get("key", key) == key) and toleration.get("effect", "NoExecute") == "NoExecute"


def _service(body: Json, before: Json | None) -> None:
    spec = body["spec"]
    if spec["type"] == "ExternalName":
        return
    if before is not None:
        held = before["spec"]
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"):
            if name in held and not spec.get(name) and held.get("type") != "ExternalName":
                spec[name] = held[name]
        _keep_node_ports(spec, held)
    _allocate(body)
    _set(spec, clusterIPs=[spec["clusterIP"]])
    if spec["clusterIP"] == "None" and not spec.get("selector"):
        _set(spec, ipFamilies=["IPv4", "IPv6"], ipFamilyPolicy="RequireDualStack")
    _set(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")


def _keep_node_ports(spec: Json, held: Json) -> None:
    """Give ports that came without a node port the one they have had."""
    if spec["type"] not in ("NodePort", "LoadBalancer"):
        return
    known = {
        (each["port"], each.get("protocol")): each["nodePort"]
        for each in held.get("ports", ())
        if each.get("nodePort")
    }
    for port in spec.get("ports", ()):
        if not port.get("nodePort") and (port["port"], port.get("protocol")) in known:
            port["nodePort"] = known[port["port"], port.get("protocol")]


def _allocate(body: Json) -> None:
    """
    Give a service its address and node ports.

    They are made of its uid, so that they are there in the answer to the request
    and the same ever after, with nothing to keep.
    """
    spec, uid = body["spec"], body["metadata"]["uid"]
    number = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:8], "big")
    if not spec.get("clusterIP"):
        _, second, third, fourth = number.to_bytes(8, "big")[-4:]
        spec["clusterIP"] = f"10.{96 + second % 16}.{third}.{1 + fourth % 254}"
    given = spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True)
    if spec["type"] == "NodePort" or given:
        for index, port in enumerate(spec.get("ports", ())):
            if not port.get("nodePort"):
                port["nodePort"] = 30000 + (number + index) % 2768
        if spec.get("externalTrafficPolicy") == "Local" and spec["type"] == "LoadBalancer":
            _set(spec, healthCheckNodePort=30000 + (number + 1000) % 2768)


def _job(body: Json, before: Json | None) -> None:
    """Give the pods of a new job the labels that tell them from those of every other job."""
    spec, metadata = body["spec"], body["metadata"]
    if before is not None or spec.get("manualSelector"):
        return
    template = spec["template"].setdefault("metadata", {})
    shared = metadata.get("labels") == template.get("labels")
    labels = template.setdefault("labels", {})
    uid = metadata["uid"]
    for name, value in (("job-name", metadata["name"]), ("controller-uid", uid)):
        _set(labels, **{name: value, f"batch.kubernetes.io/{name}": value})
    # Labels of the template that the job took for its own are one map in the server.
    if shared:
        metadata["labels"] = dict(labels)
    _set(spec, selector={"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})


def _daemon_set(body: Json, before: Json | None) -> None:
    annotations = body["metadata"].setdefault("annotations", {})
    if before is None:
        annotations[TEMPLATE_GENERATION] = "1"
        return
    held = (before["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "1")
    changed = body["spec"]["template"] != before["spec"]["template"]
    annotations[TEMPLATE_GENERATION] = str(int(held) + 1) if changed else held


def _namespace(body: Json, before: Json | None) -> None:
    if before is None:
        body.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])


def _protected(name: str) -> Callable[[Json, Json | None], None]:
    def rule(body: Json, before: Json | None) -> None:
        if before is None:
            finalizers = body["metadata"].get("finalizers") or []
            if name not in finalizers:
                body["metadata"]["finalizers"] = [*finalizers, name]

    return rule


_RULES: dict[tuple[str, str], Callable[[Json, Json | None], None]] = {
    ("", "Pod"): _pod,
    ("", "Service"): _service,
    ("", "Namespace"): _namespace,
    ("", "PersistentVolume"): _protected("kubernetes.io/pv-protection"),
    ("", "PersistentVolumeClaim"): _protected("kubernetes.io/pvc-protection"),
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
}
