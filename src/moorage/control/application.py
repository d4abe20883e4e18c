"""
The pass for one application: observe, decide, act, report.

Refresh and sync are the same pass: a refresh is a pass whose decision is
`NotNow`. All progress of an operation is in its outcomes, kept in the
application's status, so the first pass after a crash makes the same plan and
goes on (`moorage.control.operating`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import structlog

from moorage.control.asking import asked
from moorage.control.board import Board, Broken
from moorage.control.claims import Claims, Neighbours
from moorage.control.controller import FORGET, Next
from moorage.control.deletion import Deletion
from moorage.control.farewell import finalizers_with_hooks
from moorage.control.fleet import Fleet
from moorage.control.observation import Observation, compare_remembering
from moorage.control.observing import Notebook, Observer, Permitted, permit, scope_of
from moorage.control.operating import OperationRun
from moorage.control.preconditions import waits_for_kinds
from moorage.control.queue import Depth
from moorage.control.recorded import decode_operation
from moorage.control.report import Reporter, faulty_view, next_look
from moorage.control.rules import rules_for
from moorage.control.views import blocked_text, conditions_of, view_of, warned
from moorage.engine.policy import OPEN, Permission, after_failure, decide, format_time, parse_time
from moorage.engine.target import unserved_kinds
from moorage.engine.windows import permission
from moorage.model.application import Application
from moorage.model.errors import ApiConflict, CredentialsRefused, Error, LiveStateUnknown, Terminal
from moorage.model.identity import AppKey
from moorage.model.operation import NotNow, Operation, OperationPhase
from moorage.model.states import TargetState
from moorage.model.words import REFRESH_ANNOTATION, SKIP_RECONCILE_ANNOTATION

log = structlog.get_logger()
FIRST_READING_SECONDS = 10.0
CATCH_UP_SECONDS = 0.5
"""How long after a conflict an application is looked at again; its watch tells earlier."""
FAILURES_UNTIL_NOBODY_WAITS = 3


class FirstReading(LiveStateUnknown):
    """A cluster is being read for the first time; what was last known stays until that is done."""


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
    claims: Claims = field(default_factory=Claims)
    notebooks: dict[AppKey, Notebook] = field(default_factory=dict)

    async def reconcile(self, key: AppKey, depth: Depth) -> Next:
        """One pass for one application: observe, decide, act, report."""
        entry = self.board.applications.get(key)
        if entry is None:
            self.notebooks.pop(key, None)
            return FORGET
        if isinstance(entry, Broken):
            self.claims.give_up(key)
            return await self.reporter.broken(entry)
        if entry.annotations.get(SKIP_RECONCILE_ANNOTATION) == "true":
            self.claims.give_up(key)
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
        refresh = app.annotations.get(REFRESH_ANNOTATION)
        if refresh == "hard":
            return Depth.HARD
        return max(depth, Depth.REVISION) if refresh else depth

    async def _reconcile(self, app: Application, notes: Notebook, depth: Depth) -> Next:
        operation = decode_operation(app)
        try:
            seen = await self._observe(app, notes, depth, self.claims.moment)
            notes.failures = 0
            app = await self._with_finalizers(app, seen.target)
            return await self._decide(app, operation, seen, notes)
        except FirstReading:
            return Next(FIRST_READING_SECONDS)
        except Error as error:
            notes.failures += 1
            if isinstance(error, Terminal) or notes.failures >= FAILURES_UNTIL_NOBODY_WAITS:
                self.claims.give_up(app.key)
            log.debug("A pass met an error", app=str(app.key), reason=error.reason)
            view = faulty_view(app, error, None)
            if not isinstance(error, Terminal):
                return await self.reporter.fault(app, error, view, notes.failures)
            view = replace(view, operation=_given_up(app, operation, error, format_time(self.clock())))
            consumed = operation is None or operation.phase.finished
            return await self.reporter.fault(app, error, view, notes.failures, consumed=consumed)

    async def _with_finalizers(self, app: Application, target: TargetState) -> Application:
        """Make sure that an application which has hooks for its deletion cannot go without them."""
        try:
            return await self.reporter.keep_finalizers(app, finalizers_with_hooks(app, target))
        except ApiConflict:
            return app  # somebody changes it right now, which is a pass of its own

    async def _observe(self, app: Application, notes: Notebook, depth: Depth, begun: int) -> Observation:
        config = self.board.config
        project, server = permit(app, config)
        self.claims.located(app.key, server)
        allowed = Permitted(project, server, self.fleet.session(server))
        self.followed(app, notes)
        revision = await self.observer.revision(app, notes, depth)
        if depth is not Depth.LIVE:
            self.claims.resolved(app.key, begun)
        freshness = allowed.session.freshness()
        if not freshness.synced:
            raise self._unknown(server, freshness.why, notes)
        notes.unknown_since = None
        target = await self.observer.target(app, revision, config, allowed, notes)
        self.claims.declare(app.key, server, target.manifests)
        self.followed(app, notes)
        live = await self.observer.live(app, target, config, allowed.session)
        rules = rules_for(app, config, await self.observer.schemas(target, allowed.session))
        neighbours = Neighbours(self.claims, app.key, server, config.namespace)
        comparison = compare_remembering(target, live, rules, notes, neighbours)
        comparison = await asked(comparison, app, rules, allowed.session, notes)
        notes.unserved = unserved_kinds(target, scope_of(allowed.session))
        return Observation(
            config,
            allowed,
            rules,
            neighbours,
            target,
            live,
            comparison,
            conditions_of(app, target, live, comparison, notes),
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
        if waits_for_kinds(app, current, seen, notes):
            await self.reporter.report(app, view_of(app, seen, None))
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
            view = view_of(app, seen, None)
            if warning := decision.warning or blocked_text(decision):
                view = warned(view, warning)
            await self.reporter.report(app, view)
            return Next(decision.again_in_seconds)
        if not decision.recorded:
            decision = replace(decision, recorded=True, message=decision.message or "operation recorded")
            # A request that came while another operation runs is not what a retry of that one answers.
            consumed = current is None or current.phase.finished
            try:
                view = view_of(app, seen, decision)
                app = await self.reporter.report(app, view, begins=True, consumed=consumed)
            except ApiConflict:
                return Next(CATCH_UP_SECONDS)  # somebody asks for something else by now, or began it
        elif notes.operation != decision.id:
            # Another life or process began it. What a list from the past shows of it may be over long since.
            try:
                await self.reporter.confirm(app)
            except ApiConflict:
                return Next(CATCH_UP_SECONDS)
        notes.operation = decision.id
        return await self._run(app, decision, seen, notes).go()

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

    def _run(
        self, app: Application, operation: Operation, seen: Observation, notes: Notebook
    ) -> OperationRun:
        return OperationRun(app, operation, seen, notes, self.observer, self.reporter, self.clock)


def _given_up(app: Application, operation: Operation | None, error: Error, now: str) -> Operation | None:
    """Return how a running or requested operation ends when its input cannot be used."""
    if operation is not None and not operation.phase.finished:
        if isinstance(error, CredentialsRefused):
            return None  # what it began with could be read; it goes on when the credentials are renewed
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
