"""
Outcomes and errors become conditions, events, metrics and the next delay.

The only place that writes what people see. An error's class decides: its
branch says when to look again and whether the last good status stays, its leaf
says which condition a person reads.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from moorage.control.board import Board, Broken
from moorage.control.controller import Next
from moorage.control.queue import Depth
from moorage.control.statuses import encode
from moorage.engine.merge.jsonmerge import diff_merge
from moorage.engine.policy import format_time
from moorage.model.application import Application
from moorage.model.errors import (
    ApiConflict,
    ClusterUnreachable,
    Error,
    InvalidConfiguration,
    InvalidSpec,
    LiveStateUnknown,
    NotPermitted,
    Terminal,
    Transient,
    Waiting,
)
from moorage.model.health import Health, HealthStatus
from moorage.model.identity import AppKey
from moorage.model.manifest import Json
from moorage.model.states import SyncStatus
from moorage.model.status import AppView, Condition, ConditionType
from moorage.model.words import REFRESH_ANNOTATION, REFRESH_TIMESTAMP_ANNOTATION

log = structlog.get_logger()

CONDITIONS: tuple[tuple[type[Error], ConditionType], ...] = (
    (InvalidSpec, ConditionType.INVALID_SPEC_ERROR),
    (NotPermitted, ConditionType.INVALID_SPEC_ERROR),
    (InvalidConfiguration, ConditionType.INVALID_SPEC_ERROR),
    (Error, ConditionType.COMPARISON_ERROR),
)
FIRST_BACKOFF_SECONDS = 1.0
MOST_BACKOFF_SECONDS = 180.0
WAITING_SECONDS = 10.0
TERMINAL_SECONDS = 180.0


class Store(Protocol):
    """Where Applications are written: the control cluster's API."""

    async def patch_application(self, key: AppKey, patch: Json) -> Json | None:
        """Merge a patch into an Application and return it as it now is; None when it is gone."""


class Observing(Protocol):
    """Who is told of what happened: events and metrics."""

    def reported(self, app: Application, before: Json, after: Json) -> None: ...

    def failed(self, app: AppKey, reason: str) -> None: ...


@dataclass(slots=True)
class Reporter:
    """Writes the views of applications, and says when to look again."""

    store: Store
    board: Board
    observing: Observing
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def report(
        self, app: Application, view: AppView, *, begins: bool = False, consumed: bool = False
    ) -> Application:
        """
        Write what changed of an application's status, in one patch at most.

        Args:
            app: The application as this pass saw it.
            view: What people shall see.
            begins: Whether an operation, or an attempt of one, begins by this:
                it does so on the newest view only. All of it waits for this
                write, so the list of resources, which can be long, is left for
                the first report of its progress.
            consumed: Whether the requested operation was taken over, or given
                up, so that the request is removed. One that came while another
                operation ran stays, and is next.

        Returns:
            The application as it is after the write.

        Raises:
            ApiConflict: What begins or is removed was decided on an application that has changed since.
        """
        now = format_time(self.clock())
        status = encode(app, view, now, self.board.namespace)
        if begins:
            status = beginning(app.status, status)
        patch = patch_of(app, status, now, drop_request=consumed, pinned=begins)
        if not patch:
            return app
        body = await self.store.patch_application(app.key, patch)
        self.observing.reported(app, app.status, status)
        return app if body is None else self._taken_over(app, body)

    def _taken_over(self, app: Application, body: Json) -> Application:
        self.board.answer_seen(body, app.key)
        after = self.board.applications.get(app.key)
        return after if isinstance(after, Application) else app

    async def keep_finalizers(self, app: Application, finalizers: tuple[str, ...]) -> Application:
        """Give an application these finalizers; return it as it is then. Raises ApiConflict when it changed meanwhile."""
        if finalizers == app.finalizers:
            return app
        metadata: Json = {"finalizers": list(finalizers) or None, "resourceVersion": app.resource_version}
        body = await self.store.patch_application(app.key, {"metadata": metadata})
        after = app if body is None else self._taken_over(app, body)
        if after.resource_version != app.resource_version:
            return after
        self.board.finalizers_seen(app, finalizers)
        return replace(after, finalizers=finalizers)

    async def confirm(self, app: Application) -> None:
        """Make sure that an application is still as this pass saw it. Raises ApiConflict when it is not."""
        metadata = {"resourceVersion": app.resource_version}
        if await self.store.patch_application(app.key, {"metadata": metadata}) is None:
            raise ApiConflict(f"Application {app.key} is gone; it was read before")

    async def fault(
        self, app: Application, error: Error, view: AppView, failures: int, *, consumed: bool = False
    ) -> Next:
        """Report an error that ended a pass before it could compare, and say when to look again."""
        self.observing.failed(app.key, error.reason)
        log.info("A pass ended early", app=str(app.key), reason=error.reason, error=str(error))
        await self.report(app, view, consumed=consumed)
        return next_look(error, failures)

    async def broken(self, entry: Broken) -> Next:
        """Report an Application that cannot be decoded."""
        self.observing.failed(entry.key, entry.fault.reason)
        now = format_time(self.clock())
        before = entry.body.get("status")
        before = before if isinstance(before, dict) else {}
        message = condition_of(entry.fault).message
        known: Json = next((c for c in before.get("conditions") or () if c.get("message") == message), {})
        status = {
            **before,
            "sync": {**(before.get("sync") or {}), "status": str(SyncStatus.UNKNOWN)},
            "health": {"status": str(HealthStatus.UNKNOWN)},
            "conditions": [
                {
                    "type": str(ConditionType.INVALID_SPEC_ERROR),
                    "message": message,
                    "lastTransitionTime": known.get("lastTransitionTime") or now,
                }
            ],
        }
        if patch := diff_merge(before, status):
            await self.store.patch_application(entry.key, {"status": patch})
        return Next()


