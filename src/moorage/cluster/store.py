"""
What is known of one cluster, indexed by owner and by application.

The store obeys the changes that `watch` says and answers what `session` asks.
It knows no time and no network. An object's JSON is kept only while somebody
needs it: it is tracked, targeted, or owned by something that is; of all others
only the identity is kept, which costs well under 2 KB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import msgspec

from moorage.cluster import watch
from moorage.cluster.records import Record, at_least, counted, read_object, went_back
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.manifest import Json

_DEPTH = 16

OwnerOf = Callable[[Json], "str | None"]
"""Says to which instance an object belongs; sees apiVersion, kind and metadata (no managedFields)."""


class Role(StrEnum):
    """Why a change matters to an instance."""

    MANAGED = "managed"
    CHILD = "child"


class Changed(NamedTuple):
    """
    An object changed that matters to `instances`.

    `old` and `new` are resource versions; empty when it was not there before or is gone now.
    """

    role: Role
    instances: tuple[str, ...]
    key: ResourceKey
    old: str
    new: str


class Scope(NamedTuple):
    """What one watch covers: a kind in a namespace, or everywhere when the namespace is empty."""

    group: str
    kind: str
    namespace: str = ""

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)


@dataclass(slots=True)
class _ScopeState:
    api_version: str
    version: str = ""
    gathered: dict[ResourceKey, Record] | None = None


class Store:
    """
    The objects of one cluster, as their watches reported them.

    Invariant: the indexes by uid, owner and instance say exactly what the
    records say. Replacing a kind's list is one step between two awaits, so
    nobody sees half of it.
    """

    def __init__(self, owner_of: OwnerOf, on_change: Callable[[Changed], None]) -> None:
        self._owner_of = owner_of
        self._on_change = on_change
        self._kinds: dict[GroupKind, dict[ResourceKey, Record]] = {}
        self._scopes: dict[Scope, _ScopeState] = {}
        self._by_uid: dict[str, Record] = {}
        self._by_owner: dict[str, list[ResourceKey]] = {}
        self._by_instance: dict[str, dict[ResourceKey, Record]] = {}
        self._targeted: dict[ResourceKey, set[str]] = {}
        self._targets: dict[str, frozenset[ResourceKey]] = {}
        self._unresolved: set[ResourceKey] = set()
        self._aging: set[ResourceKey] = set()

    # --- obeying the watches

    def open(self, scope: Scope, api_version: str) -> None:
        """Make ready for what a watch will say."""
        self._kinds.setdefault(scope.group_kind, {})
        self._scopes[scope] = _ScopeState(api_version)

    def forget(self, scope: Scope) -> None:
        """Drop everything a watch said: its kind is gone from the cluster."""
        self._scopes.pop(scope, None)
        for record in [r for r in self._of_scope(scope) if r]:
            self._remove(record)

    def take(self, scope: Scope, change: watch.Change) -> None:
        """Obey one change of a watch."""
        state = self._scopes[scope]
        match change:
            case watch.Put(body):
                self._put(self._read(scope, state, body))
            case watch.Removed(body):
                last = self._read(scope, state, body)
                gone = self.get(last.key)
                # Deleted and created again by ourselves: the end of the old one is no news.
                if gone is not None and (
                    gone.uid == last.uid or at_least(last.resource_version, gone.resource_version)
                ):
                    self._remove(gone)
            case watch.Began():
                state.gathered = {}
            case watch.Gathered(body):
                assert state.gathered is not None
                record = self._read(scope, state, body)
                old = self.get(record.key)
                # An object that did not change is not kept twice.
                same = (
                    old is not None
                    and old.uid == record.uid
                    and old.resource_version == record.resource_version
                )
                state.gathered[record.key] = old if same and old is not None else record
            case watch.Completed(version):
                self._swap(scope, state, version)

    def observe(self, key: ResourceKey, answer: bytes, api_version: str) -> None:
        """
        Note what a write of our own was answered with, ahead of its watch, which gives objects in `api_version`.

        Does nothing when the watch is already past it: the object may be gone again.
        """
        scope = next(
            (s for s in (Scope(*key.group_kind), Scope(*key.group_kind, key.namespace)) if s in self._scopes),
            None,
        )
        if scope is None:
            return
        record = self._read(scope, self._scopes[scope], answer)
        if record.api_version != api_version:
            return
        seen = self._scopes[scope].version
        if self.get(record.key) is None and seen and at_least(seen, record.resource_version):
            return
        self._put(record)

    def advance(self, scope: Scope, version: str) -> None:
        """Note that everything up to `version` was seen."""
        self._scopes[scope].version = version

    def settle(self) -> None:
        """
        Let go of bodies that were kept only because owners might still come.

        Watches of different kinds run apart, so a Pod may be seen before its
        ReplicaSet. An object whose owners were not all known when it came keeps
        its body until the second call after that.
        """
        for key in self._aging:
            record = self.get(key)
            if record is not None and record.body is not None and not self._is_wanted(record):
                record.body = None
        self._aging, self._unresolved = self._unresolved, set()

    # --- answering

    def get(self, key: ResourceKey) -> Record | None:
        return self._kinds.get(key.group_kind, {}).get(key)

    def records(self) -> Iterator[Record]:
        for records in self._kinds.values():
            yield from records.values()

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def of_kind(self, group: str, kind: str) -> Iterable[Record]:
        return self._kinds.get(GroupKind(group, kind), {}).values()

    def of_instance(self, instance: str) -> dict[ResourceKey, Record]:
        """Return what is tracked for an instance. Not to be changed."""
        return self._by_instance.get(instance, {})

    def children(self, record: Record) -> list[Record]:
        """Return the objects whose owner a record is, in key order."""
        found = (self.get(key) for key in self._by_owner.get(record.uid, ()))
        return sorted((r for r in found if r is not None), key=lambda r: r.key)

    def descendants(self, instance: str) -> list[Record]:
        """Return all objects below what is tracked for an instance, each once, parents first."""
        seen = {record.uid for record in self.of_instance(instance).values()}
        level = list(self.of_instance(instance).values())
        found: list[Record] = []
        while level:
            level = [child for parent in level for child in self.children(parent) if child.uid not in seen]
            seen |= {child.uid for child in level}
            found += level
        return found

    def version(self, scope: Scope) -> str:
        """Return the version up to which a scope was seen; empty when its first list is not whole."""
        state = self._scopes.get(scope)
        return state.version if state else ""

    def instances_of(self, record: Record) -> tuple[Role, tuple[str, ...]]:
        """Return whom a change of an object concerns: who tracks or targets it, else who owns its owners."""
        instances = set(self._targeted.get(record.key, ()))
        if record.instance:
            instances.add(record.instance)
        if instances:
            return Role.MANAGED, tuple(sorted(instances))
        return Role.CHILD, tuple(sorted(self._inherited(record)))

    # --- interest

    def target(self, instance: str, keys: Iterable[ResourceKey]) -> None:
        """Note what an instance targets, instead of what it targeted before; bodies of these are kept."""
        wanted = frozenset(keys)
        before = self._targets.get(instance, frozenset())
        if wanted == before:
            return
        for key in before - wanted:
            holders = self._targeted.get(key, set())
            holders.discard(instance)
            if not holders:
                self._targeted.pop(key, None)
        for key in wanted - before:
            self._targeted.setdefault(key, set()).add(instance)
        if wanted:
            self._targets[instance] = wanted
        else:
            self._targets.pop(instance, None)

    def fill(self, key: ResourceKey, body: bytes) -> None:
        """Give back the body of an object whose identity alone was kept, if it is still that object."""
        record = self.get(key)
        if record is None or record.body is not None:
            return
        read = read_object(body, key.group, key.kind, record.api_version).record
        if read.uid == record.uid and read.resource_version == record.resource_version:
            record.body = body

    # --- inside

    def _read(self, scope: Scope, state: _ScopeState, body: bytes | msgspec.Raw) -> Record:
        read = read_object(body, scope.group, scope.kind, state.api_version)
        if read.tracking is not None:
            read.record.instance = self._owner_of(read.tracking) or ""
        return self._slim(read.record)

    def _slim(self, record: Record) -> Record:
        if not self._is_wanted(record) and self._is_resolved(record):
            record.body = None
        return record

    def _is_wanted(self, record: Record) -> bool:
        if record.instance or record.key in self._targeted:
            return True
        return bool(record.owners and self._inherited(record))

    def _is_resolved(self, record: Record) -> bool:
        return all(uid in self._by_uid for uid in record.owners)

    def _inherited(self, record: Record) -> set[str]:
        found: set[str] = set()
        level, seen = set(record.owners), set()
        for _ in range(_DEPTH):
            owners = [self._by_uid[uid] for uid in level if uid in self._by_uid]
            seen |= level
            for owner in owners:
                if owner.instance:
                    found.add(owner.instance)
                found |= self._targeted.get(owner.key, set())
            level = {uid for owner in owners for uid in owner.owners} - seen
            if not level:
                break
        return found

    def _swap(self, scope: Scope, state: _ScopeState, version: str) -> None:
        gathered, state.gathered = state.gathered or {}, None
        if went_back(version, state.version):
            for record in self._of_scope(scope):
                # The server counts anew, so nothing known can be later than the list.
                record.resource_version = ""
        for record in [r for r in self._of_scope(scope) if r.key not in gathered]:
            # What we wrote ourselves after the list was made is not in it.
            if at_least(version, record.resource_version) or counted(version) is None:
                self._remove(record)
        for record in gathered.values():
            if self.get(record.key) is not record:
                self._put(record)

    def _of_scope(self, scope: Scope) -> list[Record]:
        records = self._kinds.get(scope.group_kind, {}).values()
        return [r for r in records if not scope.namespace or r.key.namespace == scope.namespace]

    def _put(self, record: Record) -> None:
        old = self.get(record.key)
        if old is not None:
            if old.uid == record.uid and at_least(old.resource_version, record.resource_version):
                return
            self._unlink(old)
        self._link(record)
        concerned = dict.fromkeys(self.instances_of(record)[1])
        role = self.instances_of(record)[0]
        if old is not None and old.instance and old.instance not in concerned:
            role = Role.MANAGED
            concerned[old.instance] = None
        if concerned:
            before = old.resource_version if old else ""
            self._on_change(
                Changed(role, tuple(sorted(concerned)), record.key, before, record.resource_version)
            )

    def _remove(self, record: Record) -> None:
        role, instances = self.instances_of(record)
        self._unlink(record)
        if instances:
            self._on_change(Changed(role, instances, record.key, record.resource_version, ""))

    def _link(self, record: Record) -> None:
        self._kinds.setdefault(record.key.group_kind, {})[record.key] = record
        self._by_uid[record.uid] = record
        if record.owners and not self._is_resolved(record):
            self._unresolved.add(record.key)
        for uid in record.owners:
            self._by_owner.setdefault(uid, []).append(record.key)
        if record.instance:
            self._by_instance.setdefault(record.instance, {})[record.key] = record

    def _unlink(self, record: Record) -> None:
        self._kinds[record.key.group_kind].pop(record.key, None)
        if self._by_uid.get(record.uid) is record:
            del self._by_uid[record.uid]
        for uid in record.owners:
            keys = self._by_owner.get(uid, [])
            if record.key in keys:
                keys.remove(record.key)
            if not keys:
                self._by_owner.pop(uid, None)
        if record.instance:
            tracked = self._by_instance.get(record.instance, {})
            tracked.pop(record.key, None)
            if not tracked:
                self._by_instance.pop(record.instance, None)
