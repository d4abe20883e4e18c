"""
The pass for one application: observe, decide, act, report.

Refresh and sync are the same pass: a refresh is a pass whose decision is
`NotNow`. All progress of an operation is in its outcomes, kept in the
application's status, so the first pass after a crash makes the same plan and
goes on. There is no code path for resuming.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from moorage.control import hooks
from moorage.control.board import Board, Broken
from moorage.control.config import Config
from moorage.control.controller import FORGET, Next
from moorage.control.deletion import Deletion
from moorage.control.fleet import Fleet
from moorage.control.observing import (
    Notebook,
    Observer,
    Permitted,
    namespace_key,
    permit,
    scope_of,
    tracked_bodies,
)
from moorage.control.performing import Circumstances, made_by, perform
from moorage.control.queue import Depth
from moorage.control.report import Reporter, condition_of, faulty_view, next_look
from moorage.control.rules import Ruled, rules_for
from moorage.control.statuses import decode_operation, images_of
from moorage.engine.compare import compare
from moorage.engine.health import app_health, assess
from moorage.engine.moves import Seen, finished_hooks, next_move
from moorage.engine.options import resource_options
from moorage.engine.plan import make_plan
from moorage.engine.policy import (
    OPEN,
    Permission,
    after_failure,
    decide,
    format_time,
    parse_time,
    supersedes,
)
from moorage.engine.target import namespace_manifest, unserved_kinds
from moorage.engine.windows import BLOCKED, permission
from moorage.model.application import Application, SyncOptions
from moorage.model.errors import Error, LiveStateUnknown, NotPermitted, Refused, Terminal, UnknownKind
from moorage.model.health import Health, HealthStatus
from moorage.model.identity import AppKey, GroupKind, ResourceKey
from moorage.model.manifest import Manifest
from moorage.model.operation import (
    Finished,
    NotNow,
    Operation,
    OperationPhase,
    Perform,
    Plan,
    Verb,
    Wait,
)
from moorage.model.states import Change, Comparison, Difference, LiveState, SyncStatus, TargetState
from moorage.model.status import AppView, Condition, ConditionType
from moorage.model.words import DELETION_APPROVED_ANNOTATION, REFRESH_ANNOTATION, SKIP_RECONCILE_ANNOTATION

log = structlog.get_logger()
STILL_WAITING_SECONDS = 30.0
FIRST_READING_SECONDS = 10.0
APPLICATION = ResourceKey("argoproj.io", "Application", "", "")


class FirstReading(LiveStateUnknown):
    """A cluster is being read for the first time; what was last known stays until that is done."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one pass saw, and by what it went."""

    config: Config
    allowed: Permitted
    rules: Ruled
    target: TargetState
    live: LiveState
    comparison: Comparison
    conditions: tuple[Condition, ...] = ()


