"""
How many pods does a replica set have, and how many should it?
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.following import look_with_owned
from moorage.sandbox.workloads.pods import is_ready
from moorage.sandbox.workloads.ports import PODS, REPLICA_SETS, Cluster, Key
from moorage.sandbox.workloads.templates import (
    is_available,
    nonzero,
    pod_from,
    wait_for_available,
)


class ReplicaSets:
    """Keeps as many pods of each replica set as its spec says."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        look_with_owned(cluster, driver, REPLICA_SETS, "ReplicaSet", PODS, self.look)

    def look(self, key: Key) -> None:
        """Make or remove the pods that differ from the spec, and say in the status how it stands."""
        held = self._cluster.get(*key)
        if held is None or held["metadata"].get("deletionTimestamp"):
            return
        wanted = held["spec"]["replicas"]
        pods = [
            pod
            for pod in self._cluster.owned(held["metadata"]["uid"], PODS)
            if not pod["metadata"].get("deletionTimestamp")
            and pod["status"].get("phase") not in ("Succeeded", "Failed")
        ]
        for _ in range(wanted - len(pods)):
            made = self._cluster.create(PODS, pod_from(held["spec"]["template"], held))
            if made is not None:
                pods.append(made)
        spare = sorted(pods, key=is_ready)[: max(0, len(pods) - wanted)]
        for pod in spare:
            pods.remove(pod)
            self._cluster.delete(Key(PODS, key.namespace, pod["metadata"]["name"]))
        self._report(held, pods, key)

    def _report(self, held: Json, pods: list[Json], key: Key) -> None:
        now, minimum = self._driver.clock.now(), held["spec"].get("minReadySeconds", 0)
        counts = {
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": sum(is_ready(pod) for pod in pods),
            "availableReplicas": sum(is_available(pod, minimum, now) for pod in pods),
        }
        status = {
            "replicas": len(pods),
            **nonzero(counts),
            "observedGeneration": held["metadata"].get("generation", 1),
        }
        self._cluster.replace(held, status=status)
        if (wait := wait_for_available(pods, minimum, now)) is not None:
            self._driver.later(wait, self.look, key)
