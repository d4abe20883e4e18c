"""
What do the objects of a Git repository hold: which files, and how do two commits differ?

Nothing here knows of servers or refs. Ids go in and content comes out; where an
object is not on this machine, whoever keeps the repository brings it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from moorage.model.errors import LimitExceeded, PathNotFound, RevisionNotFound, SourceRefused
from moorage.sources.objects import SUBMODULE, TREE, Commit, Missing, ObjectReader
from moorage.sources.settings import GitSettings
from moorage.sources.trees import EMPTY, Entry, Tree, differences

_LFS = b"version https://git-lfs.github.com/spec/v1\n"
_TREE_LIMIT = 64 * 1024 * 1024


class Contents(ABC):
    """The reading side of a repository; `name` is how messages call it."""

    name: str
    _settings: GitSettings

    @abstractmethod
    async def _open(self) -> ObjectReader:
        """Return the reader of the objects that are here."""

    @abstractmethod
    async def fetch_objects(self, oids: Iterable[str], commit: str = "") -> None:
        """Bring objects that are not here, as far as that is possible."""

    async def has(self, oid: str) -> bool:
        """Return whether an object is here."""
        return (await (await self._open()).facts([oid]))[oid] is not None

    async def commit(self, oid: str) -> Commit:
        """Return a commit's author, date, message and parents."""
        try:
            return await (await self._open()).commit(oid, self._settings.file_bytes)
        except Missing as error:
            raise RevisionNotFound(f"repository {self.name}: commit {oid[:12]} is not there") from error

    async def tree(self, oid: str, like: str = "") -> Tree:
        """Return the names in a tree, soonest where `like` names one that was read and is nearly the same."""
        try:
            return await (await self._open()).tree(oid, _TREE_LIMIT, like)
        except Missing as error:
            raise RevisionNotFound(f"repository {self.name}: tree {oid[:12]} is not there") from error

    async def entry_at(self, commit: str, path: str) -> Entry:
        """
        Return what stands at a path of a commit; the empty path and ``.`` are its root.

        Raises:
            PathNotFound: when nothing does.
            SourceRefused: when the path leads into a submodule.
        """
        here = Entry(TREE, (await self.commit(commit)).tree)
        walked: list[str] = []
        for part in split_path(path, self.name):
            if here.mode == SUBMODULE:
                raise SourceRefused(
                    f"repository {self.name}: {'/'.join(walked)} is a submodule; Moorage does not read submodules. "
                    "Name the submodule's own repository as the source instead"
                )
            found = (await self.tree(here.oid)).get(part) if here.mode == TREE else None
            walked.append(part)
            if found is None:
                raise PathNotFound(
                    f"repository {self.name}: {'/'.join(walked)} does not exist at {commit[:12]}"
                )
            here = found
        return here

    async def tree_at(self, commit: str, path: str) -> str:
        """Return the id of the folder at a path of a commit; equal ids mean equal content."""
        entry = await self.entry_at(commit, path)
        if entry.mode == SUBMODULE:
            raise SourceRefused(
                f"repository {self.name}: {path} is a submodule; Moorage does not read submodules. "
                "Name the submodule's own repository as the source instead"
            )
        if entry.mode != TREE:
            raise PathNotFound(
                f"repository {self.name}: {path} is a file at {commit[:12]}; a source path is a folder"
            )
        return entry.oid

    async def files(self, tree: str) -> dict[str, Entry]:
        """Return all files below a tree by their path, submodules included as what they are."""
        files: dict[str, Entry] = {}
        level = [("", tree)]
        while level:
            trees = await self._trees([oid for _, oid in level])
            below: list[tuple[str, str]] = []
            for prefix, oid in level:
                for name, entry in trees[oid].items():
                    if entry.mode == TREE:
                        below.append((f"{prefix}{name}/", entry.oid))
                    else:
                        files[prefix + name] = entry
            if len(files) + len(below) > self._settings.tree_entries:
                raise LimitExceeded(
                    f"repository {self.name}: more than {self._settings.tree_entries} files below the source path"
                )
            level = below
        return files

    async def _trees(self, oids: list[str]) -> dict[str, Tree]:
        try:
            return await (await self._open()).trees(oids, _TREE_LIMIT)
        except Missing as error:
            raise RevisionNotFound(f"repository {self.name}: tree {str(error)[:12]} is not there") from error

    async def blobs(self, wanted: Mapping[str, str]) -> dict[str, bytes]:
        """
        Return the contents of files, given as paths and ids.

        Raises:
            SourceRefused: when one is a Git LFS pointer; the message names its path.
        """
        oids = list(wanted.values())
        contents = await self._read_all(oids)
        for path, content in zip(wanted, contents, strict=True):
            if content.startswith(_LFS):
                raise SourceRefused(
                    f"repository {self.name}: {path} is a Git LFS pointer, not the file itself; "
                    "Moorage does not fetch from LFS. Commit the file without LFS (git lfs untrack)"
                )
        return dict(zip(wanted, contents, strict=True))

    async def _read_all(self, oids: list[str]) -> list[bytes]:
        reader = await self._open()
        try:
            return await reader.read_all(oids, self._settings.file_bytes)
        except Missing:
            await self.fetch_objects(oids)
        try:
            return await reader.read_all(oids, self._settings.file_bytes)
        except Missing as error:
            raise self._not_there(str(error)) from error

    async def sizes(self, oids: Iterable[str]) -> dict[str, int]:
        """Return how many bytes files have."""
        sizes: dict[str, int] = {}
        for oid, fact in (await (await self._open()).facts(oids)).items():
            if fact is None:
                raise self._not_there(oid)
            sizes[oid] = fact[1]
        return sizes

    def _not_there(self, oid: str) -> RevisionNotFound:
        return RevisionNotFound(f"repository {self.name}: object {oid[:12]} is not there")

    async def changed_paths(self, old: str, new: str, limit: int = 10_000) -> frozenset[str] | None:
        """
        Return the paths of the files that differ between two commits, or None when there are too many.

        Only folders whose ids differ are read, and of those what differs, so the cost is that of the change.
        """
        changed: set[str] = set()
        level = [("", (await self.commit(old)).tree, (await self.commit(new)).tree)]
        while level:
            below: list[tuple[str, str, str]] = []
            for prefix, before, after in level:
                left = await self.tree(before) if before else EMPTY
                right = await self.tree(after, before) if after else EMPTY
                for name, was, now in differences(left, right):
                    trees = [entry.oid if entry and entry.mode == TREE else "" for entry in (was, now)]
                    if any(trees):
                        below.append((f"{prefix}{name}/", trees[0], trees[1]))
                    if any(entry and entry.mode != TREE for entry in (was, now)):
                        changed.add(prefix + name)
            if len(changed) + len(below) > limit:
                return None
            level = below
        return frozenset(changed)


def split_path(path: str, name: str) -> list[str]:
    """
    Return the parts of a source path.

    Raises:
        SourceRefused: for an absolute path, a ``..`` or a control character.
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts or any(ord(char) < 32 or char == "\x7f" for char in path):
        raise SourceRefused(f"repository {name}: path {ascii(path)[:200]} must be relative and stay inside")
    return parts
