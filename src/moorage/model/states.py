"""
What is wanted, what is there, and how they differ.

`TargetState` is made by rendering, `LiveState` by a cluster's store,
`Comparison` by `moorage.engine.compare`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from moorage.model.health import Health
from moorage.model.identity import AppKey, GroupKind, ResourceKey
from moorage.model.manifest import Json, Manifest


class SyncStatus(StrEnum):
    """Whether target and live state are the same."""

    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"


class Change(StrEnum):
    """What a sync would do to one resource."""

    NONE = "none"
    CREATE = "create"
    UPDATE = "update"
    PRUNE = "prune"


@dataclass(frozen=True, slots=True)
class TargetState:
    """The manifests of one application at one revision: namespaced, tracked, checked for duplicates."""

    app: AppKey
    revision: str
    manifests: tuple[Manifest, ...]
    hooks: tuple[Manifest, ...] = ()
    source_type: str = "Directory"
    warnings: tuple[str, ...] = ()
    fingerprint: str = ""

    @property
    def by_key(self) -> dict[ResourceKey, Manifest]:
        return {m.key: m for m in self.manifests}


@dataclass(frozen=True, slots=True)
class LiveState:
    """
    What one cluster holds for one application, and how far that knowledge goes.

    `gaps` names the kinds whose watch is not complete. Nothing may be decided
    about a resource of such a kind: it is unknown, not absent. `why` says what
    keeps one of them from being known, where somebody said.
    """

    objects: Mapping[ResourceKey, Json]
    tracked: frozenset[ResourceKey] = frozenset()
    gaps: frozenset[GroupKind] = frozenset()
    unserved: frozenset[GroupKind] = frozenset()
    why: str = ""

    @property
    def complete(self) -> bool:
        return not self.gaps


@dataclass(frozen=True, slots=True)
class Difference:
    """
    One resource compared: what a sync would do to it and in which fields it differs.

    `predicted` is the object as the server says that an apply would leave it; None
    where nobody asked the server.
    """

    key: ResourceKey
    change: Change
    version: str = ""
    fields: tuple[str, ...] = ()
    health: Health | None = None
    live: Json | None = None
    target: Manifest | None = None
    ignored: bool = False
    shared_with: str = ""
    predicted: Json | None = None

    @property
    def out_of_sync(self) -> bool:
        return self.change is not Change.NONE and not self.ignored


@dataclass(frozen=True, slots=True)
class Comparison:
    """All resources of one application compared, in key order, and the verdict for the whole."""

    status: SyncStatus
    differences: tuple[Difference, ...] = ()
    by_key: Mapping[ResourceKey, Difference] = field(default_factory=dict)

    @property
    def changed(self) -> tuple[Difference, ...]:
        return tuple(d for d in self.differences if d.out_of_sync)
