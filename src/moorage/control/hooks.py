"""
Keeps a hook until its result was read, and lets it go afterwards.

A Job may delete itself the moment it ends (``ttlSecondsAfterFinished: 0``), and
with it the only proof that it succeeded. So hooks are created with a finalizer of
Argo CD's name, which is taken away once their outcome is certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson

from moorage.cluster.session import ClusterSession
from moorage.engine.moves import HOOK_DONE
from moorage.model.errors import ApiConflict, Refused
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json
from moorage.model.operation import Operation, Plan, Verb
from moorage.model.words import HOOK_FINALIZER

ATTEMPTS = 5


def kept(body: Json) -> Json:
    """Return a hook's body with the finalizer that keeps it."""
    metadata = body["metadata"]
    finalizers = [*(metadata.get("finalizers") or ()), HOOK_FINALIZER]
    return {**body, "metadata": {**metadata, "finalizers": list(dict.fromkeys(finalizers))}}


def is_kept(body: Json) -> bool:
    """Whether a live hook still has the finalizer."""
    return HOOK_FINALIZER in (body["metadata"].get("finalizers") or ())


async def release(session: ClusterSession, key: ResourceKey, body: Json) -> bool:
    """Take the finalizer away, if that can be; False when the hook changed meanwhile and is to be looked at again."""
    if not is_kept(body):
        return True
    metadata = body["metadata"]
    left = [each for each in metadata["finalizers"] if each != HOOK_FINALIZER]
    change = {"metadata": {"finalizers": left or None, "resourceVersion": metadata.get("resourceVersion")}}
    try:
        after = await session.writer.patch(key, change, version=body["apiVersion"].rpartition("/")[2])
    except ApiConflict:
        return False
    except Refused:
        return True  # it is gone, or the server will not have it: trying again changes nothing
    if left or not after["metadata"].get("deletionTimestamp"):
        session.observe(key, orjson.dumps(after))
    return True


async def let_go(session: ClusterSession, key: ResourceKey, uid: str) -> None:
    """
    Take the finalizer of a hook away, as it is now; controllers write to it in the moment it ends or is deleted.

    Another hook that has its name by now is left alone.

    Raises:
        ApiConflict: It kept changing. Nobody would let it go later, so the pass does not go on.
    """
    for _ in range(ATTEMPTS):
        body = await session.fetch(key)
        if body is None or body["metadata"].get("uid") != uid or await release(session, key, body):
            return
    raise ApiConflict(f"{key}: the hook keeps changing; it is let go of once it does not")


def finished(plan: Plan, operation: Operation, live: Mapping[ResourceKey, Json]) -> dict[ResourceKey, Json]:
    """Return the kept hooks that were seen to succeed, and those that somebody deleted."""
    return {key: body for key, body in _hooks(plan, live) if _is_over(key, body, operation)}


def _is_over(key: ResourceKey, body: Json, operation: Operation) -> bool:
    if body["metadata"].get("deletionTimestamp"):
        return True
    done = (o for a, o in operation.outcomes.items() if a.resource == key and a.verb is Verb.HOOK)
    return any(outcome.message.startswith(HOOK_DONE) for outcome in done)


def all_kept(plan: Plan, live: Mapping[ResourceKey, Json]) -> dict[ResourceKey, Json]:
    """Return every hook of an operation that is still kept."""
    return dict(_hooks(plan, live))


async def release_all(session: ClusterSession, bodies: Mapping[ResourceKey, Json]) -> None:
    """Let go of hooks. What became of them must be on record by then: it may be the last that is known of them."""
    for key, body in bodies.items():
        if not await release(session, key, body):
            await let_go(session, key, body["metadata"].get("uid", ""))


def _hooks(plan: Plan, live: Mapping[ResourceKey, Json]) -> Iterable[tuple[ResourceKey, Json]]:
    for step in (*plan.steps, *plan.on_failure):
        for action in step.actions:
            body = live.get(action.resource) if action.verb is Verb.HOOK else None
            if body is not None and is_kept(body):
                yield action.resource, body
