"""
Writes a rendering's files into its scratch folder.

Only regular files and folders are written. A symbolic link becomes a copy of
what it leads to within the snapshot, so no program can be led outside by one
and nothing can be written through one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from moorage.model.errors import LimitExceeded, PathEscapes, SourceRefused
from moorage.render.paths import link_target, within
from moorage.render.request import Entry

_MOST_FILES = 100_000
_MAX_LINKS = 40


def write(files: Mapping[str, Entry], root: Path) -> None:
    """
    Write files beneath a folder.

    Raises:
        PathEscapes: a link leaves the snapshot or loops.
        SourceRefused: a name could not be a Git path.
    """
    folders: set[Path] = set()
    written = 0
    root.mkdir(mode=0o700, exist_ok=True)
    for name in files:
        for path, content in _resolved(name, files):
            written += 1
            if written > _MOST_FILES:
                raise LimitExceeded(
                    f"more than {_MOST_FILES} files; symbolic links count for all they lead to"
                )
            target = root / _checked(path)
            if target.parent not in folders:
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                folders.add(target.parent)
            with os.fdopen(
                os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb"
            ) as file:
                file.write(content)


def _resolved(name: str, files: Mapping[str, Entry]) -> list[tuple[str, bytes]]:
    entry = files[name]
    target = name
    for _ in range(_MAX_LINKS):
        if not entry.is_link:
            return [(name, entry.content)]
        target = link_target(target, entry)
        if target not in files:
            return _copied(name, target, files)
        entry = files[target]
    raise PathEscapes(f"{name}: symbolic links lead in a circle; replace one by a file")


def _copied(name: str, target: str, files: Mapping[str, Entry]) -> list[tuple[str, bytes]]:
    # A link to a folder: everything beneath it appears beneath the link. A
    # link inside that folder is copied as what it means, once.
    if not target or within(name, target):
        raise PathEscapes(f"{name}: the symbolic link leads to a folder that holds it; replace it by files")
    return [
        (name + path[len(target) :], entry.content)
        for path, entry in files.items()
        if within(path, target) and not entry.is_link
    ]


def _checked(path: str) -> str:
    parts = path.split("/")
    if any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise SourceRefused("a file name of the repository is not a proper path; rename it")
    return path
