"""
A whole world in one process: a sandbox cluster, a Git server and Moorage between them.

For stories that go over real HTTP from a commit to the objects in the cluster.
Nothing is patched; what happens is observed from outside, and waiting is for
events, never for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from moorage.cluster.answers import NotFound
from moorage.cluster.http import APPLY_PATCH, MERGE_PATCH, Api
from moorage.cluster.kubeconfig import read_kubeconfig
from moorage.cluster.settings import ClusterSettings
from moorage.control import crds
from moorage.model.application import Application
from moorage.model.identity import IN_CLUSTER, AppKey
from moorage.model.manifest import Json
from moorage.sandbox import Sandbox, SandboxSettings
from moorage.sandbox.mishaps import Fault
from moorage.sandbox.requests import Request
from moorage.serve import House, Parts
from moorage.settings import GitTuning, ServeSettings, Settings
from moorage.testing.gitserver import GitServer, commit_files

NAMESPACE = "argocd"
APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications"
PROJECTS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/appprojects"
WITHIN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One request to the cluster: who sent it, and what."""

    agent: str
    method: str
    path: str
    query: Mapping[str, str]

    @property
    def own_books(self) -> bool:
        """Whether it is about Applications, projects and Events, and not about what they declare."""
        return self.path.startswith((APPLICATIONS, PROJECTS)) or self.path.endswith("/events")

    @property
    def watches(self) -> bool:
        return "watch" in self.query


