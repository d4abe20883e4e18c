"""
Trees that need no Git: files in memory, and a folder on this machine.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from moorage.model.errors import LimitExceeded, PathNotFound
from moorage.render.paths import parent, within
from moorage.render.request import Entry

_SKIPPED = frozenset({".git"})


class MemoryTree:
    """A tree of given files, by path from the root."""

    def __init__(self, files: Mapping[str, bytes | Entry]) -> None:
        self._files = {p: f if isinstance(f, Entry) else Entry(f) for p, f in files.items()}

    async def object_id(self, path: str) -> str | None:
        chosen = {p: f for p, f in sorted(self._files.items()) if within(p, path)}
        if not chosen and path:
            return None
        digest = hashlib.sha256()
        for name, entry in chosen.items():
            digest.update(f"{name}\0{len(entry.content)}\0{entry.is_link:d}".encode())
            digest.update(entry.content)
        return digest.hexdigest()

    async def read(self, path: str, *, recurse: bool = True) -> Mapping[str, Entry]:
        return {
            p: f
            for p, f in self._files.items()
            if within(p, path) and (recurse or p == path or parent(p) == path)
        }


class FolderTree:
    """
    A folder of this machine, read when asked.

    Unlike a commit it can change; ids are made of content each time. Links
    are given as links and never followed here.
    """

    def __init__(self, root: Path, limit: int = 100 * 1024 * 1024) -> None:
        if not root.is_dir():
            raise PathNotFound(f"{root}: no such folder")
        self._root = root
        self._limit = limit

    async def object_id(self, path: str) -> str | None:
        return await MemoryTree(await self.read(path)).object_id(path)

    async def read(self, path: str, *, recurse: bool = True) -> Mapping[str, Entry]:
        files: dict[str, Entry] = {}
        start = self._root / path
        if start.is_symlink() or start.is_file():
            files[path] = self._entry(start)
            return files
        left = self._limit
        for folder, folders, names in os.walk(start):
            linked = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            folders[:] = sorted(set(folders) - _SKIPPED - set(linked)) if recurse else []
            for name in [*names, *linked]:
                full = Path(folder, name)
                if not full.is_symlink() and not full.is_file():
                    continue
                entry = self._entry(full)
                left -= len(entry.content)
                if left < 0:
                    raise LimitExceeded(
                        f"{path or '.'}: more than {self._limit} bytes of files; render a smaller folder"
                    )
                files[full.relative_to(self._root).as_posix()] = entry
        return files

    @staticmethod
    def _entry(path: Path) -> Entry:
        if path.is_symlink():
            return Entry(os.fsencode(os.readlink(path)), is_link=True)
        return Entry(path.read_bytes())
