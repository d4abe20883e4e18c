"""
Runs one operation: moves are made until it waits or is over.

All progress is in the operation's outcomes, so the run that follows a crash
makes the same plan and goes on where the last one was. There is no code path
for resuming.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from moorage.control import hook_outcomes, hooks
from moorage.control.asking import asked
from moorage.control.claims import MOST_UNDECIDED_SECONDS
from moorage.control.controller import Next
from moorage.control.observation import Observation, compare_at, compare_remembering
from moorage.control.observing import Notebook, Observer, tracked_bodies
from moorage.control.performing import Circumstances, Performed, made_by, perform
from moorage.control.preconditions import namespace_is_there, obstacle
from moorage.control.report import Reporter, condition_of, next_look
from moorage.control.views import conditions_of, view_of, warned
from moorage.engine.health import assess
from moorage.engine.moves import Seen, finished_hooks, next_move
from moorage.engine.plan import make_plan
from moorage.engine.policy import after_failure, format_time, is_approved, supersedes
from moorage.engine.target import namespace_manifest
from moorage.model.application import Application
from moorage.model.errors import Error
from moorage.model.health import Health
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Manifest
from moorage.model.operation import (
    Action,
    ActionKey,
    Finished,
    Operation,
    OperationPhase,
    Outcome,
    Perform,
    Plan,
    SelectedResource,
    Verb,
    Wait,
)
from moorage.model.states import Comparison, LiveState, SyncStatus, TargetState

log = structlog.get_logger()
STILL_WAITING_SECONDS = 30.0
ENDED_AGAIN_SECONDS = 0.5
FIRST_PROGRESS_SECONDS = 2.0
PROGRESS_FACTOR = 1.5
MOST_PROGRESS_SECONDS = 20.0


@dataclass(slots=True)
class OperationRun:
    """
    One pass's work on one operation.

    `target` is the target state of the operation's revision, which need not be
    the latest; `live` and `comparison` are kept as they change under it.
    """

    app: Application
    operation: Operation
    seen: Observation
    notes: Notebook
    observer: Observer
    reporter: Reporter
    clock: Callable[[], datetime]
    target: TargetState = field(init=False)
    live: LiveState = field(init=False)
    comparison: Comparison = field(init=False)
    plan: Plan = field(init=False)
    elsewhere: Mapping[ResourceKey, str] = field(init=False)
    generated: tuple[Manifest, ...] = field(init=False, default=())
    failing: Mapping[ActionKey, Outcome] = field(init=False, default_factory=dict)

    async def go(self) -> Next:
        """Make moves until the operation waits or is over, then report once."""
        self.target, self.live, self.comparison = self.seen.target, self.seen.live, self.seen.comparison
        if self.operation.phase is OperationPhase.TERMINATING:
            return await self._terminate()
        if self.operation.revision != self.target.revision:
            self.target = await self.observer.target(
                self.app, self.operation.revision, self.seen.config, self.seen.allowed, self.notes
            )
        if (fault := obstacle(self.operation, self.target, self.seen)) is not None:
            return await self._finish(after_failure(self.operation, str(fault), self._now()))
        self.plan = self._make_plan(self.target)
        self.generated = _generated_hooks(self.plan, self.target)
        while True:
            match await self._next_move():
                case Perform() as move:
                    if (fault := await self._perform(move.actions)) is not None:
                        return await self._interrupted(fault)
                case Wait() as move:
                    return await self._wait(move)
                case Finished() as move:
                    return await self._conclude(move)

    def _make_plan(self, target: TargetState) -> Plan:
        app, operation = self.app, self.operation
        approved = is_approved(app, operation.started_at)
        namespace = app.destination.namespace
        if operation.options.create_namespace and namespace:
            wanted = namespace_manifest(namespace, app.namespace_metadata)
            if wanted.key not in target.by_key and not namespace_is_there(wanted.key, self.seen, app):
                target = replace(target, manifests=(wanted, *target.manifests))
                if operation.selected and wanted.key not in self.seen.live.objects:
                    # What was picked needs a place to be in; one that is there is left as it is.
                    picked = SelectedResource(*wanted.key)
                    operation = replace(operation, selected=(*operation.selected, picked))
        self.elsewhere = self.seen.neighbours.keep(self.target, self.seen.live)
        tracked = tracked_bodies(self.seen.live)
        return make_plan(target, tracked, operation, approved=approved, elsewhere=self.elsewhere)

    # --- one move

    async def _next_move(self) -> Perform | Wait | Finished:
        if self.target is not self.seen.target or self.live is not self.seen.live or self.generated:
            await self._look(self.generated)
            self.comparison = compare_at(self.target, self.live, self.seen, self.notes)
        seen = _seen(self.plan, self.operation, self.live, self.comparison)
        if found := hook_outcomes.unnoted(self.plan, self.operation, self.live):
            self.operation = self.operation.with_outcomes(found)
        if news := finished_hooks(self.plan, self.operation.outcomes, seen):
            self.operation = self.operation.with_outcomes(news)
        self.failing = hook_outcomes.failed(self.plan, self.operation, self.live)
        if over := hooks.finished(self.plan, self.operation, self.live.objects):
            # On record first: once let go of, a hook may be gone, and with it all that is known of it.
            await self._report(self.operation)
            await hooks.release_all(self.seen.allowed.session, over)
            await self._look()
        # Nothing is awaited from here to the first deletion: what is decided now still holds then.
        if self.seen.neighbours.keep(self.target, self.seen.live) != self.elsewhere:
            self.plan = self._make_plan(self.target)
        seen = replace(seen, undecided=self._undecided())
        return next_move(self.plan, self.operation.outcomes, seen)

    def _undecided(self) -> str:
        """Return why it is not known yet whether another application declares what is to be pruned."""
        prunes = (a for s in self.plan.steps for a in s.actions if a.verb is Verb.PRUNE and not a.skip_reason)
        if self.operation.dry_run or all(a.key in self.operation.outcomes for a in prunes):
            return ""
        neighbours, now = self.seen.neighbours, self.clock()
        if self.notes.pruning is None or self.notes.pruning[0] != self.operation.id:
            self.notes.pruning = self.operation.id, neighbours.claims.moment, now
        _, moment, since = self.notes.pruning
        if (now - since).total_seconds() > MOST_UNDECIDED_SECONDS or not neighbours.undecided(moment):
            return ""
        return "an application that may declare it is still to be read"

    async def _look(self, further: tuple[Manifest, ...] = ()) -> None:
        self.live = await self.observer.live(
            self.app, self.target, self.seen.config, self.seen.allowed.session, further
        )

    async def _perform(self, actions: Sequence[Action]) -> Error | None:
        """Perform actions and note what they came to; return the trouble of the world that ended them early."""
        around = Circumstances(
            self.seen.allowed.session,
            self.operation,
            self.comparison,
            self.live.objects,
            self.app.annotations,
            self.seen.rules.rules,
        )
        done = Performed()
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell(done, len(actions), over))
            try:
                await perform(actions, around, done)
            finally:
                over.set()
        self.operation = self.operation.with_outcomes(done.outcomes)
        self.notes.applied.update(done.written)
        if done.fault is None:
            await self._look()
            if self.target is self.seen.target:
                self.seen = replace(self.seen, live=self.live)
            self.comparison = compare_at(self.target, self.live, self.seen, self.notes)
        return done.fault

    async def _tell(self, done: Performed, of: int, over: asyncio.Event) -> None:
        """Report how far a batch is, ever less often, until it is over: one that takes long is no mystery."""
        seconds = FIRST_PROGRESS_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), seconds)
            if over.is_set():
                return
            so_far = self.operation.with_outcomes(dict(done.outcomes))
            with contextlib.suppress(Error):
                await self._report(replace(so_far, message=f"{len(done.outcomes)} of {of} done"))
            seconds = min(seconds * PROGRESS_FACTOR, MOST_PROGRESS_SECONDS)

    # --- how a run ends

    async def _wait(self, move: Wait) -> Next:
        if supersedes(self.operation, self.app, self.seen.target.revision, waiting=True):
            await hooks.release_all(self.seen.allowed.session, hooks.all_kept(self.plan, self.live.objects))
            text = f"superseded by {self.seen.target.revision[:7]}: {move.message}"
            return await self._finish(self._ended(OperationPhase.FAILED, text))
        await self._report(replace(self.operation, message=move.message))
        return Next(STILL_WAITING_SECONDS)

    async def _conclude(self, move: Finished) -> Next:
        if self.failing:
            self.operation = self.operation.with_outcomes(self.failing)
        kept = hooks.all_kept(self.plan, self.live.objects)
        if kept or move.cleanup:
            await self._report(self.operation)
        await self._clean_up(move)
        await hooks.release_all(self.seen.allowed.session, kept)
        if move.succeeded:
            return await self._finish(self._ended(OperationPhase.SUCCEEDED, move.message))
        return await self._finish(after_failure(self.operation, move.message, self._now()))

    async def _interrupted(self, fault: Error) -> Next:
        """The world failed midway: keep what is certain and go on later."""
        self.notes.failures += 1
        view = view_of(self.app, self.seen, replace(self.operation, message=f"waiting to go on: {fault}"))
        await self.reporter.report(
            self.app, replace(view, conditions=(*view.conditions, condition_of(fault)))
        )
        return next_look(fault, self.notes.failures)

    async def _terminate(self) -> Next:
        self.plan = self._make_plan(self.target)
        running = tuple(
            a.resource
            for s in (*self.plan.steps, *self.plan.on_failure)
            for a in s.actions
            if a.verb == "hook" and a.key in self.operation.outcomes
        )
        await self._clean_up(Finished(False, "", running))
        await hooks.release_all(self.seen.allowed.session, hooks.all_kept(self.plan, self.live.objects))
        return await self._finish(self._ended(OperationPhase.FAILED, "Operation terminated"))

    async def _finish(self, operation: Operation) -> Next:
        seen = self.seen
        if seen.live.complete:
            live = await self.observer.live(self.app, seen.target, seen.config, seen.allowed.session)
            comparison = compare_remembering(seen.target, live, seen.rules, self.notes, seen.neighbours)
            comparison = await asked(comparison, self.app, seen.rules, seen.allowed.session, self.notes)
            told = conditions_of(self.app, seen.target, live, comparison, self.notes)
            seen = replace(seen, live=live, comparison=comparison, conditions=told)
        view = view_of(self.app, seen, operation)
        if operation.automated and operation.phase is not OperationPhase.SUCCEEDED:
            view = warned(view, operation.message)
        await self.reporter.report(self.app, view)
        log.info(
            "An operation ended" if operation.phase.finished else "An operation is to be retried",
            app=str(self.app.key),
            phase=str(operation.phase),
            revision=operation.revision,
        )
        if operation.phase is OperationPhase.RUNNING:
            return Next(ENDED_AGAIN_SECONDS)
        return Next(0.0) if seen.comparison.status is SyncStatus.OUT_OF_SYNC else Next()

    async def _clean_up(self, move: Finished) -> None:
        session = self.seen.allowed.session
        for key in move.cleanup:
            live = self.live.objects.get(key) or await session.fetch(key)
            if live is not None:
                uid = live["metadata"].get("uid", "")
                await session.writer.delete(key, propagation="background", uid=uid)
                await hooks.let_go(session, key, uid)

    async def _report(self, operation: Operation) -> None:
        self.app = await self.reporter.report(self.app, view_of(self.app, self.seen, operation))

    def _ended(self, phase: OperationPhase, message: str) -> Operation:
        return replace(self.operation, phase=phase, finished_at=self._now(), message=message)

    def _now(self) -> str:
        return format_time(self.clock())


def _seen(plan: Plan, operation: Operation, live: LiveState, comparison: Comparison) -> Seen:
    present: set[ResourceKey] = set()
    health: dict[ResourceKey, Health | None] = {}
    unsettled: set[ResourceKey] = set()
    own: set[ResourceKey] = set()
    for step in (*plan.steps, *plan.on_failure):
        for action in step.actions:
            body = live.objects.get(action.resource)
            if body is not None:
                present.add(action.resource)
                difference = comparison.by_key.get(action.resource)
                health[action.resource] = difference.health if difference else assess(body)
                if action.verb is Verb.HOOK and made_by(body, operation):
                    own.add(action.resource)
            elif action.resource.group_kind in live.gaps:
                unsettled.add(action.resource)
    return Seen(frozenset(present), health, frozenset(unsettled), frozenset(own))


def _generated_hooks(plan: Plan, target: TargetState) -> tuple[Manifest, ...]:
    """Return the hooks that got their name from the operation: the target state does not know them by it."""
    known = {hook.key for hook in target.hooks}
    actions = [a for step in (*plan.steps, *plan.on_failure) for a in step.actions if a.verb is Verb.HOOK]
    return tuple(a.manifest for a in actions if a.manifest is not None and a.resource not in known)
