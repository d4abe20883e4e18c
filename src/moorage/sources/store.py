"""
Where do mirrors and charts lie on this machine, and which may go?

The file system is the index: a folder's time of change is when it was last
used, its size is what it holds. So nothing is lost by a crash, and a restart
finds everything. What was used longest ago goes first when there is too much.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from moorage.model.errors import InvalidConfiguration, PathEscapes
from moorage.sources.snapshot import File

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Store:
    """
    The folder of one Moorage process: ``mirrors``, ``charts``, ``scratch`` and an empty ``home``.

    Only one process uses it at a time; a second one is told so.
    """

    def __init__(self, root: Path, limit: int) -> None:
        self.root = root
        self.limit = limit
        self.home = root / "home"
        self.scratch = root / "scratch"
        self._lock: int | None = None

    def open(self) -> None:
        """Take the folder, and clear away what a process that was killed left half done."""
        for folder in (self.root, self.home, self.scratch, self.root / "mirrors", self.root / "charts"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise InvalidConfiguration(
                f"{self.root}: another Moorage uses this folder; give each its own"
            ) from error
        for left in self.scratch.iterdir():
            _remove(left)
        for mirror in (self.root / "mirrors").iterdir():
            _mend(mirror)

    def close(self) -> None:
        """Let the folder go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def mirror(self, key: str) -> Path:
        """Return the folder of a mirror; the key is a hash."""
        assert re.fullmatch(r"[0-9a-f]{40}", key)
        return self.root / "mirrors" / f"{key}.git"

    def keep_chart(self, digest: str, archive: bytes) -> None:
        """Keep a chart's archive by its digest."""
        path = self._chart(digest)
        part = path.with_name(f"{digest}.{secrets.token_hex(8)}.part")
        part.write_bytes(archive)
        part.replace(path)

    def find_chart(self, digest: str) -> bytes | None:
        """Return a chart's archive, or None when it is not kept; what was tampered with is not."""
        path = self._chart(digest)
        try:
            archive = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return archive if hashlib.sha256(archive).hexdigest() == digest else None

    def _chart(self, digest: str) -> Path:
        assert _DIGEST.fullmatch(digest)
        return self.root / "charts" / f"{digest}.tgz"

    @contextlib.asynccontextmanager
    async def scratch_folder(self) -> AsyncIterator[Path]:
        """Yield a private folder with a random name that is gone afterwards."""
        folder = self.scratch / secrets.token_hex(16)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(_remove, folder))

    async def trim(self, in_use: Callable[[Path], bool]) -> list[Path]:
        """Remove what was used longest ago until the rest fits; return what went."""
        kept = await asyncio.to_thread(self._measure)
        total = sum(size for _, size, _ in kept)
        gone: list[Path] = []
        for _, size, path in sorted(kept):
            if total <= self.limit:
                break
            if not in_use(path):
                await asyncio.to_thread(_remove, path)
                total -= size
                gone.append(path)
        return gone

    def _measure(self) -> list[tuple[float, int, Path]]:
        found = []
        for folder in (self.root / "mirrors", self.root / "charts"):
            for path in folder.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    found.append((path.stat().st_mtime, _size(path), path))
        return found


def write_files(files: Mapping[str, File], folder: Path) -> None:
    """
    Write a snapshot's files into an empty folder, for a program that needs them there.

    Raises:
        PathEscapes: when a symbolic link is absolute or leads out of the
            folder; then nothing is written.
    """
    for path, file in files.items():
        if path.startswith("/") or ".." in path.split("/"):
            raise PathEscapes(f"{path}: the path leaves the snapshot")
        if any("/".join(path.split("/")[:depth]) in files for depth in range(1, path.count("/") + 1)):
            raise PathEscapes(f"{path}: a file or link stands where its folder should be")
        if file.is_link:
            _check_link(path, files)
    folders: set[Path] = set()
    for path, file in files.items():
        target = folder / path
        if target.parent not in folders:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            folders.add(target.parent)
        if file.is_link:
            os.symlink(file.content, os.fsencode(target))
            continue
        mode = 0o500 if file.executable else 0o400
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(handle, "wb") as stream:
            stream.write(file.content)


def _check_link(path: str, files: Mapping[str, File]) -> None:
    """Walk a path as the system would, following links, and refuse a way that leaves or never ends."""
    here: list[str] = []
    ahead = path.split("/")[::-1]
    hops = 0
    while ahead:
        part = ahead.pop()
        if part == ".." and not here:
            raise PathEscapes(f"{path}: the symbolic link leaves the snapshot")
        if part == "..":
            here.pop()
        elif part not in ("", "."):
            here.append(part)
        met = files.get("/".join(here))
        if met is None or not met.is_link:
            continue
        target = met.content.decode("utf-8", "surrogateescape")
        hops += 1
        if hops > 20:
            raise PathEscapes(f"{path}: the symbolic link leads in a circle")
        if not target or target.startswith("/") or "\0" in target:
            raise PathEscapes(
                f"{path}: the symbolic link is absolute or empty; links must stay inside the snapshot"
            )
        here.pop()
        ahead += target.split("/")[::-1]


def _mend(mirror: Path) -> None:
    if (
        not (mirror / "HEAD").exists()
        or not (mirror / "objects").exists()
        or not (mirror / "config").exists()
    ):
        _remove(mirror)
        return
    leftovers = [*mirror.glob("*.lock"), *mirror.glob("objects/pack/tmp_*"), *mirror.glob("refs/**/*.lock")]
    for left in leftovers:
        left.unlink(missing_ok=True)


def _size(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
