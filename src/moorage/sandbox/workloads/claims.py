"""
Which volume does a claim get?

A volume made by hand that fits is taken first; otherwise one is made on the
spot, as by a provisioner. A claim of the class ``""`` waits for one made by hand.
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox import quantities
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.nodes import STORAGE_CLASS
from moorage.sandbox.workloads.ports import CLAIMS, STORAGE_CLASSES, VOLUMES, Cluster, Event, Key


class Claims:
    """Binds claims and volumes, and frees volumes of claims that are gone."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        cluster.follow(CLAIMS, self._told)
        cluster.follow(VOLUMES, self._volume_told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "DELETED":
            volume = body["spec"].get("volumeName")
            if volume:
                self._driver.soon(self.release, Key(VOLUMES, "", volume))
        elif event == "ADDED" or (before is not None and before["spec"] is not body["spec"]):
            self._driver.soon(self.look, key)

    def _volume_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event != "ADDED":
            return
        if body["status"].get("phase") == "Pending" and "claimRef" not in body["spec"]:
            self._driver.soon(self.offer, key)
        for claim in self._cluster.every(CLAIMS):
            if claim["status"].get("phase") == "Pending":
                meta = claim["metadata"]
                self._driver.soon(self.look, Key(CLAIMS, meta["namespace"], meta["name"]))

    def offer(self, key: Key) -> None:
        """Mark a volume made by hand as free to take."""
        volume = self._cluster.get(*key)
        if (
            volume is not None
            and volume["status"].get("phase") == "Pending"
            and "claimRef" not in volume["spec"]
        ):
            self._cluster.replace(volume, status={"phase": "Available"})

    def look(self, key: Key) -> None:
        """Bind a claim that waits; grow one that asks for more."""
        claim = self._cluster.get(*key)
        if claim is None or claim["metadata"].get("deletionTimestamp"):
            return
        spec = dict(claim["spec"])
        if "storageClassName" not in spec:
            spec["storageClassName"] = self._default_class()
        volume = self._volume_of(claim, spec)
        if volume is None:
            self._cluster.replace(claim, spec=spec)
            return
        spec["volumeName"] = volume["metadata"]["name"]
        capacity = {"storage": _asked(claim) or volume["spec"]["capacity"]["storage"]}
        mark = {"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"}
        metadata = {**claim["metadata"], "annotations": {**claim["metadata"].get("annotations", {}), **mark}}
        modes = claim["spec"].get("accessModes", [])
        status = {"phase": "Bound", "accessModes": modes, "capacity": capacity}
        self._cluster.replace(claim, metadata=metadata, spec=spec, status=status)

    def _default_class(self) -> str:
        for each in self._cluster.every(STORAGE_CLASSES):
            annotations = each["metadata"].get("annotations") or {}
            if (
                annotations.get("storageclass.kubernetes.io/is-default-class") == "true"
                and each["metadata"]["name"] != STORAGE_CLASS
            ):
                return str(each["metadata"]["name"])
        return STORAGE_CLASS

    def _volume_of(self, claim: Json, spec: Json) -> Json | None:
        if name := spec.get("volumeName"):
            volume = self._cluster.get(VOLUMES, "", name)
            return self._take(volume, claim) if volume is not None else None
        fitting = [volume for volume in self._cluster.every(VOLUMES) if _fits(volume, claim, spec)]
        if fitting:
            smallest = min(
                fitting, key=lambda volume: quantities.amount(volume["spec"]["capacity"]["storage"])
            )
            return self._take(smallest, claim)
        return self._provide(claim, spec) if spec["storageClassName"] else None

    def _take(self, volume: Json, claim: Json) -> Json | None:
        reference = volume["spec"].get("claimRef") or {}
        meta = claim["metadata"]
        if reference.get("uid") not in (None, meta["uid"]):
            return None
        spec = {**volume["spec"], "claimRef": _reference(claim)}
        return self._cluster.replace(volume, spec=spec, status={"phase": "Bound"})

    def _provide(self, claim: Json, spec: Json) -> Json | None:
        name = f"pvc-{claim['metadata']['uid']}"
        storage_class = self._cluster.get(STORAGE_CLASSES, "", spec["storageClassName"]) or {}
        volume: Json = {
            "metadata": {
                "name": name,
                "annotations": {"pv.kubernetes.io/provisioned-by": "sandbox.moorage.dev/volumes"},
            },
            "spec": {
                "accessModes": claim["spec"].get("accessModes", ["ReadWriteOnce"]),
                "capacity": {"storage": _asked(claim) or "1Gi"},
                "claimRef": _reference(claim),
                "hostPath": {"path": f"/var/lib/sandbox/{name}"},
                "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy", "Delete"),
                "storageClassName": spec["storageClassName"],
                "volumeMode": claim["spec"].get("volumeMode", "Filesystem"),
            },
        }
        made = self._cluster.create(VOLUMES, volume) or self._cluster.get(VOLUMES, "", name)
        return self._cluster.replace(made, status={"phase": "Bound"}) if made is not None else None

    def release(self, key: Key) -> None:
        """Remove the volume of a claim that is gone, or keep it aside, as its policy says."""
        volume = self._cluster.get(*key)
        reference = volume["spec"].get("claimRef") if volume else None
        if volume is None or not reference:
            return
        claim = self._cluster.get(CLAIMS, reference["namespace"], reference["name"])
        if claim is not None and claim["metadata"]["uid"] == reference.get("uid"):
            return
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            self._cluster.delete(key)
        else:
            self._cluster.replace(volume, status={"phase": "Released"})


def _asked(claim: Json) -> str:
    return str(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", ""))


def _reference(claim: Json) -> Json:
    meta = claim["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta["uid"],
    }


def _fits(volume: Json, claim: Json, spec: Json) -> bool:
    held, meta = volume["spec"], claim["metadata"]
    reference = held.get("claimRef")
    if reference:
        return bool(
            (reference.get("namespace"), reference.get("name")) == (meta["namespace"], meta["name"])
            and reference.get("uid") in (None, meta["uid"])
        )
    asked = quantities.amount(_asked(claim) or "0")
    labels = volume["metadata"].get("labels") or {}
    exact = (spec.get("selector") or {}).get("matchLabels") or {}
    return bool(
        held.get("storageClassName", "") == spec["storageClassName"]
        and quantities.amount((held.get("capacity") or {}).get("storage", "0")) >= asked
        and set(spec.get("accessModes", ())) <= set(held.get("accessModes", ()))
        and exact.items() <= labels.items()
    )
