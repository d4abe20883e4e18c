"""
Reads chart archives so that only plain files inside one folder come out.

What is in an archive is bounded while it flows; links, devices and paths that
lead outside are refused. Who writes the files, and where, is the caller's affair.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO

from moorage.model.errors import LimitExceeded, PathEscapes, RenderFailed

_CHUNK = 1 << 16
_MOST_HEADER = 1 << 20
_LINKS = (tarfile.LNKTYPE, tarfile.SYMTYPE)
_HEADERS = 4 * tarfile.BLOCKSIZE


class Budget:
    """How many files and bytes may still come out; shared by archives that are unpacked together."""

    def __init__(self, entries: int = 20_000, size: int = 100 * 1024 * 1024) -> None:
        self._most = entries, size
        self._entries, self._size = entries, size

    @property
    def flow(self) -> int:
        """How many bytes of an archive can lead to what may still come out."""
        return self._size + _HEADERS * (self._entries + 1) + tarfile.RECORDSIZE

    def take(self, name: str, *, entries: int = 0, size: int = 0) -> None:
        """Use some of the budget. Raises LimitExceeded when it does not last."""
        self._entries -= entries
        self._size -= size
        if self._entries < 0 or self._size < 0:
            raise LimitExceeded(
                f"{name}: chart archives may unpack to {self._most[0]} files and {self._most[1]} bytes; use a smaller chart"
            )


def unpack(archive: IO[bytes], name: str, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """
    Yield path and content of each file in a gzipped tar archive, without its first folder.

    Args:
        archive: The archive, read once from front to back.
        name: How messages call it.
        budget: How much may come out.

    Raises:
        PathEscapes: An entry is a link, a device, or leads outside.
        LimitExceeded: The archive holds too much.
        RenderFailed: The archive cannot be read.
    """
    try:
        # tarfile's own gzip takes an archive that was cut off for a shorter one.
        with gzip.GzipFile(fileobj=archive) as plain, _opened(plain, name, budget) as entries:
            for entry in entries:
                budget.take(name, entries=1)
                if not entry.isdir():
                    yield _path(entry, name), _content(entries, entry, name, budget)
            while rest := plain.read(_CHUNK):
                budget.take(name, size=len(rest))
    except (tarfile.TarError, EOFError, OSError, zlib.error, *_SLIPS) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise RenderFailed(f"{name}: not a readable chart archive; fetch or package it again") from None


# What tarfile lets slip when headers of sparse files, and extended headers of extended headers, are made up.
_SLIPS = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError)


class _Entry(tarfile.TarInfo):
    """A header that is refused before its size is believed: those that are read into memory are small."""

    def _proc_member(self, entries: tarfile.TarFile) -> tarfile.TarInfo:
        special = not self.isreg() and self.type not in (tarfile.DIRTYPE, *_LINKS)
        if self.size < 0 or (special and self.size > _MOST_HEADER):
            raise tarfile.ReadError
        found: tarfile.TarInfo = super()._proc_member(entries)  # type: ignore[misc]
        if found.size < 0:
            raise tarfile.ReadError
        return found


class _Flow:
    """The unpacked archive, which ends in LimitExceeded when more flows than all that may come out and its headers."""

    def __init__(self, plain: gzip.GzipFile, name: str, most: int) -> None:
        self._plain, self._name, self._left = plain, name, most

    def read(self, size: int) -> bytes:
        content = self._plain.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise LimitExceeded(f"{self._name}: unpacks to more than a chart may hold; use a smaller chart")
        return content


def _opened(plain: gzip.GzipFile, name: str, budget: Budget) -> tarfile.TarFile:
    flow = _Flow(plain, name, budget.flow)
    return tarfile.open(fileobj=flow, mode="r|", tarinfo=_Entry)  # type: ignore[call-overload, no-any-return]


def _path(entry: tarfile.TarInfo, name: str) -> str:
    if not entry.isreg():
        raise PathEscapes(f"{name}: holds a link or device; charts may hold files and folders only")
    # The first folder is the chart's own name and says nothing.
    parts = [part for part in entry.name.split("/") if part != "."][1:]
    if not parts or any(part in ("", "..") or "\0" in part or "\\" in part for part in parts):
        raise PathEscapes(f"{name}: an entry's path leads outside the chart; package it again")
    return "/".join(parts)


def _content(entries: tarfile.TarFile, entry: tarfile.TarInfo, name: str, budget: Budget) -> bytes:
    source = entries.extractfile(entry)
    if source is None:
        raise tarfile.ReadError
    content = bytearray()
    while chunk := source.read(_CHUNK):
        budget.take(name, size=len(chunk))
        content += chunk
    return bytes(content)
