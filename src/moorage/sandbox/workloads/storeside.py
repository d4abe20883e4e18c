"""
The cluster as simulated controllers see it, answered from the sandbox's store.

Creations and changes of specs take the way of every write. What a controller
says of an object it knows (status, its own marks) is stored as it stands: that
is most of what controllers do, and it needs neither defaults nor validation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moorage.model.identity import group_of
from moorage.model.manifest import Json
from moorage.sandbox import metadata
from moorage.sandbox.answers import Failure
from moorage.sandbox.resources import Registry, Resource
from moorage.sandbox.store import Change, Store
from moorage.sandbox.workloads.ports import Event, Key, Listener, Ref
from moorage.sandbox.writes import Options, Writes

MANAGER = "kube-controller-manager"


class StoreCluster:
    """A `ports.Cluster` over a store, its writes and the resources it serves."""

    def __init__(self, store: Store, registry: Registry, writes: Writes) -> None:
        self._store = store
        self._registry = registry
        self._writes = writes
        self._revision = -1
        self._by_ref: dict[Ref, Resource] = {}
        self._by_kind: dict[tuple[str, str], Resource] = {}
        self._dependents: dict[str, dict[Key, None]] = {}
        self._listeners: list[Listener] = []
        for (group, plural), collection in store.collections.items():
            for (namespace, name), entry in collection.objects.items():
                self._index(Key(Ref(group, plural), namespace, name), entry.body, None)
        store.subscribe(self._told)

    def get(self, ref: Ref, namespace: str, name: str) -> Json | None:
        entry = self._store.collection(*ref).objects.get((namespace, name))
        return entry.body if entry else None

    def every(self, ref: Ref, namespace: str = "") -> Iterable[Json]:
        collection = self._store.collection(*ref)
        entries = collection.spaces.get(namespace, {}) if namespace else collection.objects
        return [entry.body for entry in entries.values()]

    def owned(self, uid: str, ref: Ref) -> list[Json]:
        found = []
        for key in self._dependents.get(uid, ()):
            body = self.get(*key) if key.ref == ref else None
            owners = body["metadata"].get("ownerReferences", ()) if body else ()
            if body and any(owner["uid"] == uid and owner.get("controller") for owner in owners):
                found.append(body)
        return found

    def dependents(self, uid: str) -> list[Key]:
        """Return the keys of the objects that name this uid among their owners."""
        return list(self._dependents.get(uid, ()))

    def create(self, ref: Ref, body: Json) -> Json | None:
        resource = self._resource(ref)
        namespace = body["metadata"].get("namespace", "")
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        whole["metadata"] = dict(body["metadata"])
        try:
            return self._writes.create(resource, namespace, whole, self._options()).body
        except Failure as refused:
            if refused.reason == "AlreadyExists":
                return None
            raise

    def note(self, ref: Ref, body: Json) -> bool:
        namespace = body["metadata"]["namespace"]
        space = self._store.collection("", "namespaces").objects.get(("", namespace))
        if space is None or space.body["metadata"].get("deletionTimestamp"):
            return False
        resource = self._resource(ref)
        whole = {"kind": resource.kind, "apiVersion": resource.api_version, **body}
        metadata.for_creation(whole, uid=self._writes.uid(), now=self._writes.now(), generation=False)
        self._store.write(self._store.collection(*ref), (namespace, body["metadata"]["name"]), whole)
        return True

    def replace(self, body: Json, **parts: Any) -> Json | None:
        key = self._key(body)
        entry = self._store.collection(*key.ref).objects.get((key.namespace, key.name))
        if entry is None or entry.body["metadata"]["uid"] != body["metadata"]["uid"]:
            return None
        if all(entry.body.get(name) == part for name, part in parts.items()):
            return entry.body
        whole = {**entry.body, **parts}
        whole["metadata"] = dict(whole["metadata"])
        return self._store.write(self._store.collection(*key.ref), (key.namespace, key.name), whole).body

    def change(self, body: Json, spec: Json) -> Json | None:
        key = self._key(body)
        meta = {name: value for name, value in body["metadata"].items() if name != "resourceVersion"}
        whole = {**body, "metadata": meta, "spec": spec}
        try:
            return self._writes.update(
                self._resource(key.ref), key.namespace, key.name, whole, self._options()
            ).body
        except Failure as refused:
            if refused.code == 404:
                return None
            raise

    def delete(self, key: Key, propagation: str = "Background") -> None:
        wishes: Json = {"propagationPolicy": propagation}
        try:
            self._writes.delete(self._resource(key.ref), (key.namespace, key.name), wishes, self._options())
        except Failure as refused:
            if refused.code != 404:
                raise

    def finalize(self, body: Json) -> None:
        key = self._key(body)
        place = (key.namespace, key.name)
        collection = self._store.collection(*key.ref)
        if metadata.may_go(body):
            self._store.remove(collection, place, body)
        else:
            self._store.write(collection, place, {**body, "metadata": dict(body["metadata"])})

    def resolve(self, api_version: str, kind: str) -> tuple[Ref, bool] | None:
        self._refresh()
        resource = self._by_kind.get((api_version, kind))
        return (Ref(resource.group, resource.plural), resource.namespaced) if resource else None

    def owned_or_leaving(self) -> Iterable[Key]:
        return [
            Key(Ref(*resource), *place)
            for resource, collection in self._store.collections.items()
            for place, entry in collection.objects.items()
            if entry.body["metadata"].get("ownerReferences")
            or entry.body["metadata"].get("deletionTimestamp")
        ]

    def follow(self, ref: Ref | None, listener: Listener) -> None:
        if ref is None:
            self._listeners.append(listener)
            return

        def told(change: Change) -> None:
            key = Key(ref, *change.key)
            listener(change.type, key, change.entry.body, change.previous.body if change.previous else None)

        self._store.collection(*ref).listeners.append(told)

    def _told(self, resource: tuple[str, str], change: Change) -> None:
        body, before = change.entry.body, change.previous.body if change.previous else None
        key = Key(Ref(*resource), *change.key)
        event: Event = change.type
        self._index(key, None if event == "DELETED" else body, before)
        for listener in self._listeners:
            listener(event, key, body, before)

    def _index(self, key: Key, body: Json | None, before: Json | None) -> None:
        now = body["metadata"].get("ownerReferences") if body else None
        then = before["metadata"].get("ownerReferences") if before else None
        if now == then:
            return
        for owner in then or ():
            held = self._dependents.get(owner["uid"], {})
            held.pop(key, None)
            if not held:
                self._dependents.pop(owner["uid"], None)
        for owner in now or ():
            self._dependents.setdefault(owner["uid"], {})[key] = None

    def _key(self, body: Json) -> Key:
        found = self.resolve(body["apiVersion"], body["kind"])
        ref = found[0] if found else Ref(group_of(body["apiVersion"]), "")
        return Key(ref, body["metadata"].get("namespace", ""), body["metadata"]["name"])

    def _resource(self, ref: Ref) -> Resource:
        self._refresh()
        return self._by_ref[ref]

    def _refresh(self) -> None:
        if self._revision == self._registry.revision:
            return
        self._revision = self._registry.revision
        served = list(self._registry.by_path.values())
        self._by_ref = {Ref(r.group, r.plural): r for r in served if r.version == r.storage_version}
        self._by_kind = {(r.api_version, r.kind): r for r in served}

    def _options(self) -> Options:
        return Options(manager=MANAGER, validation="Ignore", tracked=False)
