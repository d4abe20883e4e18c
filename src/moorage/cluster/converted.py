"""
Objects that were read in another version than the one they are watched in.

A cluster is watched in the versions its server prefers; an object declared in
another one is read in that, once for each change of it. `session` asks; this is
only its memory.
"""

from __future__ import annotations

from moorage.cluster.records import Record
from moorage.cluster.store import Store
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json


class Converted:
    """What was read, by key and version, as long as the object is as it was then."""

    def __init__(self) -> None:
        self._kept: dict[tuple[ResourceKey, str], tuple[str, Json]] = {}

    def get(self, record: Record, api_version: str) -> Json | None:
        """Return a known object in a version, if it was read as it is now."""
        kept = self._kept.get((record.key, api_version))
        return kept[1] if kept is not None and kept[0] == record.resource_version else None

    def put(self, key: ResourceKey, api_version: str, body: Json) -> None:
        """Keep an object that was read."""
        self._kept[key, api_version] = (str(body["metadata"].get("resourceVersion") or ""), body)

    def settle(self, store: Store) -> None:
        """Forget what was read of objects that changed since or are gone."""
        for place in tuple(self._kept):
            record = store.get(place[0])
            if record is None or record.resource_version != self._kept[place][0]:
                del self._kept[place]
