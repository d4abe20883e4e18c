"""
What happens to applications once they are in sync: people change and delete things, files go, and all ends.

Each application in turn is to be deleted in the foreground, in the background, or
without its resources; what must be gone and what must be there follows from that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bench.acceptance import stories
from moorage.cluster.answers import NotFound
from moorage.cluster.discovery import Kinds, discover
from moorage.cluster.http import JSON_PATCH
from moorage.model.identity import ResourceKey
from moorage.testing.world import NAMESPACE, World

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Rollout")
SMALL = ("Service", "ConfigMap", "ServiceAccount")
IMAGE = "/spec/template/spec/containers/0/image"
DRIFTED = "registry.example.com/drifted:1"
MODES: dict[str, tuple[str, ...]] = {
    "foreground": (f"{stories.FINALIZER}/foreground",),
    "background": (f"{stories.FINALIZER}/background",),
    "none": (),
}


@dataclass(frozen=True, slots=True)
class Ground:
    """A world with what its cluster serves, which tells where an object is."""

    here: World
    kinds: Kinds

    async def get(self, key: ResourceKey) -> dict[str, Any] | None:
        """Return an object; None when it is gone, or its kind is."""
        try:
            found: dict[str, Any] = await self.here.api.get(self.path(key))
        except NotFound:
            return None
        return found

    def path(self, key: ResourceKey) -> str:
        return self.kinds.path(self.kinds.scoped(key))

    def declared(self, name: str) -> list[ResourceKey]:
        """Return what an application declares, hooks left out."""
        resources = self.here.status(name).get("resources") or ()
        return [
            ResourceKey(r.get("group", ""), r["kind"], r.get("namespace", ""), r["name"])
            for r in resources
            if not r.get("hook")
        ]

    async def until(
        self, key: ResourceKey, so: Callable[[dict[str, Any] | None], bool], within: float
    ) -> None:
        """Return once an object is as asked; raises TimeoutError with how it is."""
        found = None
        try:
            async with asyncio.timeout(within):
                while not so(found := await self.get(key)):  # noqa: ASYNC110 the cluster gives no sign
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TimeoutError(
                f"{key}: not as it should be within {within:g} s: {str(found)[:500]}"
            ) from None


async def look_around(here: World) -> Ground:
    """Return a world with what is served now."""
    return Ground(here, await discover(here.api))


def mode_of(number: int) -> str:
    """Return how the application of this number is to be deleted."""
    return list(MODES)[number % len(MODES)]


async def heals(ground: Ground, names: Iterable[str], within: float) -> tuple[int, int]:
    """
    Change an image and delete an object of each application, all at once, and wait until all is as before.

    Returns how many objects were changed and how many were deleted.
    """
    chosen = [(ground.declared(name), name) for name in names]
    changed = [key for keys, _ in chosen if (key := _first(keys, WORKLOADS))]
    deleted = [key for keys, _ in chosen if (key := _first(keys, SMALL))]
    healed = [
        *[_changed(ground, key, within) for key in changed],
        *[_deleted(ground, key, within) for key in deleted],
    ]
    await asyncio.gather(*healed)
    await ground.here.settled(*(name for _, name in chosen), within=within)
    return len(changed), len(deleted)


def _first(keys: list[ResourceKey], kinds: tuple[str, ...]) -> ResourceKey | None:
    return next((key for kind in kinds for key in keys if key.kind == kind), None)


async def _changed(ground: Ground, key: ResourceKey, within: float) -> None:
    operations = [{"op": "replace", "path": IMAGE, "value": DRIFTED}]
    await ground.here.api.request("PATCH", ground.path(key), body=operations, content_type=JSON_PATCH)
    await ground.until(key, lambda body: body is not None and DRIFTED not in str(body["spec"]), within)


async def _deleted(ground: Ground, key: ResourceKey, within: float) -> None:
    before = await ground.get(key)
    assert before is not None, f"{key} is not there"
    uid = before["metadata"]["uid"]
    await ground.here.api.request("DELETE", ground.path(key))
    await ground.until(key, lambda body: body is not None and body["metadata"]["uid"] != uid, within)


async def prunes(ground: Ground, name: str, repository: str, file: str, within: float) -> int:
    """Remove a file of an application's repository; return how many objects went with it."""
    here, before = ground.here, ground.declared(name)
    await here.push({file: None}, repository=repository)
    await here.until(lambda: 0 < len(ground.declared(name)) < len(before), within=within)
    await here.settled(name, within=within)
    gone = set(before) - set(ground.declared(name))
    for key in gone:
        await ground.until(key, lambda body: body is None, within)
    return len(gone)


async def all_end(ground: Ground, names: list[str], within: float) -> dict[str, int]:
    """
    Delete the application that declares all others, and see what is left.

    Returns how many objects were to be judged, by how their application was deleted.
    """
    here, declared = ground.here, {name: ground.declared(name) for name in names}
    await stories.delete_with_resources(here, "all-of-them", within)
    await here.until(lambda: not any(here.application(name) for name in names), within=within)
    counts = dict.fromkeys(MODES, 0)
    for number, name in enumerate(names):
        mode = mode_of(number)
        # Definitions stay: with them all objects of their kinds would go, whoever's they are.
        keys = [key for key in declared[name] if key.kind != "CustomResourceDefinition"]
        counts[mode] += len(keys)
        stays = mode == "none"
        for key, body in zip(keys, await asyncio.gather(*map(ground.get, keys)), strict=True):
            assert (body is not None) is stays, (
                f"{name}, deleted with {mode}: {key} is {'gone' if stays else 'there'}"
            )
    return counts


def with_mode(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Return an Application that is deleted as its number says."""
    finalizers = list(MODES[mode_of(number)])
    return {**body, "metadata": {**body["metadata"], "finalizers": finalizers, "namespace": NAMESPACE}}
