"""Runs commands in this process, and a sandbox cluster beside them in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner, Result

from moorage.cli.cluster import access_to, open_api
from moorage.cli.root import moor
from moorage.cluster.http import MERGE_PATCH
from moorage.cluster.objects import Reflector
from moorage.control import crds
from moorage.sandbox import Fault, Sandbox, SandboxSettings

APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"


def run(*arguments: str, stdin: str | bytes | None = None, env: dict[str, str] | None = None) -> Result:
    """Run one command and return what it printed and its exit code."""
    return CliRunner(env=env or {}).invoke(moor, list(arguments), input=stdin, prog_name="moor")


def lines(result: Result) -> list[dict]:
    """Return the JSON of each line of the output."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def application(name="web", **more):
    """Return an Application with a specification that can be read."""
    spec = {
        "project": "default",
        "source": {"repoURL": "https://git.example/shop.git", "path": "web", "targetRevision": "HEAD"},
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
    }
    metadata = {"name": name, "namespace": "argocd"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {**metadata, **more.pop("metadata", {})},
        "spec": {**spec, **more.pop("spec", {})},
        **more,
    }


def settled(sync="Synced", health="Healthy", **more):
    """Return the status of an application at rest."""
    return {"sync": {"status": sync, "revision": "a" * 40}, "health": {"status": health}, **more}


def operated(phase, message="", *results):
    """Return an operationState."""
    result = {"revision": "b" * 40, "resources": list(results)}
    return {"phase": phase, "message": message, "startedAt": "2026-01-01T00:00:00Z", "syncResult": result}


@dataclass
class Cluster:
    """A sandbox with the definitions of Moorage in it, and the flags that lead commands there."""

    folder: Path
    kubeconfig: str = ""
    sandbox: Sandbox | None = None
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def moor(self, *arguments: str, **more) -> Result:
        """Run a command that asks this cluster."""
        return run(*arguments, "--kubeconfig", self.kubeconfig, **more)

    def request(self, method, path, body=None):
        """Send one request; returns the JSON of its answer."""

        async def ask():
            async with open_api(access_to(self.kubeconfig, "")) as api:
                kind = MERGE_PATCH if method == "PATCH" else "application/json"
                return (await api.request(method, path, body=body, content_type=kind)).json()

        return asyncio.run_coroutine_threadsafe(ask(), self._loop).result(20)

    def add(self, body):
        """Create an Application."""
        return self.request("POST", APPLICATIONS, body)

    def get(self, name):
        """Return an Application."""
        return self.request("GET", f"{APPLICATIONS}/{name}")

    @contextlib.contextmanager
    def changing(self, kind: str, rewrite: Callable[[bytes], bytes]) -> Iterator[None]:
        """Let a webhook change what is applied of a kind (its plural, of the core group)."""
        rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": [kind]}]
        hook = {
            "name": "change.example.com",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": {"url": "https://change.example.com"},
            "rules": rules,
        }
        path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        metadata = {"name": "change"}
        self.request("POST", path, {"metadata": metadata, "webhooks": [hook]})
        self.sandbox.faults = lambda request: (
            Fault(rewrite=rewrite) if request.method == "PATCH" and f"/{kind}/" in request.path else None
        )
        try:
            yield
        finally:
            self.sandbox.faults = lambda request: None
            self.request("DELETE", f"{path}/change")

    def followed(self, name: str) -> asyncio.Event:
        """Return what is set, on the sandbox's loop, once somebody watches one Application; from then on nothing is missed."""
        event = asyncio.Event()

        def note(request):
            if "watch" in request.query and request.query.get("fieldSelector") == f"metadata.name={name}":
                event.set()

        self.sandbox.faults = note
        return event

    @contextlib.contextmanager
    def answering(self, react: Callable[[dict], Awaitable[dict | None] | dict | None]) -> Iterator[None]:
        """Patch each Application that changes with what `react` says, at once or in its time, as a controller would."""
        stop = asyncio.run_coroutine_threadsafe(self._start(react), self._loop).result(20)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(stop(), self._loop).result(20)

    async def _start(self, react):
        stack = contextlib.AsyncExitStack()
        api = await stack.enter_async_context(open_api(access_to(self.kubeconfig, "")))
        seen: asyncio.Queue[dict] = asyncio.Queue()
        reflector = Reflector(api, APPLICATIONS, lambda event, body: seen.put_nowait(body))

        async def answer():
            while True:
                body = await seen.get()
                patch = react(body)
                if inspect.isawaitable(patch):
                    patch = await patch
                if patch is not None:
                    path = f"{APPLICATIONS}/{body['metadata']['name']}"
                    await api.request("PATCH", path, body=patch, content_type=MERGE_PATCH)

        tasks = [asyncio.ensure_future(answer()), asyncio.ensure_future(reflector.run())]

        async def stop():
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await stack.aclose()

        return stop


@contextlib.contextmanager
def cluster(folder: Path, *, definitions: bool = True) -> Iterator[Cluster]:
    """Run a sandbox in a thread while entered, with the definitions of Moorage unless told otherwise."""
    made = Cluster(folder, str(folder / "kubeconfig"))
    started, stopping = threading.Event(), asyncio.Event()

    async def serve():
        async with Sandbox(SandboxSettings(ready_after=0.0)) as sandbox:
            made.sandbox = sandbox
            sandbox.write_kubeconfig(folder / "kubeconfig")
            started.set()
            await stopping.wait()

    thread = threading.Thread(target=made._loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(20)
    try:
        if definitions:
            _define(made)
        yield made
    finally:
        made._loop.call_soon_threadsafe(stopping.set)
        thread.join(20)
        made._loop.close()


def _define(made: Cluster) -> None:
    for body in crds.manifests():
        made.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)
    for name in ("argocd", "shop"):
        made.request(
            "POST",
            "/api/v1/namespaces",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        )


def git_repository(folder: Path, files: dict[str, str], *, tag: str = "") -> str:
    """Make a Git repository of some files, with a commit on main and perhaps a tag; return its address."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    commit = ("-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "x", "--no-gpg-sign")
    for command in (("init", "-q", "-b", "main"), ("add", "."), commit, *((("tag", tag),) if tag else ())):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    return f"file://{folder}"
