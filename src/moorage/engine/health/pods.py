"""How does a Pod do?"""

from __future__ import annotations

from moorage.engine.health.language import (
    HEALTHY,
    D,
    H,
    P,
    Table,
    U,
    annotation,
    at,
    holds,
    items,
    number,
    text,
)
from moorage.engine.order import is_hook
from moorage.model.health import Health
from moorage.model.manifest import Json
from moorage.model.words import IGNORE_RESTART_POLICY_ANNOTATION


def _pod(body: Json) -> Health:
    policy = at(body, "spec", "restartPolicy")
    # A pod that runs once must not be called degraded while it can still
    # succeed: a hook would fail for an image that arrives a minute later.
    restarted = policy == "Always"
    if not restarted and annotation(body, IGNORE_RESTART_POLICY_ANNOTATION) == "true":
        restarted = not is_hook(body)
    if restarted and (stuck := _stuck(body)):
        return Health(D, ", ".join(message for message in stuck if message))
    message = text(body, "status", "message")
    match at(body, "status", "phase"):
        case "Pending":
            return Health(P, message)
        case "Succeeded":
            return Health(H, message)
        case "Failed":
            return Health(D, message or _why_failed(body))
        case "Running" if restarted:
            return _running(body, message)
        case "Running" if policy in ("OnFailure", "Never"):
            return Health(P, message)
    return Health(U, message)


def _stuck(body: Json) -> list[str]:
    """Return the messages of containers that wait because of an error."""
    return [
        text(container, "state", "waiting", "message")
        for container in items(body, "status", "containerStatuses")
        if (reason := text(container, "state", "waiting", "reason"))
        and (reason.startswith("Err") or reason.endswith(("Error", "BackOff")))
    ]


def _running(body: Json, message: str) -> Health:
    if holds(body, "Ready"):
        return HEALTHY if not message else Health(H, message)
    if any(at(c, "lastState", "terminated") for c in items(body, "status", "containerStatuses")):
        return Health(D, message)
    return Health(P, message)


def _why_failed(body: Json) -> str:
    statuses = (*items(body, "status", "initContainerStatuses"), *items(body, "status", "containerStatuses"))
    for container in statuses:
        if said := text(container, "state", "terminated", "message"):
            return said
        if text(container, "state", "terminated", "reason") == "OOMKilled":
            return "OOMKilled"
        if code := number(container, "state", "terminated", "exitCode"):
            return f"container {text(container, 'name')} failed with exit code {code}"
    return ""


TABLE: Table = {("", "Pod"): _pod}
