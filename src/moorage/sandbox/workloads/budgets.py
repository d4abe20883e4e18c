"""
How many pods may a disruption budget spare right now?
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.selection import selects, share
from moorage.sandbox.workloads.conditions import condition, put
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.pods import is_ready
from moorage.sandbox.workloads.ports import BUDGETS, PODS, Cluster, Event, Key


class Budgets:
    """Counts the pods of disruption budgets."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        cluster.follow(BUDGETS, self._told)
        cluster.follow(PODS, self._pod_told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "ADDED" or (before is not None and before["spec"] is not body["spec"]):
            self._driver.soon(self.look, key)

    def _pod_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "MODIFIED" and before is not None and is_ready(before) == is_ready(body):
            return
        for budget in self._cluster.every(BUDGETS, key.namespace):
            if selects(budget["spec"].get("selector"), body["metadata"].get("labels")):
                self._driver.soon(self.look, Key(BUDGETS, key.namespace, budget["metadata"]["name"]))

    def look(self, key: Key) -> None:
        """Write the counts of a budget."""
        held = self._cluster.get(*key)
        if held is None or held["metadata"].get("deletionTimestamp"):
            return
        spec = held["spec"]
        pods = [
            pod
            for pod in self._cluster.every(PODS, key.namespace)
            if selects(spec.get("selector"), pod["metadata"].get("labels"))
        ]
        expected, healthy = len(pods), sum(is_ready(pod) for pod in pods)
        if "maxUnavailable" in spec:
            desired = max(0, expected - share(spec["maxUnavailable"], expected, up=True))
        else:
            desired = share(spec.get("minAvailable", 1), expected, up=True)
        allowed = max(0, healthy - desired) if expected else 0
        told = condition(
            "DisruptionAllowed", bool(allowed), "SufficientPods" if allowed else "InsufficientPods"
        )
        conditions = put(held["status"].get("conditions"), [told], self._driver.clock.now())
        generation = held["metadata"].get("generation", 1)
        status = {
            "conditions": [{**each, "observedGeneration": generation, "message": ""} for each in conditions],
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "disruptionsAllowed": allowed,
            "expectedPods": expected,
            "observedGeneration": generation,
        }
        self._cluster.replace(held, status=status)
