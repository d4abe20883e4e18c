"""Builders for the cluster room's tests: a sandbox on the wire, a scripted server, objects, and waiting for events."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import orjson
from aiohttp import web

from moorage.cluster.apply import Writer
from moorage.cluster.credentials import Access, Hidden
from moorage.cluster.discovery import Kinds, discover
from moorage.cluster.http import Api
from moorage.cluster.session import ClusterSession
from moorage.cluster.settings import ClusterSettings
from moorage.cluster.store import Changed
from moorage.engine.merge.schema import Schemas
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.manifest import Json
from moorage.sandbox import Fault, Request, Sandbox, SandboxSettings

WITHIN_SECONDS = 15.0
TRACKED_BY = "tracked-by"
CRD_KIND = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def quick(**changes: Any) -> ClusterSettings:
    """Return settings whose waits are short."""
    chosen: dict[str, Any] = {
        "retry_seconds": 0.01,
        "retry_limit_seconds": 0.05,
        "backoff_seconds": 0.01,
        "backoff_limit_seconds": 0.05,
        "timeout_seconds": 10.0,
        **changes,
    }
    return ClusterSettings(**chosen)


def owner_of(body: Json) -> str | None:
    """Say whose an object is: what its annotation says."""
    return (body["metadata"].get("annotations") or {}).get(TRACKED_BY)


def config_map(name: str, *, namespace: str = "default", app: str = "", **data: str) -> Json:
    """Return a ConfigMap, tracked by an application when one is named."""
    metadata: Json = {"name": name, "namespace": namespace}
    if app:
        metadata["annotations"] = {TRACKED_BY: app}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def deployment(name: str, *, image: str = "nginx", app: str = "", **spec: Any) -> Json:
    """Return a Deployment of one container."""
    labels = {"app": name}
    metadata: Json = {"name": name, "namespace": "default"}
    if app:
        metadata["annotations"] = {TRACKED_BY: app}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"selector": {"matchLabels": labels}, "template": pod, **spec},
    }


def definition(
    plural: str = "boats", kind: str = "Boat", *, versions: Iterable[str] = ("v1",), scope: str = "Namespaced"
) -> Json:
    """Return a CustomResourceDefinition whose objects may hold anything."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.sea.example"},
        "spec": {
            "group": "sea.example",
            "scope": scope,
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [
                {"name": name, "served": True, "storage": number == 0, "schema": schema}
                for number, name in enumerate(versions)
            ],
        },
    }


def boat(name: str, app: str = "", version: str = "v1", **spec: Any) -> Json:
    """Return an object of the defined kind."""
    metadata: Json = {"name": name, "namespace": "default"}
    if app:
        metadata["annotations"] = {TRACKED_BY: app}
    return {"apiVersion": f"sea.example/{version}", "kind": "Boat", "metadata": metadata, "spec": spec}


def key(kind: str, name: str, group: str = "", namespace: str = "default") -> ResourceKey:
    """Return the key of an object."""
    return ResourceKey(group, kind, namespace, name)


def is_list(request: Request, plural: str) -> bool:
    """Say whether a request begins to read or to watch a collection."""
    return request.method == "GET" and request.path.endswith(f"/{plural}")


def access_of(sandbox: Sandbox, **changes: Any) -> Access:
    """Return the access to a sandbox."""
    chosen: dict[str, Any] = {"ca": sandbox.authority or b"", "token": Hidden(sandbox.token), **changes}
    return Access(sandbox.url, **chosen)


@contextlib.asynccontextmanager
async def a_sandbox(**settings: Any) -> AsyncIterator[Sandbox]:
    """Give a running sandbox without TLS that pretends no workloads, unless told otherwise."""
    chosen: dict[str, Any] = {"tls": False, "controllers": False, **settings}
    async with Sandbox(SandboxSettings(**chosen)) as sandbox:
        yield sandbox


@contextlib.asynccontextmanager
async def an_api(access: Access, settings: ClusterSettings | None = None) -> AsyncIterator[Api]:
    """Give a client and close it."""
    api = Api(access, settings or quick())
    try:
        yield api
    finally:
        await api.close()


class Desk:
    """A writer on a cluster, with what it needs to know of it, and what was sent."""

    def __init__(self, api: Api, kinds: Kinds, sent: list[Request]) -> None:
        self.api = api
        self.kinds = kinds
        self.sent = sent
        self.writer = Writer(api, lambda: self.kinds, self._schemas, self._established)

    async def _schemas(self, group: str, version: str) -> Schemas | None:
        path = f"/openapi/v3/apis/{group}/{version}" if group else f"/openapi/v3/api/{version}"
        return Schemas((await self.api.get(path))["components"]["schemas"])

    async def _established(self, group_kind: GroupKind, version: str) -> bool:
        self.kinds = await discover(self.api)
        return self.kinds.entry(*group_kind) is not None

    async def read(self, found: ResourceKey) -> Json | None:
        """Return an object as the server has it; nothing when there is none."""
        from moorage.cluster.answers import NotFound

        try:
            body: Json = await self.api.get(self.kinds.path(self.kinds.scoped(found)))
        except NotFound:
            return None
        return body


@contextlib.asynccontextmanager
async def a_desk(
    settings: ClusterSettings | None = None, **sandbox: Any
) -> AsyncIterator[tuple[Desk, Sandbox]]:
    """Give a writer on a sandbox of its own; every request from then on is noted."""
    async with a_sandbox(**sandbox) as running, an_api(access_of(running), settings) as api:
        desk = Desk(api, await discover(api), [])

        def note(request: Request) -> Fault | None:
            desk.sent.append(request)
            return None

        running.faults = note
        yield desk, running


class Told:
    """Hears what a session tells, and lets a test wait until something holds."""

    def __init__(self) -> None:
        self.changes: list[Changed] = []
        self._moved = asyncio.Event()

    def changed(self, change: Changed) -> None:
        self.changes.append(change)
        self._moved.set()

    def moved(self) -> None:
        self._moved.set()

    async def until(self, holds: Callable[[], object], seconds: float = WITHIN_SECONDS) -> None:
        """Return when a condition holds; it is looked at whenever the session told something."""
        async with asyncio.timeout(seconds):
            while not holds():
                self._moved.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await self._moved.wait()


@contextlib.asynccontextmanager
async def a_session(
    access: Access, settings: ClusterSettings | None = None, *, synced: bool = True
) -> AsyncIterator[tuple[ClusterSession, Told]]:
    """Give a running session, which has read everything unless told otherwise, and what it tells."""
    told = Told()
    session = ClusterSession("here", access, settings or quick(), owner_of, told.changed, told.moved)
    running = asyncio.create_task(session.run())
    try:
        if synced:
            ready = asyncio.create_task(session.ready())
            await asyncio.wait((ready, running), timeout=WITHIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            assert ready.done(), session.freshness()
        yield session, told
        assert not running.done(), "a session ends only when cancelled"
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def a_server(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Give the address of a server that answers as told; for what no sandbox would say."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def json_answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return an answer in JSON."""
    return web.Response(
        body=orjson.dumps(body), status=status, content_type="application/json", headers=headers
    )


def status_body(code: int, reason: str = "", message: str = "", **details: Any) -> Json:
    """Return the API's own account of a failure."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details,
    }
