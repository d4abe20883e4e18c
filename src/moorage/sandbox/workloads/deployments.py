"""
How does a deployment go from one template to the next without losing its pods?

Each template has a replica set, found again by the template's fingerprint. The
new one grows and the old ones shrink within the bounds of the strategy, a step
each time one of them changes.
"""

from __future__ import annotations

from datetime import datetime

from moorage.model.manifest import Json
from moorage.sandbox.selection import selects, share
from moorage.sandbox.workloads.conditions import condition, put
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.ports import (
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    Cluster,
    Event,
    Key,
    moment,
)
from moorage.sandbox.workloads.templates import controller_of, fingerprint, nonzero, owner_of

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


class Deployments:
    """Rolls deployments out through their replica sets."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        self._free: dict[str, set[str]] = {}
        """Replica sets that nothing controls, by namespace."""
        for each in cluster.every(REPLICA_SETS):
            self._note_free(each, gone=False)
        cluster.follow(DEPLOYMENTS, self._told)
        cluster.follow(REPLICA_SETS, self._set_told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "ADDED" or (before is not None and before["spec"] is not body["spec"]):
            self._driver.soon(self.look, key)

    def _note_free(self, replica_set: Json, *, gone: bool) -> None:
        meta = replica_set["metadata"]
        free = self._free.setdefault(meta["namespace"], set())
        if gone or controller_of(replica_set) is not None:
            free.discard(meta["name"])
        else:
            free.add(meta["name"])

    def _set_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        self._note_free(body, gone=event == "DELETED")
        owner = controller_of(body)
        if owner and owner["kind"] == "Deployment":
            self._driver.soon(self.look, Key(DEPLOYMENTS, key.namespace, owner["name"]))

    def look(self, key: Key) -> None:
        """Take the next step of a deployment and report how far it is."""
        held = self._cluster.get(*key)
        if held is None or held["metadata"].get("deletionTimestamp"):
            return
        if "observedGeneration" not in held["status"]:
            self._adopt(held)
        sets = self._sets(held)
        name = fingerprint(_plain(held["spec"]["template"]))
        new = next((each for each in sets if each["metadata"]["labels"].get(HASH) == name), None)
        if not held["spec"].get("paused"):
            if new is None:
                new = self._begin(held, name, sets)
            else:
                self._renumber(held, new, sets)
        # Each step below reads what the one before it left behind.
        self._step(held, new)
        self._clean(held, new)
        self._report(key, new)

    def _sets(self, held: Json) -> list[Json]:
        return [
            each
            for each in self._cluster.owned(held["metadata"]["uid"], REPLICA_SETS)
            if not each["metadata"].get("deletionTimestamp")
        ]

    def _adopt(self, held: Json) -> None:
        namespace = held["metadata"]["namespace"]
        for name in sorted(self._free.get(namespace, ())):
            each = self._cluster.get(REPLICA_SETS, namespace, name)
            if each is not None and selects(held["spec"]["selector"], each["metadata"].get("labels")):
                owners = [*each["metadata"].get("ownerReferences", ()), owner_of(held)]
                self._cluster.replace(each, metadata={**each["metadata"], "ownerReferences": owners})

    def _begin(self, held: Json, name: str, sets: list[Json]) -> Json | None:
        revision = str(max((_revision(each) for each in sets), default=0) + 1)
        spec, meta = held["spec"], held["metadata"]
        template = spec["template"]
        labels = {**template.get("metadata", {}).get("labels", {}), HASH: name}
        selector = {
            **spec["selector"],
            "matchLabels": {**spec["selector"].get("matchLabels", {}), HASH: name},
        }
        body: Json = {
            "metadata": {
                "name": f"{meta['name']}-{name}",
                "namespace": meta["namespace"],
                "labels": labels,
                "annotations": {**_bounds(spec), REVISION: revision},
                "ownerReferences": [owner_of(held)],
            },
            "spec": {
                "replicas": 0 if sets else spec["replicas"],
                "selector": selector,
                "template": {**template, "metadata": {**template.get("metadata", {}), "labels": labels}},
            },
        }
        if spec.get("minReadySeconds"):
            body["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        made = self._cluster.create(REPLICA_SETS, body)
        self._note_revision(held, revision)
        return made or self._cluster.get(REPLICA_SETS, meta["namespace"], body["metadata"]["name"])

    def _renumber(self, held: Json, new: Json, sets: list[Json]) -> None:
        """Give a replica set that is current again (after a rollback) the newest revision."""
        newest = max(_revision(each) for each in sets)
        if _revision(new) < newest:
            annotations = {**new["metadata"].get("annotations", {}), REVISION: str(newest + 1)}
            self._cluster.replace(new, metadata={**new["metadata"], "annotations": annotations})
            newest += 1
        self._note_revision(held, str(newest))

    def _note_revision(self, held: Json, revision: str) -> None:
        annotations = held["metadata"].get("annotations") or {}
        if annotations.get(REVISION) != revision:
            metadata = {**held["metadata"], "annotations": {**annotations, REVISION: revision}}
            self._cluster.replace(held, metadata=metadata)

    def _step(self, held: Json, new: Json | None) -> None:
        wanted, strategy = held["spec"]["replicas"], held["spec"]["strategy"]
        sets = self._sets(held)
        old = [each for each in sets if new is None or each["metadata"]["uid"] != new["metadata"]["uid"]]
        if new is None or held["spec"].get("paused"):
            self._scale_paused(sets, new, wanted)
            return
        new = self._cluster.get(REPLICA_SETS, new["metadata"]["namespace"], new["metadata"]["name"]) or new
        if not any(each["spec"]["replicas"] for each in old):
            if strategy["type"] != "Recreate" or not self._pods_of(old):
                self._scale(new, wanted)
            return
        if strategy["type"] == "Recreate":
            for each in old:
                self._scale(each, 0)
            return
        self._roll(held, new, old, wanted)

    def _scale_paused(self, sets: list[Json], new: Json | None, wanted: int) -> None:
        current = new or max(sets, key=_revision, default=None)
        others = sum(each["spec"]["replicas"] for each in sets if each is not current)
        if current is not None:
            self._scale(current, max(0, wanted - others))

    def _roll(self, held: Json, new: Json, old: list[Json], wanted: int) -> None:
        bounds = held["spec"]["strategy"].get("rollingUpdate") or {}
        surge = share(bounds.get("maxSurge", 0), wanted, up=True)
        missing = share(bounds.get("maxUnavailable", 0), wanted, up=False)
        if not surge and not missing:
            missing = 1
        total = sum(each["spec"]["replicas"] for each in [new, *old])
        if new["spec"]["replicas"] > wanted:
            new = self._scale(new, wanted)
        elif (room := wanted + surge - total) > 0:
            new = self._scale(new, min(wanted, new["spec"]["replicas"] + room))
        total = sum(each["spec"]["replicas"] for each in [new, *old])
        unready = new["spec"]["replicas"] - new["status"].get("availableReplicas", 0)
        spare = total - (wanted - missing) - unready
        # Pods that do not serve go first: taking them away costs nothing.
        for each in sorted(old, key=_revision):
            broken = each["spec"]["replicas"] - each["status"].get("availableReplicas", 0)
            if (less := min(broken, spare)) > 0:
                each = self._scale(each, each["spec"]["replicas"] - less)
                spare -= less
        for each in sorted(self._fresh(old), key=_revision):
            if (less := min(each["spec"]["replicas"], spare)) > 0:
                self._scale(each, each["spec"]["replicas"] - less)
                spare -= less

    def _fresh(self, sets: list[Json]) -> list[Json]:
        found = (
            self._cluster.get(REPLICA_SETS, s["metadata"]["namespace"], s["metadata"]["name"]) for s in sets
        )
        return [each for each in found if each is not None]

    def _pods_of(self, sets: list[Json]) -> bool:
        return any(self._cluster.owned(each["metadata"]["uid"], PODS) for each in sets)

    def _scale(self, each: Json, count: int) -> Json:
        if each["spec"]["replicas"] == count:
            return each
        return self._cluster.change(each, {**each["spec"], "replicas": count}) or each

    def _clean(self, held: Json, new: Json | None) -> None:
        limit = held["spec"].get("revisionHistoryLimit", 10)
        name = new["metadata"]["name"] if new else ""
        empty = [
            each
            for each in self._sets(held)
            if each["metadata"]["name"] != name
            and not each["spec"]["replicas"]
            and not each["status"].get("replicas")
        ]
        for each in sorted(empty, key=_revision)[: max(0, len(empty) - limit)]:
            self._cluster.delete(Key(REPLICA_SETS, each["metadata"]["namespace"], each["metadata"]["name"]))

    def _report(self, key: Key, new: Json | None) -> None:
        held = self._cluster.get(*key)
        if held is None:
            return
        sets = self._sets(held)
        new = next(
            (each for each in sets if new and each["metadata"]["name"] == new["metadata"]["name"]), None
        )
        wanted = held["spec"]["replicas"]
        updated = new["status"].get("replicas", 0) if new else 0
        available = sum(each["status"].get("availableReplicas", 0) for each in sets)
        total = sum(each["status"].get("replicas", 0) for each in sets)
        counts = {
            "replicas": total,
            "updatedReplicas": updated,
            "readyReplicas": sum(each["status"].get("readyReplicas", 0) for each in sets),
            "availableReplicas": available,
            "unavailableReplicas": max(0, max(total, wanted) - available),
        }
        now = self._driver.clock.now()
        done = updated == total == wanted and available == wanted
        told = self._conditions(held, new, counts, done, now)
        status = {"observedGeneration": held["metadata"]["generation"], **nonzero(counts), "conditions": told}
        if (
            self._cluster.replace(held, status=status) is not None
            and not done
            and not held["spec"].get("paused")
        ):
            self._await_deadline(held, told, key, now)

    def _conditions(
        self, held: Json, new: Json | None, counts: Json, done: bool, now: datetime
    ) -> list[Json]:
        spec, wanted = held["spec"], held["spec"]["replicas"]
        name = new["metadata"]["name"] if new else ""
        bounds = spec["strategy"].get("rollingUpdate") or {}
        missing = share(bounds.get("maxUnavailable", 0), wanted, up=False)
        if not missing and not share(bounds.get("maxSurge", 0), wanted, up=True):
            missing = 1
        words = (
            ("has", "MinimumReplicasAvailable")
            if (enough := counts["availableReplicas"] >= wanted - missing)
            else (
                "does not have",
                "MinimumReplicasUnavailable",
            )
        )
        available = condition("Available", enough, words[1], f"Deployment {words[0]} minimum availability.")
        if spec.get("paused"):
            progress = condition("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
        elif done:
            progress = condition(
                "Progressing",
                True,
                "NewReplicaSetAvailable",
                f'ReplicaSet "{name}" has successfully progressed.',
            )
        elif self._late(held, counts, now):
            progress = condition(
                "Progressing",
                False,
                "ProgressDeadlineExceeded",
                f'ReplicaSet "{name}" has timed out progressing.',
            )
        else:
            progress = condition(
                "Progressing", True, "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'
            )
        told = put(held["status"].get("conditions"), [available, progress], now, updates=True)
        if self._moved(held, counts) and not done:
            told = [{**c, "lastUpdateTime": _stamp(now)} if c["type"] == "Progressing" else c for c in told]
        return told

    def _moved(self, held: Json, counts: Json) -> bool:
        status = held["status"]
        names = ("updatedReplicas", "readyReplicas", "availableReplicas", "replicas")
        new_spec = status.get("observedGeneration") != held["metadata"]["generation"]
        return new_spec or any(status.get(name, 0) != counts[name] for name in names)

    def _late(self, held: Json, counts: Json, now: datetime) -> bool:
        if self._moved(held, counts):
            return False
        last = _progressing(held["status"].get("conditions"))
        if last is None or last.get("reason") in ("NewReplicaSetAvailable", "DeploymentPaused"):
            return False
        limit = held["spec"].get("progressDeadlineSeconds", 600)
        late = last.get("reason") == "ProgressDeadlineExceeded"
        return late or (now - moment(last["lastUpdateTime"])).total_seconds() >= limit

    def _await_deadline(self, held: Json, told: list[Json], key: Key, now: datetime) -> None:
        last = _progressing(told)
        limit = held["spec"].get("progressDeadlineSeconds", 600)
        if last is not None and last["status"] == "True" and limit < 2**31 - 1:
            waited = (now - moment(last["lastUpdateTime"])).total_seconds()
            self._driver.later(max(limit - waited, 0.1), self.look, key)


def _stamp(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _progressing(conditions: list[Json] | None) -> Json | None:
    return next((each for each in conditions or () if each["type"] == "Progressing"), None)


def _revision(replica_set: Json) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, "0"))


def _bounds(spec: Json) -> Json:
    wanted = spec["replicas"]
    surge = share((spec["strategy"].get("rollingUpdate") or {}).get("maxSurge", 0), wanted, up=True)
    return {
        "deployment.kubernetes.io/desired-replicas": str(wanted),
        "deployment.kubernetes.io/max-replicas": str(wanted + surge),
    }


def _plain(template: Json) -> Json:
    """Return a template without the label that is made of it."""
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH}
    return {**template, "metadata": {**metadata, "labels": labels}}
