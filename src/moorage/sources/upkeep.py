"""
Does a mirror lie in too many pieces, and how are they put together?

Every fetch adds a pack or some loose objects, and git's own upkeep is switched
off: it would begin in the middle of a fetch somebody waits for. So it is done
here, beside the fetches, when the pieces have become many. Nothing is
forgotten by it: a commit that a branch no longer means can still be read.
"""

from __future__ import annotations

import re
from pathlib import Path

import structlog

from moorage.model.errors import Error
from moorage.sources.program import Git

MANY_PACKS = 200
MANY_LOOSE = 5_000
_LONGEST = 900.0

_log = structlog.get_logger(__name__)


def is_cluttered(mirror: Path, packs: int = MANY_PACKS, loose: int = MANY_LOOSE) -> bool:
    """Return whether a mirror has so many packs or loose objects that reading slows down."""
    objects = mirror / "objects"
    if sum(1 for _ in objects.glob("pack/*.pack")) >= packs:
        return True
    # Ids are spread evenly: what lies in one of the 256 folders tells of all.
    found = sum(1 for path in objects.glob("17/*") if re.fullmatch(r"[0-9a-f]{38,62}", path.name))
    return found * 256 >= loose


async def tidy(git: Git, mirror: Path, name: str, *, memory: int = 0) -> bool:
    """
    Put a mirror's pieces together and return whether that was done.

    Raises nothing: a mirror that cannot be tidied is still good to read.
    """
    try:
        ended = await git.run(
            ["repack", "-a", "-d", "-k", "-q"],
            limit=1 << 20,
            timeout=_LONGEST,
            folder=mirror,
            memory=memory,
            what=f"repository {name}",
        )
    except Error as error:
        _log.warning("mirror cannot be tidied", repository=name, reason=error.reason)
        return False
    if ended.code != 0:
        _log.warning("mirror cannot be tidied", repository=name, code=ended.code)
    return ended.code == 0
