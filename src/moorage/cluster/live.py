"""Views of a store that are handed out: objects decoded when read, and how far knowledge goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from moorage.cluster.records import Record
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.manifest import Json


class Objects(Mapping[ResourceKey, Json]):
    """
    Live objects by key, each decoded when first read and then kept.

    It holds the records as they were when it was made, so a pass sees one state
    whatever the watches say meanwhile.
    """

    def __init__(
        self,
        records: Mapping[ResourceKey, Record],
        read: Mapping[ResourceKey, Json],
        before: Objects | None = None,
    ) -> None:
        """Take over from an earlier view what it has decoded, where the record is still the same."""
        self._records = records
        self._read: dict[ResourceKey, Json] = before._decoded(records) if before is not None else {}
        self._read |= read

    def _decoded(self, records: Mapping[ResourceKey, Record]) -> dict[ResourceKey, Json]:
        mine = self._records
        return {
            key: body
            for key, body in self._read.items()
            if (record := mine.get(key)) is not None and records.get(key) is record
        }

    def __getitem__(self, key: ResourceKey) -> Json:
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = self._records[key].decode()
        return found

    def __iter__(self) -> Iterator[ResourceKey]:
        yield from self._records
        yield from (key for key in self._read if key not in self._records)

    def __len__(self) -> int:
        return len(self._records.keys() | self._read.keys())

    def __contains__(self, key: object) -> bool:
        return key in self._records or key in self._read


@dataclass(frozen=True, slots=True)
class Freshness:
    """
    How far the knowledge of a cluster goes.

    `synced` says that every kind was read once; `waiting` names kinds whose
    knowledge is not current, `gaps` kinds we may not see, `why` the last fault.
    """

    synced: bool
    waiting: tuple[GroupKind, ...] = ()
    gaps: tuple[GroupKind, ...] = ()
    why: str = ""

    @property
    def ready(self) -> bool:
        """Whether questions can be answered at all."""
        return self.synced

    @property
    def complete(self) -> bool:
        return self.synced and not self.waiting
