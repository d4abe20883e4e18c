"""
The view of an application in Argo CD's shape.

Pure: `encode` gives the whole status as JSON. Whatever a restarted controller
must know stands in this shape and nowhere else; `moorage.control.recorded`
reads it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from moorage.engine.options import option_words
from moorage.engine.order import wave_of
from moorage.model.application import Application, Retry
from moorage.model.manifest import Json
from moorage.model.operation import (
    ActionKey,
    Operation,
    OperationPhase,
    Outcome,
    Result,
    Verb,
)
from moorage.model.states import Change, Difference, SyncStatus
from moorage.model.status import AppView, Condition

MOST_RESULTS = 5_000
"""With more results of 130 bytes each beside the resources, an Application would pass etcd's 1.5 MB."""

RESULT_WORDS = {
    Result.CREATED: "Synced",
    Result.CONFIGURED: "Synced",
    Result.UNCHANGED: "Synced",
    Result.PRUNED: "Pruned",
    Result.SKIPPED: "PruneSkipped",
    Result.FAILED: "SyncFailed",
}


def encode(app: Application, view: AppView, now: str, control_namespace: str) -> Json:
    """Return the whole status of an application, with the times of what did not change kept."""
    before = app.status
    status: Json = {
        "sync": _sync(app, view),
        "health": _health(view, before.get("health") or {}, now),
        "controllerNamespace": control_namespace,
        "reconciledAt": before.get("reconciledAt"),
    }
    if view.comparison is not None:
        status["resources"] = [_resource(d) for d in view.comparison.differences]
    elif before.get("resources"):
        status["resources"] = before["resources"]
    if view.source_type or before.get("sourceType"):
        status["sourceType"] = view.source_type or before["sourceType"]
    if view.conditions:
        status["conditions"] = _conditions(view.conditions, before.get("conditions") or (), now)
    if view.operation is not None:
        status["operationState"] = encode_operation(view.operation, app)
    elif before.get("operationState"):
        status["operationState"] = before["operationState"]
    images = list(view.images) if view.comparison is not None else (before.get("summary") or {}).get("images")
    status["summary"] = {"images": images} if images else {}
    history = _history(app, view.operation, now)
    if history:
        status["history"] = history
    return {name: value for name, value in status.items() if value is not None}


def _sync(app: Application, view: AppView) -> Json:
    sync: Json = {
        "status": str(view.sync),
        "comparedTo": {"source": encode_source(app), "destination": _destination(app)},
    }
    if app.ignore:
        sync["comparedTo"]["ignoreDifferences"] = [_ignore(rule) for rule in app.ignore]
    if view.revision:
        sync["revision"] = view.revision
    return sync


def encode_source(app: Application) -> Json:
    """Return the source of an application as its specification has it."""
    return app.source.declared


def _destination(app: Application) -> Json:
    parts = {
        "server": app.destination.server,
        "name": app.destination.name,
        "namespace": app.destination.namespace,
    }
    return {name: value for name, value in parts.items() if value}


def _ignore(rule: Any) -> Json:
    parts = {
        "group": rule.group,
        "kind": rule.kind,
        "name": rule.name,
        "namespace": rule.namespace,
        "jsonPointers": list(rule.json_pointers),
        "jqPathExpressions": list(rule.jq_paths),
        "managedFieldsManagers": list(rule.managers),
    }
    return {name: value for name, value in parts.items() if value}


def _health(view: AppView, before: Mapping[str, Any], now: str) -> Json:
    health: Json = {"status": str(view.health.status)}
    if view.health.message:
        health["message"] = view.health.message
    same = before.get("status") == health["status"] and before.get("lastTransitionTime")
    health["lastTransitionTime"] = before["lastTransitionTime"] if same else now
    return health


def _resource(difference: Difference) -> Json:
    key = difference.key
    out: Json = {"kind": key.kind, "name": key.name, "status": str(_resource_status(difference))}
    if difference.version:
        out["version"] = difference.version
    if key.group:
        out["group"] = key.group
    if key.namespace:
        out["namespace"] = key.namespace
    if difference.health is not None:
        out["health"] = {"status": str(difference.health.status)}
        if difference.health.message:
            out["health"]["message"] = difference.health.message
    elif difference.live is None:
        out["health"] = {"status": "Missing"}
    if difference.change is Change.PRUNE and not difference.ignored:
        out["requiresPruning"] = True
    if difference.target is not None and (wave := wave_of(difference.target.body)):
        out["syncWave"] = wave
    return out


def _resource_status(difference: Difference) -> SyncStatus:
    return SyncStatus.OUT_OF_SYNC if difference.out_of_sync else SyncStatus.SYNCED


