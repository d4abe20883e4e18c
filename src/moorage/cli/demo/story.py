"""
The demo, step by step: cluster, repository, Moorage, and then whatever you do.
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from moorage.cli.demo import repository
from moorage.cli.demo.places import Facts, Places, empty, held, recall
from moorage.cli.demo.screen import Screen, shown
from moorage.cluster.answers import Conflicted, NotFound
from moorage.cluster.http import APPLY_PATCH, Api
from moorage.cluster.kubeconfig import read_kubeconfig
from moorage.cluster.settings import ClusterSettings
from moorage.control import crds
from moorage.control.board import Broken, Entry
from moorage.model.errors import Error
from moorage.model.identity import IN_CLUSTER, AppKey
from moorage.model.manifest import Json
from moorage.sandbox import Sandbox, SandboxSettings
from moorage.serve import House, configure_logging
from moorage.settings import GitTuning, ServeSettings, Settings
from moorage.testing.gitserver import GitServer

NAMESPACE = "argocd"
ROOT = "demo"
APPLICATIONS = ("demo", "guestbook", "podium", "shop", "waves")
log = structlog.get_logger()


async def tell(folder: Path, *, fresh: bool, until_ready: bool) -> None:
    """Run the demo in a folder until cancelled, or until everything is in sync."""
    places, screen = Places(folder), Screen()
    screen.console.print(f"[bold]Moorage[/bold] {version('moorage') if _installed() else ''}".rstrip())
    with held(places):
        if fresh:
            empty(places)
        async with AsyncExitStack() as stack:
            stack.enter_context(places.log.open("a"))
            story = Story(places, screen, recall(places), stack)
            await story.begin()
            ready = asyncio.create_task(story.ready())
            running = asyncio.create_task(story.house.run())
            stack.push_async_callback(_ended, running)
            await _first(ready, running)
            story.suggest()
            if until_ready:
                return
            await running


def _installed() -> bool:
    from importlib.metadata import PackageNotFoundError

    try:
        version("moorage")
    except PackageNotFoundError:
        return False
    return True


async def _first(ready: asyncio.Task[None], running: asyncio.Task[None]) -> None:
    await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        ready.cancel()
        running.result()


async def _ended(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@dataclass(slots=True)
class Story:
    """One run of the demo."""

    places: Places
    screen: Screen
    facts: Facts
    stack: AsyncExitStack
    house: House = field(init=False)
    _git: GitServer = field(init=False)
    _api: Api = field(init=False)
    _head: str = ""
    _stands: dict[str, tuple[str, str]] = field(default_factory=dict)

    async def begin(self) -> None:
        """Start the cluster and the Git server, and declare what they need to know of each other."""
        log_file = self.stack.enter_context(self.places.log.open("a"))
        configure_logging("info", as_json=True, stream=log_file)
        settings = SandboxSettings(port=self.facts.cluster_port, state=self.places.cluster)
        sandbox = await self.stack.enter_async_context(Sandbox(settings))
        sandbox.write_kubeconfig(self.places.kubeconfig)
        self.screen.step("sandbox cluster started", sandbox.url)
        self._git = GitServer(self.places.repositories, port=self.facts.git_port, on_push=self._pushed)
        self.places.repositories.mkdir(exist_ok=True)
        await self.stack.enter_async_context(self._git)
        url = self._git.url(repository.NAME)
        new = await asyncio.to_thread(repository.make, self._git, self.places.repositories)
        # The server answers in this loop, so cloning from it must not block the loop.
        await asyncio.to_thread(repository.clone, url, self.places.work)
        self._head = await asyncio.to_thread(repository.head, self.places.repositories)
        self.screen.step("Git repository made and served" if new else "Git repository served", url)
        access = read_kubeconfig([self.places.kubeconfig])
        self._api = Api(access, ClusterSettings())
        self.stack.push_async_callback(self._api.close)
        await self._declare(url)
        self.house = House(self._settings(), access)
        self._listen_to(self.house)

    def _settings(self) -> Settings:
        serve = ServeSettings(
            namespace=NAMESPACE,
            listen=f"127.0.0.1:{self.facts.listen_port}",
            data=str(self.places.data),
            stop_seconds=3.0,
            lease=False,
        )
        return Settings(serve=serve, git=GitTuning(partial=False))

    async def _declare(self, url: str) -> None:
        """Declare the kinds, the webhook's secret and the root application, once."""
        await self._declare_kinds()
        await self._put("/api/v1/namespaces", _namespace())
        await self._put(f"/api/v1/namespaces/{NAMESPACE}/secrets", _webhook_secret(self.facts.webhook_secret))
        await self._put(
            f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications", _root_application(url)
        )
        self.screen.step("Application declared", f"{NAMESPACE}/{ROOT}, which declares the others")

    async def _declare_kinds(self) -> None:
        for body in crds.manifests():
            await self._put("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)
        for _ in range(50):
            try:
                await self._api.get(f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications")
                return
            except NotFound:
                await asyncio.sleep(0.02)

    async def _put(self, path: str, body: Json) -> None:
        name = body["metadata"]["name"]
        query = {"fieldManager": "moor-demo", "force": "true"}
        try:
            await self._api.request(
                "PATCH", f"{path}/{name}", query=query, body=body, content_type=APPLY_PATCH
            )
        except Conflicted as error:
            log.info("A part of the demo was declared already", name=name, error=str(error))

    # What happens

    async def _pushed(self, name: str) -> None:
        """Tell Moorage of a push, as a Git host would."""
        before, self._head = self._head, await asyncio.to_thread(repository.head, self.places.repositories)
        body, headers = repository.push_notice(
            self._git.url(name), before, self._head, self.facts.webhook_secret
        )
        address = f"http://127.0.0.1:{self.facts.listen_port}/api/webhook"
        self.screen.console.print(f" [cyan]↑[/cyan] pushed {self._head[:7]}")
        try:
            async with aiohttp.ClientSession() as session, session.post(address, data=body, headers=headers):
                pass
        except aiohttp.ClientError as error:
            log.warning("Moorage could not be told of a push", error=str(error))

    def _listen_to(self, house: House) -> None:
        inner: Callable[[AppKey, Entry | None, Entry | None], None] = house.board.on_application

        def changed(key: AppKey, before: Entry | None, after: Entry | None) -> None:
            inner(key, before, after)
            self._show(key, after)

        house.board.on_application = changed

    def _show(self, key: AppKey, entry: Entry | None) -> None:
        if not self.house.started.is_set():
            return
        if entry is None:
            self._stands.pop(key.name, None)
            self.screen.console.print(f" [dim]·[/dim] {key.name} is gone")
            return
        if isinstance(entry, Broken):
            self.screen.trouble(key.name, str(entry.fault))
            return
        status = entry.status
        sync = (status.get("sync") or {}).get("status") or ""
        health = (status.get("health") or {}).get("status") or ""
        if not sync or self._stands.get(key.name) == (sync, health):
            return
        self._stands[key.name] = (sync, health)
        revision = (status.get("sync") or {}).get("revision") or ""
        count = len(status.get("resources") or ())
        self.screen.application(key.name, sync, health, f"{count} resources at {revision[:7]}")
        for condition in status.get("conditions") or ():
            if condition["type"].endswith("Error"):
                self.screen.trouble(key.name, condition["message"])

    def _in_sync(self) -> bool:
        """Whether all applications were looked at by this process, and are as Git says."""
        looked_at = {key.name for key, notes in self.house.passes.notebooks.items() if notes.compared}
        good = {name for name, stands in self._stands.items() if stands == ("Synced", "Healthy")}
        return looked_at & good >= set(APPLICATIONS)

    async def ready(self) -> None:
        """Return once all applications are Synced and Healthy."""
        await self.house.started.wait()
        self.screen.step("Moorage is ready", f"http://127.0.0.1:{self.facts.listen_port}")
        self.screen.heading("Syncing")
        for key, entry in sorted(self.house.board.applications.items()):
            self._show(key, entry)
        while not self._in_sync():  # noqa: ASYNC110 - a pass that changes nothing tells nobody
            await asyncio.sleep(0.05)
        self.screen.step("everything is in sync")

    def suggest(self) -> None:
        """Print what to try next."""
        programs = Path(sys.executable).parent
        kubeconfig, work = shown(self.places.kubeconfig), shown(self.places.work)
        kubectl, moor = shown(programs / "kubectl"), shown(programs / "moor")
        greet = f"sed -i.bak 's/Hello from Git/Good morning/' {work}/guestbook/config.yaml"
        self.screen.console.print()
        # Every line works from the folder of the demo, whichever is tried first.
        self.screen.try_next(
            [
                ("in another terminal, from this folder:", f"export KUBECONFIG={kubeconfig}"),
                ("what there is, and how it stands", f"{moor} app list"),
                ("", f"{moor} app tree waves"),
                ("look at the cluster itself", f"{kubectl} get pods -A"),
                ("edit, commit, push: it is in the cluster within a second", greet),
                ("", f"git -C {work} commit -qam 'Greet' && git -C {work} push -q"),
                (
                    "break something by hand: it is back",
                    f"{kubectl} -n guestbook delete deployment guestbook",
                ),
                (
                    "and back again, by Git",
                    f"git -C {work} revert --no-edit HEAD && git -C {work} push -q",
                ),
                ("what differs, when something does", f"{moor} app diff guestbook"),
            ]
        )


def _namespace() -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def _webhook_secret(secret: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "argocd-secret", "labels": {"app.kubernetes.io/part-of": "argocd"}},
        "data": {"webhook.github.secret": base64.b64encode(secret.encode()).decode()},
    }


def _root_application(url: str) -> Json:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": ROOT, "namespace": NAMESPACE},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "path": "apps", "targetRevision": "main"},
            "destination": {"server": IN_CLUSTER, "namespace": NAMESPACE},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
        },
    }


__all__ = ["Error", "tell"]
