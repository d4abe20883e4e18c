"""
Unpacks chart archives so that nothing but plain files inside their folder appears.

Helm is only ever given folders: modes are ours, and what is checked in a chart's
files is checked in its dependencies too.
"""

from __future__ import annotations

from pathlib import Path

from moorage.formats.tgz import Budget, unpack
from moorage.model.errors import LimitExceeded

_SUFFIX = ".tgz"
_DEEPEST = 8


def unpack_all(chart: Path) -> None:
    """
    Replace every archive in the ``charts`` folders of a chart by its files.

    Raises:
        PathEscapes: an entry is a link, a device, or leads outside.
        LimitExceeded: the archives hold too much.
        RenderFailed: an archive cannot be read.
    """
    budget = Budget()
    for _ in range(_DEEPEST):
        archives = [file for file in sorted(chart.rglob(f"*{_SUFFIX}")) if file.parent.name == "charts"]
        if not archives:
            return
        for archive in archives:
            _unpack(archive, budget)
            archive.unlink()
    raise LimitExceeded(f"chart archives are nested deeper than {_DEEPEST} levels")


def _unpack(archive: Path, budget: Budget) -> None:
    target = archive.with_name(f"{archive.name.removesuffix(_SUFFIX)}.unpacked")
    with archive.open("rb") as stream:
        for path, content in unpack(stream, f"charts/{archive.name}", budget):
            file = target.joinpath(*path.split("/"))
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.write_bytes(content)
