"""What is known of a cluster gets old, or what is declared for it loses its ground: nothing is deleted for that."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from tests.cluster.cluster_kit import boat, definition
from tests.conformance.house import (
    LONG_SECONDS,
    RealHands,
    RealScene,
    config,
    deleted,
    path_of,
    text,
)
from tests.controlplane.gate import Gate

from moorage.cluster.answers import NotFound
from moorage.model.manifest import Json
from moorage.testing.scene import NAMESPACE

CRD = "CustomResourceDefinition"
HEALED = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]}


async def test_all_history_is_forgotten_while_watches_are_cut(scene: RealScene) -> None:
    """
    When every version Moorage knows is too old, it lists again: what drifted is healed, what left Git is pruned.

    Nothing else is deleted, and nothing of others is touched, though Moorage saw none of it happen.
    """
    names = ("leaving", "other", "settings")
    files = {f"app/{name}.yaml": text(config(name, v="1")) for name in names}
    await asyncio.to_thread(scene.commit, files)
    async with Gate(scene.edge.plane.url) as gate:
        await scene.register_edge(server=gate.url)
        await scene.declare_on(scene.edge)
        await scene.settled(scene.name, within=LONG_SECONDS)
        before = await scene.edge.get("ConfigMap", "settings", scene.name)
        async with gate.shut():
            await scene.edge.delete("ConfigMap", "other", scene.name)
            await scene.edge.patch("ConfigMap", "settings", {"data": {"v": "drifted"}}, scene.name)
            mine = await scene.edge.put(config("a-persons", scene.name, v="mine"))
            await scene.condition(scene.name, "cannot be reached")
            after = await scene.push({"app/leaving.yaml": None})
            await scene.edge.plane.compact()
            assert await is_forgotten(scene.edge, before)
            assert scene.status(scene.name)["sync"]["status"] == "Unknown"
            assert deleted(scene.acts(scene.edge.plane)) == []

        await scene.until(
            lambda: scene.status(scene.name)["sync"].get("revision") == after, within=LONG_SECONDS
        )
        await scene.settled(scene.name, within=LONG_SECONDS)
    found = {name: await scene.edge.get("ConfigMap", name, scene.name) for name in (*names, "a-persons")}
    assert {name: body and body["data"]["v"] for name, body in found.items()} == {
        "leaving": None,
        "other": "1",
        "settings": "1",
        "a-persons": "mine",
    }
    assert found["a-persons"] == mine
    assert deleted(scene.acts(scene.edge.plane)) == ["leaving"]
    assert scene.told() == []


async def test_all_history_of_the_applications_is_forgotten(scene: RealScene) -> None:
    """
    Applications that came and went while Moorage was cut off are known afterwards; what one left behind stays.
    """
    files = {f"{name}/settings.yaml": text(config(name, v="1")) for name in ("app", "new")}
    await asyncio.to_thread(scene.commit, files)
    new = f"{scene.name}-new"
    async with Gate(scene.home.plane.url) as gate:
        scene.way_home = gate.url
        await scene.stop()
        await scene.start()
        await scene.declare_on(scene.home)
        await scene.settled(scene.name, within=LONG_SECONDS)
        before = await scene.get("ConfigMap", "app", scene.name)
        async with gate.shut():
            await scene.delete("Application", scene.name, NAMESPACE)
            await scene.declare(new, "new", namespace=scene.name)
            await scene.home.plane.compact()
            assert await is_forgotten(scene.home, before)

        await scene.until(lambda: scene.application(new), within=LONG_SECONDS)
        await scene.settled(new, within=LONG_SECONDS)
        assert scene.application(scene.name) is None
    assert await scene.get("ConfigMap", "app", scene.name) == before
    assert deleted(scene.acts(scene.home.plane)) == []


@pytest.mark.parametrize("owner", ["a person", "the application"])
async def test_a_definition_is_deleted_and_made_again(scene: RealScene, owner: str) -> None:
    """
    Objects whose definition was deleted come back with it, and no error stays.

    Who brings the definition back is whose it is: while it is a person's, the Application says what it lacks.
    """
    files = {f"app/{name}.yaml": text(placed(boat(name, size=1), scene.name)) for name in ("one", "two")}
    files["app/settings.yaml"] = text(config("settings", v="1"))
    if owner == "a person":
        await scene.edge.put(definition())
    else:
        files["app/definition.yaml"] = text(definition())
    await asyncio.to_thread(scene.commit, files)
    await scene.register_edge()
    await scene.declare_on(scene.edge)
    await scene.settled(scene.name, within=LONG_SECONDS)
    first = await boats(scene)

    await scene.edge.delete(CRD, "boats.sea.example")
    if owner == "a person":
        said = await scene.condition(scene.name, "UnknownKind")
        assert "Boat" in said
        await scene.edge.vanishes(CRD, "boats.sea.example")
        await scene.edge.put(definition())

    await made_anew(scene, first)
    await scene.settled(scene.name, within=LONG_SECONDS)
    await scene.until(lambda: scene.told() == [])
    assert deleted(scene.acts(scene.edge.plane)) == []


async def test_a_namespace_that_does_not_end(scene: RealScene) -> None:
    """
    While a namespace ends and cannot, the Application names it and what it waits for; once it went, all comes back.
    """
    await asyncio.to_thread(scene.commit, {"app/settings.yaml": text(config("settings", v="1"))})
    await scene.register_edge()
    await scene.declare_on(scene.edge, syncPolicy=HEALED)
    await scene.settled(scene.name, within=LONG_SECONDS)
    held = config("held", scene.name)
    held["metadata"]["finalizers"] = ["example.com/hold"]
    await scene.edge.put(held)
    await scene.edge.delete("Namespace", scene.name)
    said = await scene.condition(scene.name, "example.com/hold")

    assert f"namespace {scene.name} is being deleted" in said
    assert "configmaps" in said
    assert "example.com/hold" in scene.operation()["message"]
    await scene.edge.patch("ConfigMap", "held", {"metadata": {"finalizers": None}}, scene.name)
    await scene.settled(scene.name, within=LONG_SECONDS)
    assert await scene.edge.get("ConfigMap", "settings", scene.name)
    assert await scene.edge.get("ConfigMap", "held", scene.name) is None
    assert deleted(scene.acts(scene.edge.plane)) == []
    assert scene.told() == []


# --- how it is told


async def is_forgotten(person: RealHands, body: Json) -> bool:
    """Whether a watch from the version of an object is answered with 410."""
    query = {"watch": "true", "resourceVersion": body["metadata"]["resourceVersion"]}
    collection = path_of(body).rpartition("/")[0]
    async with person.api.stream(collection, query, idle_seconds=LONG_SECONDS) as pieces:
        event = orjson.loads((await anext(pieces)).splitlines()[0])
    return bool(event["object"].get("code") == 410)


def placed(body: Json, place: str) -> Json:
    """Return an object in a namespace."""
    return {**body, "metadata": {**body["metadata"], "namespace": place}}


async def boats(scene: RealScene) -> dict[str, str]:
    """Return the uids of all boats by their names; none while there is no such kind."""
    try:
        listed = await scene.edge.api.get(f"/apis/sea.example/v1/namespaces/{scene.name}/boats")
    except NotFound:
        return {}
    return {body["metadata"]["name"]: body["metadata"]["uid"] for body in listed["items"]}


async def made_anew(scene: RealScene, before: dict[str, str]) -> None:
    """Return when all boats are there, and none is the one it was before."""
    async with asyncio.timeout(LONG_SECONDS):
        while (now := await boats(scene)).keys() != before.keys() or set(now.values()) & set(before.values()):
            pass
