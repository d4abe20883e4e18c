"""
All watches of one cluster, and how far what they say can be believed.

One watch of each kind that can be listed, in each place that may be looked at.
Which kinds there are comes from outside; what a watch says goes to the store
first, then to whoever listens.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from moorage.cluster import watch
from moorage.cluster.answers import Forbidden, NotFound
from moorage.cluster.credentials import Access
from moorage.cluster.discovery import KindEntry, Kinds
from moorage.cluster.http import Api
from moorage.cluster.live import Freshness
from moorage.cluster.settings import ClusterSettings
from moorage.cluster.store import Scope, Store
from moorage.cluster.watch import Watching
from moorage.cluster.watching import Watch
from moorage.model.identity import GroupKind, ResourceKey

_FORBIDDEN_SECONDS = 60.0
_MISSING_SECONDS = 1.0
_STREAMING_SINCE = (1, 27)


@dataclass(frozen=True, slots=True)
class Listener:
    """
    Who is told of watches, between awaits.

    `saw` hears of each change after the store did, `moved` of each state a watch
    comes to (None: it may not watch), `missing` when a kind is not there any more.
    """

    saw: Callable[[Scope, watch.Change], None]
    moved: Callable[[watch.State | None], None]
    missing: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Open:
    entry: KindEntry
    watch: Watch
    task: asyncio.Task[None]


class Watches:
    """The open watches, by kind and namespace."""

    def __init__(
        self, api: Api, access: Access, settings: ClusterSettings, store: Store, listener: Listener
    ) -> None:
        self._api = api
        self._access = access
        self._settings = settings
        self._store = store
        self._listener = listener
        self._open: dict[Scope, _Open] = {}
        self._forbidden: dict[Scope, Forbidden] = {}
        self._lists = asyncio.Semaphore(settings.lists)

    def __iter__(self) -> Iterator[Scope]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)

    def follow(self, kinds: Kinds, group: asyncio.TaskGroup) -> None:
        """Open a watch of each kind that has none, and end those of kinds that are gone; tasks go to `group`."""
        wanted = dict(self._wanted(kinds))
        for scope in [scope for scope in self._open if scope not in wanted]:
            if scope.group not in kinds.incomplete:
                self._end(scope)
        for scope, entry in wanted.items():
            known = self._open.get(scope)
            if known is not None and known.entry.api_version == entry.api_version:
                continue
            if known is not None:
                known.task.cancel()
            self._open[scope] = self._begin(group, scope, entry, streaming=_streams_lists(kinds.version))

    def clear(self) -> None:
        """Forget the watches: whoever ran their tasks has ended them."""
        self._open.clear()

    # --- what may be believed

    def sees(self, kind: GroupKind, namespace: str = "") -> bool:
        """Return whether a kind is watched in a place, or everywhere, and may be."""
        scope = Scope(*kind, namespace)
        return scope in self._open and scope not in self._forbidden

    def covers(self, key: ResourceKey) -> bool:
        """Return whether an object would be seen by a watch, current or not."""
        return any(scope in self._open for scope in _scopes_of(key))

    def is_current(self, key: ResourceKey) -> bool:
        """Return whether an object that is not in the store is known not to exist."""
        opened = (self._open.get(scope) for scope in _scopes_of(key))
        return any(found is not None and self._current(found) for found in opened)

    def not_current(self, kinds: Iterable[GroupKind]) -> set[GroupKind]:
        """Return those of some kinds that are watched, and of which the store may be behind."""
        places = ("", *self._access.namespaces)
        scopes = (Scope(*kind, namespace) for kind in kinds for namespace in places)
        return {
            scope.group_kind
            for scope in scopes
            if (known := self._open.get(scope)) is not None
            and (scope in self._forbidden or not self._current(known))
        }

    def why(self, kinds: set[GroupKind]) -> str:
        """Return what keeps one of these kinds from being known; empty when nothing was said."""
        faults = (
            self._forbidden.get(scope) or opened.watch.fault
            for scope, opened in self._open.items()
            if scope.group_kind in kinds
        )
        return next((str(fault) for fault in faults if fault), "")

    def freshness(self, fault: Exception | None, *, synced: bool) -> Freshness:
        """
        Return which kinds are known and current.

        Args:
            fault: What is wrong with the cluster as a whole.
            synced: Whether everything was read once, some time ago.
        """
        if not self._open:
            return Freshness(synced=False, why=str(fault or ""))
        waiting, gaps, faults, unread = set(), set(), [], False
        for scope, opened in self._open.items():
            if scope in self._forbidden:
                gaps.add(scope.group_kind)
            elif not self._current(opened):
                waiting.add(scope.group_kind)
                unread = unread or not (self._store.version(scope) or opened.watch.failing_since is not None)
                if opened.watch.fault:
                    faults.append(opened.watch.fault)
        known = (*faults, fault, *self._forbidden.values())
        why = next((str(each) for each in known if each), "")
        everything_fails = bool(waiting) and waiting == {scope.group_kind for scope in self._open}
        return Freshness(
            synced or not (unread or everything_fails), tuple(sorted(waiting)), tuple(sorted(gaps)), why
        )

    def _current(self, opened: _Open) -> bool:
        if not isinstance(opened.watch.state, Watching):
            return False
        since = opened.watch.failing_since
        return since is None or asyncio.get_running_loop().time() - since < self._settings.stale_seconds

    # --- one watch

    def _wanted(self, kinds: Kinds) -> Iterable[tuple[Scope, KindEntry]]:
        for entry in kinds.entries.values():
            if not entry.watchable or not self._settings.watches(
                entry.group, entry.kind, self._access.server
            ):
                continue
            if not self._access.namespaces:
                yield Scope(entry.group, entry.kind), entry
            elif entry.namespaced:
                for namespace in self._access.namespaces:
                    yield Scope(entry.group, entry.kind, namespace), entry
            elif self._access.cluster_resources:
                yield Scope(entry.group, entry.kind), entry

    def _begin(self, group: asyncio.TaskGroup, scope: Scope, entry: KindEntry, *, streaming: bool) -> _Open:
        self._store.open(scope, entry.api_version)
        opened = Watch(
            self._api,
            entry.path(scope.namespace),
            kind=entry.kind,
            on_change=lambda change: self._saw(scope, change),
            on_state=lambda state: self._moved(scope, state),
            lists=self._lists,
            streaming=streaming,
        )
        return _Open(entry, opened, group.create_task(self._run(scope, opened)))

    def _end(self, scope: Scope) -> None:
        self._open.pop(scope).task.cancel()
        self._forbidden.pop(scope, None)
        self._store.forget(scope)

    async def _run(self, scope: Scope, opened: Watch) -> None:
        while True:
            try:
                await opened.run()
            except Forbidden as refusal:
                # What we may not see is a gap, not an empty set.
                self._forbidden[scope] = refusal
                self._listener.moved(None)
                await asyncio.sleep(_FORBIDDEN_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 jitter
            except NotFound:
                self._listener.missing()
                await asyncio.sleep(_MISSING_SECONDS)

    def _saw(self, scope: Scope, change: watch.Change) -> None:
        self._store.take(scope, change)
        self._listener.saw(scope, change)

    def _moved(self, scope: Scope, state: watch.State) -> None:
        if isinstance(state, Watching):
            self._store.advance(scope, state.version)
            self._forbidden.pop(scope, None)
        self._listener.moved(state)


def _scopes_of(key: ResourceKey) -> Iterable[Scope]:
    return (Scope(*key.group_kind, namespace) for namespace in ("", key.namespace))


def _streams_lists(version: str) -> bool:
    parts = version.lstrip("v").split(".")
    try:
        return (int(parts[0]), int(parts[1])) >= _STREAMING_SINCE
    except (IndexError, ValueError):
        return False
