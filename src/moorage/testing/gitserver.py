"""
A Git server for tests and demos: real smart HTTP, in this process.

Repositories are bare folders below one root; ``git http-backend`` speaks the
protocol, so what a client sees is what it would see from a real host. Who may
come in, and what goes wrong, is decided per server and can change while it runs.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
import subprocess
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType

from aiohttp import web

from moorage.programs import Program

_GIT_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "LC_ALL": "C",
}


class Fault(StrEnum):
    """What can go wrong with one answer."""

    CUT = "cut"
    HANG = "hang"
    ENDLESS = "endless"
    GARBAGE = "garbage"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the server saw it."""

    method: str
    path: str
    authorization: str
    service: str


Push = Callable[[str], Awaitable[None]]


@dataclass
class GitServer:
    """
    Serves the bare repositories below `root` while it is entered.

    Args:
        users: Names and passwords that may come in; with `tokens` empty too, everyone may.
        tokens: Bearer tokens that may come in.
        tls: Serve https with this context.
        on_push: Called with a repository's name after each push to it.

    `failures` are used up by the next requests, one each: a status or a `Fault`.
    `broken` holds for all requests until it is set back to None.
    """

    root: Path
    users: Mapping[str, str] = field(default_factory=dict)
    tokens: frozenset[str] = frozenset()
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    port: int = 0
    on_push: Push | None = None
    failures: deque[int | Fault] = field(default_factory=deque)
    broken: int | Fault | None = None
    redirect_to: str = ""
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> GitServer:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._stopping.clear()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, ssl_context=self.tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()

    def url(self, name: str) -> str:
        """Return the address of a repository."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{self.host}:{self.port}/{name}.git"

    def create(self, name: str, branch: str = "main", object_format: str = "sha1") -> Path:
        """Return the folder of a new, empty repository that may be pushed to."""
        folder = self.root / f"{name}.git"
        folder.mkdir(parents=True, exist_ok=True)
        form = f"--object-format={object_format}"
        run_git(folder, "init", "--quiet", "--bare", f"--initial-branch={branch}", form, ".")
        for key in ("http.receivepack", "uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
            run_git(folder, "config", key, "true")
        return folder

    @property
    def fetches(self) -> int:
        """How many packs were asked for (refs listings not counted)."""
        return sum(1 for seen in self.seen if seen.method == "POST" and seen.service == "git-upload-pack")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        service = request.query.get("service", "") or request.path.rpartition("/")[2]
        authorization = request.headers.get("Authorization", "")
        self.seen.append(Seen(request.method, request.path, authorization, service))
        fault = self.failures.popleft() if self.failures else self.broken
        if fault is not None:
            return await self._fail(request, fault)
        if self.redirect_to:
            return web.Response(status=301, headers={"Location": self.redirect_to + request.path_qs})
        if not self._admitted(authorization):
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})
        return await self._serve(request, service)

    def _admitted(self, authorization: str) -> bool:
        if not self.users and not self.tokens:
            return True
        kind, _, rest = authorization.partition(" ")
        if kind == "Bearer":
            return rest in self.tokens
        with contextlib.suppress(ValueError):
            name, _, password = base64.b64decode(rest).decode().partition(":")
            return kind == "Basic" and self.users.get(name) == password
        return False

    async def _fail(self, request: web.Request, fault: int | Fault) -> web.StreamResponse:
        if not isinstance(fault, Fault):
            return web.Response(status=fault, text="on demand")
        if fault is Fault.GARBAGE:
            return web.Response(
                body=b"zzzz not git at all", content_type="application/x-git-upload-pack-advertisement"
            )
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-advertisement"})
        if fault is Fault.HANG:
            await self._stopping.wait()
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            if fault is Fault.ENDLESS:
                await response.write(b"001e# service=git-upload-pack\n0000")
            while fault is Fault.ENDLESS and not self._stopping.is_set():
                await response.write(_listing(256))
        if request.transport is not None:
            request.transport.abort()
        return response

    async def _serve(self, request: web.Request, service: str) -> web.StreamResponse:
        program = await Program.start(["git", "http-backend"], self._variables(request), None, errors=False)
        try:
            _, response = await asyncio.gather(_pour(request, program), _relay(request, program))
            await program.wait()
        finally:
            # A client that went away leaves not only this program behind but those it started.
            await program.end()
        if service == "git-receive-pack" and request.method == "POST" and self.on_push is not None:
            await self.on_push(request.path.strip("/").partition(".git")[0])
        return response

    def _variables(self, request: web.Request) -> dict[str, str]:
        return _GIT_ENVIRONMENT | {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "REQUEST_METHOD": request.method,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "demo",
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        }


async def _pour(request: web.Request, program: Program) -> None:
    with contextlib.suppress(ConnectionError):
        async for piece in request.content.iter_chunked(65536):
            program.stdin.write(piece)
            await program.stdin.drain()
    program.stdin.close()


async def _relay(request: web.Request, program: Program) -> web.StreamResponse:
    status, headers = 200, {}
    while (line := (await program.stdout.readline()).decode().strip()) != "":
        name, _, value = line.partition(":")
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers[name] = value.strip()
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        while piece := await program.stdout.read(65536):
            await response.write(piece)
        await response.write_eof()
    return response


def _listing(count: int) -> bytes:
    line = f"{'a' * 40} refs/heads/{'x' * 200}\n".encode()
    return (f"{len(line) + 4:04x}".encode() + line) * count


def run_git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Return what a git command prints, run in a folder with no configuration of this machine's."""
    identity = {
        name: value
        for role in ("AUTHOR", "COMMITTER")
        for name, value in ((f"GIT_{role}_NAME", "Demo"), (f"GIT_{role}_EMAIL", "demo@example.com"))
    }
    ended = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=_GIT_ENVIRONMENT | identity | {"HOME": str(folder), "GIT_TERMINAL_PROMPT": "0"},
        input=stdin,
        capture_output=True,
        check=False,
    )
    if ended.returncode != 0:
        raise RuntimeError(f"git {arguments[0]}: {ended.stderr.decode(errors='replace').strip()}")
    return ended.stdout.decode(errors="replace").strip()


def commit_files(
    folder: Path, files: Mapping[str, str | bytes | None], message: str = "Change", branch: str = "main"
) -> str:
    """
    Return the commit made of a work folder's bare or ordinary repository with some files changed.

    Works without a work tree, so that it can be used on the bare repositories of a server;
    None as content deletes the file.
    """
    ref = f"refs/heads/{branch}"
    parent = _existing(folder, ref)
    stream = [
        f"commit {ref}\ncommitter Demo <demo@example.com> now\ndata {len(message.encode())}\n{message}\n".encode()
    ]
    if parent:
        stream.append(f"from {parent}\n".encode())
    for path, content in sorted(files.items()):
        if content is None:
            stream.append(f"D {path}\n".encode())
            continue
        body = content.encode() if isinstance(content, str) else content
        stream.append(f"M 100644 inline {path}\ndata {len(body)}\n".encode() + body + b"\n")
    run_git(folder, "fast-import", "--quiet", "--force", "--date-format=now", stdin=b"".join(stream))
    return run_git(folder, "rev-parse", ref)


def _existing(folder: Path, ref: str) -> str:
    return run_git(folder, "for-each-ref", "--format=%(objectname)", ref)
