"""
The control namespace: what people declare there comes in, what Moorage says goes out.

Watches Applications, projects, Secrets and ConfigMaps through the API of the
cluster that holds them, hands them to the board, and writes Applications and
Events back. It decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import quote

import structlog

from moorage.cluster.answers import Conflicted, NotFound
from moorage.cluster.http import MERGE_PATCH, Api
from moorage.cluster.objects import Event, Reflector
from moorage.control.board import Board
from moorage.model.errors import Error, Terminal
from moorage.model.identity import AppKey
from moorage.model.manifest import Json
from moorage.model.words import SECRET_TYPE_LABEL

log = structlog.get_logger()
ARGOPROJ = "/apis/argoproj.io/v1alpha1"
PARTS = {
    "AppProject": (ARGOPROJ, "appprojects"),
    "Secret": ("/api/v1", "secrets"),
    "ConfigMap": ("/api/v1", "configmaps"),
}
DEFAULT_PROJECT: Json = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "AppProject",
    "metadata": {"name": "default"},
    "spec": {
        "description": "Everything is allowed; made because there was no project of this name.",
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    },
}
CONFIGURING = frozenset({"argocd-cm", "argocd-secret", "argocd-ssh-known-hosts-cm", "argocd-tls-certs-cm"})
TELL_AFTER_SECONDS = 3.0
FIRST_PROJECT_SECONDS = 1.0
MOST_PROJECT_SECONDS = 60.0
PROJECT_TRIES = 4
"""After so many failures nobody waits for the default project any more."""


@dataclass(slots=True)
class Home:
    """
    The control namespace of one cluster, kept on the board.

    `others` are globs of further namespaces in which Applications may live.
    """

    api: Api
    board: Board
    others: tuple[str, ...] = ()
    _reflectors: dict[str, Reflector] = field(default_factory=dict)
    _looked_after: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        where = "" if self.others else f"/namespaces/{quote(self.board.namespace)}"
        self._reflect("Application", f"{ARGOPROJ}{where}/applications", self._application)
        for kind, (prefix, plural) in PARTS.items():
            path = f"{prefix}/namespaces/{quote(self.board.namespace)}/{plural}"
            self._reflect(kind, path, self._part_taker(kind))

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors.values():
                group.create_task(reflector.run())
            group.create_task(self._tell_what_is_missing())
            group.create_task(self._keep_default_project())

    @property
    def reflectors(self) -> tuple[Reflector, ...]:
        return tuple(self._reflectors.values())

    async def synced(self) -> None:
        """Return once everything was read once, and the default project was made where there was none."""
        await asyncio.gather(*(r.synced.wait() for r in self._reflectors.values()))
        await self._looked_after.wait()

    def faults(self) -> list[str]:
        """Return why something of the namespace is not known; empty when all is."""
        return [
            f"{kind}: {reflector.fault or 'is being read'}"
            for kind, reflector in self._reflectors.items()
            if not reflector.synced.is_set()
        ]

    # Writing

    async def patch_application(self, key: AppKey, patch: Json) -> Json | None:
        """Merge a patch into an Application and return it as it now is; None when it is gone."""
        path = f"{ARGOPROJ}/namespaces/{quote(key.namespace)}/applications/{quote(key.name)}"
        try:
            answer = await self.api.request(
                "PATCH", path, body=patch, content_type=MERGE_PATCH, kind="Application", repeat=True
            )
        except NotFound:
            return None
        body: Json = answer.json()
        self._reflectors["Application"].observe(body)
        return body

    async def post_event(self, namespace: str, body: Json) -> None:
        """Create an Event."""
        path = f"/api/v1/namespaces/{quote(namespace)}/events"
        await self.api.request("POST", path, body=body, kind="Event")

    async def _keep_default_project(self) -> None:
        """Make the default project when there is none; try again when that fails."""
        await asyncio.gather(*(r.synced.wait() for r in self._reflectors.values()))
        delay, tries = FIRST_PROJECT_SECONDS, 0
        while "default" not in self.board.config.projects and not await self._make_default_project():
            tries += 1
            if tries == PROJECT_TRIES:
                self._looked_after.set()
            await asyncio.sleep(delay)
            delay = min(delay * 2, MOST_PROJECT_SECONDS)
        self._looked_after.set()

    async def _make_default_project(self) -> bool:
        path = f"{ARGOPROJ}/namespaces/{quote(self.board.namespace)}/appprojects"
        try:
            body: Json = await self._made_or_found(path)
        except Error as error:
            log.warning("The default project cannot be made", reason=error.reason, error=str(error))
            if isinstance(error, Terminal):
                self._looked_after.set()
            return False
        self._reflectors["AppProject"].observe(body)
        return True

    async def _made_or_found(self, path: str) -> Json:
        try:
            answer = await self.api.request("POST", path, body=DEFAULT_PROJECT, kind="AppProject")
        except Conflicted as conflict:
            # It is there, and what the watch showed so far is older than that.
            try:
                found: Json = await self.api.get(f"{path}/default", kind="AppProject")
            except NotFound:
                raise conflict from None
            return found
        made: Json = answer.json()
        return made

    # Watching

    def _reflect(self, kind: str, path: str, take: Callable[[Event, Json], None]) -> None:
        version = "argoproj.io/v1alpha1" if path.startswith(ARGOPROJ) else "v1"
        self._reflectors[kind] = Reflector(self.api, path, take, api_version=version, kind=kind)

    def _application(self, event: Event, body: Json) -> None:
        metadata = body["metadata"]
        key = AppKey(metadata.get("namespace") or "", metadata["name"])
        if key.namespace != self.board.namespace and not any(
            fnmatchcase(key.namespace, glob) for glob in self.others
        ):
            return
        self.board.application_seen(None if event is Event.DELETED else body, key)

    def _part_taker(self, kind: str) -> Callable[[Event, Json], None]:
        def take(event: Event, body: Json) -> None:
            if kind == "AppProject" or _configures(body):
                self.board.part_seen(kind, body["metadata"]["name"], None if event is Event.DELETED else body)

        return take

    async def _tell_what_is_missing(self) -> None:
        """Say once, for each reason, why the namespace is not known yet."""
        told: set[str] = set()
        while self.faults():
            await asyncio.sleep(TELL_AFTER_SECONDS)
            for kind, reflector in self._reflectors.items():
                why = _reason(kind, reflector)
                if why and why not in told:
                    told.add(why)
                    log.warning("The control namespace cannot be read", kind=kind, why=why)


def _reason(kind: str, reflector: Reflector) -> str:
    if reflector.synced.is_set() or reflector.fault is None:
        return ""
    if isinstance(reflector.fault, NotFound) and kind in ("Application", "AppProject"):
        return "the cluster has no definition of Argo CD's kinds; apply what `moor crds` prints"
    return str(reflector.fault)


def _configures(body: Json) -> bool:
    """Whether a Secret or ConfigMap means anything to Moorage; the others are none of its business."""
    metadata = body["metadata"]
    return metadata["name"] in CONFIGURING or SECRET_TYPE_LABEL in (metadata.get("labels") or {})