@dataclass(slots=True)
class World:
    """
    Cluster, Git and Moorage. Enter it with `world`; `house` may be stopped and started again.

    `requests` is what the cluster was asked by Moorage, oldest first. `fault`
    decides for each request whether something goes wrong with it.
    """

    folder: Path
    sandbox: Sandbox
    git: GitServer
    api: Api
    settings: Settings
    house: House = field(init=False)
    requests: list[Seen] = field(default_factory=list)
    fault: Callable[[Seen], Fault | None] = lambda seen: None
    _running: asyncio.Task[None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    # Moorage

    async def start(self) -> None:
        """Start Moorage."""
        kubeconfig = self.sandbox.write_kubeconfig(self.folder / "kubeconfig")
        self.house = House(self.settings, read_kubeconfig([kubeconfig]), parts=self.parts())
        inner = self.house.board.on_application

        def changed(key: AppKey, before: Any, after: Any) -> None:
            inner(key, before, after)
            self._changed.set()

        self.house.board.on_application = changed
        self._running = asyncio.create_task(self.house.run())
        started = asyncio.create_task(self.house.started.wait())
        await asyncio.wait({started, self._running}, return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            started.cancel()
            self._running.result()

    def parts(self) -> Parts:
        """Return what Moorage touches the world with; another kind of world brings others."""
        return Parts()

    async def stop(self) -> None:
        """Stop Moorage as SIGTERM does."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None

    # Git

    def commit(self, files: Mapping[str, str | bytes | None], *, repository: str = "repo") -> str:
        """Commit files to a repository on the server, which is made when there is none."""
        bare = self.git.root / f"{repository}.git"
        if not bare.exists():
            self.git.create(repository)
        return commit_files(bare, files)

    async def push(self, files: Mapping[str, str | bytes | None], *, repository: str = "repo") -> str:
        """Commit files and tell Moorage by a webhook."""
        after = await asyncio.to_thread(self.commit, files, repository=repository)
        await self.tell(after, repository=repository)
        return after

    async def tell(self, after: str, *, repository: str = "repo") -> None:
        """Tell Moorage of a push as GitHub does, unsigned."""
        url = self.git.url(repository)
        payload = {
            "ref": "refs/heads/main",
            "before": "0" * 40,
            "after": after,
            "repository": {"html_url": url, "clone_url": url, "default_branch": "main"},
        }
        headers = {"X-GitHub-Event": "push", "Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                f"{self.house.address}/api/webhook", data=orjson.dumps(payload), headers=headers
            ) as answer,
        ):
            answer.raise_for_status()

    # The cluster

    async def put(self, body: Json, *, manager: str = "person") -> Json:
        """Server-side apply an object as a person does."""
        query = {"fieldManager": manager, "force": "true"}
        answer = await self.api.request(
            "PATCH", self.path(body), query=query, body=body, content_type=APPLY_PATCH
        )
        written: Json = answer.json()
        return written

    async def get(self, kind: str, name: str, namespace: str = "default") -> Json | None:
        """Return an object of a kind in a well-known version; None when there is none."""
        try:
            found: Json = await self.api.get(self.path(reference(kind, name, namespace)))
        except NotFound:
            return None
        return found

    async def delete(self, kind: str, name: str, namespace: str = "default") -> None:
        """Delete an object as a person does."""
        await self.api.request("DELETE", self.path(reference(kind, name, namespace)))

    async def patch(self, kind: str, name: str, patch: Json, namespace: str = "default") -> Json:
        """Merge-patch an object as a person does."""
        path = self.path(reference(kind, name, namespace))
        written: Json = (await self.api.request("PATCH", path, body=patch, content_type=MERGE_PATCH)).json()
        return written

    def path(self, body: Json) -> str:
        """Return the path of an object's body."""
        resource = self.sandbox.api.registry.of_kind(body["apiVersion"], body["kind"])
        if resource is None:
            raise LookupError(f"the sandbox has no kind {body['apiVersion']} {body['kind']}")
        prefix = (
            f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
        )
        metadata = body["metadata"]
        where = f"/namespaces/{metadata.get('namespace') or 'default'}" if resource.namespaced else ""
        return f"{prefix}{where}/{resource.plural}/{metadata['name']}"

    # Applications

    async def declare(self, name: str, path: str, *, namespace: str = "default", **spec: Any) -> None:
        """Declare an Application of the repository ``repo``, automated with prune and self-heal unless said otherwise."""
        await self.put(application(name, self.git.url("repo"), path, namespace, spec))

    def application(self, name: str) -> Application | None:
        """Return an Application as Moorage knows it."""
        entry = self.house.board.applications.get(AppKey(NAMESPACE, name))
        return entry if isinstance(entry, Application) else None

    def status(self, name: str) -> Json:
        """Return the status of an Application, empty when there is none."""
        entry = self.house.board.applications.get(AppKey(NAMESPACE, name))
        if entry is None:
            return {}
        return entry.status if isinstance(entry, Application) else entry.body.get("status") or {}

    async def until(self, what: Callable[[], Any], *, within: float = WITHIN_SECONDS) -> None:
        """Return once something about the Applications is so. Raises TimeoutError with how they stand."""
        try:
            async with asyncio.timeout(within):
                while not what():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            stands = {key.name: _told(self.status(key.name)) for key in self.house.board.applications}
            raise TimeoutError(f"not so within {within:g} s; the applications stand: {stands}") from None

    async def settled(self, *names: str, health: str = "Healthy", within: float = WITHIN_SECONDS) -> None:
        """Return once Applications are Synced and as healthy as asked, with no operation running."""
        await self.until(lambda: all(_settled(self.status(name), health) for name in names), within=within)

    async def appears(
        self, kind: str, name: str, namespace: str = "default", *, so: Callable[[Json], Any] = bool
    ) -> Json:
        """Return an object once it is there and as asked."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while True:
                found = await self.get(kind, name, namespace)
                if found is not None and so(found):
                    return found
                await self._beat()

    async def vanishes(self, kind: str, name: str, namespace: str = "default") -> None:
        """Return once an object is gone."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while await self.get(kind, name, namespace) is not None:
                await self._beat()

    async def condition(self, name: str, words: str) -> str:
        """Return the message of an Application's condition once one holds these words."""

        def found() -> list[str]:
            conditions = self.status(name).get("conditions") or ()
            return [c["message"] for c in conditions if words in c["message"]]

        await self.until(found)
        return found()[0]

    async def _beat(self) -> None:
        """Let the world go on a little: the store's next change is not something a client can wait for."""
        await asyncio.sleep(0.005)

    def sent(self, since: int = 0) -> list[Seen]:
        """Return what Moorage asked of the cluster about what Applications declare, watches left out."""
        return [seen for seen in self.requests[since:] if not seen.own_books and not seen.watches]


@contextlib.asynccontextmanager
async def world(
    folder: Path, *, started: bool = True, ready_after: float = 0.0, git: GitTuning | None = None
) -> AsyncIterator[World]:
    """
    Yield a world in a folder; everything ends with the context.

    Args:
        folder: An empty folder.
        started: Whether Moorage runs already.
        ready_after: Seconds until pretended workloads are ready.
        git: How repositories are followed, instead of the defaults.
    """
    async with contextlib.AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(SandboxSettings(ready_after=ready_after)))
        server = await stack.enter_async_context(GitServer(folder / "git"))
        kubeconfig = sandbox.write_kubeconfig(folder / "kubeconfig")
        api = Api(read_kubeconfig([kubeconfig]), ClusterSettings(user_agent="person"))
        stack.push_async_callback(api.close)
        settings = Settings(
            serve=ServeSettings(
                namespace=NAMESPACE,
                listen="127.0.0.1:0",
                data=str(folder / "data"),
                stop_seconds=1.0,
                lease=False,
            ),
            git=git or GitTuning(partial=False),
        )
        built = World(folder, sandbox, server, api, settings)
        sandbox.faults = _listening(built)
        await _prepare(built)
        if started:
            await built.start()
        stack.push_async_callback(built.stop)
        yield built


def application(name: str, url: str, path: str, namespace: str, spec: Mapping[str, Any]) -> Json:
    """Return an Application's body; `spec` is laid over what is usual."""
    usual: Json = {
        "project": "default",
        "source": {"repoURL": url, "path": path, "targetRevision": "main"},
        "destination": {"server": IN_CLUSTER, "namespace": namespace},
        "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {**usual, **spec},
    }


VERSIONS = {
    "Application": "argoproj.io/v1alpha1",
    "AppProject": "argoproj.io/v1alpha1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "Job": "batch/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
}


def reference(kind: str, name: str, namespace: str) -> Json:
    """Return just enough of a body to find the object; kinds that are not listed are of the core group."""
    return {
        "apiVersion": VERSIONS.get(kind, "v1"),
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace},
    }


