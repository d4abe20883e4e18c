"""
The hooks of an application that is being deleted: PreDelete before its resources go, PostDelete after.

Two finalizers per phase keep the Application until its hooks are done: one says
that they are still to run, the other (``/cleanup``) that they ran and what is
left of them is to be removed. Taking one away is the record of it, so no hook
runs twice, whatever crashes. Hooks are found again by the deletion they are
marked with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moorage.cluster.session import ClusterSession
from moorage.control import hooks
from moorage.control.performing import Circumstances, made_by, perform
from moorage.engine.health import assess
from moorage.engine.moves import Seen, finished_hooks, next_move
from moorage.engine.plan import has_hooks, plan_deletion_hooks
from moorage.engine.policy import operation_id
from moorage.model.application import Application
from moorage.model.errors import HookFailed, LiveStateUnknown
from moorage.model.health import HealthStatus
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json
from moorage.model.operation import (
    Action,
    ActionKey,
    Finished,
    Operation,
    Outcome,
    Perform,
    Phase,
    Plan,
    Wait,
)
from moorage.model.states import Comparison, SyncStatus, TargetState
from moorage.model.words import POST_DELETE_FINALIZER, PRE_DELETE_FINALIZER

FINALIZERS = {Phase.PRE_DELETE: PRE_DELETE_FINALIZER, Phase.POST_DELETE: POST_DELETE_FINALIZER}
CLEANUP = "/cleanup"


def finalizers_with_hooks(app: Application, target: TargetState) -> tuple[str, ...]:
    """Return the finalizers an application should have: those of the phases it has hooks of, and its others."""
    wanted = [
        name
        for phase, finalizer in FINALIZERS.items()
        if has_hooks(target, phase)
        for name in (finalizer, finalizer + CLEANUP)
    ]
    others = [f for f in app.finalizers if not f.startswith(tuple(FINALIZERS.values()))]
    known = [f for f in app.finalizers if f in wanted]
    if sorted(known) == sorted(wanted) and len(known) + len(others) == len(app.finalizers):
        return app.finalizers
    return (*others, *wanted)


def stands_for_deletion(app: Application, target: TargetState) -> Operation:
    """Return the operation whose id marks the hooks of an application's deletion."""
    return Operation(
        id=operation_id(app, app.deleted_at),
        revision=target.revision,
        started_at=app.deleted_at,
        options=app.options,
    )


@dataclass(slots=True)
class Farewell:
    """Runs the hooks of one phase of one deletion; made anew by each pass."""

    app: Application
    instance: str
    session: ClusterSession
    target: TargetState
    phase: Phase

    async def run(self) -> bool:
        """
        Make moves until the hooks wait or are done; whether they are done.

        Raises:
            HookFailed: A hook failed. It runs again when somebody deletes it.
        """
        operation, outcomes = stands_for_deletion(self.app, self.target), dict[ActionKey, Outcome]()
        plan = plan_deletion_hooks(self.target, operation, self.phase)
        while True:
            live = await self._live(plan)
            if deleted := _deleted_unfinished(plan, live):
                # Somebody wants it to run anew: it is let go of here, and made again once it is gone.
                await hooks.release_all(self.session, deleted)
                return False
            seen = _seen(plan, operation, live)
            outcomes |= finished_hooks(plan, outcomes, seen)
            match next_move(plan, outcomes, seen):
                case Perform() as move:
                    around = Circumstances(
                        self.session, operation, Comparison(SyncStatus.UNKNOWN), live, self.app.annotations
                    )
                    done = await perform(move.actions, around)
                    outcomes |= done.outcomes
                    if done.fault is not None:
                        raise done.fault
                case Wait():
                    return False
                case Finished(succeeded=True):
                    return True
                case Finished() as move:
                    raise HookFailed(
                        f"{self.phase} {move.message}; mend it and delete the hook to run it again, or remove the "
                        f"finalizer {FINALIZERS[self.phase]} from the Application to go without it"
                    )

    async def clean_up(self) -> None:
        """
        Delete the hooks that ask for it once they succeeded, and let go of the others.

        Raises:
            ApiConflict: A hook kept changing and is not let go of yet.
        """
        operation = stands_for_deletion(self.app, self.target)
        plan = plan_deletion_hooks(self.target, operation, self.phase)
        live = await self._live(plan)
        for action in _hooks(plan):
            body = live.get(action.resource)
            if body is None or not made_by(body, operation):
                continue
            uid = body["metadata"].get("uid", "")
            if "HookSucceeded" in action.delete_policies:
                await self.session.writer.delete(action.resource, propagation="background", uid=uid)
            await hooks.let_go(self.session, action.resource, uid)

    async def _live(self, plan: Plan) -> Mapping[ResourceKey, Json]:
        targeted = {a.resource: a.manifest.api_version for a in _hooks(plan) if a.manifest is not None}
        live = await self.session.live_state(self.instance, targeted)
        if unknown := live.gaps & {key.group_kind for key in targeted}:
            kinds = ", ".join(sorted(map(str, unknown)))
            raise LiveStateUnknown(
                f"the watch of {kinds} is not complete; no {self.phase} hook runs until it is"
            )
        return live.objects


def _hooks(plan: Plan) -> list[Action]:
    return [a for step in plan.steps for a in step.actions if a.manifest is not None]


def _deleted_unfinished(plan: Plan, live: Mapping[ResourceKey, Json]) -> dict[ResourceKey, Json]:
    """Return the hooks that are being deleted before they succeeded."""
    bodies = {a.resource: body for a in _hooks(plan) if (body := live.get(a.resource)) is not None}
    return {
        key: body
        for key, body in bodies.items()
        if body["metadata"].get("deletionTimestamp") and not _is_healthy(body)
    }


def _is_healthy(body: Json) -> bool:
    health = assess(body)
    return health is None or health.status is HealthStatus.HEALTHY


def _seen(plan: Plan, operation: Operation, live: Mapping[ResourceKey, Json]) -> Seen:
    bodies = {a.resource: body for a in _hooks(plan) if (body := live.get(a.resource)) is not None}
    return Seen(
        frozenset(bodies),
        {key: assess(body) for key, body in bodies.items()},
        own=frozenset(key for key, body in bodies.items() if made_by(body, operation)),
    )


def after(app: Application, phase: Phase, *, cleaned: bool) -> tuple[str, ...]:
    """Return an application's finalizers once the hooks of a phase ran, or what was left of them is removed."""
    done = {FINALIZERS[phase], FINALIZERS[phase] + CLEANUP} if cleaned else {FINALIZERS[phase]}
    return tuple(f for f in app.finalizers if f not in done)
