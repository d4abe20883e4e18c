"""
Actions become requests, and answers become outcomes.

One request for each action that has something to do; an action whose resource
does not differ gets its outcome without one. An outcome is recorded only when
it is certain: what a broken connection left open is done again by the next
pass, which is safe because applies are idempotent and hooks carry the id of
their operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from moorage.cluster.apply import Writer, Written
from moorage.cluster.session import ClusterSession
from moorage.control import hooks
from moorage.engine.compare import Rules
from moorage.engine.order import kind_rank
from moorage.engine.respect import respecting
from moorage.model.application import SyncOptions
from moorage.model.errors import ApiConflict, CredentialsRefused, Error, Refused, Terminal, UnknownKind
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json, Manifest
from moorage.model.operation import Action, ActionKey, Operation, Outcome, Result, Verb
from moorage.model.states import Change, Comparison, Difference
from moorage.model.words import MIGRATION_MANAGER_ANNOTATION, OPERATION_ANNOTATION

SIDE_BY_SIDE = 32


@dataclass(slots=True)
class Performed:
    """What a batch of actions came to. `fault` is a trouble of the world that left actions undone."""

    outcomes: dict[ActionKey, Outcome] = field(default_factory=dict)
    written: dict[ResourceKey, tuple[Manifest, str]] = field(default_factory=dict)
    fault: Error | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the actions of one pass have in common."""

    session: ClusterSession
    operation: Operation
    comparison: Comparison
    live: Mapping[ResourceKey, Json]
    annotations: Mapping[str, str]
    rules: Rules | None = None


async def perform(
    actions: Sequence[Action], around: Circumstances, done: Performed | None = None
) -> Performed:
    """
    Perform actions, those of equal kind side by side, kinds in their order.

    A failed action ends the batch after its kind. A fault of the world does as
    well, and is reported in the result. Whoever wants to see how far it is
    gives the result to be filled.
    """
    done = Performed() if done is None else done
    for _, same in groupby(actions, key=lambda a: (a.verb in (Verb.APPLY, Verb.HOOK), _rank(a))):
        await _side_by_side(list(same), around, done)
        if done.fault is not None or any(outcome.failed for outcome in done.outcomes.values()):
            break
    return done


def _rank(action: Action) -> int:
    return kind_rank(action.resource.group, action.resource.kind) if action.manifest else 0


async def _side_by_side(actions: list[Action], around: Circumstances, done: Performed) -> None:
    todo: list[Action] = []
    for action in actions:
        if (outcome := _without_request(action, around)) is not None:
            done.outcomes[action.key] = outcome
        else:
            todo.append(action)
    waiting = iter(todo)

    async def work() -> None:
        for action in waiting:
            if done.fault is not None:
                return
            try:
                done.outcomes[action.key] = await _request(action, around, done)
            except (ApiConflict, CredentialsRefused) as error:
                # Neither says anything about the object: it is written once that is over.
                done.fault = error
            except Terminal as error:
                done.outcomes[action.key] = Outcome(Result.FAILED, str(error), _version(action))
            except Error as error:
                done.fault = error

    async with asyncio.TaskGroup() as group:
        for _ in range(min(SIDE_BY_SIDE, len(todo))):
            group.create_task(work())


def _without_request(action: Action, around: Circumstances) -> Outcome | None:
    """Return the outcome of an action that has nothing to do."""
    live = around.live.get(action.resource)
    if action.skip_reason:
        return Outcome(Result.SKIPPED, action.skip_reason, _version(action))
    match action.verb:
        case Verb.PRUNE if live is None:
            return Outcome(Result.PRUNED)
        case Verb.PRUNE if around.operation.dry_run:
            return Outcome(Result.PRUNED, "pruned (dry run)")
        case Verb.CLEAR if live is None or made_by(live, around.operation) or around.operation.dry_run:
            return Outcome(Result.SKIPPED, "nothing to delete")
        case Verb.HOOK if live is not None and made_by(live, around.operation):
            return found_hook(action, live)
        case Verb.APPLY:
            difference = around.comparison.by_key.get(action.resource)
            if difference is not None and _is_done(difference, action) and not action.options.replace:
                return Outcome(Result.UNCHANGED, "unchanged", _version(action))
    return None


def _is_done(difference: Difference, action: Action) -> bool:
    return (
        difference.change is Change.NONE
        and difference.target is not None
        and difference.target == action.manifest
    )


def found_hook(action: Action, live: Json) -> Outcome:
    """Return the outcome of a hook that is there already, made by its own operation."""
    return Outcome(Result.UNCHANGED, "", _version(action), _resource_version(live))


def made_by(live: Json, operation: Operation) -> bool:
    """Whether a live hook was created by an operation."""
    return (live["metadata"].get("annotations") or {}).get(OPERATION_ANNOTATION) == operation.id


async def _request(action: Action, around: Circumstances, done: Performed) -> Outcome:
    try:
        return await _ask(action, around, done)
    except UnknownKind:
        # A kind is missing on the word of an answer that is younger than the question, and of no other.
        await around.session.hear_kinds()
        return await _ask(action, around, done)


