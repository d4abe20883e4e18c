"""
An operation back from the status that an earlier pass, or an earlier process, left.

The inverse of `moorage.control.statuses.encode_operation`, for whatever stands
there: a part that nobody of us wrote is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from moorage.control.statuses import RESULT_WORDS
from moorage.engine.options import sync_options
from moorage.engine.policy import decode_retry, operation_id
from moorage.model.application import Application, Retry
from moorage.model.identity import ResourceKey
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
