"""
What goes when an owner goes?

In the background, dependents go after their owner; in the foreground, the owner
waits for those that block it; orphaned ones stay and forget it. An object whose
owners never were or are gone goes too. Objects without owners cost one look-up.
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.ports import Cluster, Event, Key

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class Garbage:
    """Follows owner references through the whole cluster."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        cluster.follow(None, self._told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        meta = body["metadata"]
        if event == "DELETED":
            for dependent in self._cluster.dependents(meta["uid"]):
                self._driver.soon(self.look, dependent)
            for owner in self._waiting_owners(meta):
                self._driver.soon(self.look_at_owner, owner)
            return
        if meta.get("ownerReferences"):
            if event == "ADDED" or (
                before is not None and before["metadata"].get("ownerReferences") != meta["ownerReferences"]
            ):
                self._driver.soon(self.look, key)
            if meta.get("deletionTimestamp"):
                self._wake_owners(meta)
        if meta.get("deletionTimestamp") and meta.get("finalizers"):
            self._driver.soon(self.look_at_owner, key)

    def _wake_owners(self, meta: Json) -> None:
        for owner in self._waiting_owners(meta):
            self._driver.soon(self.look_at_owner, owner)

    def _waiting_owners(self, meta: Json) -> list[Key]:
        found = []
        for reference in meta.get("ownerReferences") or ():
            owner = self._owner(reference, meta)
            if owner is not None and owner[1]["metadata"].get("deletionTimestamp"):
                found.append(owner[0])
        return found

    def look(self, key: Key) -> None:
        """Delete an object all of whose owners are gone; drop those that are gone when others remain."""
        body = self._cluster.get(*key)
        owners = body["metadata"].get("ownerReferences") if body else None
        if body is None or not owners or body["metadata"].get("deletionTimestamp"):
            return
        # A kind that nothing serves says nothing: its objects may be there all the same.
        there = [
            reference
            for reference in owners
            if self._cluster.resolve(reference["apiVersion"], reference["kind"]) is None
            or self._owner(reference, body["metadata"]) is not None
        ]
        if not there:
            self._cluster.delete(key)
        elif len(there) < len(owners):
            self._cluster.replace(body, metadata={**body["metadata"], "ownerReferences": there})

    def look_at_owner(self, key: Key) -> None:
        """Go on with the deletion of an owner that waits for its dependents, or leaves them behind."""
        body = self._cluster.get(*key)
        if body is None or not body["metadata"].get("deletionTimestamp"):
            return
        finalizers = body["metadata"].get("finalizers") or ()
        if ORPHAN in finalizers:
            for dependent in self._cluster.dependents(body["metadata"]["uid"]):
                self._forget(dependent, body["metadata"]["uid"])
            self._drop(key, ORPHAN)
        elif FOREGROUND in finalizers and not self._blocked(body):
            self._drop(key, FOREGROUND)

    def _blocked(self, owner: Json) -> bool:
        uid, blocked = owner["metadata"]["uid"], False
        for dependent in self._cluster.dependents(uid):
            body = self._cluster.get(*dependent)
            if body is None:
                continue
            reference = next(each for each in body["metadata"]["ownerReferences"] if each["uid"] == uid)
            if not body["metadata"].get("deletionTimestamp"):
                self._cluster.delete(
                    dependent,
                    "Foreground" if self._cluster.dependents(body["metadata"]["uid"]) else "Background",
                )
            still = self._cluster.get(*dependent) is not None
            blocked = blocked or (still and bool(reference.get("blockOwnerDeletion")))
        return blocked

    def _forget(self, key: Key, uid: str) -> None:
        body = self._cluster.get(*key)
        if body is None:
            return
        owners = [each for each in body["metadata"]["ownerReferences"] if each["uid"] != uid]
        metadata = {name: value for name, value in body["metadata"].items() if name != "ownerReferences"}
        if managed := _disowned(metadata.pop("managedFields", None) or [], uid, whole=not owners):
            metadata["managedFields"] = managed
        self._cluster.replace(body, metadata={**metadata, "ownerReferences": owners} if owners else metadata)

    def _drop(self, key: Key, finalizer: str) -> None:
        body = self._cluster.get(*key)
        if body is None:
            return
        metadata = {name: value for name, value in body["metadata"].items() if name != "finalizers"}
        if left := [name for name in body["metadata"]["finalizers"] if name != finalizer]:
            metadata["finalizers"] = left
        self._cluster.finalize({**body, "metadata": metadata})

    def _owner(self, reference: Json, meta: Json) -> tuple[Key, Json] | None:
        found = self._cluster.resolve(reference["apiVersion"], reference["kind"])
        if found is None:
            return None
        ref, namespaced = found
        key = Key(ref, meta.get("namespace", "") if namespaced else "", reference["name"])
        body = self._cluster.get(*key)
        return (key, body) if body is not None and body["metadata"]["uid"] == reference["uid"] else None


def _disowned(managed: list[Json], uid: str, *, whole: bool) -> list[Json]:
    """Return ``managedFields`` without a reference to an owner, or without all of them."""
    kept = []
    for entry in managed:
        fields = dict(entry.get("fieldsV1") or {})
        meta = dict(fields.get("f:metadata") or {})
        references = dict(meta.pop("f:ownerReferences", None) or {})
        references.pop(f'k:{{"uid":"{uid}"}}', None)
        if references and not whole:
            meta["f:ownerReferences"] = references
        fields.pop("f:metadata", None)
        fields |= {"f:metadata": meta} if meta else {}
        if fields:
            kept.append({**entry, "fieldsV1": fields})
    return kept