async def _ask(action: Action, around: Circumstances, done: Performed) -> Outcome:
    match action.verb:
        case Verb.PRUNE | Verb.CLEAR:
            return await _delete(action, around)
        case Verb.HOOK:
            return await _create_hook(action, around)
        case _:
            return await _apply(action, around, done)


async def _delete(action: Action, around: Circumstances) -> Outcome:
    live = around.live[action.resource]
    if action.verb is Verb.CLEAR:
        await _clear(around.session, action.resource, live)
        return Outcome(Result.PRUNED, "deleted before creation", _version(action))
    await around.session.writer.delete(
        action.resource,
        propagation=action.options.prune_propagation,
        uid=live["metadata"].get("uid", ""),
        resource_version=_resource_version(live),
    )
    return Outcome(Result.PRUNED, "pruned", _version(action))


async def _clear(session: ClusterSession, key: ResourceKey, live: Json) -> None:
    await session.writer.delete(
        key,
        propagation="background",
        uid=live["metadata"].get("uid", ""),
        resource_version=_resource_version(live),
    )
    if hooks.is_kept(live):
        # Its deletion is a change of its own: what is let go of is the hook as it is now.
        left = await session.fetch(key)
        if left is not None:
            await hooks.release(session, key, left)


async def _create_hook(action: Action, around: Circumstances) -> Outcome:
    assert action.manifest is not None
    writer = around.session.writer
    body = hooks.kept(action.manifest.body)
    try:
        written = await writer.create(body, dry_run=around.operation.dry_run)
    except (Refused, ApiConflict):
        existing = await around.session.fetch(action.resource, action.manifest.api_version)
        if existing is None:
            raise
        if not made_by(existing, around.operation) and "BeforeHookCreation" in action.delete_policies:
            # When nothing was there to be deleted, that was an old view. The next pass creates it.
            await _clear(around.session, action.resource, existing)
            raise
        if not made_by(existing, around.operation):
            written = await writer.server_side_apply(body)
            around.session.observe(action.resource, written.answer)
            return Outcome(Result.CONFIGURED, "", _version(action), written.resource_version)
        return found_hook(action, existing)
    if not around.operation.dry_run:
        around.session.observe(action.resource, written.answer)
    return Outcome(Result.CREATED, "", _version(action), written.resource_version, _hook_images(written.body))


async def _apply(action: Action, around: Circumstances, done: Performed) -> Outcome:
    assert action.manifest is not None
    writer, options, dry_run = around.session.writer, action.options, around.operation.dry_run
    body, live = action.manifest.body, around.live.get(action.resource)
    if options.respect_ignore_differences and live is not None and around.rules is not None:
        body = respecting(body, live, around.rules.ignore, around.rules.jq)
    written, message = await _write(writer, body, live, options, around.annotations, dry_run)
    if not dry_run:
        around.session.observe(action.resource, written.answer)
        if not options.replace and options.server_side_apply and not message:
            done.written[action.resource] = (action.manifest, written.resource_version)
    result = Result(written.verb)
    return Outcome(result, message or written.verb, _version(action), written.resource_version)


async def _write(
    writer: Writer,
    body: Json,
    live: Json | None,
    options: SyncOptions,
    annotations: Mapping[str, str],
    dry_run: bool,
) -> tuple[Written, str]:
    """Write an object in the way that its options ask for; say so where it had to be another way."""
    by_three_way = partial(
        writer.client_side_apply, force=options.force, validate=options.validate, dry_run=dry_run
    )
    if options.replace:
        replaced = await writer.replace(body, force=options.force, validate=options.validate, dry_run=dry_run)
        return replaced, ""
    if not options.server_side_apply:
        return await by_three_way(body), ""
    try:
        written = await writer.server_side_apply(
            body,
            live=live,
            migrate=options.client_side_apply_migration,
            migrate_from=annotations.get(MIGRATION_MANAGER_ANNOTATION, ""),
            force_recreate=options.force,
            dry_run=dry_run,
        )
    except Refused as error:
        if not _only_server_side(error):
            raise
        written = await by_three_way(body)
        return written, f"{written.verb} (by three-way apply, because server-side apply refuses it: {error})"
    return written, ""


def _only_server_side(error: Refused) -> bool:
    """Whether the server refuses as server-side apply what it accepts otherwise: duplicate keys in a list."""
    return bool(getattr(error, "duplicate_list_keys", False))


def _resource_version(body: Json) -> str:
    return str(body["metadata"].get("resourceVersion") or "")


def _version(action: Action) -> str:
    return action.manifest.api_version.rpartition("/")[2] if action.manifest else ""


def _hook_images(body: Json) -> tuple[str, ...]:
    spec = body.get("spec") or {}
    pod = ((spec.get("template") or {}).get("spec") or spec) if isinstance(spec, dict) else {}
    return tuple(c["image"] for c in pod.get("containers") or () if isinstance(c, dict) and c.get("image"))
