"""
Where a measurement takes place: an API server, a Git server and Moorage, each a process.

    async with place("sandbox") as here:
        await here.start_moorage()

Every place is new, with ports and a folder of its own; leaving it ends all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bench.cluster import Cluster, Unexpected, side_by_side
from bench.processes import MOOR, Process, free_port

NAMESPACE = "argocd"
APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# Applications, their Events and projects are Moorage's own books, not what it was asked to sync.
OWN_BOOKS = frozenset({"Application", "AppProject", "Event"})
_READY_SECONDS = 60


@dataclass(slots=True)
class Place:
    """One place. `moorage` is None until it was started."""

    folder: Path
    kubeconfig: Path
    cluster: Cluster
    git_root: Path
    git_url: str
    moorage: Process | None = None
    listen: str = ""
    _starts: int = 0
    http: aiohttp.ClientSession = field(default_factory=aiohttp.ClientSession)

    async def start_moorage(self) -> Process:
        """Start Moorage with empty memory, and return when it is ready."""
        self._starts += 1
        self.listen = f"127.0.0.1:{free_port()}"
        data = self.folder / f"data{self._starts}"
        flags = ("--kubeconfig", str(self.kubeconfig), "--namespace", NAMESPACE)
        flags += ("--listen", self.listen, "--data", str(data), "--log-level", "warning")
        self.moorage = Process(
            "moor serve",
            [*MOOR, "serve", *flags],
            self.folder / "moorage.log",
        )
        await _answers(self.http, f"http://{self.listen}/readyz", self.moorage)
        return self.moorage

    def stop_moorage(self) -> None:
        """End Moorage where it runs."""
        if self.moorage is not None:
            self.moorage.stop()
            self.moorage = None

    async def requests(self) -> int:
        """
        Return how many requests Moorage has sent about what it syncs.

        Its own books and watches do not count, nor does asking which kinds there are (no kind):
        that follows from what a young server says of itself, not from a sync.
        """
        async with self.http.get(f"http://{self.listen}/metrics") as answer:
            text = await answer.text()
        total = 0.0
        for line in re.findall(r"^argocd_app_k8s_request_total\{.*", text, re.M):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            if labels["resource_kind"] in ("", *OWN_BOOKS) or labels["verb"].lower() in ("watch", "list"):
                continue
            total += float(line.rpartition(" ")[2])
        return int(total)

    async def tell(self, repository: str, before: str, after: str, files: list[str]) -> None:
        """Tell Moorage of a push as GitHub does."""
        url = f"{self.git_url}/{repository}"
        payload = {
            "ref": "refs/heads/main",
            "before": before,
            "after": after,
            "repository": {"html_url": url, "clone_url": f"{url}.git", "default_branch": "main"},
            "commits": [{"id": after, "added": [], "removed": [], "modified": files}],
        }
        headers = {"X-GitHub-Event": "push", "Content-Type": "application/json"}
        hook = f"http://{self.listen}/api/webhook"
        async with self.http.post(hook, data=json.dumps(payload), headers=headers) as answer:
            if answer.status >= 300:
                raise Unexpected(f"webhook: {answer.status} {await answer.text()}")


@contextlib.asynccontextmanager
async def place(server: str) -> AsyncIterator[Place]:
    """Make a place on ``sandbox`` or ``real``; the definitions Moorage needs are applied."""
    folder = Path(tempfile.mkdtemp(prefix="moorage-bench-"))
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        http = await stack.enter_async_context(aiohttp.ClientSession())
        start = _sandbox if server == "sandbox" else _control_plane
        kubeconfig = await start(folder, stack, http)
        git_url = await _git_server(folder, stack, http)
        cluster = await stack.enter_async_context(Cluster(kubeconfig))
        await _define(cluster)
        here = Place(folder, kubeconfig, cluster, folder / "git", git_url, http=http)
        stack.callback(here.stop_moorage)
        yield here


async def _sandbox(folder: Path, stack: contextlib.AsyncExitStack, http: aiohttp.ClientSession) -> Path:
    kubeconfig = folder / "kubeconfig"
    process = Process(
        "moor sandbox", [*MOOR, "sandbox", "--kubeconfig", str(kubeconfig)], folder / "sandbox.log"
    )
    stack.callback(process.stop)
    started = time.monotonic()
    while not kubeconfig.exists() or not kubeconfig.stat().st_size:
        process.check()
        if time.monotonic() - started > _READY_SECONDS:
            raise Unexpected(f"the sandbox is not ready\n{process.tail()}")
        await asyncio.sleep(0.05)
    return kubeconfig


async def _control_plane(folder: Path, stack: contextlib.AsyncExitStack, http: aiohttp.ClientSession) -> Path:
    from tests.controlplane.kit import ControlPlane

    plane = await stack.enter_async_context(ControlPlane(controllers=False))
    return plane.kubeconfig(folder / "kubeconfig")


async def _git_server(folder: Path, stack: contextlib.AsyncExitStack, http: aiohttp.ClientSession) -> str:
    port = free_port()
    (folder / "git").mkdir()
    argv = [sys.executable, "-m", "bench.gitserver", str(folder / "git"), str(port)]
    process = Process("git server", argv, folder / "git.log")
    stack.callback(process.stop)
    await _answers(http, f"http://127.0.0.1:{port}/", process, any_status=True)
    return f"http://127.0.0.1:{port}"


async def _answers(
    http: aiohttp.ClientSession, url: str, process: Process, *, any_status: bool = False
) -> None:
    started = time.monotonic()
    while True:
        process.check()
        with contextlib.suppress(aiohttp.ClientError):
            async with http.get(url) as answer:
                if any_status or answer.status == 200:
                    return
        if time.monotonic() - started > _READY_SECONDS:
            raise Unexpected(f"{process.name} is not ready after {_READY_SECONDS} s\n{process.tail()}")
        await asyncio.sleep(0.05)


async def _define(cluster: Cluster) -> None:
    """Apply what ``moor crds`` prints, and make the control namespace."""
    program = await asyncio.create_subprocess_exec(*MOOR, "crds", stdout=asyncio.subprocess.PIPE)
    text, _ = await program.communicate()
    bodies: list[Any] = [body for body in yaml.safe_load_all(text) if body]

    async def define(body: Any) -> None:
        await cluster.apply(f"{DEFINITIONS}/{body['metadata']['name']}", body)

    await side_by_side(define, bodies)
    await cluster.namespace(NAMESPACE)
    started = time.monotonic()
    while time.monotonic() - started < _READY_SECONDS:
        with contextlib.suppress(Unexpected):
            await cluster.get(APPLICATIONS)
            return
        await asyncio.sleep(0.05)
    raise Unexpected("the definitions of Applications are not served")
