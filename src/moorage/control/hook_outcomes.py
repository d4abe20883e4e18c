"""
What became of an operation's hooks, read off the hooks themselves.

The answer to a hook's creation may be lost, and whether it succeeds or fails is
nobody's answer at all: both are seen in what lives in the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from moorage.control.performing import found_hook, made_by
from moorage.engine.health import assess
from moorage.engine.moves import HOOK_DONE
from moorage.model.health import HealthStatus
from moorage.model.manifest import Json
from moorage.model.operation import Action, ActionKey, Operation, Outcome, Plan, Result, Verb
from moorage.model.states import LiveState


def unnoted(plan: Plan, operation: Operation, live: LiveState) -> dict[ActionKey, Outcome]:
    """
    Return outcomes for hooks of this operation that are there although nobody noted that they were created.

    The answer to that was lost. It is made good before any hook is let go of: one that is deleted is gone then,
    and would be taken for one that never ran.
    """
    return {
        action.key: found_hook(action, body)
        for action, body in _own(plan, operation, live)
        if action.key not in operation.outcomes
    }


def failed(plan: Plan, operation: Operation, live: LiveState) -> dict[ActionKey, Outcome]:
    """Return outcomes for hooks that were seen to fail, so that whoever reads the operation sees which did."""
    found: dict[ActionKey, Outcome] = {}
    for action, body in _own(plan, operation, live):
        outcome = operation.outcomes.get(action.key)
        if outcome is None or outcome.failed or outcome.message.startswith(HOOK_DONE):
            continue
        health = assess(body)
        if health is not None and health.status is HealthStatus.DEGRADED:
            found[action.key] = replace(outcome, result=Result.FAILED, message=health.message)
    return found


def _own(plan: Plan, operation: Operation, live: LiveState) -> Iterator[tuple[Action, Json]]:
    for step in (*plan.steps, *plan.on_failure):
        for action in step.actions:
            body = live.objects.get(action.resource) if action.verb is Verb.HOOK else None
            if body is not None and made_by(body, operation):
                yield action, body
