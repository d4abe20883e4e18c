"""
The sources room's door: a URL and a ref become a revision, a revision becomes files.

Whoever needs something from a repository asks here. Asking is cheap: within
the poll interval the answer is memory, and however many ask at once, a server
is asked once.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Mapping

from moorage.model.errors import PathNotFound
from moorage.sources.addresses import normal_form, parse_address
from moorage.sources.charts import ChartShelf
from moorage.sources.credentials import Repository, find_repository, trust
from moorage.sources.follow import Follower, OnRevision
from moorage.sources.git import Mirror
from moorage.sources.githubapp import GitHubApps
from moorage.sources.objects import Commit
from moorage.sources.program import Git
from moorage.sources.settings import GitSettings
from moorage.sources.snapshot import CommitFiles, Snapshot
from moorage.sources.store import Store
from moorage.sources.upkeep import is_cluttered, tidy
from moorage.sources.webhook import RevisionSeen

_TRIM_EVERY = 300.0
_KEPT_ANSWERS = 10_000


class Sources:
    """
    All repositories of this process.

    `start` before first use, `close` at the end; `run` polls what is followed
    and keeps the store within its bound.
    """

    def __init__(
        self,
        settings: GitSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self.settings = settings
        self.store = Store(settings.root, settings.store_bytes)
        self._clock = clock
        self._git = Git(self.store.home, settings.git, settings.ssh)
        self._repositories: dict[str, list[Repository]] = {}
        self._templates: tuple[Repository, ...] = ()
        self._tls_certs: Mapping[str, str] = {}
        self._known_hosts = ""
        self._answers: dict[tuple[str, str, str], Repository] = {}
        self._mirrors: dict[str, Mirror] = {}
        self._apps = GitHubApps(settings, time.time)
        self._charts = ChartShelf(settings, self.store, clock)
        self.follower = Follower(settings, self._mirror, clock, rng or random.Random())  # noqa: S311 jitter, no secret

    async def start(self) -> None:
        """Take the store's folder and check the git program; raises InvalidConfiguration."""
        self.store.open()
        await self._git.check_version()

    async def close(self) -> None:
        """End the reading processes and connections, and let the store's folder go."""
        await asyncio.gather(*(mirror.close() for mirror in self._mirrors.values()))
        self.store.close()

    async def run(self) -> None:
        """Poll what is followed and keep the store within its bound, until cancelled."""
        await asyncio.gather(self.follower.run(), self._keep_trimmed())

    async def trim(self) -> None:
        """Forget what was used longest ago and is not followed, until the store is within its bound."""
        followed = frozenset(self.store.mirror(key) for key in self.follower.keys)
        for gone in await self.store.trim(followed.__contains__):
            mirror = self._mirrors.pop(gone.stem, None)
            if mirror is not None:
                await mirror.close()

    async def tidy(self) -> None:
        """Put the mirrors together that lie in too many pieces, one after another."""
        for mirror in list(self._mirrors.values()):
            if await asyncio.to_thread(is_cluttered, mirror.folder):
                await tidy(self._git, mirror.folder, mirror.name, memory=self.settings.git_memory)

    # Configuration

    def set_repositories(
        self,
        repositories: Iterable[Repository],
        templates: Iterable[Repository] = (),
        *,
        tls_certs: Mapping[str, str] | None = None,
        known_hosts: str = "",
    ) -> None:
        """
        Use these repositories from now on.

        Args:
            templates: Repositories of ``repo-creds`` Secrets.
            tls_certs: Certificate authorities by host, as in argocd-tls-certs-cm.
            known_hosts: SSH host keys, as in argocd-ssh-known-hosts-cm.
        """
        by_url: dict[str, list[Repository]] = {}
        for repository in repositories:
            by_url.setdefault(normal_form(repository.url), []).append(repository)
        self._answers.clear()
        self._repositories = by_url
        self._templates = tuple(templates)
        self._tls_certs = dict(tls_certs or {})
        self._known_hosts = known_hosts
        for key, mirror in list(self._mirrors.items()):
            fresh = self.repository(mirror.repository.url, mirror.repository.project)
            if fresh.key == key:
                mirror.adopt(fresh)

    def repository(self, url: str, project: str = "", kind: str = "git") -> Repository:
        """
        Return how to reach a repository on behalf of a project: its own Secret, a template, or no credentials.

        Raises:
            SourceRefused: when the URL is not one Moorage opens.
        """
        # Every pass of every application asks, and the answer changes with the configuration only.
        asked = url, project, kind
        if (answer := self._answers.get(asked)) is None:
            if len(self._answers) >= _KEPT_ANSWERS:
                self._answers.clear()
            answer = self._answers[asked] = self._find(url, project, kind)
        return answer

    def _find(self, url: str, project: str, kind: str) -> Repository:
        address = parse_address(
            url, self.settings.schemes | {"oci"} if kind != "git" else self.settings.schemes
        )
        known = self._repositories.get(normal_form(url), ())
        found = find_repository(url, project, known, self._templates, kind)
        return trust(found, address, self._tls_certs, self._known_hosts)

    # Asking

    async def resolve(
        self, repository: Repository, ref: str, *, fresh: bool = False, tag_prefix: str = ""
    ) -> str:
        """
        Return the commit a ref stands for.

        Args:
            fresh: Ask the server even if the answer is known; all who ask at once share that.
        """
        mirror = self._mirror(repository)
        return await mirror.resolve(ref, within=0.0 if fresh else self._known_for, tag_prefix=tag_prefix)

    async def snapshot(self, repository: Repository, revision: str, path: str = "") -> Snapshot:
        """
        Return the files of a commit, seen from a path.

        Raises:
            PathNotFound: when the commit has no such folder.
        """
        mirror = self._mirror(repository)
        mirror.touch()
        root, tree = await mirror.tree_at(revision, ""), await mirror.tree_at(revision, path)
        files = CommitFiles(mirror, revision, self.settings.tree_bytes)
        return Snapshot(mirror.name, revision, path, tree, root, files)

    async def tree_at(self, repository: Repository, revision: str, path: str) -> str | None:
        """Return the id of the folder at a path, or None when there is none; equal ids mean equal content."""
        try:
            return await self._mirror(repository).tree_at(revision, path)
        except PathNotFound:
            return None

    async def changed_paths(self, repository: Repository, old: str, new: str) -> frozenset[str] | None:
        """Return the files that differ between two commits, or None when there are too many to name."""
        return await self._mirror(repository).changed_paths(old, new)

    async def commit(self, repository: Repository, revision: str) -> Commit:
        """Return a commit's author, date, message and parents."""
        return await self._mirror(repository).commit(revision)

    async def chart(
        self, repository: Repository, name: str, version: str, *, fresh: bool = False
    ) -> Snapshot:
        """Return a chart of a Helm repository or OCI registry; `version` may be a constraint."""
        return await self._charts.snapshot(
            repository, name, version, within=0.0 if fresh else self._known_for
        )

    async def chart_archive(self, repository: Repository, name: str, version: str) -> bytes:
        """Return a chart's archive, as Helm wants its dependencies."""
        return await self._charts.archive(repository, name, version, within=self._known_for)

    # News

    def follow(self, wanted: Iterable[tuple[Repository, str]], on_revision: OnRevision) -> None:
        """Follow exactly these refs from now on; `on_revision` hears when one of them moves."""
        self.follower.follow(wanted, on_revision)

    async def seen(self, news: RevisionSeen) -> int:
        """Look at what a webhook told of, at once; return how many repositories that concerned."""
        return await self.follower.seen(news)

    def stats(self) -> dict[str, int]:
        """Return how often servers were asked, for metrics."""
        mirrors = self._mirrors.values()
        return {
            "repositories": len(self._mirrors),
            "fetches": sum(mirror.fetches for mirror in mirrors),
            "looks": sum(mirror.looks for mirror in mirrors),
            "programs": self._git.runs,
        }

    @property
    def _known_for(self) -> float:
        return self.settings.poll_interval + self.settings.poll_jitter

    def _mirror(self, repository: Repository) -> Mirror:
        mirror = self._mirrors.get(repository.key)
        if mirror is None:
            folder = self.store.mirror(repository.key)
            mirror = Mirror(
                repository,
                folder,
                self.store.scratch,
                self._git,
                self.settings,
                self._apps.token,
                self._clock,
            )
            self._mirrors[repository.key] = mirror
        elif mirror.repository is not repository:
            mirror.adopt(repository)
        return mirror

    async def _keep_trimmed(self) -> None:
        while True:
            await asyncio.sleep(_TRIM_EVERY)
            await self.trim()
            await self.tidy()
