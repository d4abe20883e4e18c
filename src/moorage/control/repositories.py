"""
What passes ask of Git and chart repositories, and what repositories tell passes.

Stands between the passes, which know applications, and the sources room, which
knows URLs and refs. It keeps the index of who follows what, so that a commit
costs work for the applications whose files changed.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from posixpath import normpath

import structlog

from moorage.control.claims import Claims
from moorage.control.config import Config
from moorage.control.observing import Notebook
from moorage.control.queue import Depth
from moorage.control.refresh import Following, Index
from moorage.model.application import Application
from moorage.model.errors import Error, InvalidConfiguration
from moorage.model.identity import AppKey
from moorage.model.words import MANIFEST_GENERATE_PATHS_ANNOTATION
from moorage.render.request import Entry, Tree
from moorage.sources.credentials import Repository, Secret, decode_repository_secret
from moorage.sources.door import Sources
from moorage.sources.snapshot import Snapshot
from moorage.sources.webhook import WebhookSecrets

log = structlog.get_logger()
Enqueue = Callable[[AppKey, Depth], None]


@dataclass(frozen=True, slots=True)
class Moved:
    """A followed ref means another commit than before; `number` is its place among what happened."""

    repository: Repository
    ref: str
    old: str | None
    new: str | None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Readable:
    """A snapshot as renderers read it; neither room knows the other's words."""

    snapshot: Snapshot

    async def object_id(self, path: str) -> str | None:
        """Return an id of the content at a path, or None when nothing is there."""
        return await self.snapshot.object_id(path)

    async def read(self, path: str, *, recurse: bool = True) -> Mapping[str, Entry]:
        """Return the files of a path by their paths from the root."""
        found = await self.snapshot.read(path, recurse=recurse)
        return {name: Entry(file.content, file.is_link) for name, file in found.items()}