@dataclass(slots=True)
class ApplicationPass:
    """Reconciles applications, one key at a time; what it remembers between passes costs only time to lose."""

    board: Board
    fleet: Fleet
    observer: Observer
    reporter: Reporter
    deletion: Deletion
    followed: Callable[[Application, Notebook], None] = lambda *_: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    notebooks: dict[AppKey, Notebook] = field(default_factory=dict)

    async def reconcile(self, key: AppKey, depth: Depth) -> Next:
        """One pass for one application: observe, decide, act, report."""
        entry = self.board.applications.get(key)
        if entry is None:
            self.notebooks.pop(key, None)
            return FORGET
        if isinstance(entry, Broken):
            return await self.reporter.broken(entry)
        if entry.annotations.get(SKIP_RECONCILE_ANNOTATION) == "true":
            return Next()
        notes = self.notebooks.setdefault(key, Notebook())
        try:
            if entry.deleted_at:
                return await self.deletion.reconcile(entry, self.board.config)
            return await self._reconcile(entry, notes, self._depth(entry, depth))
        except Error as error:
            # What happened could not be written down. Nothing is lost by that: the next pass finds it anew.
            notes.failures += 1
            log.info("A status was not written", app=str(key), reason=error.reason, error=str(error))
            return next_look(error, notes.failures)

    def _depth(self, app: Application, depth: Depth) -> Depth:
        asked = app.annotations.get(REFRESH_ANNOTATION)
        if asked == "hard":
            return Depth.HARD
        return max(depth, Depth.REVISION) if asked else depth

    async def _reconcile(self, app: Application, notes: Notebook, depth: Depth) -> Next:
        operation = decode_operation(app)
        try:
            seen = await self._observe(app, notes, depth)
            notes.failures = 0
            return await self._decide(app, operation, seen, notes)
        except FirstReading:
            return Next(FIRST_READING_SECONDS)
        except Error as error:
            notes.failures += 1
            log.debug("A pass met an error", app=str(app.key), reason=error.reason)
            view = faulty_view(app, error, None)
            if isinstance(error, Terminal):
                view = replace(view, operation=_given_up(app, operation, error, format_time(self.clock())))
            return await self.reporter.fault(app, error, view, notes.failures)

    async def _observe(self, app: Application, notes: Notebook, depth: Depth) -> Observation:
        config = self.board.config
        project, server = permit(app, config)
        allowed = Permitted(project, server, self.fleet.session(server))
        self.followed(app, notes)
        revision = await self.observer.revision(app, notes, depth)
        freshness = allowed.session.freshness()
        if not freshness.synced:
            raise self._unknown(server, freshness.why, notes)
        notes.unknown_since = None
        target = await self.observer.target(app, revision, config, allowed, notes)
        self.followed(app, notes)
        live = await self.observer.live(app, target, config, allowed.session)
        rules = rules_for(app, config, await self.observer.schemas(target, allowed.session))
        comparison = _compare(target, live, rules, notes)
        notes.unserved = unserved_kinds(target, scope_of(allowed.session))
        return Observation(
            config,
            allowed,
            rules,
            target,
            live,
            comparison,
            _conditions(app, target, live, comparison, notes),
        )

    def _unknown(self, server: str, why: str, notes: Notebook) -> LiveStateUnknown:
        """Return the error for a cluster that was not read; in its first seconds that is no news for anybody."""
        now = self.clock()
        notes.unknown_since = notes.unknown_since or now
        if not why and (now - notes.unknown_since).total_seconds() < FIRST_READING_SECONDS:
            return FirstReading(f"cluster {server} is being read")
        return LiveStateUnknown(f"cluster {server}: {why or 'it is still being read'}")

    async def _decide(
        self, app: Application, current: Operation | None, seen: Observation, notes: Notebook
    ) -> Next:
        now = self.clock()
        if _waits_for_kinds(app, current, seen, notes):
            await self.reporter.report(app, _view(app, seen, None))
            return Next()
        decision = decide(
            app,
            current,
            seen.comparison,
            seen.target.revision,
            now,
            automated_window=self._window(app, seen, now, manual=False),
            manual_window=self._window(app, seen, now, manual=True),
            running_window=self._running_window(app, current, seen, now),
        )
        if isinstance(decision, NotNow):
            view = _view(app, seen, None)
            if warning := decision.warning or _blocked_text(decision):
                view = _warned(view, warning)
            await self.reporter.report(app, view)
            return Next(decision.again_in_seconds)
        if not decision.recorded:
            recorded = replace(decision, recorded=True, message=decision.message or "operation recorded")
            app = await self.reporter.report(app, _view(app, seen, recorded), consumed=True)
            decision = recorded
        return await self._run(app, decision, seen, notes)

    def _window(self, app: Application, seen: Observation, now: datetime, *, manual: bool) -> Permission:
        return permission(seen.allowed.project.windows, app, seen.allowed.server, now, manual=manual)

    def _running_window(
        self, app: Application, current: Operation | None, seen: Observation, now: datetime
    ) -> Permission:
        if current is None:
            return OPEN
        begun, manual = parse_time(current.started_at), not current.automated
        return permission(
            seen.allowed.project.windows, app, seen.allowed.server, now, manual=manual, begun=begun
        )

    async def _run(self, app: Application, operation: Operation, seen: Observation, notes: Notebook) -> Next:
        """Make moves until the operation waits or is over, then report once."""
        if operation.phase is OperationPhase.TERMINATING:
            return await self._terminate(app, operation, seen, notes)
        target, comparison = seen.target, seen.comparison
        if operation.revision != target.revision:
            target = await self.observer.target(app, operation.revision, seen.config, seen.allowed, notes)
        if (fault := _before_first_request(app, operation, target, seen)) is not None:
            return await self._finish(app, after_failure(operation, str(fault), self._now()), seen, notes)
        plan = self._plan(app, operation, target, seen)
        live, generated = seen.live, _generated_hooks(plan, target)
        while True:
            if target is not seen.target or live is not seen.live or generated:
                live = await self.observer.live(app, target, seen.config, seen.allowed.session, generated)
                comparison = _compare_again(target, live, seen, notes)
            view_of_live = _seen(plan, operation, live, notes, comparison)
            if news := finished_hooks(plan, operation.outcomes, view_of_live):
                operation = operation.with_outcomes(news)
            if over := hooks.finished(plan, operation, live.objects):
                # On record first: once let go of, a hook may be gone, and with it all that is known of it.
                app = await self.reporter.report(app, _view(app, seen, operation))
                await hooks.release_all(seen.allowed.session, over)
                live = await self.observer.live(app, target, seen.config, seen.allowed.session)
            move = next_move(plan, operation.outcomes, view_of_live)
            match move:
                case Perform():
                    around = Circumstances(
                        seen.allowed.session,
                        operation,
                        comparison,
                        live.objects,
                        app.annotations,
                        seen.rules.rules,
                    )
                    done = await perform(move.actions, around)
                    operation = operation.with_outcomes(done.outcomes)
                    for key, (manifest, body) in done.written.items():
                        notes.applied[key] = (manifest, str(body["metadata"].get("resourceVersion") or ""))
                    if done.fault is not None:
                        return await self._interrupted(app, operation, seen, notes, done.fault)
                    live = await self.observer.live(app, target, seen.config, seen.allowed.session)
                    seen = replace(seen, live=live) if target is seen.target else seen
                    comparison = _compare_again(target, live, seen, notes)
                    continue
                case Wait():
                    if supersedes(operation, app, seen.target.revision, waiting=True):
                        await hooks.release_all(seen.allowed.session, hooks.all_kept(plan, live.objects))
                        done_text = f"superseded by {seen.target.revision[:7]}: {move.message}"
                        ended = replace(
                            operation, phase=OperationPhase.FAILED, finished_at=self._now(), message=done_text
                        )
                        return await self._finish(app, ended, seen, notes)
                    waiting = replace(operation, message=move.message)
                    await self.reporter.report(app, _view(app, seen, waiting))
                    return Next(STILL_WAITING_SECONDS)
                case Finished():
                    kept = hooks.all_kept(plan, live.objects)
                    if kept or move.cleanup:
                        app = await self.reporter.report(app, _view(app, seen, operation))
                    await self._cleanup(move, seen)
                    await hooks.release_all(seen.allowed.session, kept)
                    if move.succeeded:
                        now = self._now()
                        ended = replace(
                            operation, phase=OperationPhase.SUCCEEDED, finished_at=now, message=move.message
                        )
                    else:
                        ended = after_failure(operation, move.message, self._now())
                    return await self._finish(app, ended, seen, notes)

    def _plan(self, app: Application, operation: Operation, target: TargetState, seen: Observation) -> Plan:
        approved = (app.annotations.get(DELETION_APPROVED_ANNOTATION) or "") >= operation.started_at
        namespace = app.destination.namespace
        planned = target
        if operation.options.create_namespace and namespace and not operation.selected:
            wanted = namespace_manifest(namespace, app.namespace_metadata)
            if wanted.key not in target.by_key and not _namespace_is_there(wanted.key, seen, app):
                planned = replace(target, manifests=(wanted, *target.manifests))
        return make_plan(planned, tracked_bodies(seen.live), operation, approved=approved)

    async def _interrupted(
        self, app: Application, operation: Operation, seen: Observation, notes: Notebook, fault: Error
    ) -> Next:
        """The world failed midway: keep what is certain and go on later."""
        notes.failures += 1
        told = replace(operation, message=f"waiting to go on: {fault}")
        view = _view(app, seen, told)
        await self.reporter.report(app, replace(view, conditions=(*view.conditions, condition_of(fault))))
        return next_look(fault, notes.failures)

    async def _finish(
        self, app: Application, operation: Operation, seen: Observation, notes: Notebook
    ) -> Next:
        comparison = seen.comparison
        if seen.live.complete:
            live = await self.observer.live(app, seen.target, seen.config, seen.allowed.session)
            comparison = _compare(seen.target, live, seen.rules, notes)
            seen = replace(seen, live=live, comparison=comparison)
        view = _view(app, seen, operation)
        if operation.automated and operation.phase is not OperationPhase.SUCCEEDED:
            view = _warned(view, operation.message)
        app = await self.reporter.report(app, view)
        log.info(
            "An operation ended" if operation.phase.finished else "An operation is to be retried",
            app=str(app.key),
            phase=str(operation.phase),
            revision=operation.revision,
        )
        if operation.phase is OperationPhase.RUNNING:
            return Next(0.5)
        return Next(0.0) if seen.comparison.status is SyncStatus.OUT_OF_SYNC else Next()

    async def _terminate(
        self, app: Application, operation: Operation, seen: Observation, notes: Notebook
    ) -> Next:
        plan = self._plan(app, operation, seen.target, seen)
        running = tuple(
            a.resource
            for s in (*plan.steps, *plan.on_failure)
            for a in s.actions
            if a.verb == "hook" and a.key in operation.outcomes
        )
        await self._cleanup(Finished(False, "", running), seen)
        await hooks.release_all(seen.allowed.session, hooks.all_kept(plan, seen.live.objects))
        ended = replace(
            operation, phase=OperationPhase.FAILED, finished_at=self._now(), message="Operation terminated"
        )
        return await self._finish(app, ended, seen, notes)

    async def _cleanup(self, move: Finished, seen: Observation) -> None:
        for key in move.cleanup:
            live = seen.live.objects.get(key) or await seen.allowed.session.fetch(key)
            if live is not None:
                await seen.allowed.session.writer.delete(
                    key, propagation="background", uid=live["metadata"].get("uid", "")
                )
                fresh = await seen.allowed.session.fetch(key)
                if fresh is not None:
                    await hooks.release(seen.allowed.session, key, fresh)

    def _now(self) -> str:
        return format_time(self.clock())


