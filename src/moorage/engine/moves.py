"""
The sync state machine: given how far a sync has come, what is the next move?

The controller asks this module once a pass and does what it says: perform some
actions, wait for some resources, or call the operation finished. Nothing here
knows about clusters, time or tasks. All of a sync's memory is in the outcomes
passed in, so a sync survives a restart by storing them and asking again.

Rule for this file: every rule about order lives here. A caller that has to
know about waves or hooks is a bug in this module's answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from moorage.model.health import Health, HealthStatus
from moorage.model.identity import ResourceKey
from moorage.model.operation import (
    Action,
    ActionKey,
    Finished,
    Move,
    Outcome,
    Perform,
    Plan,
    Result,
    Step,
    Verb,
    Wait,
)
from moorage.model.words import DELETION_APPROVED_ANNOTATION

Done = Mapping[ActionKey, Outcome]
_ADDING = (Verb.APPLY, Verb.HOOK)

APPROVE = f"; set the annotation {DELETION_APPROVED_ANNOTATION} on the application to the current time"


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What is known of the live resources of a plan.

    `health` of a resource that is present and has no rule is None; one that is
    absent from `present` does not exist. `settled` tells whether the store has
    seen the version of a resource that its outcome reported: before that,
    yesterday's Healthy would let the next wave start. `own` are the hooks that
    this operation made, whether or not that is on record. `undecided` says why it is
    not known yet whether another application declares what is to be pruned;
    nothing is pruned while it says something.
    """

    present: frozenset[ResourceKey] = frozenset()
    health: Mapping[ResourceKey, Health | None] = field(default_factory=dict)
    unsettled: frozenset[ResourceKey] = frozenset()
    own: frozenset[ResourceKey] = frozenset()
    undecided: str = ""


def next_move(plan: Plan, done: Done, seen: Seen) -> Move:
    """
    Return what a sync should do now.

    Args:
        plan: What the sync set out to do.
        done: The outcome of each action already performed, by any pass.
        seen: The live resources as far as the store knows them.

    Returns:
        `Perform` for the actions that are next, `Wait` for what must settle
        first, `Finished` otherwise. A failed step ends the sync: the steps
        after it are never returned, the SyncFail hooks are.
    """
    last = _last_to_settle(plan.steps)
    for position, step in enumerate(plan.steps):
        move = _within_step(step, done, seen, last=position >= last)
        if isinstance(move, Failure):
            return _after_failure(plan, done, seen, move)
        if move is not None:
            return move
    return Finished(True, _success(plan), _cleanup(plan.steps, "HookSucceeded"))


def _last_to_settle(steps: Sequence[Step]) -> int:
    """
    Return the position of the last step that something later waits for.

    Nothing waits for the step it stands for. What is pruned in its own time does not
    wait for the health of what is applied, unless ``PruneLast`` asks for it: an
    Ingress that never gets an address must not keep the old one alive.
    """
    for position in range(len(steps) - 1, -1, -1):
        for action in steps[position].actions:
            if action.verb is not Verb.PRUNE or (action.options.prune_last and not action.skip_reason):
                return position
    return 0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step failed; an inner word of this module."""

    message: str


Results = list[tuple[Action, Outcome | None]]
"""Actions with their outcomes, looked up once; None for those not performed yet."""


def _within_step(step: Step, done: Done, seen: Seen, *, last: bool) -> Move | Failure | None:
    removals: Results = []
    additions: Results = []
    for action in step.actions:
        group = additions if action.verb in _ADDING else removals
        group.append((action, done.get(action.key)))
    waiting = tuple(a for a in _unperformed(removals) if not a.awaits_approval)
    held = tuple(a for a in waiting if seen.undecided and _deletes_for_good(a))
    if waiting and (ready := tuple(a for a in waiting if a not in held)):
        return Perform(ready)
    if held:
        names = tuple(a.resource for a in held)
        return Wait(names, f"waiting to delete {_names(names)}: {seen.undecided}")
    if failure := _failures(removals):
        return failure
    if unapproved := tuple(a.resource for a in _unperformed(removals)):
        return Wait(unapproved, f"waiting for approval to delete {_names(unapproved)}{APPROVE}")
    waiting = _unperformed(additions)
    if (waiting or not additions) and (lingering := _lingering(removals, seen)):
        return Wait(lingering, f"waiting for deletion of {_names(lingering)}")
    if failure := _failures(additions):
        return failure
    if waiting:
        return Perform(waiting)
    return None if last and not step.has_hooks else _settled(step, additions, seen)


def _deletes_for_good(action: Action) -> bool:
    return action.verb is Verb.PRUNE and not action.skip_reason


def _settled(step: Step, additions: Results, seen: Seen) -> Wait | Failure | None:
    unready: list[ResourceKey] = []
    for action, outcome in additions:
        if outcome is not None and outcome.message.startswith(HOOK_DONE):
            continue
        if action.resource in seen.unsettled:
            unready.append(action.resource)
            continue
        if action.resource not in seen.present:
            return Failure(f"{action.resource} is missing, it might have been deleted")
        health = seen.health.get(action.resource)
        if health is None or health.status is HealthStatus.HEALTHY:
            continue
        if health.status is HealthStatus.DEGRADED or (
            action.verb is Verb.HOOK and health.status is HealthStatus.UNKNOWN
        ):
            return Failure(f"{action.resource} is {health.status}: {health.message}".rstrip(": "))
        unready.append(action.resource)
    if not unready:
        return None
    kind = "completion of hook" if step.has_hooks else "healthy state of"
    return Wait(tuple(unready), f"waiting for {kind} {_names(unready)}")


HOOK_DONE = "hook finished"
"""Begins the message of a hook's outcome once it was seen to succeed: it may be gone by now."""


