"""
The sandbox as a process sees it: settings, start and stop, HTTP, and a kubeconfig.

The HTTP layer only moves bytes: every request goes through `Sandbox.handle`,
which needs no network, so simulations and tests can call it directly.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import logging
import os
import secrets
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import orjson
import uvicorn

from moorage.sandbox import answers, api, tls
from moorage.sandbox.answers import Answer
from moorage.sandbox.journal import SqliteJournal
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


@dataclass(frozen=True, slots=True)
class Fault:
    """
    What is to go wrong with one answer.

    `delay` waits first; `status` answers that code in place of the real answer,
    before the request is carried out unless `after` is set; `cut` ends the
    connection after so many bytes of the body.
    """

    status: int | None = None
    delay: float = 0.0
    cut: int | None = None
    after: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


class Cut(ConnectionError):
    """Raised by a body that a fault ends early; the HTTP layer drops the connection."""


class Sandbox:
    """A Kubernetes API in one process."""

    def __init__(
        self, settings: SandboxSettings | None = None, *, life: Clock | None = None, **clock: Any
    ) -> None:
        self.settings = settings or SandboxSettings()
        self.faults: Callable[[Request], Fault | None] = lambda request: None
        self._kept = _kept(self.settings)
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
        self.api = api.build(self.store, bookmark_seconds=self.settings.bookmark_seconds, **self._clock)
        self._waiting: list[Callable[[], None]] = []
        namespaces = Namespaces(self.store, self.api.registry, self.api.writes, self._later)
        namespaces.attach()
        self.workloads: Workloads | None = None
        if self.settings.controllers:
            cluster = StoreCluster(self.store, self.api.registry, self.api.writes)
            authority = (self.authority or b"").decode()
            self.workloads = Workloads(
                cluster, clock=self._life, ready_after=self.settings.ready_after, authority=authority
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
        return answer.status, _headers(answer), answer.stream if answer.stream is not None else answer.body

    async def _faulty(self, request: Request) -> Answer:
        self._run_waiting()
        fault = self.faults(request)
        if fault is None:
            return self.api.respond(request)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        answer = self.api.respond(request) if fault.status is None or fault.after else Answer(fault.status)
        if fault.status is not None:
            answer = _refusal(fault)
        if fault.cut is not None:
            answer.stream, answer.body = _cut(answer.stream, answer.body, fault.cut), b""
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
        if path not in _OPEN and not self._admits(headers.get("authorization", "")):
            await _send(send, answers.unauthorized().answer())
            return
        body = b""
        if scope["method"] not in ("GET", "HEAD"):
            read = await _body(receive)
            if read is None:
                await _send(send, answers.too_large(f"limit is {api.BODY_LIMIT}").answer())
                return
            body = read
        request = Request(
            scope["method"], path, parse_query(scope["query_string"].decode("latin-1")), headers, body
        )
        stopping = self._server is not None and self._server.should_exit
        answer = _refusal(Fault(status=503)) if stopping else await self._faulty(request)
        if answer.stream is None:
            await _send(send, answer)
        else:
            await _stream(receive, send, answer)

    def _admits(self, authorization: str) -> bool:
        scheme, _, told = authorization.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(told.strip().encode(), self.token.encode())

    async def start(self) -> None:
        """Listen; returns once requests are answered."""
        bound = socket.create_server((self.settings.host, self.settings.port), backlog=2048)
        self._port = bound.getsockname()[1]
        config = uvicorn.Config(
            self,
            loop="none",
            http="httptools",
            ws="none",
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


@dataclass(frozen=True, slots=True)
class _Kept:
    token: str
    certificates: tls.Certificates | None


def _kept(settings: SandboxSettings) -> _Kept:
    """Return token and certificates: those of the state folder, or new ones that are kept there."""
    state = settings.state
    file = state / "identity.json" if state else None
    held = orjson.loads(file.read_bytes()) if file and file.exists() else {}
    token = settings.token or held.get("token") or secrets.token_urlsafe(24)
    certificates = None
    if settings.tls:
        if held.get("chain"):
            certificates = tls.Certificates(*(held[name].encode() for name in ("authority", "chain", "key")))
        else:
            certificates = tls.make(tuple(dict.fromkeys(("localhost", "127.0.0.1", "::1", settings.host))))
    if state and file:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        told = {"token": token}
        if certificates:
            told |= {name: getattr(certificates, name).decode() for name in ("authority", "chain", "key")}
        write_private(file, orjson.dumps(told))
    return _Kept(token, certificates)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, replacing what was there in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)


def _headers(answer: Answer) -> list[tuple[str, str]]:
    told = list(answer.headers)
    for warning in answer.warnings:
        text = warning.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        told.append(("warning", f'299 - "{text}"'))
    return told


def _refusal(fault: Fault) -> Answer:
    code = fault.status or 500
    reason, message = _REASONS.get(code, ("InternalError", "a fault was asked for"))
    refused = answers.Failure(code, reason, message).answer()
    refused.headers = [*refused.headers, *fault.headers.items()]
    if fault.body is not None:
        refused.body = fault.body
    return refused


_REASONS = {
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "a fault was asked for"),
    409: ("Conflict", "a fault was asked for"),
    410: ("Expired", "too old resource version"),
    429: ("TooManyRequests", "too many requests, please try again later"),
    500: ("InternalError", "Internal error occurred: a fault was asked for"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the request timed out"),
}


async def _cut(stream: AsyncIterator[bytes] | None, body: bytes, count: int) -> AsyncIterator[bytes]:
    left = count
    if stream is None:
        yield body[:left]
        raise Cut
    async with contextlib.aclosing(cast(AsyncGenerator[bytes, None], stream)):
        async for part in stream:
            yield part[:left]
            left -= len(part)
            if left <= 0:
                raise Cut


async def _body(receive: Any) -> bytes | None:
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= api.BODY_LIMIT else None
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size <= api.BODY_LIMIT:
            parts.append(part)
    return b"".join(parts) if size <= api.BODY_LIMIT else None


def _encoded(answer: Answer) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("utf-8")) for name, value in _headers(answer)]


async def _send(send: Any, answer: Answer) -> None:
    headers = _encoded(answer)
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _stream(receive: Any, send: Any, answer: Answer) -> None:
    assert answer.stream is not None
    await send({"type": "http.response.start", "status": answer.status, "headers": _encoded(answer)})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    sending = asyncio.ensure_future(_pump(send, answer.stream))
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not sending.done():
            sending.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)
    if sending.done() and not sending.cancelled() and isinstance(sending.exception(), Cut):
        raise Cut


async def _pump(send: Any, stream: AsyncIterator[bytes]) -> None:
    try:
        async for part in stream:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def decoded_path(raw: str) -> str:
    """Return a path as `handle` expects it, from its form in a URL."""
    return unquote(raw)
