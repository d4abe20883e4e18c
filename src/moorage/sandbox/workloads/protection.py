"""
When may a claim or a volume that was deleted really go?

Both are held by a finalizer: a claim while a pod mounts it, a volume while a
claim has it.
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.ports import CLAIMS, PODS, VOLUMES, Cluster, Event, Key

_HELD_BY = {CLAIMS: "kubernetes.io/pvc-protection", VOLUMES: "kubernetes.io/pv-protection"}


class Protection:
    """Lets claims and volumes go once nothing uses them."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        for ref in _HELD_BY:
            cluster.follow(ref, self._told)
        cluster.follow(PODS, self._pod_told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "DELETED" and key.ref == CLAIMS:
            if volume := body["spec"].get("volumeName"):
                self._driver.soon(self.look, Key(VOLUMES, "", volume))
        elif body["metadata"].get("deletionTimestamp"):
            self._driver.soon(self.look, key)

    def _pod_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "DELETED":
            for name in _claims_of(body):
                self._driver.soon(self.look, Key(CLAIMS, key.namespace, name))

    def look(self, key: Key) -> None:
        """Take the finalizer from a claim or volume that is to go and is not used."""
        held = self._cluster.get(*key)
        if held is None or not held["metadata"].get("deletionTimestamp"):
            return
        finalizers = held["metadata"].get("finalizers") or []
        if _HELD_BY[key.ref] not in finalizers or self._used(key, held):
            return
        left = [each for each in finalizers if each != _HELD_BY[key.ref]]
        metadata = {name: value for name, value in held["metadata"].items() if name != "finalizers"}
        self._cluster.finalize({**held, "metadata": {**metadata, **({"finalizers": left} if left else {})}})

    def _used(self, key: Key, held: Json) -> bool:
        if key.ref == CLAIMS:
            return any(key.name in _claims_of(pod) for pod in self._cluster.every(PODS, key.namespace))
        reference = held["spec"].get("claimRef") or {}
        claim = self._cluster.get(CLAIMS, reference.get("namespace", ""), reference.get("name", ""))
        return claim is not None and claim["metadata"]["uid"] == reference.get("uid")


def _claims_of(pod: Json) -> list[str]:
    mounted = [each.get("persistentVolumeClaim") or {} for each in pod["spec"].get("volumes") or ()]
    return [each["claimName"] for each in mounted if each.get("claimName")]
