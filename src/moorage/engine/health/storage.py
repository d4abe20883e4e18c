"""How do claims and snapshots of volumes do?"""

from __future__ import annotations

from moorage.engine.health.language import HEALTHY, D, P, Table, at, by_word, text
from moorage.model.health import Health
from moorage.model.manifest import Json


def _snapshot(body: Json) -> Health:
    if at(body, "status", "readyToUse") is True:
        return HEALTHY
    if at(body, "status", "error"):
        return Health(D, text(body, "status", "error", "message"))
    return Health(P, "waiting for the snapshot to be usable")


TABLE: Table = {
    ("", "PersistentVolumeClaim"): by_word(
        "status.phase", "Lost → Degraded, Pending → Progressing, Bound → Healthy, else Unknown"
    ),
    ("snapshot.storage.k8s.io", "VolumeSnapshot"): _snapshot,
    ("snapshot.storage.k8s.io", "VolumeSnapshotContent"): _snapshot,
    ("objectbucket.io", "ObjectBucketClaim"): by_word(
        "status.phase", "Bound → Healthy, Failed → Degraded, else Progressing"
    ),
    ("ceph.rook.io", "CephObjectStore"): by_word(
        "status.phase", "Ready → Healthy, Failure → Degraded, else Progressing"
    ),
}
