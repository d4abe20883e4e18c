"""
Which files of a tree has a rendering asked for so far?

Renderers that refer to files elsewhere in the repository (bases, value
files, charts) ask here, path by path, before anything runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from moorage.model.errors import LimitExceeded
from moorage.render.paths import follow, link_target, within
from moorage.render.request import Entry, Tree


@dataclass(slots=True)
class Reach:
    """
    The files of one tree read so far, and the paths they were read by.

    Reading stops at the limit on bytes; links are followed within the tree
    and refused when they lead out of it.
    """

    tree: Tree
    left: int
    name: str = ""
    files: dict[str, Entry] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)

    async def take(self, path: str, *, recurse: bool = True) -> bool:
        """Read what is at a path, links included; return whether something is there."""
        if not any(within(path, known) for known in self.paths):
            await self._read(path, recurse)
        return any(within(name, path) for name in self.files)

    async def _read(self, path: str, recurse: bool) -> None:
        if recurse:
            self.paths.add(path)
        found = await self.tree.read(path, recurse=recurse)
        self.left -= sum(len(entry.content) for name, entry in found.items() if name not in self.files)
        if self.left < 0:
            raise LimitExceeded(
                f"{path or '.'}: more bytes of files than a rendering may read; split the folder"
            )
        self.files.update(found)
        for name, entry in found.items():
            if entry.is_link:
                await self._take_target(name, entry)

    async def _take_target(self, name: str, entry: Entry) -> None:
        target = link_target(name, entry)
        if target and not within(name, target):
            await self.take(target)
        follow(name, self.files)

    async def take_file(self, path: str) -> bytes | None:
        """Return one file's content, or None when there is no such file."""
        if path not in self.files:
            await self.take(path)
        real = follow(path, self.files)
        return self.files[real].content if real is not None else None
