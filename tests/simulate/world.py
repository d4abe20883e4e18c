"""
Everything together: a sandbox, a Git, and the real house between them.

Moorage is started as `moor serve` starts it, with parts of this world in the
places that touch network, disk and time: once, or twice with a Lease between the
two.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Mapping
from typing import Any

import orjson
import structlog

from moorage.cluster.http import APPLY_PATCH, MERGE_PATCH
from moorage.control import crds
from moorage.control.queue import Depth
from moorage.engine.policy import format_time
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json
from moorage.sandbox import Sandbox, SandboxSettings
from moorage.serve import House

from .clockwork import Clockwork, WorldClock
from .history import Origin, Remote
from .plans import App, Contents, files_of
from .processes import NAMESPACE, Process
from .promises import Promises, tracked_by
from .wire import Fault, Traffic

LEASE = ("coordination.k8s.io", "leases")
REVIVED_AFTER_SECONDS = 0.2
LATEST_SECONDS = 30.0
"""After so long the last watch that was shown the past has caught up."""

BYSTANDERS: tuple[Json, ...] = (
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "nobodys", "namespace": "one"},
        "data": {"value": "untouched"},
    },
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "anothers",
            "namespace": "one",
            "annotations": {"argocd.argoproj.io/tracking-id": "elk:/ConfigMap:one/anothers"},
        },
        "data": {"value": "untouched"},
    },
)


class World:
    """One world; make it inside a running clockwork and enter it."""

    def __init__(
        self,
        loop: Clockwork,
        seed: int,
        apps: tuple[App, ...],
        faults: Mapping[int, Fault] | None = None,
        processes: int = 1,
    ) -> None:
        self.loop = loop
        self.apps = {app.name: app for app in apps}
        self.story: list[str] = []
        self.killed = asyncio.Event()
        self.gone: set[str] = set()
        numbers = itertools.count(1)
        self._rng = random.Random(seed)
        self.sandbox = Sandbox(
            SandboxSettings(tls=False, token="none", ready_after=1.5),
            life=WorldClock(loop),
            now=lambda: format_time(loop.now()),
            uid=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
            seed=seed,
        )
        self.remote = Remote()
        self.promises = Promises(self.sandbox, loop, self.apps)
        self.traffic = Traffic(self.sandbox, dict(faults or {}), self._latency, self.note, self.killed)
        self.traffic.effect = self._acts
        self.processes = tuple(self._process(number + 1, processes) for number in range(processes))

    def _process(self, number: int, of: int) -> Process:
        def origin() -> Origin:
            return Origin(self.remote, self._latency, self._rng)

        return Process(self.loop, number, self.traffic, origin, self.killed.set, alone=of == 1)

    async def __aenter__(self) -> World:
        assert self.sandbox.workloads is not None
        self.sandbox.workloads.start()
        for body in crds.manifests():
            await self.put(body)
        for name in (NAMESPACE, "one", "two"):
            await self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for body in BYSTANDERS:
            await self.put(body)
        await asyncio.sleep(1.0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        self.sandbox.api.close()
        assert self.sandbox.workloads is not None
        await self.sandbox.workloads.stop()

    def note(self, what: str) -> None:
        """Add a line to the story."""
        self.story.append(f"{self.loop.time():9.3f}  {what}")

    # Moorage

    @property
    def acting(self) -> Process:
        """The process that holds the Lease, or the first."""
        entry = self.sandbox.store.collection(*LEASE).objects.get((NAMESPACE, "moorage"))
        holder = entry.body["spec"].get("holderIdentity") if entry else None
        return next((p for p in self.processes if p.is_up and p.name == holder), self.processes[0])

    @property
    def standing_by(self) -> Process:
        """The process that does not act, or the only one."""
        return next((p for p in self.processes if p is not self.acting), self.acting)

    @property
    def house(self) -> House | None:
        """The house of the process that acts."""
        return self.acting.house

    def start(self, *which: Process) -> None:
        """Start these processes, or all."""
        for process in which or self.processes:
            process.start()
            self.note(f"Moorage starts ({process.name})")

    async def kill(self, *which: Process) -> None:
        """Kill these processes, or all."""
        for process in which or self.processes:
            if process.is_up:
                self.note(f"Moorage is killed ({process.name})")
            if why := await process.kill():
                self.promises.broken.append(why)

    async def revive(self) -> None:
        """Start anew what ended or was killed by a fault."""
        self.killed.clear()
        dead = [process for process in self.processes if process.is_dead]
        if not dead:
            return
        await self.kill(*dead)
        await asyncio.sleep(REVIVED_AFTER_SECONDS)
        self.start(*dead)

    async def until(self, moment: float) -> None:
        """Let time pass; a process that is killed by a fault meanwhile is started again."""
        while self.loop.time() < moment:
            try:
                async with asyncio.timeout_at(moment):
                    await self.killed.wait()
            except TimeoutError:
                return
            await self.revive()

    def _latency(self) -> float:
        return self._rng.uniform(0.001, 0.03)

    def _acts(self, method: str, path: str) -> None:
        self.promises.acting = (method, path)

    # People

    async def ask(
        self, method: str, path: str, body: Json | None = None, kind: str = "", query: str = ""
    ) -> Json | None:
        """Ask the cluster as a person does; None when there is no such thing."""
        if not path:
            return None
        headers = {"content-type": kind or "application/json", "user-agent": "person"}
        payload = orjson.dumps(body) if body is not None else b""
        status, _, answer = await self.sandbox.handle(method, path, query, headers, payload)
        assert isinstance(answer, bytes)
        if status in (404, 409):
            return None
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {answer[:500]!r}")
        found: Json = orjson.loads(answer)
        return found

    async def put(self, body: Json) -> None:
        """Apply an object."""
        query = "fieldManager=person&force=true"
        await self.ask("PATCH", self.path_of(body), body, APPLY_PATCH, query)

    async def spoil(self, key: ResourceKey) -> None:
        """Change what an object says."""
        value = f"spoilt-{self._rng.randint(1, 999)}"
        patch: Json = {"metadata": {"labels": {"spoilt": value}}}
        if key.kind == "ConfigMap":
            patch = {"data": {"value": value}}
        elif key.kind == "Widget":
            patch = {"spec": {"value": value}}
        elif key.kind == "Deployment":
            patch = {"spec": {"replicas": 3}}
        await self.ask("PATCH", self.path(key), patch, MERGE_PATCH)

    async def remove(self, key: ResourceKey) -> None:
        """Delete an object."""
        await self.ask("DELETE", self.path(key), {"propagationPolicy": "Background"})

    async def patch_application(self, name: str, patch: Json) -> None:
        """Merge-patch an Application."""
        await self.ask("PATCH", self.path(application_key(name)), patch, MERGE_PATCH)

    def path(self, key: ResourceKey) -> str:
        """Return the path of an object."""
        for resource in self.sandbox.api.registry.stored():
            if (resource.group, resource.kind) == (key.group, key.kind):
                prefix = (
                    f"/apis/{resource.group}/{resource.version}"
                    if resource.group
                    else f"/api/{resource.version}"
                )
                where = f"/namespaces/{key.namespace}" if resource.namespaced else ""
                return f"{prefix}{where}/{resource.plural}/{key.name}"
        return ""

    def path_of(self, body: Json) -> str:
        """Return the path of a body."""
        group = body["apiVersion"].rpartition("/")[0]
        metadata = body["metadata"]
        return self.path(ResourceKey(group, body["kind"], metadata.get("namespace", ""), metadata["name"]))

    # Git

    def commit(self, contents: Contents) -> str:
        """Commit what the applications declare."""
        revision = self.remote.commit(files_of(contents))
        self.promises.revisions[revision] = {app: dict(items) for app, items in contents.items()}
        return revision

    # Asking how it stands

    def unsettled(self) -> list[str]:
        """Return what is not yet as Git says."""
        return self.promises.unsettled(self.remote.head, frozenset(self.gone))

    async def settle(self, within: float) -> list[str]:
        """Wait until all is as Git says; return what is not when the time is over."""
        end = self.loop.time() + within
        while (left := self.unsettled()) and self.loop.time() < end and not self.promises.broken:
            await self.until(self.loop.time() + 0.5)
        return left

    async def look_again(self) -> list[str]:
        """
        Have every application looked at again and again; return the requests this cost.

        The first look may note on an Application that another commit renders to the same.
        """
        await asyncio.sleep(LATEST_SECONDS)
        first = [told for told in await self._look(Depth.REVISION) if "/applications/" not in told]
        return first + await self._look(Depth.LIVE) + await self._look(Depth.REVISION)

    async def _look(self, depth: Depth) -> list[str]:
        assert self.house is not None
        count = len(self.traffic.asked)
        for key in self.house.board.applications:
            self.house.queue.add(key, depth)
        await asyncio.sleep(2.0)
        asked = self.traffic.asked[count:]
        # Who stands by may still be reading what it begins with, an answer of which was lost; it looks at nothing.
        charged = [a for a in asked if a.writes or a.process == self.acting.number]
        return [f"{a.method} {a.path}" for a in charged if not (a.of_a_watch or _about_kinds(a.path))]

    def objects(self) -> dict[ResourceKey, Json]:
        """Return what is tracked in the cluster, without what differs from run to run."""
        found: dict[ResourceKey, Json] = {}
        for collection in self.sandbox.store.collections.values():
            for entry in collection.objects.values():
                if tracked_by(entry.body):
                    key = ResourceKey(
                        entry.body["apiVersion"].rpartition("/")[0],
                        entry.body["kind"],
                        entry.body["metadata"].get("namespace", ""),
                        entry.body["metadata"]["name"],
                    )
                    found[key] = _lasting(entry.body)
        return found

    def bystanders(self) -> list[str]:
        """Return whom Moorage touched although it is none of its business."""
        found = []
        for body in BYSTANDERS:
            metadata = body["metadata"]
            live = self.promises.live(ResourceKey("", "ConfigMap", metadata["namespace"], metadata["name"]))
            managers = {m["manager"] for m in (live or {"metadata": {}})["metadata"].get("managedFields", ())}
            if live is None or live["data"] != body["data"] or managers != {"person"}:
                found.append(f"{metadata['name']} was touched")
        return found


def application_key(name: str) -> ResourceKey:
    """Return the key of an Application."""
    return ResourceKey("argoproj.io", "Application", NAMESPACE, name)


def _about_kinds(path: str) -> bool:
    about = ("/events", "/leases", "/leases/moorage")
    return path in ("/api", "/apis", "/version") or path.startswith("/openapi") or path.endswith(about)


def _lasting(body: Json) -> Json:
    metadata = {
        name: value
        for name, value in body["metadata"].items()
        if name in ("name", "namespace", "labels", "finalizers") and (name, body["kind"]) != ("labels", "Job")
    }
    notes = body["metadata"].get("annotations") or {}
    counting = ("moorage.dev/operation", "deployment.kubernetes.io/revision")
    metadata["annotations"] = {n: v for n, v in notes.items() if n not in counting}
    kept = {name: value for name, value in body.items() if name in ("data", "kind", "apiVersion")}
    if body["kind"] in ("Widget", "Deployment"):
        kept["spec"] = body["spec"]
    return {**kept, "metadata": metadata}


class Listener:
    """Takes what Moorage logs: unexpected failures are broken promises, the rest is told on demand."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, _: Any, method: str, event: dict[str, Any]) -> Any:
        told = ", ".join(f"{k}={v}" for k, v in event.items() if k not in ("event", "exc_info"))
        self._world.note(f"  log: {event['event']} ({told})")
        if method in ("exception", "error", "critical"):
            self._world.promises.broken.append(f"unexpected: {event['event']} ({told})\n{_trace()}")
        raise structlog.DropEvent


def _trace() -> str:
    import traceback

    return traceback.format_exc()


@contextlib.contextmanager
def listening(world: World) -> Any:
    """Send Moorage's log to the world's story for a while."""
    kept = structlog.get_config()
    structlog.configure(
        processors=[Listener(world)],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**kept)