def _compare(target: TargetState, live: LiveState, rules: Ruled, notes: Notebook) -> Comparison:
    known = _still_known(target, live, notes, rules.fingerprint)
    comparison = compare(target, live, rules.rules, known)
    notes.compared, notes.rules_of = comparison, rules.fingerprint
    return comparison


def _compare_again(target: TargetState, live: LiveState, seen: Observation, notes: Notebook) -> Comparison:
    if target is seen.target:
        return _compare(target, live, seen.rules, notes)
    return compare(target, live, seen.rules.rules)


def _given_up(app: Application, operation: Operation | None, error: Error, now: str) -> Operation | None:
    """Return how a running or requested operation ends when its input cannot be used."""
    if operation is not None and not operation.phase.finished:
        return after_failure(replace(operation, retry=replace(operation.retry, limit=0)), str(error), now)
    if app.operation is None:
        return None
    initiated = app.operation.get("initiatedBy") or {}
    return Operation(
        id=f"{app.uid}-0",
        revision="",
        started_at=now,
        finished_at=now,
        phase=OperationPhase.ERROR,
        username=str(initiated.get("username") or ""),
        message=str(error),
    )


def _still_known(
    target: TargetState, live: LiveState, notes: Notebook, fingerprint: str
) -> Mapping[ResourceKey, Difference]:
    """Return the differences of the last pass that hold still: same target, same version of the live object."""
    known: dict[ResourceKey, Difference] = {}
    if notes.compared is None or notes.rules_of != fingerprint:
        before: Mapping[ResourceKey, Difference] = {}
    else:
        before = notes.compared.by_key
    for manifest in target.manifests:
        body = live.objects.get(manifest.key)
        if body is None:
            notes.applied.pop(manifest.key, None)
            continue
        version = body["metadata"].get("resourceVersion")
        old = before.get(manifest.key)
        if (
            old is not None
            and old.live is not None
            and old.target is not None
            and (old.target is manifest or old.target.body == manifest.body)
            and old.live["metadata"].get("resourceVersion") == version
        ):
            known[manifest.key] = old
        elif (applied := notes.applied.get(manifest.key)) and applied == (manifest, version):
            known[manifest.key] = Difference(
                manifest.key,
                Change.NONE,
                manifest.api_version.rpartition("/")[2],
                health=assess(body),
                live=body,
                target=manifest,
            )
    return known


