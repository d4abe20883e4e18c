"""
The stories of `tests/whole`, unchanged, with a real API server in the sandbox's place.

They come here by being imported, and find another `here`. All share one control
plane, so what a story leaves there is taken away before the next one begins.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from bench.acceptance.ground import world_on
from tests.controlplane import ControlPlane, Podlet
from tests.whole.test_whole_cascade import *  # noqa: F403
from tests.whole.test_whole_farewell import *  # noqa: F403
from tests.whole.test_whole_stories import *  # noqa: F403
from tests.whole.test_whole_takeover import *  # noqa: F403

from moorage.cluster.answers import NotFound
from moorage.cluster.http import MERGE_PATCH
from moorage.model.manifest import Json
from moorage.testing.world import APPLICATIONS, PROJECTS, World

pytestmark = pytest.mark.timeout(90)

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
# What stories make, owners first. The ConfigMap in every namespace is the controllers'.
LEFT = (
    APPLICATIONS,
    PROJECTS,
    "/apis/apps/v1/namespaces/default/deployments",
    "/apis/apps/v1/namespaces/default/statefulsets",
    "/apis/apps/v1/namespaces/default/replicasets",
    "/apis/batch/v1/namespaces/default/jobs",
    "/api/v1/namespaces/default/pods",
    "/api/v1/namespaces/default/configmaps",
)
LASTING = ("kube-root-ca.crt",)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def plane() -> AsyncIterator[ControlPlane]:
    """Give a control plane for all stories, with somebody who plays its nodes."""
    async with ControlPlane() as plane, Podlet(plane.session):
        yield plane


@pytest_asyncio.fixture(loop_scope="session")
async def here(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[World]:
    """Give a running world on the control plane, in which nothing has happened."""
    async with world_on(plane, tmp_path) as built:
        await built.start()
        yield built
        await built.stop()
        await tidy(built)


async def tidy(world: World) -> None:
    """Take away what a story has left, and return when it is gone."""
    async with asyncio.timeout(30):
        while left := [one for place in LEFT for one in await listed(world, place)] + await defined(world):
            for path, body in left:
                await remove(world, path, body)


async def listed(world: World, place: str) -> list[tuple[str, Json]]:
    """Return the objects of a collection with their paths, but for those that last."""
    items = (await world.api.get(place))["items"]
    return [
        (f"{place}/{one['metadata']['name']}", one) for one in items if one["metadata"]["name"] not in LASTING
    ]


async def defined(world: World) -> list[tuple[str, Json]]:
    """Return the definitions of kinds that stories made."""
    every = await listed(world, DEFINITIONS)
    return [(path, body) for path, body in every if body["spec"]["group"].startswith("example.")]


async def remove(world: World, path: str, body: dict[str, Any]) -> None:
    """Delete an object whatever would hold it back."""
    with contextlib.suppress(NotFound):
        if body["metadata"].get("finalizers") and not path.startswith(DEFINITIONS):
            change = {"metadata": {"finalizers": None}}
            await world.api.request("PATCH", path, body=change, content_type=MERGE_PATCH)
        if "deletionTimestamp" not in body["metadata"]:
            await world.api.request("DELETE", path, query={"propagationPolicy": "Background"})
