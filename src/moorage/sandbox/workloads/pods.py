"""
What happens to a pod: it is scheduled, starts, becomes ready, ends or fails.

A pod is pending for a while (`ready_after`, or its annotation) and then as its
``fail`` annotation says, or well. Pods of jobs, and others that are not to be
restarted, end instead of becoming ready. Changing the annotations of a running
pod changes its fate at once, so it can be broken and healed by hand.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox.workloads.conditions import condition, holds, put
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.nodes import NODE, NODE_ADDRESS
from moorage.sandbox.workloads.ports import PODS, Cluster, Event, Key, moment, stamp

READY_AFTER = "sandbox.moorage.dev/ready-after"
FAIL = "sandbox.moorage.dev/fail"

_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


def seconds(text: str, otherwise: float) -> float:
    """Return the seconds a time such as ``2s``, ``500ms`` or ``1m`` means."""
    found = _TIME.fullmatch(text.strip())
    return float(found[1]) * _SECONDS[found[2]] if found else otherwise


class Pods:
    """The sandbox's kubelet and scheduler."""

    def __init__(self, cluster: Cluster, driver: Driver, ready_after: float) -> None:
        self._cluster = cluster
        self._driver = driver
        self.ready_after = ready_after
        cluster.follow(PODS, self._told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        let = before is not None and _gated(before) and not _gated(body)
        if event == "ADDED" or let or (before is not None and _wishes(body) != _wishes(before)):
            self._driver.soon(self.look, key)

    def look(self, key: Key) -> None:
        """Move a pod to the state its annotations and its age call for."""
        pod = self._cluster.get(*key)
        if pod is None or pod["metadata"].get("deletionTimestamp") or _over(pod):
            return
        if _gated(pod):
            return
        delay = seconds(_wishes(pod)[0], self.ready_after)
        started = pod["status"].get("startTime")
        now = self._driver.clock.now()
        waited = (now - moment(started)).total_seconds() if started else 0.0
        if delay > waited and not _settled(pod):
            if not started:
                self._place(pod, _starting(pod, now), now)
            self._driver.later(delay - waited, self.finish, key)
            return
        self.finish(key)

    def finish(self, key: Key) -> None:
        """Give a pod the state it ends up in."""
        pod = self._cluster.get(*key)
        if pod is None or pod["metadata"].get("deletionTimestamp") or _over(pod):
            return
        now = self._driver.clock.now()
        fate = _wishes(pod)[1]
        if fate in _FATES:
            status = _FATES[fate](pod, now)
        elif fate == "job-failed":
            status = _ended(pod, now, failed=True)
        elif pod["spec"].get("restartPolicy", "Always") != "Always":
            status = _ended(pod, now, failed=False)
        else:
            status = _ready(pod, now)
        self._place(pod, status, now)

    def _place(self, pod: Json, status: Json, now: datetime) -> None:
        held = pod["status"]
        kept = {name: held[name] for name in ("qosClass",) if name in held}
        address = {"hostIP": NODE_ADDRESS, "hostIPs": [{"ip": NODE_ADDRESS}]}
        status = {**kept, **address, "startTime": held.get("startTime") or stamp(now), **status}
        status["conditions"] = put(held.get("conditions"), status["conditions"], now)
        self._cluster.replace(
            pod, spec={**pod["spec"], "nodeName": pod["spec"].get("nodeName") or NODE}, status=status
        )


def _wishes(pod: Json) -> tuple[str, str]:
    annotations = pod["metadata"].get("annotations") or {}
    return annotations.get(READY_AFTER, ""), annotations.get(FAIL, "")


def _gated(pod: Json) -> bool:
    """Return whether somebody else must let a pod be scheduled first."""
    return bool(pod["spec"].get("schedulingGates"))


def _over(pod: Json) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def _settled(pod: Json) -> bool:
    return holds(pod, "Ready") or pod["status"].get("phase") == "Running"


def is_ready(pod: Json) -> bool:
    """Return whether a pod serves."""
    return holds(pod, "Ready") and not pod["metadata"].get("deletionTimestamp")


def ready_since(pod: Json) -> datetime | None:
    """Return since when a pod is ready, None when it is not."""
    for each in pod["status"].get("conditions") or ():
        if each["type"] == "Ready" and each["status"] == "True":
            return moment(each["lastTransitionTime"])
    return None


def address_of(pod: Json) -> str:
    """Return the address a pod has: made of its uid, so that it survives restarts."""
    if pod["spec"].get("hostNetwork"):
        return NODE_ADDRESS
    number = int.from_bytes(hashlib.sha256(pod["metadata"]["uid"].encode()).digest()[:2], "big")
    return f"10.244.{number // 254 % 256}.{number % 254 + 1}"


# --- the states ----------------------------------------------------------------------------------


def _conditions(
    *, initialized: bool = True, ready: bool = False, reason: str = "", message: str = ""
) -> list[Json]:
    why = (reason, message) if not ready else ("", "")
    return [
        condition("PodReadyToStartContainers", True),
        condition("Initialized", initialized, "" if initialized else "ContainersNotInitialized"),
        condition("Ready", ready, *why),
        condition("ContainersReady", ready, *why),
        condition("PodScheduled", True),
    ]


def _unready(pod: Json) -> Json:
    names = " ".join(each["name"] for each in pod["spec"].get("containers", ()))
    return {"reason": "ContainersNotReady", "message": f"containers with unready status: [{names}]"}


def _statuses(
    containers: Any, state: Json, *, ready: bool = False, started: bool = False, **more: Any
) -> list[Json]:
    return [
        {
            "name": each["name"],
            "image": each.get("image", ""),
            "imageID": _image_id(each.get("image", "")) if "waiting" not in state else "",
            "lastState": {},
            "ready": ready,
            "restartCount": 0,
            "started": started,
            "state": state,
            **more,
        }
        for each in containers or ()
    ]


def _image_id(image: str) -> str:
    return f"{image.partition('@')[0]}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def _finished(now: datetime, started: str, code: int, reason: str) -> Json:
    return {
        "terminated": {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": stamp(now)}
    }


def _initialized(pod: Json, now: datetime) -> Json:
    first = pod["spec"].get("initContainers")
    if not first:
        return {}
    ended = _finished(now, pod["status"].get("startTime") or stamp(now), 0, "Completed")
    statuses = []
    for container in first:
        # An init container that restarts always is a sidecar: it stays and is ready.
        stays = container.get("restartPolicy") == "Always"
        state = {"running": {"startedAt": stamp(now)}} if stays else ended
        statuses += _statuses([container], state, ready=True, started=stays)
    return {"initContainerStatuses": statuses}


def _starting(pod: Json, now: datetime) -> Json:
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    return {
        "phase": "Pending",
        "conditions": _conditions(**_unready(pod)),
        **_initialized(pod, now),
        "containerStatuses": _statuses(pod["spec"].get("containers"), waiting),
    }


def _running(pod: Json, now: datetime) -> Json:
    address = address_of(pod)
    return {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], **_initialized(pod, now)}


def _ready(pod: Json, now: datetime) -> Json:
    state = {"running": {"startedAt": stamp(now)}}
    return {
        **_running(pod, now),
        "conditions": _conditions(ready=True),
        "containerStatuses": _statuses(pod["spec"].get("containers"), state, ready=True, started=True),
    }


def _never_ready(pod: Json, now: datetime) -> Json:
    state = {"running": {"startedAt": stamp(now)}}
    return {
        **_running(pod, now),
        "conditions": _conditions(**_unready(pod)),
        "containerStatuses": _statuses(pod["spec"].get("containers"), state, started=True),
    }


def _image_pull(pod: Json, now: datetime) -> Json:
    statuses = []
    for container in pod["spec"].get("containers", ()):
        message = f'Back-off pulling image "{container.get("image", "")}"'
        statuses += _statuses([container], {"waiting": {"reason": "ImagePullBackOff", "message": message}})
    return {
        "phase": "Pending",
        "conditions": _conditions(**_unready(pod)),
        **_initialized(pod, now),
        "containerStatuses": statuses,
    }


def _crash_loop(pod: Json, now: datetime) -> Json:
    last = _finished(now, pod["status"].get("startTime") or stamp(now), 1, "Error")
    statuses = []
    for container in pod["spec"].get("containers", ()):
        where = f"{container['name']} pod={pod['metadata']['name']}_{pod['metadata']['namespace']}"
        message = f"back-off 10s restarting failed container={where}"
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        statuses += _statuses([container], state, restartCount=1, lastState=last)
    return {**_running(pod, now), "conditions": _conditions(**_unready(pod)), "containerStatuses": statuses}


def _ended(pod: Json, now: datetime, *, failed: bool) -> Json:
    reason = "PodFailed" if failed else "PodCompleted"
    started = pod["status"].get("startTime") or stamp(now)
    state = _finished(now, started, 1 if failed else 0, "Error" if failed else "Completed")
    address = address_of(pod)
    return {
        "phase": "Failed" if failed else "Succeeded",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": _conditions(reason=reason),
        **_initialized(pod, now),
        "containerStatuses": _statuses(pod["spec"].get("containers"), state),
    }


_FATES = {"image-pull": _image_pull, "crash-loop": _crash_loop, "never-ready": _never_ready}