@dataclass(slots=True)
class Repositories:
    """Answers passes from the sources room, and turns moved refs into keys. `enqueue` asks for a pass."""

    sources: Sources
    enqueue: Enqueue
    index: Index = field(default_factory=Index)
    claims: Claims = field(default_factory=Claims)
    _wanted: dict[Following, Repository] = field(default_factory=dict)
    _resolved: dict[Following, str] = field(default_factory=dict)
    _moves: asyncio.Queue[Moved] = field(default_factory=asyncio.Queue)
    _follow_anew: asyncio.Event = field(default_factory=asyncio.Event)

    def configure(self, config: Config) -> None:
        """Use the repositories and credentials of a configuration."""
        known: dict[str, list[Repository]] = {"repository": [], "repo-creds": []}
        for data in config.repositories:
            name = data[".secret-name"]
            try:
                known[data[".secret-type"]].append(decode_repository_secret(data, name))
            except InvalidConfiguration as error:
                log.warning("A repository Secret cannot be used", secret=name, error=str(error))
        self.sources.set_repositories(
            known["repository"],
            known["repo-creds"],
            tls_certs=config.certificates,
            known_hosts=config.known_hosts,
        )

    # What passes ask

    async def resolve(self, app: Application, *, fresh: bool) -> str:
        """Return the revision an application's ref stands for: a commit, or a chart's version."""
        source, repository = app.source, self._repository(app)
        if source.chart:
            found = await self.sources.chart(repository, source.chart, source.target_revision, fresh=fresh)
            return found.revision
        revision = await self.sources.resolve(
            repository, source.target_revision, fresh=fresh, tag_prefix=source.tag_prefix
        )
        self._resolved.setdefault(Following(repository.key, source.target_revision), revision)
        self.sources.follower.note(repository, source.target_revision, revision)
        return revision

    async def tree(self, app: Application, revision: str) -> tuple[Tree, str, str]:
        """Return the files of a revision, the path of the source in them, and what a chart's content is called."""
        source, repository = app.source, self._repository(app)
        if source.chart:
            chart = await self.sources.chart(repository, source.chart, revision)
            return Readable(chart), "", chart.tree_id
        snapshot = await self.sources.snapshot(repository, revision, source.path)
        return Readable(snapshot), source.path, ""

    async def fetch_chart(self, app: Application, url: str, name: str, version: str) -> bytes:
        """Return a chart archive a source depends on, fetched with what the project may use."""
        kind = "oci" if url.startswith("oci://") else "helm"
        return await self.sources.chart_archive(
            self.sources.repository(url, app.project, kind), name, version
        )

    def _repository(self, app: Application) -> Repository:
        kind = "git"
        if app.source.chart:
            kind = "oci" if app.source.repo_url.startswith("oci://") else "helm"
        repository = self.sources.repository(app.source.repo_url, app.project, kind)
        helm = app.source.options.get("helm")
        if isinstance(helm, Mapping) and helm.get("passCredentials") is True:
            return replace(repository, pass_credentials=True)
        return repository

    # What repositories tell

    def followed(self, app: Application, notes: Notebook) -> None:
        """Note what an application follows and what its last rendering read."""
        try:
            repository = self._repository(app)
        except Error:
            return
        following = Following(repository.key, app.source.target_revision)
        self.index.follow(app.key, following)
        if notes.reads is not None:
            self.index.read(app.key, _declared_reads(app) or notes.reads)
        if following not in self._wanted:
            self._wanted[following] = repository
            self._follow_anew.set()

    def forget(self, app: AppKey) -> None:
        """Follow no more for an application that is gone."""
        self.index.forget(app)
        self._follow_anew.set()

    async def run(self) -> None:
        """Turn moved refs into keys, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.sources.run())
            group.create_task(self._keep_following())
            while True:
                moved = await self._moves.get()
                await self._tell(moved)

    async def _keep_following(self) -> None:
        while True:
            await self._follow_anew.wait()
            self._follow_anew.clear()
            self._wanted = {f: r for f, r in self._wanted.items() if self.index.followers(f)}
            self._resolved = {f: revision for f, revision in self._resolved.items() if f in self._wanted}
            self.sources.follow(((r, f.ref) for f, r in self._wanted.items()), self._moved)
            # What was resolved before it was followed: a push in between must be seen as a move.
            for following, revision in self._resolved.items():
                self.sources.follower.note_first(self._wanted[following], following.ref, revision)
            await asyncio.sleep(0.2)

    def _moved(self, repository: Repository, ref: str, old: str | None, new: str | None) -> None:
        self._moves.put_nowait(Moved(repository, ref, old, new, self.claims.moving()))

    async def _tell(self, moved: Moved) -> None:
        following = Following(moved.repository.key, moved.ref)
        changed: frozenset[str] | None = None
        if moved.old and moved.new:
            try:
                changed = await self.sources.changed_paths(moved.repository, moved.old, moved.new)
            except Error as error:
                log.info(
                    "Two commits could not be compared", repository=str(moved.repository), error=str(error)
                )
        concerned = self.index.concerned(following, changed)
        log.info(
            "A ref moved",
            repository=str(moved.repository),
            ref=moved.ref,
            revision=moved.new,
            applications=len(concerned),
        )
        self.claims.moved(moved.number, sorted(concerned))
        for app in sorted(concerned):
            self.enqueue(app, Depth.REVISION)


def _declared_reads(app: Application) -> list[str]:
    """Return the paths an application says its manifests depend on, from the root; globs stand for their folder."""
    declared = app.annotations.get(MANIFEST_GENERATE_PATHS_ANNOTATION) or ""
    found = []
    for part in filter(None, (part.strip() for part in declared.split(";"))):
        path = part if part.startswith("/") else f"{app.source.path}/{part}"
        plain = itertools.takewhile(lambda name: not set(name) & set("*?["), normpath(f"/{path}").split("/"))
        found.append("/".join(plain).strip("/"))
    return found


def webhook_secrets(config: Config, body_limit: int) -> WebhookSecrets:
    """Return the shared secrets of webhooks, from the fields of ``argocd-secret``."""

    def secret(name: str) -> Secret[str]:
        return Secret(config.webhook_secrets.get(f"webhook.{name}", ""))

    return WebhookSecrets(
        github=secret("github.secret"),
        gitlab=secret("gitlab.secret"),
        gogs=secret("gogs.secret"),
        bitbucket_uuid=secret("bitbucket.uuid"),
        bitbucket_server=secret("bitbucketserver.secret"),
        azure_username=secret("azuredevops.username"),
        azure_password=secret("azuredevops.password"),
        body_limit=body_limit,
    )
