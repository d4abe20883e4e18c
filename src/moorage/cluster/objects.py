"""
Watches one kind and tells what its objects are, whole.

For the few kinds that are read and not managed: Applications, projects, Secrets
and ConfigMaps of our own namespace. It keeps every object decoded, so it is not
for kinds of which there are tens of thousands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum

import msgspec
import orjson

from moorage.cluster import watch
from moorage.cluster.answers import Forbidden, NotFound
from moorage.cluster.discovery import KindEntry
from moorage.cluster.http import Api
from moorage.cluster.records import at_least, version_of, went_back
from moorage.cluster.watch import State, Watching
from moorage.cluster.watching import Watch
from moorage.model.errors import ApiFailed, Error
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json, key_of

_RETRY_SECONDS = 2.0


class Event(StrEnum):
    """What became of an object."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"


class Reflector:
    """
    All objects of one kind, in a namespace or everywhere, kept current.

    `on_change` is called with what happened and the object (as it was last,
    when deleted), between awaits; it must not block. `synced` is set once the
    first list was told whole. `bodies` may be read at any time and is not to be
    changed. `fault` says why nothing comes, when nothing comes.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        on_change: Callable[[Event, Json], None],
        *,
        api_version: str = "",
        kind: str = "",
        label_selector: str = "",
        field_selector: str = "",
    ) -> None:
        self.synced = asyncio.Event()
        self.bodies: dict[ResourceKey, Json] = {}
        self.fault: Error | None = None
        self._on_change = on_change
        self._api_version = api_version
        self._kind = kind
        self._gathered: dict[ResourceKey, Json] = {}
        self._observed: set[tuple[str, str]] = set()
        self._version = ""
        self._watch = Watch(
            api,
            path,
            kind=kind,
            on_change=self._take,
            on_state=self._moved,
            label_selector=label_selector,
            field_selector=field_selector,
        )

    @classmethod
    def of(
        cls,
        api: Api,
        entry: KindEntry,
        on_change: Callable[[Event, Json], None],
        *,
        namespace: str = "",
        label_selector: str = "",
    ) -> Reflector:
        """Return the reflector of a discovered kind."""
        return cls(
            api,
            entry.path(namespace),
            on_change,
            api_version=entry.api_version,
            kind=entry.kind,
            label_selector=label_selector,
        )

    async def run(self) -> None:
        """Watch until cancelled. A kind that is not there (yet) or forbidden is asked for again and again."""
        while True:
            try:
                await self._watch.run()
            except (NotFound, Forbidden) as error:
                self.fault = error
                self._watch.state = watch.Empty()
                await asyncio.sleep(_RETRY_SECONDS)

    @property
    def current(self) -> bool:
        """Whether what is known is what is, as far as the watch goes."""
        return isinstance(self._watch.state, Watching) and self._watch.failing_since is None

    def observe(self, body: Json) -> None:
        """
        Note what a write of our own was answered with, ahead of the watch.

        Does nothing when the watch is past it and knows no such object: it is gone again.
        """
        key, metadata = key_of(body), body["metadata"]
        version = str(metadata.get("resourceVersion") or "")
        may_be_there = key in self.bodies or not at_least(self._version, version)
        if may_be_there and self._put(key, body):
            self._observed.add((str(metadata.get("uid") or ""), version))

    def _moved(self, state: State) -> None:
        self.fault = self._watch.fault
        if isinstance(state, Watching):
            self._version = state.version

    def _take(self, change: watch.Change) -> None:
        match change:
            case watch.Put(raw):
                if self._is_echo(raw):
                    return
                body = self._read(raw)
                self._put(key_of(body), body)
            case watch.Removed(raw):
                body = self._read(raw)
                known = self.bodies.get(key_of(body))
                if known is not None and known["metadata"].get("uid") == body["metadata"].get("uid"):
                    del self.bodies[key_of(body)]
                    self._on_change(Event.DELETED, body)
            case watch.Began():
                self._gathered = {}
            case watch.Gathered(raw):
                body = self._read(raw)
                self._gathered[key_of(body)] = body
            case watch.Completed(version):
                if went_back(version, self._version):
                    self.bodies = {key: _uncounted(body) for key, body in self.bodies.items()}
                self._version = version
                self._observed.clear()
                self._swap()

    def _swap(self) -> None:
        gathered, self._gathered = self._gathered, {}
        for key in [key for key in self.bodies if key not in gathered]:
            self._on_change(Event.DELETED, self.bodies.pop(key))
        for key, body in gathered.items():
            self._put(key, body)
        self.synced.set()

    def _put(self, key: ResourceKey, body: Json) -> bool:
        """Keep an object and tell of it, unless it is known as it is or as it was later; return whether it was news."""
        known = self.bodies.get(key)
        if known is not None:
            old, new = known["metadata"], body["metadata"]
            if old.get("uid") == new.get("uid") and at_least(
                str(old.get("resourceVersion") or ""), str(new.get("resourceVersion") or "")
            ):
                return False
        self.bodies[key] = body
        self._on_change(Event.ADDED if known is None else Event.MODIFIED, body)
        return True

    def _is_echo(self, raw: msgspec.Raw) -> bool:
        """Whether a watch tells of a write of our own that was observed; it is over with that."""
        if not self._observed:
            return False
        try:
            told = version_of(raw)
        except ApiFailed:
            return False  # reading it whole will tell what is wrong with it
        if told not in self._observed:
            return False
        self._observed.remove(told)
        return True

    def _read(self, raw: msgspec.Raw) -> Json:
        body: Json = orjson.loads(memoryview(raw))
        if "kind" in body and "apiVersion" in body:
            return body
        return {"apiVersion": self._api_version, "kind": self._kind, **body}


def _uncounted(body: Json) -> Json:
    """Return an object without its version, so that any other is later."""
    return {**body, "metadata": {**body["metadata"], "resourceVersion": ""}}
