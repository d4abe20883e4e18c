"""
What files does a revision hold?

A `Snapshot` is one revision of a repository, or one chart, as others may read
it. It never changes, and the ids it gives are good as cache keys: equal ids
mean equal content, in whatever revision they are found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from moorage.model.errors import LimitExceeded, PathNotFound, SourceRefused
from moorage.sources.contents import Contents, split_path
from moorage.sources.objects import EXECUTABLE, LINK, SUBMODULE, TREE
from moorage.sources.trees import Entry


class File(NamedTuple):
    """One file: its content, which for a symbolic link is its target."""

    content: bytes
    is_link: bool = False
    executable: bool = False


class Files(Protocol):
    """Something that holds files which never change."""

    async def object_id(self, path: str) -> str | None:
        """Return an id of the content at a path, or None when nothing is there."""

    async def read(self, path: str, *, recurse: bool = True) -> Mapping[str, File]:
        """Return the files at and below a path, by their paths from the root."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    The files of one revision.

    Paths are relative to the root of the repository or chart. `tree_id` names
    the content at `path`, the folder of the source; `root_id` that of everything.
    """

    repository: str
    revision: str
    path: str
    tree_id: str
    root_id: str
    files: Files = field(repr=False, compare=False)

    async def object_id(self, path: str) -> str | None:
        """Return an id of the content at a path (file or folder), or None when nothing is there."""
        return await self.files.object_id(path)

    async def read(self, path: str, *, recurse: bool = True) -> Mapping[str, File]:
        """
        Return the files of a path by their paths from the root; empty when nothing is there.

        A path that is a file gives that file; with `recurse` off, a folder
        gives only the files directly in it.
        """
        return await self.files.read(path, recurse=recurse)


class CommitFiles:
    """The files of one commit, read from a mirror when asked for, each once."""

    def __init__(self, mirror: Contents, commit: str, limit: int) -> None:
        self._mirror = mirror
        self._commit = commit
        self._limit = limit
        self._read: dict[str, bytes] = {}

    async def object_id(self, path: str) -> str | None:
        try:
            return (await self._mirror.entry_at(self._commit, path)).oid
        except PathNotFound:
            return None

    async def read(self, path: str, *, recurse: bool = True) -> Mapping[str, File]:
        try:
            entry = await self._mirror.entry_at(self._commit, path)
        except PathNotFound:
            return {}
        base = "/".join(split_path(path, self._mirror.name))
        if entry.mode != TREE:
            return await self._contents({base: entry}, base)
        if recurse:
            found = await self._mirror.files(entry.oid)
            self._refuse_submodules(base, found)
        else:
            found = {n: e for n, e in (await self._mirror.tree(entry.oid)).items() if e.mode != TREE}
        prefix = f"{base}/" if base else ""
        return await self._contents({prefix + name: entry for name, entry in found.items()}, base)

    def _refuse_submodules(self, base: str, found: Mapping[str, Entry]) -> None:
        # Left out, everything that a folder declared would be pruned once it is made a submodule.
        for name, entry in found.items():
            if entry.mode == SUBMODULE:
                path = f"{base}/{name}" if base else name
                raise SourceRefused(
                    f"repository {self._mirror.name}: {path} is a submodule, and what it holds would be missing; "
                    "commit its files, or keep it outside of the source's path"
                )

    async def _contents(self, entries: Mapping[str, Entry], base: str) -> dict[str, File]:
        mirror = self._mirror
        held = {path: entry for path, entry in entries.items() if entry.mode != SUBMODULE}
        if base in entries and base not in held:
            raise SourceRefused(
                f"repository {mirror.name}: {base} is a submodule; name its own repository as the source instead"
            )
        # Renderers look at a folder first and then take it whole.
        fresh = {path: entry.oid for path, entry in held.items() if entry.oid not in self._read}
        await mirror.fetch_objects(fresh.values(), self._commit)
        sizes = await mirror.sizes(fresh.values())
        total = sum(len(self._read.get(e.oid, b"")) or sizes.get(e.oid, 0) for e in held.values())
        if total > self._limit:
            raise LimitExceeded(
                f"repository {mirror.name}: {base or 'the root'} holds {total} bytes of files; {self._limit} are allowed"
            )
        for path, content in (await mirror.blobs(fresh)).items():
            self._read[fresh[path]] = content
        return {
            path: File(self._read[entry.oid], entry.mode == LINK, entry.mode == EXECUTABLE)
            for path, entry in held.items()
        }


class KeptFiles:
    """The files of an unpacked chart, held in memory."""

    def __init__(self, files: Mapping[str, File]) -> None:
        self._files = dict(sorted(files.items()))

    async def object_id(self, path: str) -> str | None:
        chosen = await self.read(path)
        if not chosen:
            return None
        digest = hashlib.sha256()
        for name, file in chosen.items():
            digest.update(f"{name}\0{file.is_link:d}{len(file.content)}\0".encode() + file.content)
        return digest.hexdigest()

    async def read(self, path: str, *, recurse: bool = True) -> Mapping[str, File]:
        base = "/".join(split_path(path, "chart"))
        if base in self._files:
            return {base: self._files[base]}
        prefix = f"{base}/" if base else ""
        return {
            name: file
            for name, file in self._files.items()
            if name.startswith(prefix) and (recurse or "/" not in name[len(prefix) :])
        }
