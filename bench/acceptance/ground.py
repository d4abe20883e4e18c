"""
Where acceptance takes place: a Git server and Moorage in this process, and a cluster.

The cluster is the sandbox, or a real control plane with a stand-in for its nodes.
What Moorage sends is counted: at the sandbox's door, or where Moorage hands it to the network.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from moorage.cluster.answers import Answer, NotFound, error_of
from moorage.cluster.http import Api
from moorage.cluster.kubeconfig import read_kubeconfig
from moorage.cluster.settings import ClusterSettings
from moorage.control import crds
from moorage.model.errors import Error
from moorage.sandbox.api import build
from moorage.sandbox.resources import Resource
from moorage.sandbox.store import Store
from moorage.serve import Parts
from moorage.testing.gitserver import GitServer
from moorage.testing.scene import settings_in
from moorage.testing.world import APPLICATIONS, NAMESPACE, Seen, World, world

READY_SECONDS = 60.0


@contextlib.asynccontextmanager
async def ground(server: str, folder: Path) -> AsyncIterator[World]:
    """Give a world on the sandbox or on a ``real`` control plane, with Moorage not yet started."""
    folder.mkdir()
    if server == "sandbox":
        async with world(folder, started=False, ready_after=0.2) as built:
            yield built
    else:
        async with _real(folder) as built:
            yield built


class _Plane:
    """What a world asks of its cluster, answered for a control plane."""

    def __init__(self, plane: Any) -> None:
        self._plane = plane
        self._builtin = build(Store()).registry
        self.api = SimpleNamespace(registry=self)

    def write_kubeconfig(self, path: Path) -> Path:
        written: Path = self._plane.kubeconfig(path)
        return written

    def of_kind(self, api_version: str, kind: str) -> Any:
        """Return where objects of a kind are; kinds that are not built in have plain plurals."""
        found: Resource | None = self._builtin.of_kind(api_version, kind)
        if found is not None:
            return found
        group, _, version = api_version.rpartition("/")
        plural = kind.lower() if kind.endswith("s") else f"{kind.lower()}s"
        return SimpleNamespace(group=group, version=version, plural=plural, namespaced=True)


class _Counted(World):
    """A world that counts what Moorage hands to the network, and may keep it from getting there."""

    def parts(self) -> Parts:
        built = self

        class Counting(Api):
            async def request(
                self, method: str, path: str, *, query: Mapping[str, str] | None = None, **more: Any
            ) -> Answer:
                seen = Seen("moorage", method, path, query or {})
                built.requests.append(seen)
                if (fault := built.fault(seen)) is not None:
                    assert fault.status or fault.delay, "a real server answers late, or something else does"
                    await asyncio.sleep(fault.delay)
                    if not fault.status:
                        return await super().request(method, path, query=query, **more)
                    raise error_of(fault.status, fault.body or b"", f"{method} {path}")
                return await super().request(method, path, query=query, **more)

        return Parts(api=Counting)


@contextlib.asynccontextmanager
async def _real(folder: Path) -> AsyncIterator[World]:
    from tests.controlplane.kit import ControlPlane
    from tests.controlplane.podlet import Podlet

    async with ControlPlane() as plane, Podlet(plane.session), world_on(plane, folder) as built:
        yield built


@contextlib.asynccontextmanager
async def world_on(plane: Any, folder: Path) -> AsyncIterator[World]:
    """Give a world on a control plane that runs, with Moorage not yet started. What it leaves there stays."""
    async with contextlib.AsyncExitStack() as stack:
        git = await stack.enter_async_context(GitServer(folder / "git"))
        access = read_kubeconfig([plane.kubeconfig(folder / "kubeconfig")])
        api = Api(access, ClusterSettings(user_agent="person"))
        stack.push_async_callback(api.close)
        built = _Counted(
            folder=folder,
            sandbox=_Plane(plane),  # type: ignore[arg-type]
            git=git,
            api=api,
            settings=settings_in(folder),
        )
        await _define(built)
        stack.push_async_callback(built.stop)
        yield built


async def _define(built: World) -> None:
    for body in crds.manifests():
        await built.put(body)
    await built.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    async with asyncio.timeout(READY_SECONDS):
        while True:
            with contextlib.suppress(NotFound, Error):
                await built.api.get(APPLICATIONS)
                return
            await asyncio.sleep(0.1)
