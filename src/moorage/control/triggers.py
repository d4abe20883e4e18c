"""
Which changes ask for a pass, and how deep must it look?

Pure. Our own status writes come back through the watch; they ask for nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from moorage.control.board import Broken, Entry
from moorage.control.queue import Depth
from moorage.model.application import Application
from moorage.model.equality import same
from moorage.model.words import REFRESH_ANNOTATION


class Wish(NamedTuple):
    """A pass that is asked for."""

    depth: Depth
    urgent: bool = False


def wish_of(before: Entry | None, after: Entry | None) -> Wish | None:
    """Return the pass that a change of an Application asks for, or nothing."""
    if after is None:
        return Wish(Depth.LIVE)
    if isinstance(after, Broken):
        known = isinstance(before, Broken) and before.body.get("spec") == after.body.get("spec")
        return None if known else Wish(Depth.LIVE)
    if not isinstance(before, Application) or before.uid != after.uid:
        return Wish(Depth.REVISION)
    if after.operation is not None and after.operation != before.operation:
        return Wish(Depth.REVISION, urgent=True)
    if _terminating(after) and not _terminating(before):
        return Wish(Depth.LIVE, urgent=True)
    asked = after.annotations.get(REFRESH_ANNOTATION)
    if asked and asked != before.annotations.get(REFRESH_ANNOTATION):
        return Wish(Depth.HARD if asked == "hard" else Depth.REVISION, urgent=True)
    if _other_source(before, after) or after.project != before.project:
        return Wish(Depth.REVISION)
    return Wish(Depth.LIVE) if _declared(after) != _declared(before) else None


def _other_source(before: Application, after: Application) -> bool:
    # Parameters are JSON of any shape, in which 1 and true are two values.
    return before.source != after.source or not same(before.source.declared, after.source.declared)


def _declared(app: Application) -> Application:
    """Return an application without what Moorage itself writes."""
    kept = {name: value for name, value in app.annotations.items() if name != REFRESH_ANNOTATION}
    return replace(app, status={}, operation=None, resource_version="", generation=0, annotations=kept)


def _terminating(app: Application) -> bool:
    return (app.status.get("operationState") or {}).get("phase") == "Terminating"
