"""
Keeps `metadata.managedFields`: who owns which fields, since when, through which door.

An owner is known by its manager name, operation and subresource; one that updates
also by the version it wrote. Field sets are read from JSON only when asked for,
since most questions are about one owner out of many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from moorage.engine.merge.fields import FieldSet
from moorage.model.manifest import Json

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
ANCIENT: Final = "ancient-changes"
MOST_UPDATERS: Final = 10


class Owner(NamedTuple):
    """Who wrote: the manager, ``Apply`` or ``Update``, the version and the subresource."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""

    @property
    def identity(self) -> Owner:
        """What makes two entries the same owner: an applier is the same in every version."""
        return Owner(self.manager, "Apply", "", self.subresource) if self.operation == "Apply" else self

    def printed(self) -> str:
        """Return the owner as the API server names it in a conflict."""
        text = orjson.dumps(self.manager).decode()
        if self.subresource:
            text += f" with subresource {orjson.dumps(self.subresource).decode()}"
        return f"{text} using {self.api_version}" if self.operation == "Update" else text


class _Entry(NamedTuple):
    owner: Owner
    fields: FieldSet | Json
    time: str | None

    def field_set(self) -> FieldSet:
        return self.fields if isinstance(self.fields, FieldSet) else FieldSet.from_v1(self.fields)


class Owners:
    """All owners of an object with the fields each of them holds; a value, never changed."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[Owner, _Entry] | None = None) -> None:
        self._entries: dict[Owner, _Entry] = dict(entries or {})

    @classmethod
    def of(cls, managed: Any) -> Owners:
        """Return the owners written in ``managedFields``; nobody when the list cannot be read."""
        owners = cls()
        for raw in managed or ():
            entry = _read(raw)
            if entry is None:
                return cls()
            owners._entries[entry.owner.identity] = entry
        return owners

    def fields(self, owner: Owner) -> FieldSet:
        """Return what an owner holds."""
        entry = self._entries.get(owner.identity)
        return FieldSet() if entry is None else entry.field_set()

    def union(self) -> FieldSet:
        """Return what all of them hold together."""
        result = FieldSet()
        for entry in self._entries.values():
            result = result.union(entry.field_set())
        return result

    def having(self, owner: Owner, fields: FieldSet) -> Owners:
        """Return the owners with `owner` holding exactly these fields; it leaves when there are none."""
        entries = dict(self._entries)
        old = entries.pop(owner.identity, None)
        if fields:
            entries[owner.identity] = _Entry(owner, fields, old.time if old else None)
        return Owners(entries)

    def at(self, owner: Owner, time: str) -> Owners:
        """Return the owners with the time `owner` last changed something."""
        entry = self._entries.get(owner.identity)
        if entry is None:
            return self
        return Owners({**self._entries, owner.identity: entry._replace(time=time)})

    def losing(self, taken: FieldSet, removed: FieldSet, *, keeping: Owner | None) -> Owners:
        """Return the owners after somebody else wrote or removed fields of theirs."""
        lost = taken.union(removed)
        if not lost:
            return self
        entries: dict[Owner, _Entry] = {}
        for identity, entry in self._entries.items():
            if keeping is not None and identity == keeping.identity:
                entries[identity] = entry
                continue
            held = entry.field_set()
            rest = held.difference(lost)
            if rest:
                entries[identity] = entry if rest == held else entry._replace(fields=rest)
        return Owners(entries)

    def capped(self, most: int = MOST_UPDATERS) -> Owners:
        """Return at most `most` updaters; the oldest of a version become one entry."""
        updaters = [identity for identity in self._entries if identity.operation == "Update"]
        if len(updaters) <= most:
            return self
        updaters.sort(key=lambda one: (self._entries[one].time or "", _spelled(one)))
        entries = dict(self._entries)
        first: dict[str, Owner] = {}
        surplus = len(updaters) - most
        for identity in updaters:
            if surplus <= 0:
                break
            version = identity.api_version
            if version not in first:
                first[version] = identity
                continue
            bucket = Owner(ANCIENT, "Update", version)
            oldest = entries.get(bucket) or entries.pop(first[version])
            entry = entries.pop(identity)
            joined = entry.field_set().union(oldest.field_set())
            entries[bucket] = _Entry(bucket, joined, entry.time)
            surplus -= 1
        return Owners(entries)

    def to_json(self) -> list[Json]:
        """Return ``managedFields`` in the API server's order."""
        return [_written(entry) for entry in sorted(self._entries.values(), key=_rank)]

    def __iter__(self) -> Iterator[Owner]:
        return (
            entry.owner for entry in sorted(self._entries.values(), key=lambda e: _spelled(e.owner.identity))
        )

    def __bool__(self) -> bool:
        return bool(self._entries)


def _read(raw: Any) -> _Entry | None:
    if not isinstance(raw, dict) or raw.get("operation") not in ("Apply", "Update"):
        return None
    if not raw.get("apiVersion") or raw.get("fieldsType") != "FieldsV1":
        return None
    owner = Owner(
        str(raw.get("manager") or ""),
        raw["operation"],
        str(raw["apiVersion"]),
        str(raw.get("subresource") or ""),
    )
    fields = raw.get("fieldsV1")
    return _Entry(owner, fields if isinstance(fields, dict) else {}, raw.get("time"))


def _written(entry: _Entry) -> Json:
    owner = entry.owner
    written: Json = {
        "manager": owner.manager,
        "operation": owner.operation,
        "apiVersion": owner.api_version,
    }
    if entry.time is not None:
        written["time"] = entry.time
    written["fieldsType"] = "FieldsV1"
    written["fieldsV1"] = entry.field_set().to_v1()
    if owner.subresource:
        written["subresource"] = owner.subresource
    return written


def _rank(entry: _Entry) -> tuple[str, str, str, str, str]:
    owner = entry.owner
    return owner.operation, entry.time or "", owner.manager, owner.api_version, owner.subresource


def _spelled(identity: Owner) -> str:
    return orjson.dumps(
        {
            "manager": identity.manager,
            "operation": identity.operation,
            "apiVersion": identity.api_version,
            "subresource": identity.subresource,
        }
    ).decode()
