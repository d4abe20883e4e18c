"""
Which template did a stateful or daemon set have before, for ``kubectl rollout history`` and ``undo``?
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.workloads.ports import REVISIONS, Cluster, Key
from moorage.sandbox.workloads.templates import fingerprint, owner_of

REVISION_HASH = "controller-revision-hash"


def record_revision(cluster: Cluster, held: Json) -> str:
    """Return the name of the revision of the present template; it is made when it is new, old ones beyond the limit go."""
    meta, spec = held["metadata"], held["spec"]
    name = f"{meta['name']}-{fingerprint(spec['template'])}"
    known = cluster.owned(meta["uid"], REVISIONS)
    newest = max((each["revision"] for each in known), default=0)
    found = next((each for each in known if each["metadata"]["name"] == name), None)
    if found is None:
        labels = {
            **spec["template"].get("metadata", {}).get("labels", {}),
            REVISION_HASH: name.rpartition("-")[2],
        }
        owned = {
            "name": name,
            "namespace": meta["namespace"],
            "labels": labels,
            "ownerReferences": [owner_of(held)],
        }
        # What a rollback patches in: the whole template in place of the present one.
        patch = {"spec": {"template": {**spec["template"], "$patch": "replace"}}}
        cluster.create(REVISIONS, {"metadata": owned, "data": patch, "revision": newest + 1})
    elif found["revision"] < newest:
        cluster.replace(found, revision=newest + 1)
    limit = spec.get("revisionHistoryLimit", 10)
    old = sorted(
        (each for each in known if each["metadata"]["name"] != name), key=lambda each: int(each["revision"])
    )
    for each in old[: max(0, len(old) - limit)]:
        cluster.delete(Key(REVISIONS, meta["namespace"], each["metadata"]["name"]))
    return name
