"""
Builds every object by hand, in order, and runs them in one task group.

The only place that knows all rooms. What is built here lives as long as the
process; a part that ends unexpectedly takes the service down, loudly.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from moorage.api.app import make_app
from moorage.api.listening import Address, listening
from moorage.cluster.credentials import Access
from moorage.cluster.http import Api, Observe
from moorage.cluster.schemas import Shelf
from moorage.cluster.session import ClusterSession
from moorage.cluster.settings import ClusterSettings
from moorage.cluster.store import Changed
from moorage.control.application import ApplicationPass
from moorage.control.board import Board, Entry
from moorage.control.claims import Claims
from moorage.control.config import Cluster, Config
from moorage.control.controller import Controller
from moorage.control.deletion import Deletion
from moorage.control.desk import Desk
from moorage.control.events import Recorder
from moorage.control.fleet import Fleet
from moorage.control.home import Home
from moorage.control.lease import Lease
from moorage.control.metrics import Applications, Metrics
from moorage.control.observing import Observer
from moorage.control.queue import Depth, Queue
from moorage.control.report import Reporter
from moorage.control.repositories import Repositories
from moorage.control.triggers import wish_of
from moorage.engine.merge.schema import Schemas
from moorage.engine.track import owner
from moorage.model.application import Application
from moorage.model.errors import InvalidConfiguration
from moorage.model.identity import AppKey
from moorage.model.manifest import Json
from moorage.render.pool import RenderPool, RenderSettings
from moorage.render.request import RenderLimits
from moorage.settings import Settings
from moorage.sources.door import Sources
from moorage.sources.settings import GitSettings

log = structlog.get_logger()
MIB = 1024 * 1024
WATCHDOG_SECONDS = 1.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Parts:
    """
    What a house is made of where it touches the world: network, disk, time and environment.

    A simulation brings its own; everybody else takes these.
    """

    api: Callable[[Access, ClusterSettings, Observe], Api] = Api
    sources: Callable[[GitSettings], Sources] = Sources
    renders: Callable[[RenderSettings], RenderPool] = RenderPool
    listening: Callable[[str, Any], AbstractAsyncContextManager[Address]] = listening
    clock: Callable[[], datetime] = _now
    shelf: Callable[[], Shelf[Schemas]] = lambda: Shelf(Schemas)
    environment: Callable[[], Mapping[str, str]] = lambda: dict(os.environ)


class House:
    """
    All rooms of one process, built and connected, not yet running.

    `run` lives until cancelled; `started` is set once the control namespace was
    read and the address answers.
    """

    def __init__(
        self,
        settings: Settings,
        access: Access,
        *,
        cluster_settings: ClusterSettings | None = None,
        parts: Parts | None = None,
    ) -> None:
        self.settings = settings
        self._parts = parts = parts or Parts()
        self.started = asyncio.Event()
        self.address: Address | None = None
        self._cluster_settings = cluster_settings or ClusterSettings(
            requests=settings.limits.requests_per_cluster, exec_programs=settings.clusters.exec_programs
        )
        data = Path(settings.serve.data or Path(tempfile.gettempdir()) / "moorage")
        self.queue: Queue[AppKey] = Queue()
        self.metrics = Metrics()
        self.board = Board(settings.serve.namespace, self._application_changed, self._config_changed)
        self.lease = self._make_lease(access) if settings.serve.lease else None
        self.api = self._api(access, self._cluster_settings, "control")
        self.home = Home(self.api, self.board, settings.serve.application_namespaces)
        self.sources = parts.sources(_git_settings(settings, data))
        self.claims = Claims(lambda key: self.queue.add(key, Depth.LIVE))
        self.repositories = Repositories(self.sources, self.queue.add, claims=self.claims)
        self.renders = parts.renders(_render_settings(settings, data))
        self.fleet = Fleet(access, self._cluster_settings, self._open_session, parts.environment())
        self._shelf = parts.shelf()
        self.recorder = Recorder(self.metrics)
        reporter = Reporter(self.home, self.board, self.recorder, parts.clock)
        observer = Observer(self.repositories, self.renders)
        self.passes = ApplicationPass(
            self.board,
            self.fleet,
            observer,
            reporter,
            Deletion(self.fleet, reporter, observer, parts.clock, self.claims),
            self.repositories.followed,
            parts.clock,
            self.claims,
        )
        self.controller = Controller(self.queue, self._timed_pass, passes=settings.limits.passes)
        self.desk = Desk(
            self.board,
            self.fleet,
            self.repositories,
            self.metrics,
            settings.limits.webhook_megabytes * MIB,
        )
        self.metrics.registry.register(Applications(lambda: map(_facts, self.board.applications.values())))

    async def run(self) -> None:
        """Run everything until cancelled; then let passes end, write statuses, close."""
        await self.sources.start()
        try:
            async with (
                self._parts.listening(self.settings.serve.listen, make_app(self.desk)) as self.address,
                asyncio.TaskGroup() as group,
            ):
                group.create_task(self.home.run())
                group.create_task(self.fleet.run())
                group.create_task(self.repositories.run())
                group.create_task(self.renders.run())
                group.create_task(self.recorder.run(self.home.post_event, self._parts.clock))
                group.create_task(self._watchdog())
                await self.home.synced()
                if self.lease is not None:
                    self.desk.waiting_for = "another Moorage acts for this namespace"
                    await self.lease.acquire()
                    self.desk.waiting_for = ""
                    group.create_task(self.lease.keep())
                self._config_changed(Config(self.board.namespace), self.board.config)
                self.desk.started = True
                self.started.set()
                log.info("Moorage is ready", listen=str(self.address), namespace=self.board.namespace)
                await self._work()
        finally:
            if self.lease is not None:
                await self.lease.release()
                await self.lease.api.close()
            await self.renders.close()
            await self.sources.close()
            await self.api.close()

    def _make_lease(self, access: Access) -> Lease:
        api = self._parts.api(access, self._cluster_settings, self._observer("control"))
        identity = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        return Lease(api, self.settings.serve.namespace, identity, now=self._parts.clock)

    def _api(self, access: Access, settings: ClusterSettings, name: str) -> Api:
        """Return a client that writes only as long as this process is the one that acts."""
        api = self._parts.api(access, settings, self._observer(name))
        if self.lease is not None:
            api.permit = self.lease.check
        return api

    async def _work(self) -> None:
        """Run passes; when cancelled, give those under way a while to end."""
        working = asyncio.ensure_future(self.controller.run())
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            self.queue.close()
            await asyncio.wait({working}, timeout=self.settings.serve.stop_seconds)
            working.cancel()
            raise

    async def _timed_pass(self, key: AppKey, depth: Depth) -> Any:
        with self.metrics.passes.labels(depth.name.lower()).time():
            answer = await self.passes.reconcile(key, depth)
        self.metrics.queue.set(len(self.queue))
        return answer

    # What changes mean

    def _application_changed(self, key: AppKey, before: Entry | None, after: Entry | None) -> None:
        if after is None:
            self.repositories.forget(key)
            for session in self.fleet.sessions.values():
                session.store.target(key.instance(self.board.namespace), ())
        wish = wish_of(before, after)
        if after is None or (isinstance(after, Application) and after.deleted_at):
            self.claims.forget(key)
        elif wish is not None and wish.depth is not Depth.LIVE:
            self.claims.expect(key)
        if wish is not None:
            self.queue.add(key, wish.depth, urgent=wish.urgent)

    def _config_changed(self, before: Config, after: Config) -> None:
        if not all(r.synced.is_set() for r in self.home.reflectors):
            return
        for fault in after.faults:
            log.warning("A part of the configuration cannot be used", fault=fault)
        self.repositories.configure(after)
        self.fleet.want(dict(after.clusters), anew=_watches_otherwise(before, after))
        for key in self.board.applications:
            self.queue.add(key, Depth.REVISION)

    def _open_session(self, cluster: Cluster, access: Access) -> ClusterSession:
        config = self.board.config

        def owner_of(body: Json) -> str | None:
            return owner(body, config.tracking, config.label_key, config.installation_id)

        settings = replace(
            self._cluster_settings,
            exclusions=self._cluster_settings.exclusions if config.exclusions is None else config.exclusions,
            inclusions=config.inclusions or self._cluster_settings.inclusions,
        )
        return ClusterSession(
            cluster.server,
            access,
            settings,
            owner_of,
            self._resources_changed,
            lambda: self._freshness_changed(cluster),
            self._shelf,
            self._api(access, settings, cluster.server),
        )

    def _resources_changed(self, changed: Changed) -> None:
        for instance in changed.instances:
            key = AppKey.from_instance(instance, self.board.namespace)
            if key in self.board.applications:
                self.queue.add(key, Depth.LIVE)

    def _freshness_changed(self, cluster: Cluster) -> None:
        session = self.fleet.sessions.get(cluster.server)
        if session is None or not (session.freshness().synced or session.freshness().why):
            return  # being read for the first time: no pass could do anything yet
        for key, entry in self.board.applications.items():
            if isinstance(entry, Application) and (
                entry.destination.server in ("", cluster.server) or entry.destination.name == cluster.name
            ):
                self.queue.add(key, Depth.LIVE)

    def _observer(self, server: str) -> Callable[[str, str, int], None]:
        return lambda verb, kind, code: self.metrics.request(server, verb, kind, code)

    async def _watchdog(self) -> None:
        """Measure how late the loop comes back to a timer."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + WATCHDOG_SECONDS
            await asyncio.sleep(WATCHDOG_SECONDS)
            self.metrics.loop_blocked.observe(max(0.0, loop.time() - due))


