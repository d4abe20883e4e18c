"""
Does a path stay inside the snapshot, and which files match a glob?

Pure text: no file system is asked, so nothing outside can be opened or even
be found to exist. A symbolic link is followed through the entries of the
snapshot only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from moorage.model.errors import PathEscapes
from moorage.render.request import Entry

_MAX_LINKS = 40


def join(folder: str, path: str, where: str) -> str:
    """
    Return a path normalised from the root of the snapshot.

    Args:
        folder: The folder the path is relative to.
        path: As written; a leading ``/`` means the root of the snapshot.
        where: Names file and field in the error.

    Raises:
        PathEscapes: it leads out of the snapshot.
    """
    if "\0" in path or "\\" in path:
        raise PathEscapes(f"{where}: the path holds a character that is not allowed")
    parts = [] if path.startswith("/") else [part for part in folder.split("/") if part]
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise PathEscapes(f"{where}: the path {path!r} leaves the repository; keep it inside")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def parent(path: str) -> str:
    """Return the folder of a path; the root is the empty string."""
    return path.rpartition("/")[0]


def within(path: str, folder: str) -> bool:
    """Return whether a path is a folder or lies beneath it."""
    return not folder or path == folder or path.startswith(folder + "/")


def link_target(path: str, entry: Entry) -> str:
    """Return where a symbolic link leads, from the root of the snapshot; refuse it when that is outside."""
    try:
        target = entry.content.decode()
    except UnicodeDecodeError:
        raise PathEscapes(f"{path}: the symbolic link is not readable text; replace it by a file") from None
    if target.startswith("/"):
        raise PathEscapes(
            f"{path}: the symbolic link is absolute; make it relative and inside the repository"
        )
    return join(parent(path), target, f"{path}: symbolic link")


def follow(path: str, files: Mapping[str, Entry]) -> str | None:
    """Return the regular file a path means after following links, or None; refuse loops and escapes."""
    for _ in range(_MAX_LINKS):
        entry = files.get(path)
        if entry is None:
            return None
        if not entry.is_link:
            return path
        path = link_target(path, entry)
    raise PathEscapes(f"{path}: symbolic links lead in a circle; replace one by a file")


@lru_cache(maxsize=512)
def glob(pattern: str) -> re.Pattern[str]:
    """
    Return the regular expression of a glob.

    ``*`` and ``?`` stay within a folder, ``**`` crosses folders, ``{a,b}``
    means one of several, ``[a-z]`` one character of a set.
    """
    return re.compile("".join(_glob_parts(pattern)), re.DOTALL)


_CHUNK = re.compile(r"\*\*/|\*+|\?|\[!?\]?[^\]]*\]|\\.|[{},]|[^*?\[{},\\]+|.", re.DOTALL)


def _glob_parts(pattern: str) -> list[str]:
    parts: list[str] = []
    depth = 0
    for chunk in _CHUNK.findall(pattern):
        if chunk == "**/":
            parts.append("(?:.*/)?")
        elif chunk[0] == "*":
            parts.append(".*" if len(chunk) > 1 else "[^/]*")
        elif chunk == "?":
            parts.append("[^/]")
        elif chunk[0] == "[" and len(chunk) > 2:
            inner = chunk[1:-1].replace("\\", "\\\\").replace("[", "\\[")
            parts.append("[" + ("^" + inner[1:] if inner[0] in "!^" else inner) + "]")
        elif chunk == "{":
            depth += 1
            parts.append("(?:")
        elif chunk == "}" and depth:
            depth -= 1
            parts.append(")")
        elif chunk == "," and depth:
            parts.append("|")
        else:
            parts.append(re.escape(chunk[1] if chunk[0] == "\\" and len(chunk) == 2 else chunk))
    return parts + [")"] * depth