def _conditions(conditions: Iterable[Condition], before: Iterable[Mapping[str, Any]], now: str) -> list[Json]:
    times = {(c.get("type"), c.get("message")): c.get("lastTransitionTime") for c in before}
    return [
        {
            "type": str(c.type),
            "message": c.message,
            "lastTransitionTime": times.get((str(c.type), c.message)) or now,
        }
        for c in sorted(conditions, key=lambda c: (c.type, c.message))
    ]


def encode_operation(operation: Operation, app: Application) -> Json:
    """Return the ``operationState`` of an operation."""
    sync: Json = {"revision": operation.revision}
    if operation.prune:
        sync["prune"] = True
    if operation.dry_run:
        sync["dryRun"] = True
    if operation.skip_hooks:
        sync["syncStrategy"] = {"apply": {"force": True} if operation.force else {}}
    elif operation.force:
        sync["syncStrategy"] = {"hook": {"force": True}}
    if words := option_words(operation.options):
        sync["syncOptions"] = list(words)
    if operation.selected:
        sync["resources"] = [
            {n: v for n, v in zip(("group", "kind", "namespace", "name"), s, strict=True) if v}
            for s in operation.selected
        ]
    if operation.heal_attempts:
        sync["autoHealAttemptsCount"] = operation.heal_attempts
    initiated = {"automated": True} if operation.automated else {"username": operation.username}
    state: Json = {
        "operation": {"sync": sync, "initiatedBy": initiated, "retry": _encode_retry(operation.retry)},
        "phase": str(operation.phase),
        "message": operation.message,
        "startedAt": operation.started_at,
        "syncResult": {
            "revision": operation.revision,
            "source": encode_source(app) if operation.source is None else dict(operation.source),
            "resources": [_encode_outcome(k, o) for k, o in _told(operation.outcomes)],
        },
    }
    if operation.retries:
        state["retryCount"] = operation.retries
    if operation.finished_at:
        state["finishedAt"] = operation.finished_at
    return state


def _told(outcomes: Mapping[ActionKey, Outcome]) -> Iterable[tuple[ActionKey, Outcome]]:
    """
    Return the outcomes that are written down: all of them, unless an Application would grow too large for etcd.

    Then those of resources that were simply applied are left out. A pass that misses them
    finds by comparing that there is nothing left to do.
    """
    if len(outcomes) <= MOST_RESULTS:
        return outcomes.items()
    applied = (Result.CREATED, Result.CONFIGURED, Result.UNCHANGED)
    return ((k, o) for k, o in outcomes.items() if k.verb is not Verb.APPLY or o.result not in applied)


def _encode_retry(retry: Retry) -> Json:
    if retry == Retry():
        return {}
    out: Json = {
        "limit": retry.limit,
        "backoff": {
            "duration": f"{int(retry.duration.total_seconds())}s",
            "factor": retry.factor,
            "maxDuration": f"{int(retry.max_duration.total_seconds())}s",
        },
    }
    if retry.refresh:
        out["refresh"] = True
    return out


def _encode_outcome(key: ActionKey, outcome: Outcome) -> Json:
    resource = key.resource
    out: Json = {
        "kind": resource.kind,
        "name": resource.name,
        "namespace": resource.namespace,
        "group": resource.group,
        "version": outcome.version,
        "message": outcome.message or str(outcome.result),
        "syncPhase": str(key.phase),
    }
    if key.verb is Verb.HOOK:
        out["hookType"] = str(key.phase)
        finished = outcome.message.startswith("hook finished")
        out["hookPhase"] = "Failed" if outcome.failed else "Succeeded" if finished else "Running"
    elif key.verb is Verb.CLEAR:
        out["hookType"] = str(key.phase)
        out["hookPhase"] = "Terminating"
    out["status"] = RESULT_WORDS[outcome.result]
    if outcome.images:
        out["images"] = list(outcome.images)
    return {name: value for name, value in out.items() if value != ""}


def _history(app: Application, operation: Operation | None, now: str) -> list[Json]:
    history = list(app.status.get("history") or ())
    if (
        operation is None
        or operation.phase is not OperationPhase.SUCCEEDED
        or operation.dry_run
        or operation.selected
    ):
        return history
    before = app.status.get("operationState") or {}
    if before.get("phase") == "Succeeded" and before.get("startedAt") == operation.started_at:
        return history
    history.append(
        {
            "id": (history[-1].get("id", 0) + 1) if history else 0,
            "revision": operation.revision,
            "deployStartedAt": operation.started_at,
            "deployedAt": operation.finished_at or now,
            "source": encode_source(app),
            "initiatedBy": {"automated": True} if operation.automated else {"username": operation.username},
        }
    )
    return history[-app.history_limit :] if app.history_limit else []
