"""
The pass for an application that is being deleted: cascade, or let go.

With a resources finalizer the tracked resources go first, one wave at a time in
descending order, each deleted and seen to be gone; the finalizer is removed
last. Without one the resources stay. Nothing is deleted while the live state is
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
from moorage.control.fleet import Fleet
from moorage.control.observing import permit
from moorage.control.report import Reporter, faulty_view, next_look
from moorage.engine.options import resource_options
from moorage.engine.order import wave_of
from moorage.engine.plan import CRD
from moorage.model.application import Application
from moorage.model.errors import ApiConflict, Error, InvalidSpec, LiveStateUnknown, Terminal
from moorage.model.identity import AppKey, ResourceKey
from moorage.model.manifest import Json
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
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    claims: Claims = field(default_factory=Claims)
    _begun: dict[AppKey, tuple[int, datetime]] = field(default_factory=dict)

    async def reconcile(self, app: Application, config: Config) -> Next:
        """One pass: delete the next wave, wait for it, or remove the finalizers."""
        if not any(f.startswith(OURS) for f in app.finalizers):
            return Next()
        try:
            if any(f.startswith(CASCADE_FINALIZER) for f in app.finalizers) and not await self._empty(
                app, config
            ):
                return Next(LOOK_AGAIN_SECONDS)
        except Error as error:
            condition = Condition(ConditionType.DELETION_ERROR, f"{error.reason}: {error}", error.reason)
            view = faulty_view(app, error, None)
            await self.reporter.report(app, replace(view, conditions=(condition,)))
            return next_look(error, 1)
        left = [f for f in app.finalizers if not f.startswith(OURS)]
        await self.reporter.store.patch_application(app.key, {"metadata": {"finalizers": left or None}})
        self._begun.pop(app.key, None)
        log.info("An application was deleted", app=str(app.key))
        return Next()

    async def _empty(self, app: Application, config: Config) -> bool:
        """Delete the next wave of what is left; whether nothing is left."""
        try:
            _, server = permit(app, config)
        except InvalidSpec:
            # The cluster or project is gone: nothing can be deleted any more,
            # and an application must not be kept for ever because of that.
            return True
        session = self.fleet.session(server)
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
        if asking and (app.annotations.get(DELETION_APPROVED_ANNOTATION) or "") < app.deleted_at:
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
