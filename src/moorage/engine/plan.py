"""
A target state, what was tracked before and the options become a plan.

The order of everything is a value made before the first request. All rules of
which resource is touched, when and why not are in this file; performing is
somebody else's business.

Order: PreSync hooks, then the waves of Sync, then what is pruned, in reverse
order of its waves, then PostSync hooks. Within a step: by kind, then by name.
Namespaces and definitions (CRDs) go to the step of the first resource that
needs them, when they would come later otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from moorage.engine.options import merge_options, resource_options
from moorage.engine.order import hook_delete_policies, kind_rank, phases_of, wave_of
from moorage.model.application import SyncOptions
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.manifest import Json, Manifest, with_value
from moorage.model.operation import Action, Operation, Phase, Plan, Step, Verb
from moorage.model.states import TargetState
from moorage.model.words import OPERATION_ANNOTATION

CRD = GroupKind("apiextensions.k8s.io", "CustomResourceDefinition")
NAMESPACE = GroupKind("", "Namespace")
_NEEDED = frozenset({CRD.kind, NAMESPACE.kind})
SYNC_PHASES = (Phase.PRE_SYNC, Phase.SYNC, Phase.POST_SYNC, Phase.SYNC_FAIL)


def make_plan(
    target: TargetState,
    tracked: Mapping[ResourceKey, Json],
    operation: Operation,
    *,
    approved: bool = False,
    elsewhere: Mapping[ResourceKey, str] | None = None,
) -> Plan:
    """
    Return what the operation will do, in order.

    Args:
        target: The manifests and hooks of the operation's revision.
        tracked: The live objects the application tracks; those no longer
            targeted are pruned, or skipped with the reason.
        operation: Its options, id and selection.
        approved: Whether a person approved deletions that ask for it.
        elsewhere: Resources of the same cluster that another application
            declares, with its name: they are its to keep, and never pruned.

    Returns:
        A plan in which every action stands exactly once and the waves of a
        phase never decrease. It does not depend on the order of the input.
    """
    actions = [_apply(m, operation.options) for m in target.manifests if _selected(operation, m.key)]
    if not operation.skip_hooks and not operation.selected:
        actions += _hooks(target, operation)
    others = elsewhere or {}
    targeted = {m.key for m in target.manifests} | {h.key for h in target.hooks}
    pruned = [
        _prune(key, body, operation, approved, others.get(key, ""))
        for key, body in tracked.items()
        if key not in targeted and _selected(operation, key) and not phases_of(body)
    ]
    actions = _pull_forward(actions)
    steps = _steps([a for a in actions if a.phase in (Phase.PRE_SYNC, Phase.SYNC)])
    steps += _steps(pruned, reverse=True)
    steps += _steps([a for a in actions if a.phase is Phase.POST_SYNC])
    failing = _steps([a for a in actions if a.phase is Phase.SYNC_FAIL])
    return Plan(tuple(steps), tuple(failing))


def plan_deletion_hooks(target: TargetState, operation: Operation, phase: Phase) -> Plan:
    """
    Return a plan of nothing but the hooks of one phase, for an application that is being deleted.

    Args:
        target: The manifests and hooks of the application.
        operation: Stands for the deletion; its id marks the hooks.
        phase: PreDelete or PostDelete.
    """
    return Plan(tuple(_steps(_hooks(target, operation, (phase,)))))


def has_hooks(target: TargetState, phase: Phase) -> bool:
    """Return whether a target state has hooks of a phase."""
    return any(phase in phases_of(hook.body) for hook in target.hooks)


def _selected(operation: Operation, key: ResourceKey) -> bool:
    return not operation.selected or any(s.matches(key) for s in operation.selected)


def _apply(manifest: Manifest, options: SyncOptions) -> Action:
    merged = merge_options(options, resource_options(manifest.body))
    return Action(Phase.SYNC, wave_of(manifest.body), Verb.APPLY, manifest.key, manifest, merged)


def _hooks(
    target: TargetState, operation: Operation, phases: Collection[Phase] = SYNC_PHASES
) -> list[Action]:
    """Return what the hooks ask for; hooks that would get one name are numbered, in the order of their content."""
    actions: list[Action] = []
    named: dict[tuple[ResourceKey, tuple[str, ...]], list[Manifest]] = defaultdict(list)
    for hook in target.hooks:
        named[hook.key, (_prefix(hook),)].append(hook)
    for alike in named.values():
        if len(alike) > 1:
            alike.sort(key=lambda hook: hook.digest)
        for number, hook in enumerate(alike):
            actions += _hook_actions(hook, operation, number, phases)
    return actions


def _prefix(hook: Manifest) -> str:
    return str(hook.body["metadata"].get("generateName") or "")


def _hook_actions(
    hook: Manifest, operation: Operation, number: int, phases: Collection[Phase]
) -> Iterable[Action]:
    options = merge_options(operation.options, resource_options(hook.body))
    policies = frozenset(hook_delete_policies(hook.body)) or frozenset({"BeforeHookCreation"})
    wave = wave_of(hook.body)
    for word in phases_of(hook.body):
        if word not in phases:
            continue
        phase = Phase(word)
        named = _named_for(hook, phase, operation, number)
        yield Action(phase, wave, Verb.HOOK, named.key, named, options, policies)
        if "BeforeHookCreation" in policies and not hook.body["metadata"].get("generateName"):
            yield Action(phase, wave, Verb.CLEAR, named.key, None, options, policies)


def _named_for(hook: Manifest, phase: Phase, operation: Operation, number: int) -> Manifest:
    """Return the hook under the name it gets in this operation, marked so that it is never run twice."""
    body = with_value(hook.body, ("metadata", "annotations", OPERATION_ANNOTATION), operation.id)
    metadata = hook.body["metadata"]
    if not metadata.get("name"):
        stamp = operation.id.rpartition("-")[2]
        name = f"{_prefix(hook)}{operation.revision[:7]}-{phase.lower()}-{stamp}"
        # A retry runs anew, so its hooks must not meet those of the attempt before.
        name += f"-r{operation.retries}" if operation.retries else ""
        name += f"-{number}" if number else ""
        body = with_value(body, ("metadata", "name"), name)
    return Manifest.of(body, hook.origin)


def _prune(key: ResourceKey, body: Json, operation: Operation, approved: bool, declared_by: str) -> Action:
    options = resource_options(body)
    merged = merge_options(operation.options, options)
    if merged.prune == "false":
        reason = "ignored (no prune)"
    elif declared_by:
        reason = f"ignored (declared by application {declared_by})"
    elif not operation.prune:
        reason = "ignored (requires pruning)"
    else:
        reason = ""
    waits = not reason and merged.prune == "confirm" and not approved and not operation.dry_run
    return Action(
        Phase.SYNC, wave_of(body), Verb.PRUNE, key, None, merged, skip_reason=reason, awaits_approval=waits
    )


def _place(action: Action) -> tuple[int, int]:
    return action.phase.rank, action.wave


def _pull_forward(actions: list[Action]) -> list[Action]:
    """Move namespaces and definitions to the place of the first resource that needs them."""
    if not any(action.resource.kind in _NEEDED for action in actions):
        return actions
    first_in_namespace: dict[str, Action] = {}
    first_of_kind: dict[GroupKind, Action] = {}
    for action in sorted(actions, key=_place):
        if action.verb is Verb.CLEAR:
            continue
        first_in_namespace.setdefault(action.resource.namespace, action)
        first_of_kind.setdefault(action.resource.group_kind, action)

    def placed(action: Action) -> Action:
        needed: Action | None = None
        if action.resource.group_kind == NAMESPACE:
            needed = first_in_namespace.get(action.resource.name)
        elif action.resource.group_kind == CRD and action.manifest is not None:
            needed = first_of_kind.get(defined_kind(action.manifest.body))
        if needed is None or _place(needed) >= _place(action):
            return action
        return replace(action, phase=needed.phase, wave=needed.wave)

    return [placed(action) for action in actions]


def defined_kind(crd: Json) -> GroupKind:
    """Return the kind a CustomResourceDefinition defines."""
    spec = crd.get("spec") or {}
    return GroupKind(spec.get("group", ""), (spec.get("names") or {}).get("kind", ""))


def _steps(actions: Collection[Action], reverse: bool = False) -> list[Step]:
    places: dict[tuple[int, int], list[Action]] = defaultdict(list)
    for action in actions:
        places[_place(action)].append(action)
    sign = -1 if reverse else 1
    return [
        Step(inside[0].phase, inside[0].wave, tuple(sorted(inside, key=_within(sign))))
        for _, inside in sorted(places.items(), key=lambda item: (item[0][0], sign * item[0][1]))
    ]


def _within(sign: int) -> Callable[[Action], tuple[int, ResourceKey, str]]:
    return lambda a: (sign * kind_rank(a.resource.group, a.resource.kind), a.resource, a.verb)