def finished_hooks(plan: Plan, done: Done, seen: Seen) -> dict[ActionKey, Outcome]:
    """
    Return new outcomes for hooks that were seen to succeed.

    Recording it makes a hook that is deleted afterwards (by its time to live,
    or by a person) count as what it was: a success.
    """
    news: dict[ActionKey, Outcome] = {}
    for step in (*plan.steps, *plan.on_failure):
        for action in step.actions:
            outcome = done.get(action.key)
            if action.verb is not Verb.HOOK or outcome is None or outcome.failed:
                continue
            if outcome.message.startswith(HOOK_DONE) or action.resource in seen.unsettled:
                continue
            health = seen.health.get(action.resource)
            if action.resource in seen.present and (health is None or health.status is HealthStatus.HEALTHY):
                news[action.key] = replace(
                    outcome, message=f"{HOOK_DONE}: {health.message if health else ''}".rstrip(": ")
                )
    return news


def _unperformed(results: Results) -> tuple[Action, ...]:
    return tuple([action for action, outcome in results if outcome is None])


def _failures(results: Results) -> Failure | None:
    failed = [(action, outcome) for action, outcome in results if outcome is not None and outcome.failed]
    if not failed:
        return None
    action, outcome = failed[0]
    more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    # Some refusals begin with the resource, because they are read elsewhere as well.
    told = outcome.message.removeprefix(f"{action.resource}: ")
    return Failure(f"{action.resource}: {told}{more}")


def _lingering(removals: Results, seen: Seen) -> tuple[ResourceKey, ...]:
    return tuple(
        action.resource
        for action, outcome in removals
        if not action.skip_reason
        and action.resource in seen.present
        # A process that died may have created the new hook already: nobody waits for the end of that.
        and not (action.verb is Verb.CLEAR and action.resource in seen.own)
        and (outcome is None or outcome.result is not Result.SKIPPED)
    )


def _after_failure(plan: Plan, done: Done, seen: Seen, failure: Failure) -> Move:
    for step in plan.on_failure:
        move = _within_step(step, done, seen, last=False)
        if isinstance(move, Failure):
            return Finished(
                False, f"{failure.message}; SyncFail hook: {move.message}", _cleanup(plan.steps, "HookFailed")
            )
        if move is not None:
            return move
    done_with = _cleanup(plan.steps, "HookFailed") + _cleanup(plan.on_failure, "HookSucceeded")
    return Finished(False, failure.message, done_with)


def _cleanup(steps: Sequence[Step], policy: str) -> tuple[ResourceKey, ...]:
    return tuple(
        a.resource for s in steps for a in s.actions if a.verb is Verb.HOOK and policy in a.delete_policies
    )


def _success(plan: Plan) -> str:
    return "successfully synced (all tasks run)" if plan.steps else "successfully synced (no more tasks)"


def _names(keys: Sequence[ResourceKey]) -> str:
    more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
    return f"{keys[0].group}/{keys[0].kind}/{keys[0].name}".lstrip("/") + more