def _watches_otherwise(before: Config, after: Config) -> bool:
    def marks(config: Config) -> tuple[object, ...]:
        named = config.tracking, config.label_key, config.installation_id
        return *named, config.exclusions, config.inclusions

    return marks(before) != marks(after)


def _facts(entry: Entry) -> tuple[AppKey, Json, Json]:
    if not isinstance(entry, Application):
        spec = dict.fromkeys(("project", "automated", "repo", "server", "namespace"), "")
        return entry.key, spec, entry.body.get("status") or {}
    return (
        entry.key,
        {
            "project": entry.project,
            "automated": str(entry.automated is not None).lower(),
            "repo": entry.source.repo_url,
            "server": entry.destination.server or entry.destination.name,
            "namespace": entry.destination.namespace,
        },
        entry.status,
    )


def _git_settings(settings: Settings, data: Path) -> GitSettings:
    schemes = {"https", "http", "ssh"} | ({"file"} if settings.git.allow_file else set())
    return GitSettings(
        root=data / "sources",
        schemes=frozenset(schemes),
        poll_interval=settings.git.poll_seconds,
        poll_jitter=settings.git.jitter_seconds,
        partial=settings.git.partial,
        fetch_timeout=settings.git.fetch_seconds,
        store_bytes=settings.limits.store_megabytes * MIB,
    )


def _render_settings(settings: Settings, data: Path) -> RenderSettings:
    return RenderSettings(
        workers=settings.limits.render_workers,
        spare=True,
        folder=data / "rendered",
        key_file=data / "rendered.key",
        limits=RenderLimits(
            seconds=settings.limits.render_seconds, memory=settings.limits.render_megabytes * MIB
        ),
    )


def configure_logging(level: str, *, as_json: bool, stream: Any = None) -> None:
    """
    Say where log lines go and how they look: JSON, or columns for people.

    Raises:
        InvalidConfiguration: There is no such level.
    """
    numbers = logging.getLevelNamesMapping()
    if level.upper() not in numbers:
        raise InvalidConfiguration(f"log.level: {level!r} is not a level; use debug, info, warning or error")
    target = stream or sys.stderr
    looks: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        # Plain tracebacks: local variables may hold what must not be logged.
        else structlog.dev.ConsoleRenderer(
            colors=target.isatty(), pad_event_to=36, exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json),
            structlog.processors.format_exc_info if as_json else structlog.processors.StackInfoRenderer(),
            looks,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numbers[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
