"""
Git in memory: one repository with one branch, its commits, and who hears of them.

`Remote` is what the server holds. `Origin` answers in the place of the sources
room, with the real follower: it knows no more than its last look told, and a
push nobody told it of is found by the next poll.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from moorage.model.errors import PathNotFound, SourceUnreachable
from moorage.render.trees import MemoryTree
from moorage.sources.credentials import Repository
from moorage.sources.follow import Follower, OnRevision
from moorage.sources.refs import RefTable
from moorage.sources.settings import GitSettings
from moorage.sources.webhook import RevisionSeen

URL = "https://git.example/fleet.git"
BRANCH = "refs/heads/main"
Files = Mapping[str, bytes]


class Remote:
    """The repository as its server holds it; every revision is kept."""

    def __init__(self) -> None:
        self.commits: dict[str, Files] = {}
        self.head = ""
        self.down = False
        self.listeners: list[Callable[[], None]] = []

    def commit(self, files: Files) -> str:
        """Make these files, and no others, the head of the branch."""
        number = len(self.commits)
        self.head = hashlib.sha1(f"commit {number}".encode()).hexdigest()
        self.commits[self.head] = dict(files)
        return self.head

    def tell(self) -> None:
        """Tell whoever listens of the head, as a webhook does."""
        for listener in tuple(self.listeners):
            listener()


class Copy:
    """What one process knows of the repository: its server's list of refs as last seen."""

    def __init__(self, remote: Remote, latency: Callable[[], float], clock: Callable[[], float]) -> None:
        self._remote = remote
        self._latency = latency
        self._clock = clock
        self._looked = float("-inf")
        self.table: RefTable | None = None

    async def look(self, *, within: float = 0.0) -> RefTable:
        """Return what the server lists, at most so many seconds old."""
        if self.table is None or self._clock() - self._looked >= within:
            await asyncio.sleep(self._latency())
            if self._remote.down:
                raise SourceUnreachable(f"{URL} cannot be reached")
            self.table, self._looked = RefTable({BRANCH: self._remote.head}), self._clock()
            await asyncio.sleep(self._latency())
        return self.table

    async def resolve(self, ref: str, *, within: float = 0.0, tag_prefix: str = "") -> str:
        """Return the commit the branch means."""
        return (await self.look(within=within)).refs[BRANCH]

    async def fetch_ref(self, full: str) -> str:
        """Fetch the branch, whatever was known of it."""
        return (await self.look()).refs[BRANCH]


class Origin:
    """Stands where the sources room stands: the real follower over a copy that needs no disk."""

    def __init__(self, remote: Remote, latency: Callable[[], float], rng: random.Random) -> None:
        loop = asyncio.get_running_loop()
        self._remote = remote
        self._latency = latency
        self._copy: Any = Copy(remote, latency, loop.time)
        self._settings = GitSettings(Path("/nowhere"))
        self.follower = Follower(self._settings, lambda _: self._copy, loop.time, rng)
        self._hearing: set[asyncio.Task[int]] = set()
        self._context = contextvars.copy_context()

    async def start(self) -> None:
        """Hear of pushes from now on, in the process that asks for it."""
        self._context = contextvars.copy_context()
        self._remote.listeners.append(self._told)

    async def close(self) -> None:
        """Hear no more."""
        if self._told in self._remote.listeners:
            self._remote.listeners.remove(self._told)

    def _told(self) -> None:
        news = self.seen(RevisionSeen((URL,), "main"))
        self._hearing.add(asyncio.get_running_loop().create_task(news, context=self._context))

    async def run(self) -> None:
        """Look now and then."""
        await self.follower.run()

    def set_repositories(self, *_: Any, **__: Any) -> None:
        """Take no credentials: everybody may read."""

    def repository(self, url: str, project: str = "", kind: str = "git") -> Repository:
        """Return the one repository there is."""
        return Repository(url, kind, project=project)

    def follow(self, wanted: Iterable[tuple[Repository, str]], on_revision: OnRevision) -> None:
        """Follow these refs from now on."""
        self.follower.follow(wanted, on_revision)

    async def seen(self, news: RevisionSeen) -> int:
        """Look at what a webhook told of."""
        return await self.follower.seen(news)

    async def resolve(
        self, repository: Repository, ref: str, *, fresh: bool = False, tag_prefix: str = ""
    ) -> str:
        """Return the head as last seen, or as it is when asked to be fresh."""
        within = self._settings.poll_interval + self._settings.poll_jitter
        revision: str = await self._copy.resolve(ref, within=0.0 if fresh else within)
        return revision

    async def snapshot(self, repository: Repository, revision: str, path: str = "") -> MemoryTree:
        """Return the files of a commit."""
        await asyncio.sleep(self._latency())
        files = self._remote.commits[revision]
        if not any(name.startswith(f"{path}/") for name in files):
            raise PathNotFound(f"{path}: no such folder")
        return MemoryTree(files)

    async def changed_paths(self, repository: Repository, old: str, new: str) -> frozenset[str]:
        """Return the files that differ between two commits."""
        before, after = self._remote.commits[old], self._remote.commits[new]
        return frozenset(p for p in {*before, *after} if before.get(p) != after.get(p))
