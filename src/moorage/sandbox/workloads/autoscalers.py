"""
What does a horizontal pod autoscaler report, and between which bounds does it keep its target?

There is no load in the sandbox, so the target is only kept within the bounds.
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.workloads.conditions import condition, put
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.ports import (
    AUTOSCALERS,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Cluster,
    Event,
    Key,
    stamp,
)

_SCALED = (DEPLOYMENTS, STATEFUL_SETS, REPLICA_SETS)


class Autoscalers:
    """Keeps the targets of autoscalers within their bounds."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        cluster.follow(AUTOSCALERS, self._told)
        for ref in _SCALED:
            cluster.follow(ref, self._target_told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "ADDED" or (before is not None and before["spec"] is not body["spec"]):
            self._driver.soon(self.look, key)

    def _target_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        replicas = body["spec"].get("replicas"), body["status"].get("replicas")
        if (
            before is not None
            and (before["spec"].get("replicas"), before["status"].get("replicas")) == replicas
        ):
            return
        for each in self._cluster.every(AUTOSCALERS, key.namespace):
            target = each["spec"]["scaleTargetRef"]
            if (target["kind"], target["name"]) == (body["kind"], key.name):
                self._driver.soon(self.look, Key(AUTOSCALERS, key.namespace, each["metadata"]["name"]))

    def look(self, key: Key) -> None:
        """Bring the target within the bounds and report."""
        held = self._cluster.get(*key)
        if held is None or held["metadata"].get("deletionTimestamp"):
            return
        target = self._target(held)
        now = self._driver.clock.now()
        if target is None:
            reference = held["spec"]["scaleTargetRef"]
            message = f'the HPA controller was unable to get the target\'s current scale: {reference["kind"]} "{reference["name"]}" not found'
            told = [condition("AbleToScale", False, "FailedGetScale", message)]
            counts = {"currentReplicas": 0, "desiredReplicas": 0}
        else:
            present = target["spec"].get("replicas", 1)
            wanted = min(max(present, held["spec"].get("minReplicas", 1)), held["spec"]["maxReplicas"])
            if present and wanted != present:
                self._cluster.change(target, {**target["spec"], "replicas": wanted})
            wanted = wanted if present else 0
            counts = {"currentReplicas": target["status"].get("replicas", 0), "desiredReplicas": wanted}
            told = _well(present)
        status = {
            name: value for name, value in held["status"].items() if name not in (*counts, "conditions")
        }
        status = {**status, **counts, "conditions": put(held["status"].get("conditions"), told, now)}
        if target is not None and target["spec"].get("replicas") != counts["desiredReplicas"]:
            status["lastScaleTime"] = stamp(now)
        self._cluster.replace(held, status=status)

    def _target(self, held: Json) -> Json | None:
        reference = held["spec"]["scaleTargetRef"]
        found = self._cluster.resolve(reference.get("apiVersion", "apps/v1"), reference["kind"])
        target = (
            self._cluster.get(found[0], held["metadata"]["namespace"], reference["name"]) if found else None
        )
        return target if target is not None and isinstance(target.get("spec"), dict) else None


def _well(present: int) -> list[Json]:
    active = condition(
        "ScalingActive",
        True,
        "ValidMetricFound",
        "the HPA was able to successfully calculate a replica count",
    )
    if not present:
        active = condition(
            "ScalingActive",
            False,
            "ScalingDisabled",
            "scaling is disabled since the replica count of the target is zero",
        )
    return [
        condition("AbleToScale", True, "ReadyForNewScale", "recommended size matches current size"),
        active,
        condition(
            "ScalingLimited", False, "DesiredWithinRange", "the desired count is within the acceptable range"
        ),
    ]
