"""
The pass for an application that is being deleted: hooks, cascade, or let go.

Each finalizer stands for a step and is taken away once that is done: PreDelete
hooks run; with a resources finalizer the tracked resources go, one wave at a
time in descending order, each deleted and seen to be gone; PostDelete hooks run.
Without a resources finalizer the resources stay. Nothing is deleted while the live state is
not known. What another application declares stays for that one to take over, and
nothing goes while one that may is still to be read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from moorage.cluster.session import ClusterSession
from moorage.control import hooks
from moorage.control.claims import MOST_UNDECIDED_SECONDS, Claims
from moorage.control.config import Config
from moorage.control.controller import Next
from moorage.control.farewell import CLEANUP, FINALIZERS, Farewell, after
from moorage.control.fleet import Fleet
from moorage.control.observing import Notebook, Observer, Permitted, permit
from moorage.control.queue import Depth
from moorage.control.report import Reporter, faulty_view, next_look
from moorage.engine.options import resource_options
from moorage.engine.order import wave_of
from moorage.engine.plan import CRD
from moorage.engine.policy import is_approved
from moorage.model.application import Application
from moorage.model.errors import ApiConflict, Error, InvalidSpec, LiveStateUnknown, Terminal, Transient
from moorage.model.identity import AppKey, ResourceKey
from moorage.model.manifest import Json
from moorage.model.operation import Phase
from moorage.model.status import Condition, ConditionType
from moorage.model.words import (
    CASCADE_BACKGROUND_FINALIZER,
    CASCADE_FINALIZER,
    DELETION_APPROVED_ANNOTATION,
    POST_DELETE_FINALIZER,
    PRE_DELETE_FINALIZER,
)

log = structlog.get_logger()
OURS = (CASCADE_FINALIZER, PRE_DELETE_FINALIZER, POST_DELETE_FINALIZER)
LOOK_AGAIN_SECONDS = 5.0


@dataclass(slots=True)
class Deletion:
    """Takes the resources of deleted applications away, as their finalizers ask."""

    fleet: Fleet
    reporter: Reporter
    observer: Observer
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    claims: Claims = field(default_factory=Claims)
    _begun: dict[AppKey, tuple[int, datetime]] = field(default_factory=dict)

    async def reconcile(self, app: Application, config: Config) -> Next:
        """One pass: run hooks, delete the next wave, wait for them, or take the next finalizer away."""
        if not any(f.startswith(OURS) for f in app.finalizers):
            return Next()
        try:
            left = await self._advance(app, config)
        except Error as error:
            condition = Condition(ConditionType.DELETION_ERROR, f"{error.reason}: {error}", error.reason)
            view = faulty_view(app, error, None)
            await self.reporter.report(app, replace(view, conditions=(condition,)))
            return next_look(error, 1)
        if left is None:
            return Next(LOOK_AGAIN_SECONDS)
        await self.reporter.keep_finalizers(app, left)
        if any(f.startswith(OURS) for f in left):
            return Next(0.0)
        self._begun.pop(app.key, None)
        log.info("An application was deleted", app=str(app.key))
        return Next()

    async def _advance(self, app: Application, config: Config) -> tuple[str, ...] | None:
        """Take the next step; return the finalizers that are left after it, None while it is not done."""
        try:
            project, server = permit(app, config)
        except InvalidSpec:
            # The cluster or project is gone: nothing can be deleted any more,
            # and an application must not be kept for ever because of that.
            return tuple(f for f in app.finalizers if not f.startswith(OURS))
        allowed = Permitted(project, server, self.fleet.session(server))
        if any(f.startswith(PRE_DELETE_FINALIZER) for f in app.finalizers):
            return await self._say_farewell(app, config, allowed, Phase.PRE_DELETE)
        if any(f.startswith(CASCADE_FINALIZER) for f in app.finalizers):
            if not await self._empty(app, config, allowed):
                return None
            return tuple(f for f in app.finalizers if not f.startswith(CASCADE_FINALIZER))
        return await self._say_farewell(app, config, allowed, Phase.POST_DELETE)

    async def _say_farewell(
        self, app: Application, config: Config, allowed: Permitted, phase: Phase
    ) -> tuple[str, ...] | None:
        if not allowed.session.freshness().synced:
            raise LiveStateUnknown(
                f"cluster {allowed.server} is being read; no {phase} hook runs until it is known"
            )
        notes = Notebook()
        revision = await self._revision(app, notes)
        target = await self.observer.target(app, revision, config, allowed, notes)
        farewell = Farewell(app, app.key.instance(config.namespace), allowed.session, target, phase)
        if FINALIZERS[phase] in app.finalizers:
            if not await farewell.run():
                return None
            if FINALIZERS[phase] + CLEANUP in app.finalizers:
                return after(app, phase, cleaned=False)
            # No finalizer may be added to what is being deleted, so nothing can record that the hooks ran.
        await farewell.clean_up()
        return after(app, phase, cleaned=True)

    async def _revision(self, app: Application, notes: Notebook) -> str:
        """Return the latest revision, or while Git cannot be reached the one that was seen last."""
        try:
            return await self.observer.revision(app, notes, Depth.REVISION)
        except Transient:
            if known := (app.status.get("sync") or {}).get("revision"):
                return str(known)
            raise

    async def _empty(self, app: Application, config: Config, allowed: Permitted) -> bool:
        """Delete the next wave of what is left; whether nothing is left."""
        server, session = allowed.server, allowed.session
        freshness = session.freshness()
        if not freshness.complete:
            raise LiveStateUnknown(f"cluster {server}: {freshness.why}; nothing is deleted until it is known")
        live = await session.live_state(app.key.instance(config.namespace), {})
        declared = self.claims.of_others(app.key, server, live.tracked)
        left = {
            key: live.objects[key]
            for key in live.tracked
            if key not in declared and _goes(key, live.objects[key])
        }
        if not left:
            return True
        self._need_approval(app, left)
        if self._undecided(app, server):
            return False
        wave = max(wave_of(body) for body in left.values())
        background = CASCADE_BACKGROUND_FINALIZER in app.finalizers
        for key, body in sorted(left.items()):
            if body["metadata"].get("deletionTimestamp"):
                await hooks.release(session, key, body)
            elif wave_of(body) == wave:
                await _delete(session, key, body, "background" if background else "foreground")
        return False

    def _undecided(self, app: Application, server: str) -> bool:
        """Whether an application is still to be read that may take over what this one leaves."""
        moment, since = self._begun.setdefault(app.key, (self.claims.moment, self.clock()))
        late = (self.clock() - since).total_seconds() > MOST_UNDECIDED_SECONDS
        return not late and self.claims.wait(app.key, server, moment)

    def _need_approval(self, app: Application, left: dict[ResourceKey, Json]) -> None:
        asking = [key for key, body in left.items() if resource_options(body).delete == "confirm"]
        if asking and not is_approved(app, app.deleted_at):
            raise LiveStateUnknown(
                f"{asking[0]} asks for confirmation (Delete=confirm); approve with the annotation "
                f"{DELETION_APPROVED_ANNOTATION} on the application"
            )


async def _delete(session: ClusterSession, key: ResourceKey, body: Json, propagation: str) -> None:
    metadata = body["metadata"]
    try:
        await session.writer.delete(
            key,
            propagation=propagation,
            uid=metadata.get("uid", ""),
            resource_version=metadata.get("resourceVersion", ""),
        )
    except ApiConflict:
        return  # it changed meanwhile; the next pass looks at what it is now
    except Terminal as error:
        raise type(error)(f"{key}: cannot be deleted: {error}") from error


def _goes(key: ResourceKey, body: Json) -> bool:
    return key.group_kind != CRD and resource_options(body).delete != "false"