def _seen(plan: Plan, operation: Operation, live: LiveState, notes: Notebook, comparison: Comparison) -> Seen:
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


def _before_first_request(
    app: Application, operation: Operation, target: TargetState, seen: Observation
) -> Error | None:
    """Return what makes the operation impossible, known before anything is touched."""
    if operation.outcomes:
        return None
    if missing := unserved_kinds(target, scope_of(seen.allowed.session)):
        skipped = {m.key.group_kind for m in target.manifests if _skips_missing(operation.options, m.body)}
        if missing := tuple(kind for kind in missing if kind not in skipped):
            return UnknownKind(unknown_kinds_text(missing))
    if not operation.options.create_namespace and (absent := _absent_namespaces(target, seen)):
        names = ", ".join(repr(n) for n in absent)
        return Refused(
            f"namespace {names} does not exist; create it, or set the sync option CreateNamespace=true"
        )
    shared = [d for d in seen.comparison.differences if d.shared_with]
    if shared and operation.options.fail_on_shared_resource:
        return NotPermitted(
            f"{shared[0].key} is tracked by application {shared[0].shared_with} (FailOnSharedResource=true)"
        )
    return None


def _waits_for_kinds(app: Application, current: Operation | None, seen: Observation, notes: Notebook) -> bool:
    """Whether an automated sync had better not begin: the cluster lacks kinds, and is watched for them."""
    if app.operation is not None or (current is not None and not current.phase.finished):
        return False
    skipped = {m.key.group_kind for m in seen.target.manifests if _skips_missing(app.options, m.body)}
    return app.automated is not None and any(kind not in skipped for kind in notes.unserved)


