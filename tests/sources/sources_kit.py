"""A Git server, a sources room and a clock that a test moves by hand."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from moorage.sources.credentials import Credentials, Repository, Secret
from moorage.sources.door import Sources
from moorage.sources.settings import GitSettings
from moorage.testing.gitserver import GitServer, commit_files, run_git

CANARY = "c4nary-0f-a-p4ssword"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Place:
    """One server with a repository called ``shop``, and a sources room that reads it."""

    server: GitServer
    sources: Sources
    clock: Clock
    folder: Path

    @property
    def url(self) -> str:
        return self.server.url("shop")

    @property
    def shop(self) -> Repository:
        return self.sources.repository(self.url)

    def commit(
        self, files: Mapping[str, str | bytes | None], message: str = "Change", branch: str = "main"
    ) -> str:
        return commit_files(self.folder, files, message, branch)

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        return run_git(self.folder, *arguments, stdin=stdin)

    async def resolve(self, ref: str, **options) -> str:
        return await self.sources.resolve(self.shop, ref, **options)

    async def texts(self, revision: str, path: str = "", **options) -> dict[str, str]:
        snapshot = await self.sources.snapshot(self.shop, revision, "")
        return {name: file.content.decode() for name, file in (await snapshot.read(path, **options)).items()}


@contextlib.asynccontextmanager
async def place(
    root: Path, *, settings: Mapping[str, object] | None = None, **server
) -> AsyncIterator[Place]:
    """Yield a served repository ``shop`` with one commit, and the room that reads it."""
    clock = Clock()
    async with GitServer(root / "served", **server) as git:
        folder = git.create("shop")
        commit_files(
            folder, {"web/app.yaml": "kind: Service\n", "api/app.yaml": "kind: Deployment\n"}, "First"
        )
        async with room(root, clock, **(settings or {})) as sources:
            yield Place(git, sources, clock, folder)


@contextlib.asynccontextmanager
async def room(root: Path, clock: Clock | None = None, **settings) -> AsyncIterator[Sources]:
    """Yield a sources room whose store lies below a folder."""
    sources = Sources(GitSettings(root / "store", **settings), clock=clock or Clock())
    await sources.start()
    try:
        yield sources
    finally:
        await sources.close()


def with_password(repository: Repository, password: str = CANARY, username: str = "robot") -> Repository:
    """Return a repository that signs in with a password."""
    return replace(repository, credentials=Credentials(username=username, password=Secret(password)))


def raw_object(folder: Path, kind: str, body: bytes) -> str:
    """Return the id of an object written as it is, however wrong it may be."""
    return run_git(folder, "hash-object", "-t", kind, "-w", "--stdin", "--literally", stdin=body)


def commit_entries(folder: Path, *entries: tuple[str, bytes, str], branch: str = "main") -> str:
    """Return a commit whose root holds these entries (mode, name, object id), unchecked."""
    tree = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    commit = run_git(folder, "commit-tree", "-m", "Odd", raw_object(folder, "tree", tree))
    run_git(folder, "update-ref", f"refs/heads/{branch}", commit)
    return commit
