"""
Some cluster, a Git server, and Moorage between them: what every story needs, whoever the cluster is.

Nothing is patched; what happens is observed from outside, and waiting is for
events, never for a while. `world` has the sandbox as its cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from moorage.cluster.answers import NotFound
from moorage.cluster.http import APPLY_PATCH, MERGE_PATCH, Api
from moorage.model.application import Application
from moorage.model.identity import IN_CLUSTER, AppKey
from moorage.model.manifest import Json
from moorage.serve import House
from moorage.settings import GitTuning, ServeSettings, Settings
from moorage.testing.gitserver import GitServer, commit_files

NAMESPACE = "argocd"
WITHIN_SECONDS = 20.0


class Hands:
    """What a person does to a cluster, one request each."""

    api: Api

    def path(self, body: Json) -> str:
        """Return the path of an object's body."""
        raise NotImplementedError

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

    async def _beat(self) -> None:
        """Let the world go on a little: the store's next change is not something a client can wait for."""
        await asyncio.sleep(0.005)


@dataclass(slots=True)
class Scene(Hands):
    """
    Cluster, Git and Moorage; `house` may be stopped and started again.

    The cluster is the own one of Moorage: it holds the Applications.
    """

    folder: Path
    git: GitServer
    api: Api
    settings: Settings
    house: House = field(init=False)
    _running: asyncio.Task[None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    # Moorage

    def build(self) -> House:
        """Return Moorage, not yet running."""
        raise NotImplementedError

    async def start(self) -> None:
        """Start Moorage."""
        self.house = self.build()
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

    async def condition(self, name: str, words: str) -> str:
        """Return the message of an Application's condition once one holds these words."""

        def found() -> list[str]:
            conditions = self.status(name).get("conditions") or ()
            return [c["message"] for c in conditions if words in c["message"]]

        await self.until(found)
        return found()[0]


def settings_in(folder: Path, git: GitTuning | None = None) -> Settings:
    """Return settings for a Moorage that keeps what it keeps in a folder, listens anywhere and stops at once."""
    serve = ServeSettings(
        namespace=NAMESPACE, listen="127.0.0.1:0", data=str(folder / "data"), stop_seconds=1.0, lease=False
    )
    return Settings(serve=serve, git=git or GitTuning(partial=False))


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
    "ReplicaSet": "apps/v1",
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
