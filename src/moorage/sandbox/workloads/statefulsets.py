"""
How do the pods of a stateful set come and go: one after the other, each with its claims?
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.following import look_with_owned
from moorage.sandbox.workloads.pods import is_ready
from moorage.sandbox.workloads.ports import CLAIMS, PODS, STATEFUL_SETS, Cluster, Key
from moorage.sandbox.workloads.revisions import REVISION_HASH, record_revision
from moorage.sandbox.workloads.templates import (
    is_available,
    nonzero,
    pod_from,
    wait_for_available,
)


class StatefulSets:
    """Keeps the numbered pods of stateful sets, in order."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        look_with_owned(cluster, driver, STATEFUL_SETS, "StatefulSet", PODS, self.look)

    def look(self, key: Key) -> None:
        """Take the next step of a stateful set and report how far it is."""
        held = self._cluster.get(*key)
        if held is None or held["metadata"].get("deletionTimestamp"):
            return
        revision = record_revision(self._cluster, held)
        self._step(held, revision)
        self._report(held, revision, key)

    def _pods(self, held: Json) -> dict[int, Json]:
        found = {}
        for pod in self._cluster.owned(held["metadata"]["uid"], PODS):
            found[int(pod["metadata"]["name"].rpartition("-")[2])] = pod
        return found

    def _step(self, held: Json, revision: str) -> None:
        spec, pods = held["spec"], self._pods(held)
        start = (spec.get("ordinals") or {}).get("start", 0)
        wanted = range(start, start + spec["replicas"])
        in_order = spec["podManagementPolicy"] == "OrderedReady"
        for ordinal in wanted:
            pod = pods.get(ordinal)
            if pod is None or pod["status"].get("phase") in ("Failed", "Succeeded"):
                if pod is not None:
                    self._cluster.delete(_key(pod))
                self._make(held, ordinal, revision)
                if in_order:
                    return
            elif in_order and not is_ready(pod) and pod["metadata"]["labels"].get(REVISION_HASH) == revision:
                return
        spare = sorted((number for number in pods if number not in wanted), reverse=True)
        for ordinal in spare:
            self._cluster.delete(_key(pods[ordinal]))
            if in_order:
                return
        self._renew(held, revision, start)

    def _renew(self, held: Json, revision: str, start: int) -> None:
        """Delete the last pod that is of an older revision; it comes back as the new one."""
        strategy = held["spec"]["updateStrategy"]
        if strategy["type"] != "RollingUpdate":
            return
        first = start + (strategy.get("rollingUpdate") or {}).get("partition", 0)
        pods = self._pods(held)
        for ordinal in sorted((number for number in pods if number >= first), reverse=True):
            pod = pods[ordinal]
            if pod["metadata"]["labels"].get(REVISION_HASH) != revision:
                self._cluster.delete(_key(pod))
                return
            if not is_ready(pod):
                return

    def _make(self, held: Json, ordinal: int, revision: str) -> None:
        spec, meta = held["spec"], held["metadata"]
        name = f"{meta['name']}-{ordinal}"
        labels = {
            REVISION_HASH: revision,
            "apps.kubernetes.io/pod-index": str(ordinal),
            "statefulset.kubernetes.io/pod-name": name,
        }
        pod = pod_from(spec["template"], held, name=name, labels=labels)
        claims = spec.get("volumeClaimTemplates", ())
        volumes = [
            {
                "name": claim["metadata"]["name"],
                "persistentVolumeClaim": {"claimName": f"{claim['metadata']['name']}-{name}"},
            }
            for claim in claims
        ]
        replaced = {volume["name"] for volume in volumes}
        others = [volume for volume in pod["spec"].get("volumes", ()) if volume["name"] not in replaced]
        if volumes or others:
            pod["spec"]["volumes"] = [*volumes, *others]
        pod["spec"] |= {"hostname": name, "subdomain": spec.get("serviceName", "")}
        for claim in claims:
            self._claim(held, claim, name)
        self._cluster.create(PODS, pod)

    def _claim(self, held: Json, template: Json, pod: str) -> None:
        name = f"{template['metadata']['name']}-{pod}"
        namespace = held["metadata"]["namespace"]
        if self._cluster.get(CLAIMS, namespace, name) is not None:
            return
        metadata: Json = {**template["metadata"], "name": name, "namespace": namespace}
        selector = held["spec"]["selector"].get("matchLabels") or {}
        metadata["labels"] = {**metadata.get("labels", {}), **selector}
        self._cluster.create(CLAIMS, {"metadata": metadata, "spec": template["spec"]})

    def _report(self, held: Json, revision: str, key: Key) -> None:
        now, spec = self._driver.clock.now(), held["spec"]
        pods = list(self._pods(held).values())
        minimum = spec.get("minReadySeconds", 0)
        updated = [pod for pod in pods if pod["metadata"]["labels"].get(REVISION_HASH) == revision]
        ready = [pod for pod in pods if is_ready(pod)]
        before = held["status"].get("currentRevision") or revision
        done = len(updated) == len(pods) == spec["replicas"] and len(ready) == len(pods)
        current = revision if done else before
        counts = {
            "readyReplicas": len(ready),
            "currentReplicas": sum(pod["metadata"]["labels"].get(REVISION_HASH) == current for pod in pods),
            "updatedReplicas": len(updated),
        }
        status = {
            "observedGeneration": held["metadata"]["generation"],
            "replicas": len(pods),
            **nonzero(counts),
            "availableReplicas": sum(is_available(pod, minimum, now) for pod in pods),
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
        }
        self._cluster.replace(held, status=status)
        if (wait := wait_for_available(pods, minimum, now)) is not None:
            self._driver.later(wait, self.look, key)


def _key(pod: Json) -> Key:
    return Key(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
