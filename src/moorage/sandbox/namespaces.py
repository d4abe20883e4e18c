"""
The life cycle of namespaces: the first ones, and how one goes with all it holds.
"""

from __future__ import annotations

from collections.abc import Callable

from moorage.model.manifest import Json
from moorage.sandbox.resources import Registry, Resource
from moorage.sandbox.store import Change, Entry, Store
from moorage.sandbox.writes import Options, Writes

FIRST = ("default", "kube-node-lease", "kube-public", "kube-system")


class Namespaces:
    """Empties namespaces that are to go, and lets them go when they are empty."""

    def __init__(
        self, store: Store, registry: Registry, writes: Writes, later: Callable[[Callable[[], None]], None]
    ) -> None:
        self.store = store
        self.registry = registry
        self.writes = writes
        self.later = later

    def attach(self) -> None:
        """Make the first namespaces, go on with those being deleted, and follow changes."""
        held = self.store.collection("", "namespaces").objects
        for name in FIRST:
            if ("", name) not in held:
                body = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}
                self.writes.create(self._resource(), "", body, Options(manager="kube-apiserver"))
        self.store.subscribe(self.changed)
        for (_, name), entry in list(held.items()):
            if entry.body["metadata"].get("deletionTimestamp"):
                self._soon(name)

    def changed(self, resource: tuple[str, str], change: Change) -> None:
        """Follow one change in the store."""
        if resource == ("", "namespaces"):
            if change.type == "MODIFIED" and change.entry.body["metadata"].get("deletionTimestamp"):
                self._soon(change.key[1])
        elif change.type == "DELETED" and change.key[0]:
            entry = self.store.collection("", "namespaces").objects.get(("", change.key[0]))
            if entry is not None and entry.body["metadata"].get("deletionTimestamp"):
                self._soon(change.key[0])

    def _soon(self, name: str) -> None:
        # Not within the write that told us: its caller still holds the entry.
        self.later(lambda: self._empty(name))

    def _resource(self) -> Resource:
        found = self.registry.find("", "v1", "namespaces")
        assert found is not None
        return found

    def _empty(self, name: str) -> None:
        key = ("", name)
        entry = self.store.collection("", "namespaces").objects.get(key)
        if entry is None or not entry.body["metadata"].get("deletionTimestamp"):
            return
        left = 0
        for resource in self.registry.stored():
            held = self.store.collections.get((resource.group, resource.plural))
            if held is None or not resource.namespaced or name not in held.spaces:
                continue
            for object_name, each in list(held.spaces[name].items()):
                if not each.body["metadata"].get("deletionTimestamp"):
                    self.writes.delete(resource, (name, object_name), {}, Options(tracked=False))
            left += len(held.spaces.get(name, ()))
        if not left:
            self._finish(entry)

    def _finish(self, entry: Entry) -> None:
        current = self.store.collection("", "namespaces").objects.get(("", entry.body["metadata"]["name"]))
        if current is None:
            return
        body: Json = {**current.body, "spec": {**(current.body.get("spec") or {}), "finalizers": []}}
        key = ("", body["metadata"]["name"])
        self.writes.change(self._resource(), key, current, body, Options(tracked=False), "finalize")