def _listening(built: World) -> Callable[[Request], Fault | None]:
    def on_request(request: Request) -> Fault | None:
        agent = request.headers.get("user-agent", "")
        if agent != "moorage":
            return None
        seen = Seen(agent, request.method, request.path, request.query)
        built.requests.append(seen)
        return built.fault(seen)

    return on_request


async def _prepare(built: World) -> None:
    bodies: Iterable[Json] = (
        *crds.manifests(),
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
    )
    for body in bodies:
        await built.put(body)
    async with asyncio.timeout(WITHIN_SECONDS):
        while built.sandbox.api.registry.of_kind("argoproj.io/v1alpha1", "Application") is None:
            await built._beat()


def _settled(status: Json, health: str) -> bool:
    operation = status.get("operationState") or {}
    return bool(
        (status.get("sync") or {}).get("status") == "Synced"
        and (status.get("health") or {}).get("status") == health
        and operation.get("phase") != "Running"
    )


def _told(status: Json) -> Json:
    operation = status.get("operationState") or {}
    return {
        "sync": (status.get("sync") or {}).get("status"),
        "health": status.get("health"),
        "operation": f"{operation.get('phase')}: {operation.get('message')}",
        "conditions": [c["message"] for c in status.get("conditions") or ()],
    }


__all__ = ["NAMESPACE", "Fault", "Seen", "World", "application", "world"]
