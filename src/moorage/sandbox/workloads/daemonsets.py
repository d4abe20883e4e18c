"""
Does the node of the sandbox run its pod of each daemon set?
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.following import look_with_owned
from moorage.sandbox.workloads.nodes import NODE, NODE_LABELS
from moorage.sandbox.workloads.pods import is_ready
from moorage.sandbox.workloads.ports import DAEMON_SETS, PODS, Cluster, Key
from moorage.sandbox.workloads.revisions import REVISION_HASH, record_revision
from moorage.sandbox.workloads.templates import (
    is_available,
    nonzero,
    pod_from,
    wait_for_available,
)


class DaemonSets:
    """Keeps one pod of each daemon set that fits the node."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        look_with_owned(cluster, driver, DAEMON_SETS, "DaemonSet", PODS, self.look)

    def look(self, key: Key) -> None:
        """Make, renew or remove the pod of a daemon set and report how it stands."""
        held = self._cluster.get(*key)
        if held is None or held["metadata"].get("deletionTimestamp"):
            return
        template = held["spec"]["template"]
        wishes = template["spec"].get("nodeSelector") or {}
        wanted = 1 if all(NODE_LABELS.get(label) == value for label, value in wishes.items()) else 0
        revision = record_revision(self._cluster, held)
        rolling = held["spec"]["updateStrategy"]["type"] == "RollingUpdate"
        for pod in self._pods(held):
            outdated = pod["metadata"]["labels"].get(REVISION_HASH) != revision
            over = pod["status"].get("phase") in ("Failed", "Succeeded")
            if not wanted or over or (outdated and rolling):
                self._cluster.delete(Key(PODS, key.namespace, pod["metadata"]["name"]))
        if wanted and not self._pods(held):
            pod = pod_from(
                template,
                held,
                labels={
                    REVISION_HASH: revision,
                    "pod-template-generation": str(held["metadata"]["generation"]),
                },
            )
            pod["spec"]["nodeName"] = NODE
            self._cluster.create(PODS, pod)
        self._report(held, wanted, revision, key)

    def _pods(self, held: Json) -> list[Json]:
        return self._cluster.owned(held["metadata"]["uid"], PODS)

    def _report(self, held: Json, wanted: int, revision: str, key: Key) -> None:
        now, minimum = self._driver.clock.now(), held["spec"].get("minReadySeconds", 0)
        pods = self._pods(held)
        available = sum(is_available(pod, minimum, now) for pod in pods)
        updated = sum(pod["metadata"]["labels"].get(REVISION_HASH) == revision for pod in pods)
        status = {
            "observedGeneration": held["metadata"]["generation"],
            "currentNumberScheduled": len(pods),
            "desiredNumberScheduled": wanted,
            "numberMisscheduled": 0,
            "numberReady": sum(is_ready(pod) for pod in pods),
            **nonzero(
                {
                    "numberAvailable": available,
                    "numberUnavailable": wanted - available,
                    "updatedNumberScheduled": updated,
                }
            ),
        }
        self._cluster.replace(held, status=status)
        if (wait := wait_for_available(pods, minimum, now)) is not None:
            self._driver.later(wait, self.look, key)
