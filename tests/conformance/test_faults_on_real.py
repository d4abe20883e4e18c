"""What a cluster does in the middle of a sync: it dies, hangs or is slow. Everything arrives, and nothing twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.conformance.house import LONG_SECONDS, RealHands, RealScene, config, created, deleted, text

from moorage.model.manifest import Json

COUNT = 300
NAMES = [f"part-{number:03d}" for number in range(COUNT)]
HOOK: Json = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"generateName": "before-", "annotations": {"argocd.argoproj.io/hook": "PreSync"}},
    "spec": {
        "template": {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example/migrate:1"}]}
        }
    },
}


@pytest.mark.parametrize("where", ["home", "edge"])
async def test_an_api_server_that_dies_in_the_middle_of_a_sync(scene: RealScene, where: str) -> None:
    """
    A sync of 300 objects goes on after the API server was killed in it, be it the own cluster's or another's.

    Each object is created once and the hook is run once, what belongs to others is not touched, the operation
    succeeds with a result for each object. While another cluster is away, the Application is Unknown and says
    why.
    """
    person = getattr(scene, where)
    bystanders = await others(scene, person)
    died = at_write(scene, "ConfigMap", COUNT // 3, person.plane.stop_apiserver)
    await begin(scene, where)
    await asyncio.wait_for(died.wait(), LONG_SECONDS)
    if where == "edge":
        said = await scene.condition(scene.name, "cannot be reached")
        assert person.plane.url in said
        assert "waiting to go on" in scene.operation()["message"]
        await scene.until(lambda: scene.status(scene.name)["sync"]["status"] == "Unknown")
    await person.plane.start_apiserver()

    await scene.settled(scene.name, within=LONG_SECONDS)
    await arrived(scene, person, where)
    assert bystanders == await versions(person, bystanders, scene.name)


async def test_a_token_that_is_refused_in_the_middle_of_a_sync(scene: RealScene) -> None:
    """
    A sync of 300 objects goes on when its cluster's Secret holds the new token: no object is failed, none twice.
    """
    bystanders = await others(scene, scene.edge)
    rotated = at_write(scene, "ConfigMap", COUNT // 3, scene.edge.plane.rotate_token)
    await begin(scene, "edge")
    await asyncio.wait_for(rotated.wait(), LONG_SECONDS)
    await scene.condition(scene.name, "the API server refuses the credentials")
    running = scene.operation()
    assert (running["phase"], running.get("retryCount", 0)) == ("Running", 0)
    scene.edge.renew()
    await scene.register_edge()

    await scene.settled(scene.name, within=LONG_SECONDS)
    await arrived(scene, scene.edge, "edge")
    assert running["startedAt"] == scene.operation()["startedAt"]
    assert bystanders == await versions(scene.edge, bystanders, scene.name)


async def test_a_store_that_hangs_in_the_middle_of_a_sync(scene: RealScene) -> None:
    """
    A sync of 300 objects outlives ten seconds in which etcd does nothing: no object twice, no other touched.
    """
    bystanders = await others(scene, scene.edge)
    hung = at_write(scene, "ConfigMap", COUNT // 3, scene.edge.plane.hang_etcd)
    await begin(scene, "edge")
    await asyncio.wait_for(hung.wait(), LONG_SECONDS)

    await scene.settled(scene.name, within=LONG_SECONDS)
    await arrived(scene, scene.edge, "edge")
    assert bystanders == await versions(scene.edge, bystanders, scene.name)


async def test_a_disk_that_is_slow(scene: RealScene) -> None:
    """
    With a disk that takes some hundred milliseconds for a write everything arrives, and nothing is written twice.
    """
    async with scene.edge.plane.slow_etcd():
        await begin(scene, "edge")
        await scene.settled(scene.name, within=LONG_SECONDS)

    await arrived(scene, scene.edge, "edge")
    written = Counter(act.name for act in scene.acts(scene.edge.plane) if act.resource == "configmaps")
    assert set(written.values()) == {1}


# --- how it is told


def at_write(scene: RealScene, kind: str, number: int, act: Callable[[], Awaitable[Any]]) -> asyncio.Event:
    """Do something once so many writes of a kind were answered; the event is set when it is done."""
    done, count, tasks = asyncio.Event(), 0, set()

    async def once() -> None:
        await act()
        done.set()

    def answered(verb: str, of: str, code: int) -> None:
        nonlocal count
        count += verb == "PATCH" and of == kind
        if count == number and not tasks:
            tasks.add(asyncio.create_task(once()))

    scene.answered = answered
    return done


async def begin(scene: RealScene, where: str) -> None:
    """Declare an Application of three hundred objects, with a hook before them where Jobs are run."""
    files = {f"app/{name}.yaml": text(config(name, value=name)) for name in NAMES}
    if where == "edge":
        files["app/hook.yaml"] = text(HOOK)
        await scene.register_edge()
    await asyncio.to_thread(scene.commit, files)
    await scene.declare_on(getattr(scene, where))


async def arrived(scene: RealScene, person: RealHands, where: str) -> None:
    """Check that all is there, made once and told by the operation."""
    acts = scene.acts(person.plane)
    listed = await person.api.get(f"/api/v1/namespaces/{scene.name}/configmaps")
    there = {body["metadata"]["name"] for body in listed["items"]}
    assert set(NAMES) <= there
    assert max(created(acts, "configmaps").values()) == 1
    assert deleted(acts) == []
    operation = scene.operation()
    results = [r for r in operation["syncResult"]["resources"] if r["kind"] == "ConfigMap"]
    assert operation["phase"] == "Succeeded"
    assert sorted(r["name"] for r in results) == NAMES
    assert {r["status"] for r in results} == {"Synced"}
    # An object whose creation was not answered is found there, and applied once more.
    assert {r["message"] for r in results} <= {"created", "configured", "unchanged"}
    assert scene.told() == []
    if where == "edge":
        jobs = await person.api.get(f"/apis/batch/v1/namespaces/{scene.name}/jobs")
        assert len(jobs["items"]) == 1


async def others(scene: RealScene, person: RealHands) -> dict[str, str]:
    """Put objects of a person and of another application there; return their versions."""
    await person.put(config("a-persons", scene.name, value="mine"))
    foreign = config("anothers", scene.name, value="theirs")
    foreign["metadata"]["annotations"] = {
        "argocd.argoproj.io/tracking-id": f"another:/ConfigMap:{scene.name}/anothers"
    }
    await person.put(foreign)
    return await versions(person, {"a-persons": "", "anothers": ""}, scene.name)


async def versions(person: RealHands, names: dict[str, str], place: str) -> dict[str, str]:
    """Return the versions that objects have now."""
    found = {}
    for name in names:
        body = await person.get("ConfigMap", name, place)
        found[name] = body["metadata"]["resourceVersion"] if body else ""
    return found
