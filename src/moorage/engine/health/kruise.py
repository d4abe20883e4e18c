"""How do OpenKruise's workloads, roll-outs and game servers do?"""

from __future__ import annotations

from moorage.engine.health.language import (
    HEALTHY,
    D,
    P,
    Rule,
    S,
    Table,
    U,
    at,
    condition,
    number,
    once_observed,
    text,
)
from moorage.model.health import Health
from moorage.model.manifest import Json

_STRATEGY = ("spec", "updateStrategy")


def _paused(body: Json, *more: str) -> bool:
    return at(body, *_STRATEGY, *more, "paused") is True


def _clone_set(body: Json) -> Health:
    replicas, available = (
        number(body, "spec", "replicas"),
        number(body, "status", "updatedAvailableReplicas"),
    )
    if _paused(body) or not available:
        return Health(S, "the CloneSet is paused")
    partition = number(body, *_STRATEGY, "partition")
    if partition and number(body, "metadata", "generation") > 1:
        expected = number(body, "status", "expectedUpdatedReplicas")
        if number(body, "status", "updatedReplicas") >= expected:
            return Health(S, f"partition {partition} is reached")
    return _complete(available, replicas)


def _stateful_set(body: Json) -> Health:
    replicas, available = (
        number(body, "spec", "replicas"),
        number(body, "status", "updatedAvailableReplicas"),
    )
    if _paused(body, "rollingUpdate") or not available:
        return Health(S, "the StatefulSet is paused")
    partition = number(body, *_STRATEGY, "rollingUpdate", "partition")
    reached = number(body, "status", "updatedReplicas") > replicas - partition
    if partition and number(body, "metadata", "generation") > 1 and reached:
        return Health(S, f"partition {partition} is reached")
    return _complete(available, replicas)


def _complete(available: float, replicas: float) -> Health:
    if available == replicas:
        return HEALTHY
    return Health(D, f"{available} of {replicas} updated replicas are available")


def _daemon_set(body: Json) -> Health:
    desired = number(body, "status", "desiredNumberScheduled")
    updated = number(body, "status", "updatedNumberScheduled")
    if _paused(body, "rollingUpdate"):
        return Health(S, "the DaemonSet is paused")
    partition = number(body, *_STRATEGY, "rollingUpdate", "partition")
    if partition and updated > desired - partition:
        return Health(S, f"partition {partition} is reached")
    if updated == desired and number(body, "status", "numberAvailable") == desired:
        return HEALTHY
    if desired and updated == desired and number(body, "status", "numberUnavailable") == desired:
        return Health(D, f"none of {desired} pods is available")
    return Health(P, f"{updated} of {desired} pods are updated")


def _broadcast_job(body: Json) -> Health:
    phase, desired = text(body, "status", "phase"), number(body, "status", "desired")
    if phase == "completed" and desired == number(body, "status", "succeeded"):
        return HEALTHY
    words = {"failed": D, "paused": S}
    return Health(words.get(phase, P), f"phase is {phase or 'not set'}")


def _cron_job(body: Json) -> Health:
    scheduled = text(body, "status", "lastScheduleTime")
    if not scheduled and at(body, "spec", "paused") is True:
        return Health(S, "the AdvancedCronJob is paused")
    if at(body, "status", "active"):
        return Health(P, "a job is running")
    return HEALTHY if scheduled else Health(D, "the AdvancedCronJob has not been scheduled")


_ROLLOUT_WORDS = {
    ("StepUpgrade", "Progressing"): P,
    ("StepPaused", "Progressing"): S,
    ("Completed", "Healthy"): HEALTHY.status,
    ("StepPaused", "Terminating"): D,
    ("StepPaused", "Disabled"): D,
}


def _rollout(body: Json) -> Health:
    step = text(body, "status", "canaryStatus", "currentStepState")
    phase = text(body, "status", "phase")
    return Health(_ROLLOUT_WORDS.get((step, phase), P), text(body, "status", "message"))


def _game_server(body: Json) -> Health:
    current, desired = text(body, "status", "currentState"), text(body, "status", "desiredState")
    if current != desired:
        return Health(P, f"the state is {current or 'not set'}, not {desired}")
    ready = condition({"status": at(body, "status", "podStatus")}, "KruisePodReady")
    if text(ready, "status") != "True":
        return Health(D, text(ready, "message"))
    return HEALTHY if current == "Ready" else Health(U, f"the state is {current or 'not set'}")


def _game_server_set(body: Json) -> Health:
    replicas = number(body, "spec", "replicas")
    if _paused(body, "rollingUpdate"):
        return Health(S, "the GameServerSet is paused")
    partition = number(body, *_STRATEGY, "rollingUpdate", "partition")
    if partition and number(body, "status", "updatedReplicas") >= replicas - partition:
        return Health(S, f"partition {partition} is reached")
    updated = number(body, "status", "updatedReadyReplicas")
    return HEALTHY if updated == replicas else Health(P, f"{updated} of {replicas} servers are ready")


_OBSERVED: dict[tuple[str, str], Rule] = {
    ("apps.kruise.io", "CloneSet"): _clone_set,
    ("apps.kruise.io", "StatefulSet"): _stateful_set,
    ("apps.kruise.io", "DaemonSet"): _daemon_set,
    ("rollouts.kruise.io", "Rollout"): _rollout,
    ("game.kruise.io", "GameServerSet"): _game_server_set,
}
TABLE: Table = {
    **{kind: once_observed(rule) for kind, rule in _OBSERVED.items()},
    ("apps.kruise.io", "BroadcastJob"): _broadcast_job,
    ("apps.kruise.io", "AdvancedCronJob"): _cron_job,
    ("game.kruise.io", "GameServer"): _game_server,
}