def beginning(before: Json, status: Json) -> Json:
    """Return a status without news of the resources, however many there are: those told before stay."""
    rest = {name: value for name, value in status.items() if name != "resources"}
    return {**rest, "resources": before["resources"]} if before.get("resources") else rest


def patch_of(app: Application, status: Json, now: str, *, drop_request: bool, pinned: bool = False) -> Json:
    """
    Return the merge patch that makes an application's status so; empty when it is so already.

    Args:
        app: The application as it was read.
        status: The status it shall have.
        now: The time.
        drop_request: Whether the requested operation is taken away.
        pinned: Whether the patch is for the application as it was read, and no other version of it, even if no
            request is taken away.
    """
    patch: Json = {}
    difference = diff_merge(app.status, status)
    if difference:
        difference["reconciledAt"] = now
        patch["status"] = difference
    if drop_request and app.operation is not None:
        patch["operation"] = None
    if (pinned or drop_request) and patch:
        patch["metadata"] = {"resourceVersion": app.resource_version}
    answered = {
        name: None for name in (REFRESH_ANNOTATION, REFRESH_TIMESTAMP_ANNOTATION) if name in app.annotations
    }
    if answered:
        patch.setdefault("metadata", {})["annotations"] = answered
        patch.setdefault("status", {})["reconciledAt"] = now
    return patch


def condition_of(error: Error) -> Condition:
    """Return what a person reads of an error."""
    kind = next(kind for branch, kind in CONDITIONS if isinstance(error, branch))
    return Condition(kind, f"{error.reason}: {error}", error.reason)


def faulty_view(app: Application, error: Error, before: AppView | None) -> AppView:
    """
    Return the view of an application whose pass ended with an error.

    A fault of the world keeps the last good status. What a person must mend,
    and a live state nobody knows, make it Unknown.
    """
    status = app.status
    condition = condition_of(error)
    keep = isinstance(error, Transient) and not isinstance(error, ClusterUnreachable)
    sync = SyncStatus((status.get("sync") or {}).get("status") or "Unknown") if keep else SyncStatus.UNKNOWN
    health: Any = status.get("health") or {}
    known = HealthStatus(health.get("status") or "Unknown")
    if isinstance(error, ClusterUnreachable | LiveStateUnknown):
        known = HealthStatus.UNKNOWN
    return AppView(
        sync,
        (status.get("sync") or {}).get("revision") or "",
        Health(known, health.get("message") or "" if known == health.get("status") else ""),
        conditions=(condition, *(before.conditions if before else ())),
        operation=before.operation if before else None,
    )


def next_look(error: Error, failures: int) -> Next:
    """Return when to look again after an error: the branch decides, with jitter."""
    jitter = random.uniform(0.8, 1.2)  # noqa: S311
    if isinstance(error, Waiting):
        return Next(WAITING_SECONDS * jitter)
    if isinstance(error, Terminal):
        return Next(TERMINAL_SECONDS * jitter, Depth.REVISION)
    delay = min(FIRST_BACKOFF_SECONDS * 2 ** min(failures - 1, 10), MOST_BACKOFF_SECONDS)
    return Next(delay * jitter, Depth.REVISION)
