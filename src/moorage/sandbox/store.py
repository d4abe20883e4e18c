"""
What the sandbox holds: every object with its JSON, and what happened to it.

One counter numbers all writes (`resourceVersion`). A collection keeps the
objects of one resource and a bounded log of changes, so that a watch may begin
at any version still remembered. Bodies are never changed once stored. The
store knows nothing of kinds, rules or HTTP; it runs on one thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal, Protocol

import orjson

from moorage.model.manifest import Json

Key = tuple[str, str]
"""Namespace (empty for cluster-wide objects) and name."""

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


class Entry:
    """
    One stored object.

    `tail` is its JSON from the third key on: the head, kind and apiVersion, is
    written by whoever reads it, as lists leave it out and versions change it.
    """

    __slots__ = ("_tail", "body", "version")

    def __init__(self, body: Json, version: int, tail: bytes | None = None) -> None:
        self.body = body
        self.version = version
        self._tail = tail

    @property
    def tail(self) -> bytes:
        if self._tail is None:
            rest = {key: value for key, value in self.body.items() if key not in ("kind", "apiVersion")}
            self._tail = orjson.dumps(rest)[1:]
        return self._tail


class Change:
    """One thing that happened to one object; `previous` is what it was before."""

    __slots__ = ("entry", "key", "lines", "previous", "type", "version")

    def __init__(self, kind: ChangeType, key: Key, entry: Entry, previous: Entry | None) -> None:
        self.type: ChangeType = kind
        self.key = key
        self.entry = entry
        self.previous = previous
        self.version = entry.version
        self.lines: dict[bytes, bytes] = {}
        """Encoded watch lines by head, so that many watchers cost one encoding."""


class Collection:
    """The objects of one resource, by namespace and name."""

    def __init__(self, resource: tuple[str, str], floor: int, memory: int) -> None:
        self.resource = resource
        self.objects: dict[Key, Entry] = {}
        self.spaces: dict[str, dict[str, Entry]] = {}
        self.log: deque[Change] = deque()
        self.floor = floor
        """The newest version that is forgotten: a watch from here on is complete."""
        self.memory = memory
        self.listeners: list[Callable[[Change], None]] = []
        self._order: dict[str | None, list[Key]] = {}

    def ordered(self, namespace: str = "") -> list[Key]:
        """Return the keys in order, of one namespace or (empty) of all."""
        keys = self._order.get(namespace)
        if keys is None:
            if namespace:
                keys = [(namespace, name) for name in sorted(self.spaces.get(namespace, ()))]
            else:
                keys = sorted(self.objects)
            self._order[namespace] = keys
        return keys

    def put(self, key: Key, entry: Entry) -> Entry | None:
        """Hold `entry` and return what was there before."""
        before = self.objects.get(key)
        if before is None:
            self._order.clear()
        self.objects[key] = entry
        self.spaces.setdefault(key[0], {})[key[1]] = entry
        return before

    def drop(self, key: Key) -> Entry | None:
        """Forget the object and return what it was."""
        before = self.objects.pop(key, None)
        if before is not None:
            self._order.clear()
            space = self.spaces[key[0]]
            del space[key[1]]
            if not space:
                del self.spaces[key[0]]
        return before

    def tell(self, change: Change) -> None:
        """Remember the change and tell all who watch this resource."""
        self.log.append(change)
        if len(self.log) > self.memory:
            self.floor = self.log.popleft().version
        for listener in tuple(self.listeners):
            listener(change)

    def since(self, version: int) -> Iterator[Change]:
        """Return the remembered changes after `version`, oldest first."""
        recent: list[Change] = []
        for change in reversed(self.log):
            if change.version <= version:
                break
            recent.append(change)
        return reversed(recent)


class Journal(Protocol):
    """Where writes are kept beyond the process; called in order, never waited for."""

    def wrote(self, resource: tuple[str, str], key: Key, entry: Entry) -> None: ...

    def removed(self, resource: tuple[str, str], key: Key, version: int) -> None: ...


class Store:
    """All collections and the counter of versions."""

    def __init__(self, *, memory: int = 10_000, journal: Journal | None = None) -> None:
        self.version = 1
        self.memory = memory
        self.journal = journal
        self.collections: dict[tuple[str, str], Collection] = {}
        self.subscribers: list[Callable[[tuple[str, str], Change], None]] = []

    def collection(self, group: str, plural: str) -> Collection:
        """Return the collection of a resource, made on first use."""
        resource = (group, plural)
        found = self.collections.get(resource)
        if found is None:
            found = self.collections[resource] = Collection(resource, self.version, self.memory)
        return found

    def subscribe(self, callback: Callable[[tuple[str, str], Change], None]) -> None:
        """Call `callback` after every write with the resource and the change."""
        self.subscribers.append(callback)

    def load(self, group: str, plural: str, key: Key, entry: Entry) -> None:
        """Hold an object of an earlier run, telling nobody."""
        self.version = max(self.version, entry.version)
        self.collection(group, plural).put(key, entry)

    def write(self, collection: Collection, key: Key, body: Json) -> Entry:
        """Store `body` under the next version, which it is given, and tell everyone."""
        self.version += 1
        version = self.version
        body["metadata"]["resourceVersion"] = str(version)
        entry = Entry(body, version)
        before = collection.put(key, entry)
        if self.journal is not None:
            self.journal.wrote(collection.resource, key, entry)
        self._tell(collection, Change("MODIFIED" if before else "ADDED", key, entry, before))
        return entry

    def remove(self, collection: Collection, key: Key, body: Json) -> Entry:
        """Forget an object; `body` is its last state, which is given the version of the deletion."""
        self.version += 1
        version = self.version
        last = {**body, "metadata": {**body["metadata"], "resourceVersion": str(version)}}
        entry = Entry(last, version)
        before = collection.drop(key)
        if self.journal is not None:
            self.journal.removed(collection.resource, key, version)
        self._tell(collection, Change("DELETED", key, entry, before))
        return entry

    def forget_changes(self) -> None:
        """Forget all that happened, as a compaction does: watches from before now get 410."""
        for collection in self.collections.values():
            collection.log.clear()
            collection.floor = self.version

    def _tell(self, collection: Collection, change: Change) -> None:
        collection.tell(change)
        for callback in tuple(self.subscribers):
            callback(collection.resource, change)
