"""
The sandbox as a process sees it: settings, start and stop, HTTP, and a kubeconfig.

The HTTP layer only moves bytes: every request goes through `Sandbox.handle`,
which needs no network, so simulations and tests can call it directly.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import uvicorn

from moorage.sandbox import answers, api, tls, wire
from moorage.sandbox.answers import Answer
from moorage.sandbox.identity import identity, write_private
from moorage.sandbox.journal import SqliteJournal
from moorage.sandbox.mishaps import Fault, cut_short, refusal
from moorage.sandbox.namespaces import Namespaces
from moorage.sandbox.requests import Request, parse_query
from moorage.sandbox.store import Store
from moorage.sandbox.workloads import StoreCluster, Workloads
from moorage.sandbox.workloads.ports import Clock

_OPEN = frozenset({"/healthz", "/livez", "/readyz", "/version"})


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """
    Every knob of the sandbox.

    `port` 0 takes a free one. `state` is the folder that keeps objects, token
    and certificates; None keeps nothing. `watch_memory` is how many changes of a
    resource a watch may go back. `ready_after` is how long pretended workloads take.
    """

    host: str = "127.0.0.1"
    port: int = 0
    state: Path | None = None
    token: str = ""
    tls: bool = True
    ready_after: float = 1.0
    watch_memory: int = 10_000
    bookmark_seconds: float = 60.0
    controllers: bool = True


class Sandbox:
    """A Kubernetes API in one process."""

    def __init__(
        self, settings: SandboxSettings | None = None, *, life: Clock | None = None, **clock: Any
    ) -> None:
        self.settings = settings or SandboxSettings()
        self.faults: Callable[[Request], Fault | None] = lambda request: None
        self._kept = identity(
            self.settings.state,
            token=self.settings.token,
            host=self.settings.host,
            secure=self.settings.tls,
        )
        self.token: str = self._kept.token
        self._clock = clock
        self._life = life
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._port = self.settings.port
        self._journal: SqliteJournal | None = None
        self.store: Store
        self.api: api.Api
        self._begin()

    def _begin(self) -> None:
        state = self.settings.state
        self._journal = SqliteJournal(state / "objects.sqlite3") if state else None
        self.store = Store(memory=self.settings.watch_memory)
        if self._journal is not None:
            self._journal.load(self.store)
            self.store.journal = self._journal
        self.api = api.build(
            self.store,
            token=self.token,
            bookmark_seconds=self.settings.bookmark_seconds,
            **self._clock,
        )
        self._waiting: list[Callable[[], None]] = []
        namespaces = Namespaces(self.store, self.api.registry, self.api.writes, self._later)
        namespaces.attach()
        self.workloads: Workloads | None = None
        if self.settings.controllers:
            cluster = StoreCluster(self.store, self.api.registry, self.api.writes)
            authority = (self.authority or b"").decode()
            self.workloads = Workloads(
                cluster,
                clock=self._life,
                ready_after=self.settings.ready_after,
                authority=authority,
                issue=lambda account: self.api.tokens.issue(account)[0],
            )

    def _later(self, job: Callable[[], None]) -> None:
        try:
            asyncio.get_running_loop().call_soon(job)
        except RuntimeError:
            self._waiting.append(job)

    @property
    def url(self) -> str:
        """The address clients use; the port is known once started."""
        scheme = "https" if self.settings.tls else "http"
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return f"{scheme}://{host}:{self._port}"

    @property
    def authority(self) -> bytes | None:
        """The PEM certificate of the authority clients must trust; None without TLS."""
        return self._kept.certificates.authority if self._kept.certificates else None

    async def handle(
        self,
        method: str,
        path: str,
        query: str | Mapping[str, str] = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> tuple[int, list[tuple[str, str]], bytes | AsyncIterator[bytes]]:
        """
        Return the answer to one request as status, headers and body.

        The caller is trusted: tokens are checked by the HTTP layer alone. Header
        names are lower case.
        """
        parsed = parse_query(query) if isinstance(query, str) else dict(query)
        request = Request(method, path, parsed, headers or {}, body)
        answer = await self._faulty(request)
        return (
            answer.status,
            wire.headers_of(answer),
            answer.stream if answer.stream is not None else answer.body,
        )

    async def _faulty(self, request: Request) -> Answer:
        self._run_waiting()
        fault = self.faults(request)
        if fault is None:
            return await self._respond(request)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.rewrite is not None:
            request = replace(request, body=fault.rewrite(request.body))
        answer = await self._respond(request) if fault.status is None or fault.after else Answer(fault.status)
        if fault.status is not None:
            answer = refusal(fault)
        if fault.cut is not None:
            answer.stream, answer.body = cut_short(answer.stream, answer.body, fault.cut), b""
        return answer

    async def _respond(self, request: Request) -> Answer:
        before = self.store.version
        try:
            answer = self.api.respond(request)
            if self._journal is not None and self.store.version != before:
                # What was acknowledged must be there after the process was killed.
                await self._journal.kept(self.store.version)
        except sqlite3.Error as fault:
            told = f"the sandbox cannot write to {self.settings.state}: {fault}; make room and start it again"
            return answers.Failure(500, "InternalError", told).answer()
        return answer

    def _run_waiting(self) -> None:
        while self._waiting:
            self._waiting.pop(0)()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection event as an ASGI application."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path = scope["path"]
        user = self._bearer(headers.get("authorization", ""))
        if not user and path not in _OPEN:
            await wire.send_whole(send, answers.unauthorized().answer())
            return
        body = b""
        if scope["method"] not in ("GET", "HEAD"):
            read = await wire.read_body(receive)
            if read is None:
                await wire.send_whole(send, answers.too_large(f"limit is {api.BODY_LIMIT}").answer())
                return
            body = read
        request = Request(
            scope["method"], path, parse_query(scope["query_string"].decode("latin-1")), headers, body, user
        )
        stopping = self._server is not None and self._server.should_exit
        answer = refusal(Fault(status=503)) if stopping else await self._faulty(request)
        if answer.stream is None:
            await wire.send_whole(send, answer)
        else:
            await wire.send_stream(receive, send, answer)

    def _bearer(self, authorization: str) -> str:
        scheme, _, told = authorization.partition(" ")
        return self.api.tokens.bearer(told.strip()) if scheme.lower() == "bearer" else ""

    async def start(self) -> None:
        """Listen; returns once requests are answered."""
        bound = socket.create_server((self.settings.host, self.settings.port), backlog=2048)
        self._port = bound.getsockname()[1]
        config = uvicorn.Config(
            self,
            loop="none",
            http=wire.Protocol,
            ws="none",
            proxy_headers=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=120,
            backlog=2048,
        )
        config.load()
        if self._kept.certificates is not None:
            config.ssl = tls.server_context(self._kept.certificates)
        logging.getLogger("uvicorn").setLevel(logging.ERROR)
        if self.workloads is not None:
            self.workloads.start()
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[bound]))
        while not self._server.started:
            if self._serving.done():
                self._serving.result()
                raise RuntimeError("the sandbox's HTTP server ended while starting")
            await asyncio.sleep(0.002)

    async def stop(self) -> None:
        """End the watches, answer what is under way, and keep what was written."""
        if self._server is not None:
            # From here on nothing new is begun: a watch opened now would keep the server from ending.
            self._server.should_exit = True
        self.api.close()
        if self.workloads is not None:
            await self.workloads.stop()
        if self._server is not None and self._serving is not None:
            await self._serving
            self._server = self._serving = None
        if self._journal is not None:
            await asyncio.to_thread(self._journal.close)

    async def run(self) -> None:
        """Serve until cancelled."""
        await self.start()
        try:
            await asyncio.Event().wait()
        finally:
            await self.stop()

    async def __aenter__(self) -> Sandbox:
        await self.start()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.stop()

    def kubeconfig(self) -> dict[str, Any]:
        """Return a kubeconfig for this sandbox; it holds the token."""
        cluster: dict[str, Any] = {"server": self.url}
        if self.authority is not None:
            cluster["certificate-authority-data"] = base64.b64encode(self.authority).decode()
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": "sandbox", "user": {"token": self.token}}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
            "current-context": "sandbox",
        }

    def write_kubeconfig(self, path: Path) -> Path:
        """Write the kubeconfig to `path`, readable by its owner alone, and return the path."""
        write_private(path, orjson.dumps(self.kubeconfig(), option=orjson.OPT_INDENT_2))
        return path


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the process that holds the sandbox has its own."""

    def capture_signals(self) -> Any:
        return contextlib.nullcontext()
