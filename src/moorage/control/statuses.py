"""
The view of an application in Argo CD's shape, and an operation back from it.

Pure: JSON in and out. `encode` gives the whole status; `decode_operation`
reads what an earlier pass, or an earlier process, left there. Whatever a
restarted controller must know stands in this shape and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from moorage.engine.options import sync_options
from moorage.engine.order import wave_of
from moorage.engine.policy import decode_retry, operation_id
from moorage.model.application import Application, Retry, SyncOptions
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json
from moorage.model.operation import (
    ActionKey,
    Operation,
    OperationPhase,
    Outcome,
    Phase,
    Result,
    SelectedResource,
    Verb,
)
from moorage.model.states import Change, Comparison, Difference, SyncStatus
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


def decode_operation(app: Application) -> Operation | None:
    """Return the operation kept in an application's status; None when there was none."""
    state = app.status.get("operationState")
    if not isinstance(state, dict) or not state.get("startedAt"):
        return None
    request = state.get("operation") or {}
    sync = request.get("sync") or {}
    result = state.get("syncResult") or {}
    initiated = request.get("initiatedBy") or {}
    strategy = sync.get("syncStrategy") or {}
    force = bool((strategy.get("apply") or strategy.get("hook") or {}).get("force"))
    retries = int(state.get("retryCount") or 0)
    return Operation(
        id=operation_id(app, state["startedAt"], retries),
        revision=result.get("revision") or sync.get("revision") or "",
        started_at=state["startedAt"],
        phase=_phase(state.get("phase")),
        message=state.get("message") or "",
        prune=bool(sync.get("prune")),
        dry_run=bool(sync.get("dryRun")),
        automated=bool(initiated.get("automated")),
        username=initiated.get("username") or "",
        skip_hooks="apply" in strategy and "hook" not in strategy,
        force=force,
        options=sync_options(sync.get("syncOptions") or ()),
        retry=decode_retry(request.get("retry")) or Retry(),
        retries=retries,
        heal_attempts=int(sync.get("autoHealAttemptsCount") or 0),
        selected=tuple(
            SelectedResource(r.get("group", ""), r.get("kind", ""), r.get("namespace", ""), r.get("name", ""))
            for r in sync.get("resources") or ()
        ),
        finished_at=state.get("finishedAt") or "",
        source=result.get("source"),
        outcomes=dict(_decode_outcomes(result.get("resources") or ())),
    )


def _phase(word: Any) -> OperationPhase:
    try:
        return OperationPhase(word)
    except ValueError:
        return OperationPhase.RUNNING


_PHASES = tuple(Phase)
_WORDS = tuple(Result)
_RESULTS = {word: result for result, word in RESULT_WORDS.items()}


def _decode_outcomes(resources: Iterable[Mapping[str, Any]]) -> Iterable[tuple[ActionKey, Outcome]]:
    for r in resources:
        status = r.get("status")
        if r.get("hookType"):
            verb = Verb.CLEAR if r.get("hookPhase") == "Terminating" else Verb.HOOK
        else:
            verb = Verb.PRUNE if status in ("Pruned", "PruneSkipped") else Verb.APPLY
        if r.get("syncPhase") not in _PHASES:
            continue
        resource = ResourceKey(
            r.get("group", ""), r.get("kind", ""), r.get("namespace", ""), r.get("name", "")
        )
        result = _decode_result(_RESULTS.get(str(status), Result.CONFIGURED), str(r.get("message") or ""))
        yield (
            ActionKey(Phase(r["syncPhase"]), verb, resource),
            Outcome(
                result, r.get("message") or "", r.get("version") or "", images=tuple(r.get("images") or ())
            ),
        )


def _decode_result(result: Result, message: str) -> Result:
    if result is Result.UNCHANGED:
        return Result(message) if message in _WORDS else Result.CONFIGURED
    return result


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


OPTION_WORDS = (
    ("validate", "Validate"),
    ("create_namespace", "CreateNamespace"),
    ("prune_propagation", "PrunePropagationPolicy"),
    ("prune_last", "PruneLast"),
    ("replace", "Replace"),
    ("force", "Force"),
    ("server_side_apply", "ServerSideApply"),
    ("apply_out_of_sync_only", "ApplyOutOfSyncOnly"),
    ("respect_ignore_differences", "RespectIgnoreDifferences"),
    ("fail_on_shared_resource", "FailOnSharedResource"),
    ("skip_dry_run_on_missing", "SkipDryRunOnMissingResource"),
    ("client_side_apply_migration", "ClientSideApplyMigration"),
    ("prune", "Prune"),
    ("delete", "Delete"),
)


def option_words(options: SyncOptions) -> tuple[str, ...]:
    """Return options as ``Word=value`` strings, only those that differ from the default."""
    default = SyncOptions()
    return tuple(
        f"{word}={str(getattr(options, field)).lower()}"
        for field, word in OPTION_WORDS
        if getattr(options, field) != getattr(default, field)
    )


def images_of(comparison: Comparison) -> tuple[str, ...]:
    """Return the container images of all live resources, sorted."""
    found: set[str] = set()
    for difference in comparison.differences:
        if difference.live is not None and difference.key.group in ("", "apps", "batch"):
            found.update(_images(difference.live))
    return tuple(sorted(found))


def _images(body: Json) -> Iterable[str]:
    spec: Json = body.get("spec") or {}
    template: Json = (spec.get("jobTemplate") or {}).get("spec", spec) if "jobTemplate" in spec else spec
    pod = (template.get("template") or {}).get("spec") or (spec if body.get("kind") == "Pod" else {})
    for name in ("initContainers", "containers"):
        for container in pod.get(name) or ():
            if isinstance(container, dict) and container.get("image"):
                yield container["image"]
