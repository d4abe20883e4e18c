"""What status does a kubelet write for a pod: a well one, a finished one, a sick one?"""

from __future__ import annotations

from typing import Any

FAIL = "sandbox.moorage.dev/fail"
FAILURES = ("image-pull", "crash-loop", "never-ready", "job-failed")


def pod_status(pod: dict[str, Any], failure: str, address: str, now: str) -> dict[str, Any]:
    """
    Return the status of a pod on a node at the time `now`.

    Without a failure a pod runs and is ready, or has succeeded when it is one
    that ends (its restart policy is not Always).
    """
    spec = pod["spec"]
    ends = spec.get("restartPolicy", "Always") != "Always"
    phase = _phase(failure, ends=ends)
    ready = phase == "Running" and not failure
    started = pod.get("status", {}).get("startTime", now)
    return {
        "phase": phase,
        "hostIP": "127.0.0.1",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": started,
        "observedGeneration": pod["metadata"].get("generation"),
        "conditions": [
            _condition("Initialized", now, holds=True, reason=""),
            _condition("Ready", now, holds=ready, reason=_why_unready(phase, ready=ready)),
            _condition("ContainersReady", now, holds=ready, reason=_why_unready(phase, ready=ready)),
            _condition("PodScheduled", now, holds=True, reason=""),
        ],
        "containerStatuses": [
            _container(each, _state(failure, started, ends=ends), failure, ready=ready)
            for each in spec["containers"]
        ],
        "initContainerStatuses": [_init_container(each, started) for each in spec.get("initContainers", ())],
    }


def _phase(failure: str, *, ends: bool) -> str:
    if failure == "image-pull":
        return "Pending"
    if failure == "job-failed":
        return "Failed" if ends else "Running"
    return "Succeeded" if ends and not failure else "Running"


def _state(failure: str, started: str, *, ends: bool) -> dict[str, Any]:
    if failure == "image-pull":
        message = 'Back-off pulling image: the registry answers "not found"'
        return {"waiting": {"reason": "ImagePullBackOff", "message": message}}
    if failure == "crash-loop":
        message = "back-off 10s restarting failed container"
        return {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
    if failure == "job-failed" and ends:
        return _terminated("Error", 1, started)
    if ends and not failure:
        return _terminated("Completed", 0, started)
    return {"running": {"startedAt": started}}


def _container(spec: dict[str, Any], state: dict[str, Any], failure: str, *, ready: bool) -> dict[str, Any]:
    crashed = failure == "crash-loop"
    return {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": f"podlet://{spec['image']}",
        "ready": ready,
        "started": "running" in state,
        "restartCount": 3 if crashed else 0,
        "state": state,
        "lastState": _terminated("Error", 1, None) if crashed else {},
    }


def _init_container(spec: dict[str, Any], started: str) -> dict[str, Any]:
    stays = spec.get("restartPolicy") == "Always"
    state = {"running": {"startedAt": started}} if stays else _terminated("Completed", 0, started)
    return _container(spec, state, "", ready=True)


def _terminated(reason: str, code: int, when: str | None) -> dict[str, Any]:
    times = {"startedAt": when, "finishedAt": when} if when else {}
    return {"terminated": {"reason": reason, "exitCode": code, **times}}


def _condition(kind: str, now: str, *, holds: bool, reason: str) -> dict[str, Any]:
    condition = {"type": kind, "status": "True" if holds else "False", "lastTransitionTime": now}
    return condition | ({"reason": reason} if reason else {})


def _why_unready(phase: str, *, ready: bool) -> str:
    if ready:
        return ""
    return "PodCompleted" if phase == "Succeeded" else "ContainersNotReady"
