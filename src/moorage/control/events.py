"""
Kubernetes Events on Applications: what happened, for people who ask the cluster.

Written in the background and never waited for: when more come than the API
server should be bothered with, the oldest are dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import structlog

from moorage.control.metrics import Metrics
from moorage.engine.policy import format_time
from moorage.model.application import Application
from moorage.model.errors import Error
from moorage.model.identity import AppKey
from moorage.model.manifest import Json

log = structlog.get_logger()
MOST_WAITING = 500
SECONDS_BETWEEN = 0.05


class Happening(NamedTuple):
    """One thing to tell about an application."""

    app: AppKey
    uid: str
    resource_version: str
    reason: str
    message: str
    kind: str = "Normal"


@dataclass(slots=True, init=False)
class Recorder:
    """Tells what a status change means: as Events, as metrics and in the log."""

    metrics: Metrics
    _waiting: deque[Happening]
    _wake: asyncio.Event

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._waiting = deque(maxlen=MOST_WAITING)
        self._wake = asyncio.Event()

    def reported(self, app: Application, before: Json, after: Json) -> None:
        """Note what changed between two statuses of an application."""
        for reason, message, kind in happenings(before, after):
            if len(self._waiting) == MOST_WAITING:
                self.metrics.events_dropped.inc()
            self._waiting.append(Happening(app.key, app.uid, app.resource_version, reason, message, kind))
            log.info(message, app=str(app.key), reason=reason)
        self._count(app, before, after)
        if self._waiting:
            self._wake.set()

    def failed(self, app: AppKey, reason: str) -> None:
        """Note that a pass ended early."""
        self.metrics.faults.labels(reason).inc()

    def _count(self, app: Application, before: Json, after: Json) -> None:
        old, new = before.get("operationState") or {}, after.get("operationState") or {}
        if (
            new.get("finishedAt")
            and new.get("finishedAt") != old.get("finishedAt")
            and new.get("phase") != "Running"
        ):
            sync = (new.get("operation") or {}).get("sync") or {}
            self.metrics.syncs.labels(
                app.key.namespace,
                app.key.name,
                app.project,
                app.destination.server or app.destination.name,
                new.get("phase", ""),
                str(bool(sync.get("dryRun"))).lower(),
            ).inc()

    async def run(self, post: Callable[[str, Json], Awaitable[None]], clock: Callable[[], datetime]) -> None:
        """Write Events as they come, until cancelled. `post` creates an Event in a namespace."""
        number = 0
        while True:
            await self._wake.wait()
            while self._waiting:
                number += 1
                happening = self._waiting.popleft()
                try:
                    await post(happening.app.namespace, event_body(happening, clock(), number))
                except Error as error:
                    log.debug("An Event was not written", app=str(happening.app), error=str(error))
                await asyncio.sleep(SECONDS_BETWEEN)
            self._wake.clear()


def happenings(before: Json, after: Json) -> list[tuple[str, str, str]]:
    """Return (reason, message, kind) of what changed between two statuses, in Argo CD's words."""
    found: list[tuple[str, str, str]] = []
    old, new = before.get("operationState") or {}, after.get("operationState") or {}
    if new.get("startedAt") and new.get("startedAt") != old.get("startedAt"):
        initiated = (new.get("operation") or {}).get("initiatedBy") or {}
        who = (
            "automated sync"
            if initiated.get("automated")
            else f"{initiated.get('username') or 'unknown user'} sync"
        )
        revision = (new.get("syncResult") or {}).get("revision") or ""
        found.append(("OperationStarted", f"Initiated {who} to '{revision}'", "Normal"))
    if (
        new.get("finishedAt")
        and new.get("phase") != "Running"
        and new.get("finishedAt") != old.get("finishedAt")
    ):
        good = new.get("phase") == "Succeeded"
        text = f"Sync operation {str(new.get('phase')).lower()}: {new.get('message', '')}"
        found.append(("OperationCompleted", text[:1000], "Normal" if good else "Warning"))
    for part, words in (("sync", "sync status"), ("health", "health status")):
        was, is_now = (before.get(part) or {}).get("status"), (after.get(part) or {}).get("status")
        if is_now and was != is_now:
            found.append(("ResourceUpdated", f"Updated {words}: {was or ''} -> {is_now}", "Normal"))
    return found


def event_body(happening: Happening, now: datetime, number: int) -> Json:
    """Return the Event object that tells of a happening; `number` makes its name its own."""
    time = format_time(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{happening.app.name[:200]}.{int(now.timestamp() * 1e6):x}{number:x}",
            "namespace": happening.app.namespace,
        },
        "involvedObject": {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "name": happening.app.name,
            "namespace": happening.app.namespace,
            "uid": happening.uid,
            "resourceVersion": happening.resource_version,
        },
        "reason": happening.reason,
        "message": happening.message,
        "type": happening.kind,
        "source": {"component": "moorage"},
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
