"""How an application ends, and how its health follows what its workloads do."""

from __future__ import annotations

import pytest
from tests.whole.manifests import config, text, workload

from moorage.model.manifest import Json
from moorage.testing.world import NAMESPACE, World

REPLICA_SETS = "/apis/apps/v1/namespaces/default/replicasets"
FINALIZER = "resources-finalizer.argocd.argoproj.io"
FAIL = "sandbox.moorage.dev/fail"
HELD = {"metadata": {"finalizers": ["example.com/held"]}}
LET_GO: Json = {"metadata": {"finalizers": None}}


@pytest.mark.parametrize("finalizer", [FINALIZER, f"{FINALIZER}/foreground"])
async def test_a_foreground_cascade_waits_for_what_is_owned(here: World, finalizer: str) -> None:
    """
    In the foreground an application stays until what it declared is gone, and that until what it owns is.
    """
    owned = await deployed(here, finalizer)
    await change(here, owned, HELD)

    await here.delete("Application", "app", NAMESPACE)
    await here.vanishes("ConfigMap", "settings")
    await replica_set(here, deleting=True)
    waiting = await here.get("Deployment", "web"), await here.get("Application", "app", NAMESPACE)
    await change(here, owned, LET_GO)
    await here.vanishes("Application", "app", NAMESPACE)
    left = await here.get("Deployment", "web"), await here.api.get(REPLICA_SETS)

    assert None not in waiting
    assert left[0] is None
    assert left[1]["items"] == []


async def test_a_background_cascade_does_not_wait_for_what_is_owned(here: World) -> None:
    """
    In the background an application and what it declared are gone while what they own may still be going.
    """
    owned = await deployed(here, f"{FINALIZER}/background")
    await change(here, owned, HELD)

    await here.delete("Application", "app", NAMESPACE)
    await here.vanishes("Application", "app", NAMESPACE)
    left = await here.get("ConfigMap", "settings"), await here.get("Deployment", "web")
    still = await replica_set(here, deleting=True)
    await change(here, owned, LET_GO)

    assert left == (None, None)
    assert still["metadata"]["name"] == owned


async def test_without_a_cascade_everything_stays(here: World) -> None:
    """
    Without a finalizer only the application goes: nothing is deleted or changed of what it declared.
    """
    await deployed(here)
    before = len(here.requests)

    await here.delete("Application", "app", NAMESPACE)
    await here.vanishes("Application", "app", NAMESPACE)
    await here.until(lambda: here.application("app") is None)

    assert await here.get("Deployment", "web") is not None
    assert await here.get("ConfigMap", "settings") is not None
    assert here.sent(before) == []


async def test_what_is_kept_outlives_its_application(here: World) -> None:
    """
    A resource that says Delete=false stays when the application takes everything else along.
    """
    kept = config("kept", {"argocd.argoproj.io/sync-options": "Delete=false"}, v="1")
    here.commit({"app/a.yaml": text(kept, config("other", v="1"))})
    await here.declare("app", "app")
    await here.settled("app")
    await here.patch("Application", "app", {"metadata": {"finalizers": [FINALIZER]}}, NAMESPACE)

    await here.delete("Application", "app", NAMESPACE)
    await here.vanishes("Application", "app", NAMESPACE)

    assert await here.get("ConfigMap", "other") is None
    assert await here.get("ConfigMap", "kept") is not None


async def test_health_follows_the_pods(here: World) -> None:
    """
    A rollout whose pods cannot start is Progressing; once they can, the application is Healthy.
    """
    well_meant, broken = workload("Deployment", "web", replicas=2), workload("Deployment", "web", replicas=2)
    broken["spec"]["template"]["metadata"]["annotations"] = {FAIL: "image-pull"}
    here.commit({"app/a.yaml": text(broken)})
    await here.declare("app", "app")
    await here.settled("app", health="Progressing")
    sick = (await here.appears("Deployment", "web"))["status"]

    await here.push({"app/a.yaml": text(well_meant)})
    await here.settled("app")
    well = (await here.appears("Deployment", "web"))["status"]

    assert sick.get("availableReplicas", 0) == 0
    assert well["availableReplicas"] == 2


async def deployed(here: World, *finalizers: str) -> str:
    """Bring an application of a ConfigMap and a Deployment to Healthy; return the name of its ReplicaSet."""
    here.commit({"app/a.yaml": text(config(v="1"), workload("Deployment", "web"))})
    await here.declare("app", "app")
    await here.settled("app")
    if finalizers:
        await here.patch("Application", "app", {"metadata": {"finalizers": [*finalizers]}}, NAMESPACE)
    name: str = (await replica_set(here))["metadata"]["name"]
    return name


async def replica_set(here: World, *, deleting: bool = False) -> Json:
    """Return the one ReplicaSet, once it is being deleted if so asked."""
    name = (await here.api.get(REPLICA_SETS))["items"][0]["metadata"]["name"]
    return await here.appears(
        "ReplicaSet", name, so=lambda body: not deleting or "deletionTimestamp" in body["metadata"]
    )


async def change(here: World, replica_set: str, patch: Json) -> None:
    """Patch a ReplicaSet as a person does."""
    await here.patch("ReplicaSet", replica_set, patch)