def _skips_missing(options: SyncOptions, body: Mapping[str, object]) -> bool:
    own = resource_options(dict(body)).skip_dry_run_on_missing
    return options.skip_dry_run_on_missing if own is None else own


def unknown_kinds_text(kinds: tuple[GroupKind, ...]) -> str:
    """Return the sentence a person reads when kinds have no definition."""
    names = ", ".join(str(kind) for kind in kinds)
    return f"the cluster has no kind {names}; install the definition (CRD), the application syncs once it is there"


NAMESPACE = GroupKind("", "Namespace")


def _absent_namespaces(target: TargetState, seen: Observation) -> tuple[str, ...]:
    """Return the namespaces the manifests go to that are known not to exist."""
    declared = {m.key.name for m in target.manifests if m.key.group_kind == NAMESPACE}
    wanted = {m.key.namespace for m in (*target.manifests, *target.hooks) if m.key.namespace} - declared
    return tuple(sorted(n for n in wanted if seen.allowed.session.is_absent(namespace_key(n))))


def _namespace_is_there(key: ResourceKey, seen: Observation, app: Application) -> bool:
    """Whether the namespace exists as asked for."""
    live = seen.live.objects.get(key)
    if live is None:
        return False
    metadata = live["metadata"]
    return all(
        (metadata.get(part) or {}).get(name) == value
        for part in ("labels", "annotations")
        for name, value in ((app.namespace_metadata or {}).get(part) or {}).items()
    )


def _conditions(
    app: Application, target: TargetState, live: LiveState, comparison: Comparison, notes: Notebook
) -> tuple[Condition, ...]:
    found = [
        Condition(ConditionType.EXCLUDED_RESOURCE_WARNING, w, "Warning")
        for w in (*app.warnings, *target.warnings)
    ]
    if live.gaps:
        kinds = ", ".join(sorted(str(kind) for kind in live.gaps))
        text = (
            f"LiveStateUnknown: the watch of {kinds} is not complete; nothing is pruned or healed on its word"
        )
        found.append(Condition(ConditionType.COMPARISON_ERROR, text, "LiveStateUnknown"))
    for difference in comparison.differences:
        if difference.shared_with:
            text = f"{difference.key} is tracked by application {difference.shared_with} as well"
            found.append(Condition(ConditionType.SHARED_RESOURCE_WARNING, text, "SharedResource"))
    if notes.unserved:
        text = f"UnknownKind: {unknown_kinds_text(notes.unserved)}"
        found.append(Condition(ConditionType.COMPARISON_ERROR, text, "UnknownKind"))
    return tuple(found)


def _blocked_text(decision: NotNow) -> str:
    """Return what a person reads while a sync window holds something back; empty when none does."""
    if not decision.reason.startswith(BLOCKED):
        return ""
    return f"BlockedByWindow: {decision.reason}; it begins when the window lets it"


def _warned(view: AppView, message: str) -> AppView:
    warning = Condition(ConditionType.SYNC_ERROR, message, "SyncFailed")
    return replace(view, conditions=(*view.conditions, warning))


def _view(app: Application, seen: Observation, operation: Operation | None) -> AppView:
    comparison = seen.comparison
    health = app_health(
        comparison.differences, APPLICATION._replace(namespace=app.key.namespace, name=app.key.name)
    )
    if not seen.live.complete:
        health = Health(HealthStatus.UNKNOWN)
    return AppView(
        comparison.status,
        seen.target.revision,
        health,
        seen.target.source_type,
        comparison,
        operation,
        seen.conditions,
        images_of(comparison),
    )
