"""
Unpacks chart archives so that nothing but plain files inside their folder appears.

Helm is only ever given folders: what is in an archive is bounded while it
flows, links and devices are refused, modes are ours, and what is checked in a
chart's files is checked in its dependencies too.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

from moorage.model.errors import LimitExceeded, PathEscapes, RenderFailed

_SUFFIX = ".tgz"
_MOST_ENTRIES = 20_000
_MOST_BYTES = 100 * 1024 * 1024
_DEEPEST = 8
_CHUNK = 1 << 16


def unpack_all(chart: Path) -> None:
    """
    Replace every archive in the ``charts`` folders of a chart by its files.

    Raises:
        PathEscapes: an entry is a link, a device, or leads outside.
        LimitExceeded: the archives hold too much.
        RenderFailed: an archive cannot be read.
    """
    budget = _Budget()
    for _ in range(_DEEPEST):
        archives = [file for file in sorted(chart.rglob(f"*{_SUFFIX}")) if file.parent.name == "charts"]
        if not archives:
            return
        for archive in archives:
            _unpack(archive, budget)
            archive.unlink()
    raise LimitExceeded(f"chart archives are nested deeper than {_DEEPEST} levels")


class _Budget:
    def __init__(self) -> None:
        self.entries = _MOST_ENTRIES
        self.bytes = _MOST_BYTES

    def take(self, name: str, *, entries: int = 0, size: int = 0) -> None:
        self.entries -= entries
        self.bytes -= size
        if self.entries < 0 or self.bytes < 0:
            raise LimitExceeded(
                f"{name}: chart archives may unpack to {_MOST_ENTRIES} files and {_MOST_BYTES} bytes; use a smaller chart"
            )


def _unpack(archive: Path, budget: _Budget) -> None:
    name = f"charts/{archive.name}"
    target = archive.with_name(f"{archive.name.removesuffix(_SUFFIX)}.unpacked")
    try:
        with tarfile.open(archive, "r|gz") as entries:
            for entry in entries:
                budget.take(name, entries=1)
                _write(entries, entry, target, name, budget)
    except (tarfile.TarError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise RenderFailed(f"{name}: not a readable chart archive; fetch or package it again") from None


def _write(
    entries: tarfile.TarFile, entry: tarfile.TarInfo, target: Path, name: str, budget: _Budget
) -> None:
    if entry.isdir():
        return
    if not entry.isreg():
        raise PathEscapes(f"{name}: holds a link or device; charts may hold files and folders only")
    # The first folder is the chart's own name and says nothing.
    parts = [part for part in entry.name.split("/") if part != "."][1:]
    if not parts or any(part in ("", "..") or "\0" in part or "\\" in part for part in parts):
        raise PathEscapes(f"{name}: an entry's path leads outside the chart; package it again")
    source = entries.extractfile(entry)
    assert source is not None
    path = target.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("wb") as file:
        while chunk := source.read(_CHUNK):
            budget.take(name, size=len(chunk))
            file.write(chunk)
