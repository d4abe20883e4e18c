"""
Decides whether to begin, continue, retry or supersede an operation.

Automation, sync windows, self-healing and retries are rules over values: the
application, the comparison, what the last operation did and the time. The
answer is an `Operation` (not yet recorded, when it is new) or `NotNow` with the
reason a person may read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from moorage.engine.duration import parse_duration
from moorage.engine.options import merge_options, resource_options, sync_options
from moorage.model.application import Application, Automated, Retry
from moorage.model.equality import same
from moorage.model.identity import ResourceKey
from moorage.model.operation import NotNow, Operation, OperationPhase, SelectedResource
from moorage.model.states import Change, Comparison, Difference, SyncStatus
from moorage.model.words import DELETION_APPROVED_ANNOTATION

HEAL_FIRST = timedelta(seconds=2)
HEAL_FACTOR = 3
HEAL_MOST = timedelta(seconds=300)
LOOK_AGAIN_SECONDS = 60.0
AUTOMATED_RETRY = Retry(limit=5)


@dataclass(frozen=True, slots=True)
class Permission:
    """Whether the sync windows let an operation begin, and how a person would read why not."""

    allowed: bool = True
    message: str = ""


OPEN = Permission()


def decide(
    app: Application,
    current: Operation | None,
    comparison: Comparison,
    revision: str,
    now: datetime,
    *,
    automated_window: Permission = OPEN,
    manual_window: Permission = OPEN,
    running_window: Permission = OPEN,
) -> Operation | NotNow:
    """
    Return the operation an application should be in now, or why there is none.

    Args:
        app: What the user asked for, with a requested operation if there is one.
        current: The last operation, running or finished.
        comparison: Of the latest revision with the live state.
        revision: The latest revision.
        now: The time, with a time zone.
        automated_window: Whether windows let an automated sync begin.
        manual_window: Whether windows let a requested sync begin.
        running_window: Whether windows let the running operation go on.

    Returns:
        A running operation as it is, a retry of it, a new one that is not
        recorded yet, or `NotNow`. No two operations begin in the same second:
        the time names them, and hooks would take one for the other.
    """
    if current is not None and not current.phase.finished:
        return _continue(app, current, comparison, revision, now, automated_window, running_window)
    if app.operation is not None:
        return _apart(app, current, _requested(app, revision, now, manual_window))
    return _apart(app, current, _automated(app, current, comparison, revision, now, automated_window))


def _apart(app: Application, last: Operation | None, next_one: Operation | NotNow) -> Operation | NotNow:
    """Return an operation that begins later than the last one did, at least by a second."""
    if last is None or isinstance(next_one, NotNow) or next_one.started_at > last.started_at:
        return next_one
    started_at = format_time(parse_time(last.started_at) + timedelta(seconds=1))
    return replace(next_one, started_at=started_at, id=operation_id(app, started_at))


def _continue(
    app: Application,
    current: Operation,
    comparison: Comparison,
    revision: str,
    now: datetime,
    automated_window: Permission,
    running_window: Permission,
) -> Operation | NotNow:
    if current.phase is OperationPhase.TERMINATING:
        return current
    begins = retry_begins(current)
    if begins is None:
        return current if running_window.allowed else NotNow(running_window.message, LOOK_AGAIN_SECONDS)
    moved = revision != current.revision or _other_source(app, current)
    if current.automated and app.automated and moved and automated_window.allowed:
        return _apart(app, current, begin(app, revision, now, automated=True, prune=app.automated.prune))
    if now < begins:
        warning = current.message if current.automated else ""
        return NotNow(current.message, (begins - now).total_seconds(), warning)
    if not running_window.allowed:
        return NotNow(running_window.message, LOOK_AGAIN_SECONDS)
    pinned = revision if current.retry.refresh else current.revision
    return replace(
        current,
        id=operation_id(app, current.started_at, current.retries),
        revision=pinned,
        outcomes={},
        finished_at="",
        message=f"retry #{current.retries}",
        selected=_picked_again(app, current, comparison),
        recorded=False,
    )


def _picked_again(
    app: Application, current: Operation, comparison: Comparison
) -> tuple[SelectedResource, ...]:
    """Return what a retry picks: healing takes up what has come to differ, as it may be what the rest stands on."""
    if not (current.selected and current.automated and app.automated):
        return current.selected
    differ = (SelectedResource(*d.key) for d in comparison.changed if _would_change(d, app.automated))
    return tuple(dict.fromkeys((*current.selected, *differ)))


def retry_begins(operation: Operation) -> datetime | None:
    """Return when a failed attempt is tried again; None when the operation is not waiting for that."""
    if operation.phase is not OperationPhase.RUNNING or not operation.finished_at:
        return None
    return parse_time(operation.finished_at) + retry_delay(operation.retry, operation.retries)


def retry_delay(retry: Retry, attempt: int) -> timedelta:
    """Return how long to wait before attempt number `attempt` (1 is the first retry)."""
    seconds, most = retry.duration.total_seconds(), retry.max_duration.total_seconds()
    for _ in range(attempt - 1):
        if seconds >= most or retry.factor <= 1:
            break
        seconds *= retry.factor
    return timedelta(seconds=max(0.0, min(seconds, most)))


def after_failure(operation: Operation, message: str, now: str) -> Operation:
    """Return the operation as it stands after an attempt failed: to be retried, or Failed."""
    limit = operation.retry.limit
    if operation.phase is not OperationPhase.TERMINATING and (limit < 0 or operation.retries < limit):
        attempt = operation.retries + 1
        delay = int(retry_delay(operation.retry, attempt).total_seconds())
        text = f"{message}. Retrying attempt #{attempt} in {delay} s."
        return replace(operation, retries=attempt, finished_at=now, message=text)
    return replace(operation, phase=OperationPhase.FAILED, finished_at=now, message=message)


def _requested(app: Application, revision: str, now: datetime, window: Permission) -> Operation | NotNow:
    if not window.allowed:
        return NotNow(window.message, LOOK_AGAIN_SECONDS)
    request: Mapping[str, Any] = app.operation or {}
    sync: Mapping[str, Any] = request.get("sync") or {}
    strategy = sync.get("syncStrategy") or {}
    words = sync.get("syncOptions")
    options = app.options if words is None else sync_options(words)
    retry = decode_retry(request.get("retry")) or app.retry or Retry()
    initiated = request.get("initiatedBy") or {}
    selected = tuple(
        SelectedResource(r.get("group", ""), r.get("kind", ""), r.get("namespace", ""), r.get("name", ""))
        for r in sync.get("resources") or ()
    )
    force = bool((strategy.get("apply") or strategy.get("hook") or {}).get("force"))
    return Operation(
        id=operation_id(app, format_time(now)),
        revision=sync.get("revision") or revision,
        started_at=format_time(now),
        prune=bool(sync.get("prune")),
        dry_run=bool(sync.get("dryRun")),
        automated=bool(initiated.get("automated")),
        username=str(initiated.get("username") or ""),
        skip_hooks=strategy.get("apply") is not None and strategy.get("hook") is None,
        force=force,
        options=replace(options, force=True) if force else options,
        retry=retry,
        selected=selected,
        source=app.source.declared,
        recorded=False,
    )


def decode_retry(value: Mapping[str, Any] | None) -> Retry | None:
    """
    Return a retry policy from its JSON; what it does not say is as in Argo CD.

    Raises ValueError saying which part is wrong.
    """
    if not value:
        return None
    backoff = value.get("backoff") or {} if isinstance(value, dict) else None
    if not isinstance(backoff, dict):
        raise ValueError("it and its backoff must be objects")
    default = Retry()
    return Retry(
        limit=_whole(value, "limit", 0),
        refresh=bool(value.get("refresh")),
        duration=_length(backoff, "duration", default.duration),
        factor=_whole(backoff, "factor", default.factor),
        max_duration=_length(backoff, "maxDuration", default.max_duration),
    )


_LARGEST_NUMBER = 2**31 - 1


def _whole(value: Mapping[str, Any], name: str, default: int) -> int:
    try:
        number = int(value.get(name) or default)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{name} must be a whole number") from None
    if abs(number) > _LARGEST_NUMBER:
        raise ValueError(f"{name} must be at most {_LARGEST_NUMBER}")
    return number


def _length(value: Mapping[str, Any], name: str, default: timedelta) -> timedelta:
    text = value.get(name) or ""
    if not isinstance(text, str):
        raise ValueError(f"{name} must be a text such as 5s or 3m")
    return parse_duration(text) if text else default


def _automated(
    app: Application,
    last: Operation | None,
    comparison: Comparison,
    revision: str,
    now: datetime,
    window: Permission,
) -> Operation | NotNow:
    policy = app.automated
    if policy is None:
        return NotNow("automated sync is off")
    if app.deleted_at:
        return NotNow("the application is being deleted")
    if comparison.status is not SyncStatus.OUT_OF_SYNC:
        return NotNow(f"sync status is {comparison.status}")
    candidates = [d for d in comparison.changed if _would_change(d, policy)]
    if not candidates:
        why = "other applications declare them" if policy.prune else "automated pruning is off"
        return NotNow(f"only resources to prune differ, and {why}")
    if refusal := _would_wipe_out(policy, comparison):
        return NotNow(refusal, warning=refusal)
    if not window.allowed:
        return NotNow(window.message, LOOK_AGAIN_SECONDS)
    if last is None or last.revision != revision or last.dry_run or _other_source(app, last):
        return begin(app, revision, now, automated=True, prune=policy.prune)
    return _again(app, policy, last, candidates, revision, now)


def _would_change(difference: Difference, policy: Automated) -> bool:
    """Whether an automated sync would touch a resource; what another application declares is not pruned."""
    return difference.change is not Change.PRUNE or (policy.prune and not difference.shared_with)


def _would_wipe_out(policy: Automated, comparison: Comparison) -> str:
    every = comparison.differences and all(d.change is Change.PRUNE for d in comparison.differences)
    if policy.prune and every and not policy.allow_empty:
        return "auto-sync will wipe out all resources; set spec.syncPolicy.automated.allowEmpty to allow it"
    return ""


def _again(
    app: Application,
    policy: Automated,
    last: Operation,
    candidates: list[Difference],
    revision: str,
    now: datetime,
) -> Operation | NotNow:
    """Decide about an out-of-sync application whose revision was tried already."""
    if last.phase in (OperationPhase.FAILED, OperationPhase.ERROR):
        warning = f"Failed last sync attempt to {revision[:7]}: {last.message}"
        return NotNow("the last sync of this revision failed", warning=warning)
    if _never_tried(last, candidates):
        return begin(app, revision, now, automated=True, prune=policy.prune)
    if not policy.self_heal:
        return NotNow("drift, and self-healing is off")
    candidates = [d for d in candidates if not _is_kept(d, app)]
    if not candidates:
        return NotNow("what differs is left over and kept (Prune=false)")
    attempts = last.heal_attempts
    if attempts and _healed_in_vain(last, candidates):
        delay = min(HEAL_FIRST * HEAL_FACTOR ** min(attempts - 1, 10), HEAL_MOST)
        due = parse_time(last.finished_at) + delay if last.finished_at else now
        if now < due:
            return NotNow("self-healing backs off", (due - now).total_seconds())
    else:
        attempts = 0
    operation = begin(app, revision, now, automated=True, prune=policy.prune)
    selected = tuple(SelectedResource(*d.key) for d in candidates)
    return replace(operation, selected=selected, heal_attempts=attempts + 1)


def _is_kept(difference: Difference, app: Application) -> bool:
    """Whether a resource that left Git is to stay: trying again and again would not change that."""
    if difference.change is not Change.PRUNE or difference.live is None:
        return False
    return merge_options(app.options, resource_options(difference.live)).prune == "false"


def _never_tried(last: Operation, candidates: list[Difference]) -> bool:
    """Whether something that differs was left out when somebody picked what to sync last."""
    if not last.selected or last.automated:
        return False
    return any(not any(s.matches(d.key) for s in last.selected) for d in candidates)


def _other_source(app: Application, last: Operation) -> bool:
    """Whether the application asks for another source by now, such as other parameters at one revision."""
    if last.source is None:
        return False
    return not same(_without_nulls(last.source), _without_nulls(app.source.declared))


def _without_nulls(value: Any) -> Any:
    # A status is written by merge patches, in which null means absent: what was
    # read back has none, and must still equal what was declared.
    if isinstance(value, Mapping):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value


def _healed_in_vain(last: Operation, candidates: list[Difference]) -> bool:
    """Whether something that differs now was healed by the last operation a moment ago."""
    healed: set[ResourceKey] = {action.resource for action in last.outcomes}
    return any(d.key in healed for d in candidates)


def begin(app: Application, revision: str, now: datetime, *, automated: bool, prune: bool) -> Operation:
    """Return a new operation of the application's own policy, not recorded yet."""
    return Operation(
        id=operation_id(app, format_time(now)),
        revision=revision,
        started_at=format_time(now),
        prune=prune,
        automated=automated,
        options=app.options,
        retry=app.retry or (AUTOMATED_RETRY if automated else Retry()),
        source=app.source.declared,
        recorded=False,
    )


def operation_id(app: Application, started_at: str, attempt: int = 0) -> str:
    """Return the id of an attempt of an operation: made of what is kept, so that it survives a restart."""
    return f"{app.uid}-{attempt}-{int(parse_time(started_at).timestamp())}"


def format_time(moment: datetime) -> str:
    """Return a time as Kubernetes writes it: UTC, whole seconds, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Return the moment an RFC 3339 text names. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def is_approved(app: Application, since: str) -> bool:
    """
    Return whether a person approved deletions at a moment or after it.

    What the annotation says must be a time with its zone; anything else approves nothing.
    """
    text = app.annotations.get(DELETION_APPROVED_ANNOTATION) or ""
    try:
        given, asked = parse_time(text), parse_time(since)
    except ValueError:
        return False
    return given.tzinfo is not None and asked.tzinfo is not None and given >= asked


def supersedes(current: Operation, app: Application, revision: str, *, waiting: bool) -> bool:
    """Whether a newer revision should replace an automated operation that only waits."""
    return waiting and current.automated and app.automated is not None and revision != current.revision
