"""
Keeps one cluster's watches alive and says how trustworthy the store is.

One session belongs to one destination and one way of signing in. `run` owns
all its tasks: a watch of every kind that can be listed, one that asks for the
kinds again when a definition changes, one that notices when knowledge grows
old. When the cluster goes bad, `run` goes on trying; it ends only when
cancelled.

What is known but not current is never given out as if it were: `live_state`
names the kinds it cannot vouch for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping

from moorage.cluster import watch
from moorage.cluster.admission import MUTATING, Admission
from moorage.cluster.answers import NotFound
from moorage.cluster.apply import Writer
from moorage.cluster.converted import Converted
from moorage.cluster.credentials import Access
from moorage.cluster.definitions import API_SERVICE, CRD, Definitions
from moorage.cluster.discovery import Kinds, discover
from moorage.cluster.http import Api
from moorage.cluster.live import Freshness, Objects
from moorage.cluster.records import Record, at_least
from moorage.cluster.schemas import SchemaSource, Shelf
from moorage.cluster.settings import ClusterSettings
from moorage.cluster.store import Changed, OwnerOf, Scope, Store
from moorage.cluster.watch import Watching
from moorage.cluster.watches import Listener, Watches
from moorage.engine.merge.schema import Schemas
from moorage.model.errors import ClusterUnreachable, Error, LiveStateUnknown, NotPermitted
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.manifest import Json, key_of
from moorage.model.states import LiveState

_REDISCOVER_SECONDS = 300.0
_UNTOLD_SECONDS = 60.0
_SETTLE_SECONDS = 60.0
_ASK_AGAIN_SECONDS = 0.5
_KEPT_VIEWS = 64
_EXPECT_DELAYS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0)


class ClusterSession:
    """
    One cluster: what it holds, kept current, and the means to change it.

    `on_change` hears of each change that matters to an instance, `on_freshness`
    whenever the answer of `freshness` changed. Both are called between awaits
    and must not block.
    """

    def __init__(
        self,
        name: str,
        access: Access,
        settings: ClusterSettings,
        owner_of: OwnerOf,
        on_change: Callable[[Changed], None],
        on_freshness: Callable[[], None] | None = None,
        shelf: Shelf[Schemas] | None = None,
        api: Api | None = None,
    ) -> None:
        self.name = name
        self.access = access
        self.settings = settings
        self.api = api or Api(access, settings)
        self.store = Store(owner_of, on_change)
        self.kinds = Kinds()
        self.writer = Writer(self.api, lambda: self.kinds, self.schemas, self.wait_established)
        self._schemas = SchemaSource(self.api, shelf or Shelf(Schemas))
        self._on_freshness = on_freshness or (lambda: None)
        listener = Listener(self._saw, self._moved, lambda: self._look_again.set())
        self._watches = Watches(self.api, access, settings, self.store, listener)
        self._definitions = Definitions()
        self._admission = Admission()
        self._look_again = asyncio.Event()
        self._kinds_changed = asyncio.Event()
        self._heard = asyncio.Event()
        self._heard_since = float("-inf")
        self._synced = asyncio.Event()
        self._fault: Error | None = None
        self._told = Freshness(synced=False)
        self._converted = Converted()
        self._views: dict[str, Objects] = {}

    # --- life

    async def run(self) -> None:
        """Watch the cluster until cancelled, through every fault of it."""
        failures = 0
        try:
            while True:
                try:
                    self._adopt(await discover(self.api))
                except Error as fault:
                    failures += 1
                    self._fault = fault
                    self._tell()
                    await asyncio.sleep(self.settings.backoff(failures))
                    continue
                failures = 0
                await self._watch_all()
        finally:
            self._watches.clear()
            await self.api.close()

    async def ready(self) -> None:
        """Return when every kind was read once."""
        await self._synced.wait()

    async def _watch_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._watches.follow(self.kinds, group)
            group.create_task(self._follow_definitions(group))
            group.create_task(self._keep_time())

    # --- what watches say

    def _saw(self, scope: Scope, change: watch.Change) -> None:
        if scope.group_kind == CRD and isinstance(change, watch.Put | watch.Removed | watch.Gathered):
            self._definitions.saw(change)
        if scope.group_kind in MUTATING:
            self._admission.saw(scope.group_kind, change)
        if scope.group_kind in (CRD, API_SERVICE) and isinstance(
            change, watch.Put | watch.Removed | watch.Completed
        ):
            self._look_again.set()

    def _moved(self, state: watch.State | None) -> None:
        if not self._synced.is_set() or not isinstance(state, Watching) or self._told.waiting:
            self._tell()

    async def _follow_definitions(self, group: asyncio.TaskGroup) -> None:
        while True:
            told = self._watches.sees(CRD)
            try:
                async with asyncio.timeout(_REDISCOVER_SECONDS if told else _UNTOLD_SECONDS):
                    await self._look_again.wait()
            except TimeoutError:
                pass
            self._look_again.clear()
            for delay in _EXPECT_DELAYS:
                await asyncio.sleep(delay)
                if await self._rediscover(group) and self._definitions.are_met(self.kinds):
                    break
            self._definitions.settle()

    async def _rediscover(self, group: asyncio.TaskGroup) -> bool:
        began = asyncio.get_running_loop().time()
        try:
            kinds = await discover(self.api)
        except Error as fault:
            self._fault = fault
            return False
        self._schemas.changed()
        self._fault = None
        if kinds.after(self.kinds) != self.kinds:
            self._adopt(kinds)
            self._watches.follow(self.kinds, group)
        self._heard_since = began
        self._heard.set()
        self._heard = asyncio.Event()
        return True

    def _adopt(self, kinds: Kinds) -> None:
        self.kinds = kinds.after(self.kinds)
        self._fault = None
        self._kinds_changed.set()
        self._kinds_changed = asyncio.Event()

    async def _keep_time(self) -> None:
        seconds = 0
        while True:
            await asyncio.sleep(1.0)
            seconds += 1
            self._tell()
            if seconds % _SETTLE_SECONDS == 0:
                self.store.settle()
                self._converted.settle(self.store)

    # --- how far knowledge goes

    def freshness(self) -> Freshness:
        """Return which kinds are known and current."""
        return self._watches.freshness(self._fault, synced=self._synced.is_set())

    def _tell(self) -> None:
        now = self.freshness()
        if now.synced and not self._synced.is_set():
            self._synced.set()
            if now.complete:
                # Every owner there is has been read, so nobody's body waits for one any longer.
                self.store.settle()
                self.store.settle()
        if now != self._told:
            self._told = now
            self._on_freshness()

    def has_seen(self, key: ResourceKey, uid: str, resource_version: str) -> bool:
        """Return whether the store knows an object at least as it was at `resource_version`, or its end since."""
        record = self.store.get(key)
        if record is not None:
            if uid and record.uid != uid:
                return self._passed(key, resource_version)
            return at_least(record.resource_version, resource_version)
        return self._passed(key, resource_version)

    def _passed(self, key: ResourceKey, resource_version: str) -> bool:
        versions = (self.store.version(Scope(*key.group_kind, ns)) for ns in ("", key.namespace))
        return any(at_least(version, resource_version) for version in versions if version)

    # --- answering

    async def live_state(self, instance: str, targeted: Mapping[ResourceKey, str]) -> LiveState:
        """
        Return what the cluster holds for an instance: what it tracks and what is targeted.

        Args:
            instance: As `owner_of` names it.
            targeted: The apiVersion each targeted object is declared in.

        An object known in another version than declared, or of which only the
        identity was kept, is fetched. Raises LiveStateUnknown before everything
        was read once, NotPermitted for a namespace this access does not cover.
        """
        if not self._synced.is_set():
            now, what = self.freshness(), "which kinds it serves"
            kinds = ", ".join(map(str, now.waiting[:5])) + (" …" if len(now.waiting) > 5 else "")
            raise LiveStateUnknown(f"{self.name}: {now.why or f'still reading {kinds or what}'}")
        self._check_namespaces(targeted)
        missing = {key.group_kind for key in targeted if key.group_kind not in self.kinds.entries}
        unserved = frozenset(kind for kind in missing if kind.group not in self.kinds.incomplete)
        self.store.target(instance, targeted)
        tracked = self.store.of_instance(instance).copy()
        records: dict[ResourceKey, Record] = dict(tracked)
        read: dict[ResourceKey, Json] = {}
        wanted = [(key, version) for key, version in targeted.items() if key.group_kind not in missing]
        fetches = []
        for key, api_version in wanted:
            record = self.store.get(key)
            if record is not None and record.body is not None and record.api_version == api_version:
                records[key] = record
            elif record is not None or not self._watches.covers(key):
                fetches.append(self._read_into(read, key, api_version, record))
        await asyncio.gather(*fetches)
        gaps = self._watches.not_current(
            {key.group_kind for key, _ in wanted} | {key.group_kind for key in tracked}
        )
        return LiveState(
            objects=self._viewed(instance, {k: r for k, r in records.items() if k not in read}, read),
            tracked=frozenset(tracked),
            gaps=frozenset(gaps | (missing - unserved)),
            unserved=unserved,
            why=self._watches.why(gaps),
        )

    def _viewed(
        self, instance: str, records: Mapping[ResourceKey, Record], read: Mapping[ResourceKey, Json]
    ) -> Objects:
        # A pass looks several times and little has changed between; what is decoded is kept anyway
        # by the comparison of the last pass, so the few views kept here share it.
        view = Objects(records, read, self._views.pop(instance, None))
        self._views[instance] = view
        while len(self._views) > _KEPT_VIEWS:
            del self._views[next(iter(self._views))]
        return view

    async def fetch(self, key: ResourceKey, api_version: str = "") -> Json | None:
        """Return an object as the server has it now, or nothing. Raises UnknownKind."""
        try:
            found: Json = await self.api.get(self.kinds.path(key, _version_of(api_version)), kind=key.kind)
        except NotFound:
            return None
        return found

    async def schemas(self, group: str, version: str) -> Schemas | None:
        """Return the OpenAPI schemas of a group version; nothing when the server publishes none."""
        return await self._schemas.of(group, version)

    @property
    def version(self) -> str:
        """The server's version, such as ``v1.36.1``; empty before it was asked."""
        return self.kinds.version

    def observe(self, key: ResourceKey, answer: bytes) -> None:
        """Note the JSON that a write of an object was answered with, so that the next pass sees it before the watch."""
        entry = self.kinds.entries.get(key.group_kind)
        if entry is not None:
            self.store.observe(key, answer, entry.api_version)

    def admission_of(self, kind: GroupKind) -> int | None:
        """
        Return what version of the cluster's admission may change objects of a kind; None when nothing does.

        Where webhooks and policies cannot be watched, anything may be changed.
        """
        entry = self.kinds.entries.get(kind)
        if entry is None:
            return None
        unseen = any(other in self.kinds.entries and not self._watches.sees(other) for other in MUTATING)
        if unseen or self._admission.covers(entry.group, entry.plural):
            return self._admission.version
        return None

    def is_absent(self, key: ResourceKey) -> bool:
        """Return whether an object is known not to exist: its kind is watched, current, and without it."""
        key = self.kinds.scoped(key)
        if self.store.get(key) is not None or not self._synced.is_set():
            return False
        return self._watches.is_current(key)

    async def wait_established(self, group_kind: GroupKind, version: str = "") -> bool:
        """Return whether the server serves a kind, once it does or the settings' time is over."""
        try:
            async with asyncio.timeout(self.settings.established_seconds):
                while True:
                    entry = self.kinds.entries.get(group_kind)
                    if entry is not None and (not version or version in entry.versions):
                        return True
                    changed = self._kinds_changed
                    self._look_again.set()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_ASK_AGAIN_SECONDS):
                            await changed.wait()
        except TimeoutError:
            return False

    async def hear_kinds(self) -> None:
        """
        Return when the server has said anew, asked from now on, which kinds it serves.

        Raises ClusterUnreachable when it does not within the time a new kind has to come up: then nobody can say
        that a kind is not there.
        """
        asked, seconds = asyncio.get_running_loop().time(), self.settings.established_seconds
        try:
            async with asyncio.timeout(seconds):
                while self._heard_since < asked:
                    heard = self._heard
                    self._look_again.set()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_ASK_AGAIN_SECONDS):
                            await heard.wait()
        except TimeoutError:
            raise ClusterUnreachable(
                f"{self.name} has not said for {seconds:g} s which kinds it serves: "
                f"{self._fault or 'it does not answer'}"
            ) from None

    def _check_namespaces(self, targeted: Iterable[ResourceKey]) -> None:
        if not self.access.namespaces:
            return
        for key in targeted:
            if key.namespace and key.namespace not in self.access.namespaces:
                raise NotPermitted(
                    f"{key}: {self.name} is limited to the namespaces {', '.join(self.access.namespaces)}; "
                    "add the namespace to the cluster's Secret or change the destination"
                )

    async def _read_into(
        self, read: dict[ResourceKey, Json], key: ResourceKey, api_version: str, record: Record | None
    ) -> None:
        entry = self.kinds.entries[key.group_kind]
        if _version_of(api_version) not in entry.versions:
            api_version = entry.api_version
        found = self._converted.get(record, api_version) if record is not None else None
        if found is None:
            found = await self.fetch(key, api_version)
            if found is None or key_of(found) != key:
                return
            if record is not None:
                self._converted.put(key, api_version, found)
        read[key] = found


def _version_of(api_version: str) -> str:
    return api_version.rpartition("/")[2]
