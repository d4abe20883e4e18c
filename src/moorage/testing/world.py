"""
A whole world in one process: a sandbox cluster, a Git server and Moorage between them.

For stories that go over real HTTP from a commit to the objects in the cluster.
What goes on between Moorage and the sandbox is seen, and can go wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from moorage.cluster.http import Api
from moorage.cluster.kubeconfig import read_kubeconfig
from moorage.cluster.settings import ClusterSettings
from moorage.control import crds
from moorage.model.manifest import Json
from moorage.sandbox import Sandbox, SandboxSettings
from moorage.sandbox.mishaps import Fault
from moorage.sandbox.requests import Request
from moorage.serve import House, Parts
from moorage.settings import GitTuning
from moorage.testing.gitserver import GitServer
from moorage.testing.scene import NAMESPACE, WITHIN_SECONDS, Scene, application, settings_in

APPLICATIONS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications"
PROJECTS = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/appprojects"


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


@dataclass(slots=True, kw_only=True)
class World(Scene):
    """
    A scene whose cluster is a sandbox. Enter it with `world`.

    `requests` is what the cluster was asked by Moorage, oldest first. `fault`
    decides for each request whether something goes wrong with it.
    """

    sandbox: Sandbox
    requests: list[Seen] = field(default_factory=list)
    fault: Callable[[Seen], Fault | None] = lambda seen: None

    def build(self) -> House:
        """Return Moorage on the sandbox."""
        kubeconfig = self.sandbox.write_kubeconfig(self.folder / "kubeconfig")
        return House(self.settings, read_kubeconfig([kubeconfig]), parts=self.parts())

    def parts(self) -> Parts:
        """Return what Moorage touches the world with; another kind of world brings others."""
        return Parts()

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
        built = World(folder, server, api, settings_in(folder, git), sandbox=sandbox)
        sandbox.faults = _listening(built)
        await _prepare(built)
        if started:
            await built.start()
        stack.push_async_callback(built.stop)
        yield built


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


__all__ = ["NAMESPACE", "Fault", "Seen", "World", "application", "world"]
