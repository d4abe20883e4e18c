"""
What would the controllers and the kubelet have told of, as Events?

Nobody calls this: it watches what changes and writes down what a person who
asks `kubectl events` expects to read. Telling the same of the same object
again counts up; the oldest events go when there are many.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from moorage.model.manifest import Json
from moorage.sandbox.workloads.conditions import holds
from moorage.sandbox.workloads.nodes import NODE
from moorage.sandbox.workloads.ports import (
    EVENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    Clock,
    Cluster,
    Event,
    Key,
    stamp,
)
from moorage.sandbox.workloads.templates import controller_of

LIMIT = 2_000
"""How many events are kept."""

_MAKERS = {
    "ReplicaSet": "replicaset-controller",
    "StatefulSet": "statefulset-controller",
    "DaemonSet": "daemonset-controller",
    "Job": "job-controller",
}


class Told(NamedTuple):
    """One thing to tell: of what, by whom, and whether to worry."""

    about: Json
    source: str
    reason: str
    message: str
    warning: bool = False


class Chronicle:
    """Writes Events about pods, and what makes and scales them."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._known: dict[tuple[str, str, str], Key] = {}
        self._number = 0
        cluster.follow(PODS, self._pod_told)
        cluster.follow(REPLICA_SETS, self._set_told)
        cluster.follow(JOBS, self._job_told)

    def start(self) -> None:
        """Take up the events of an earlier run."""
        for body in self._cluster.every(EVENTS):
            meta, about = body["metadata"], body.get("involvedObject") or {}
            key = Key(EVENTS, meta["namespace"], meta["name"])
            self._known[about.get("uid", ""), body.get("reason", ""), body.get("message", "")] = key

    def _pod_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        owner = controller_of(body)
        maker = _MAKERS.get(owner["kind"]) if owner else None
        if owner and maker and event != "MODIFIED":
            made, word = (
                ("SuccessfulCreate", "Created") if event == "ADDED" else ("SuccessfulDelete", "Deleted")
            )
            self._tell(_owner(owner, key.namespace), maker, made, f"{word} pod: {key.name}")
        if event == "MODIFIED" and before is not None:
            for told in _of_pod(body, before):
                self._tell(*told)

    def _set_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        owner = controller_of(body)
        if not owner or owner["kind"] != "Deployment" or event == "DELETED":
            return
        was = before["spec"]["replicas"] if before is not None else 0
        now = body["spec"]["replicas"]
        if was != now:
            message = f"Scaled {'up' if now > was else 'down'} replica set {key.name} from {was} to {now}"
            self._tell(_owner(owner, key.namespace), "deployment-controller", "ScalingReplicaSet", message)

    def _job_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event != "MODIFIED" or before is None:
            return
        if holds(body, "Complete") and not holds(before, "Complete"):
            self._tell(_about(body), "job-controller", "Completed", "Job completed")
        elif holds(body, "Failed") and not holds(before, "Failed"):
            failed = next(each for each in body["status"]["conditions"] if each["type"] == "Failed")
            self._tell(_about(body), "job-controller", failed["reason"], failed["message"], True)

    def _tell(self, about: Json, source: str, reason: str, message: str, warning: bool = False) -> None:
        now = self._clock.now()
        place = (about["uid"], reason, message)
        known = self._known.get(place)
        held = self._cluster.get(*known) if known else None
        if held is not None:
            self._cluster.replace(held, count=held["count"] + 1, lastTimestamp=stamp(now))
            return
        body = self._event(about, source, reason, message, warning, now)
        if self._cluster.note(EVENTS, body):
            meta = body["metadata"]
            self._known[place] = Key(EVENTS, meta["namespace"], meta["name"])
            self._forget()

    def _event(
        self, about: Json, source: str, reason: str, message: str, warning: bool, now: datetime
    ) -> Json:
        self._number += 1
        suffix = f"{int(now.timestamp() * 1000):x}{self._number:x}"
        return {
            "metadata": {"name": f"{about['name']}.{suffix}", "namespace": about["namespace"]},
            "involvedObject": about,
            "reason": reason,
            "message": message,
            "source": {"component": source, **({"host": NODE} if source == "kubelet" else {})},
            "firstTimestamp": stamp(now),
            "lastTimestamp": stamp(now),
            "count": 1,
            "type": "Warning" if warning else "Normal",
            "eventTime": None,
            "reportingComponent": source,
            "reportingInstance": NODE if source == "kubelet" else "",
        }

    def _forget(self) -> None:
        while len(self._known) > LIMIT:
            self._cluster.delete(self._known.pop(next(iter(self._known))))


def _of_pod(pod: Json, before: Json) -> Iterator[Told]:
    about = _about(pod)
    if pod["spec"].get("nodeName") and not before["spec"].get("nodeName"):
        where = f"{about['namespace']}/{about['name']}"
        yield Told(about, "default-scheduler", "Scheduled", f"Successfully assigned {where} to {NODE}")
    states = {each["name"]: each["state"] for each in before["status"].get("containerStatuses") or ()}
    for each in pod["status"].get("containerStatuses") or ():
        if each["state"] != states.get(each["name"]):
            yield from _of_container(about, each)


def _of_container(about: Json, status: Json) -> Iterator[Told]:
    name, image, state = status["name"], status["image"], status["state"]
    here = {**about, "fieldPath": f"spec.containers{{{name}}}"}
    reason = state.get("waiting", {}).get("reason", "")
    if reason == "ImagePullBackOff":
        yield Told(
            here, "kubelet", "Failed", f'Failed to pull image "{image}": the sandbox was told to fail', True
        )
        yield Told(here, "kubelet", "BackOff", f'Back-off pulling image "{image}"', True)
    elif reason == "CrashLoopBackOff":
        yield Told(here, "kubelet", "BackOff", f"Back-off restarting failed container {name}", True)
    elif "running" in state:
        yield Told(here, "kubelet", "Started", f"Container started: {name}")
        if not status["ready"]:
            yield Told(
                here, "kubelet", "Unhealthy", "Readiness probe failed: the sandbox was told to fail", True
            )


def _about(body: Json) -> Json:
    meta = body["metadata"]
    return {
        "kind": body["kind"],
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": body["apiVersion"],
    }


def _owner(owner: Json, namespace: str) -> Any:
    return {
        "kind": owner["kind"],
        "namespace": namespace,
        **{n: owner[n] for n in ("name", "uid", "apiVersion")},
    }
