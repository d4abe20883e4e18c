"""Objects that move from one application to another: handed over, never deleted."""

from __future__ import annotations

import pytest
from tests.whole.manifests import config, text

from moorage.testing.world import NAMESPACE, World

FINALIZERS = {"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}}


def deleted(here: World) -> set[str]:
    """Return the paths of what Moorage asked to have deleted."""
    return {seen.path for seen in here.requests if seen.method == "DELETE" and not seen.own_books}


async def declared(here: World, *names: str, **spec: object) -> None:
    """Declare applications of folders of their own names, each with a ConfigMap of its own; the first has ``moving``."""
    files = {f"{name}/own.yaml": text(config(f"of-{name}")) for name in names}
    here.commit({**files, f"{names[0]}/moving.yaml": text(config("moving", v="1"))})
    for name in names:
        await here.declare(name, name, **spec)
    await here.settled(*names)


async def owner(here: World, name: str, uid: str) -> None:
    """Return once an application tracks the object, which is the very same as before."""
    await here.appears(
        "ConfigMap", "moving", so=lambda body: body["metadata"]["annotations"][TRACKED] == name
    )
    body = await here.get("ConfigMap", "moving")
    assert body is not None
    assert body["metadata"]["uid"] == uid


TRACKED = "argocd.argoproj.io/tracking-id"


def tracked(name: str) -> str:
    return f"{name}:/ConfigMap:default/moving"


@pytest.mark.parametrize(
    ("giver", "taker"),
    [
        pytest.param("a", "b", id="the giver is first"),
        pytest.param("b", "a", id="the taker is first"),
    ],
)
@pytest.mark.parametrize("options", [[], ["FailOnSharedResource=true"]], ids=["shared", "not shared"])
async def test_an_object_that_moves_in_one_commit_is_never_deleted(
    here: World, giver: str, taker: str, options: list[str]
) -> None:
    """
    An object handed from one application to another in one commit is the same object all the while.
    """
    automated = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": options}
    await declared(here, giver, taker, syncPolicy=automated)
    uid = (await here.appears("ConfigMap", "moving"))["metadata"]["uid"]

    moved = {f"{giver}/moving.yaml": None, f"{taker}/moving.yaml": text(config("moving", v="2"))}
    await here.push(moved)

    await owner(here, tracked(taker), uid)
    await here.settled(giver, taker)
    assert not deleted(here)


async def test_what_only_left_git_is_deleted_all_the_same(here: World) -> None:
    """
    An object that another application declares stays; the one beside it that nobody declares is pruned.
    """
    await declared(here, "a", "b")
    await here.push({"a/old.yaml": text(config("old"))})
    await here.appears("ConfigMap", "old")

    await here.push(
        {"a/old.yaml": None, "a/moving.yaml": None, "b/moving.yaml": text(config("moving", v="2"))}
    )

    await here.vanishes("ConfigMap", "old")
    await here.settled("a", "b")
    assert deleted(here) == {"/api/v1/namespaces/default/configmaps/old"}


async def test_an_object_nobody_took_yet_stays_with_a_reason(here: World) -> None:
    """
    While the taker is not synced the object stays where it is, and both sync result and condition say why.
    """
    await declared(here, "a", "b")
    manual = {"spec": {"syncPolicy": {"automated": None}}}
    await here.patch("Application", "b", manual, NAMESPACE)

    await here.push({"a/moving.yaml": None, "b/moving.yaml": text(config("moving", v="2"))})

    told = await here.condition("a", "is declared by application b")
    assert told == "ConfigMap/default/moving is declared by application b, and left to it"
    await here.patch("Application", "a", {"operation": {"sync": {"prune": True}}}, NAMESPACE)
    await here.until(lambda: "ignored (declared by application b)" in results(here, "a"))
    assert not deleted(here)


def results(here: World, name: str) -> list[str]:
    operation = here.status(name).get("operationState") or {}
    return [r.get("message", "") for r in (operation.get("syncResult") or {}).get("resources") or ()]


async def test_a_deleted_application_leaves_what_another_declares(here: World) -> None:
    """
    An application deleted with its resources leaves those that another one declares by now.
    """
    await declared(here, "a", "b")
    await here.patch("Application", "a", FINALIZERS, NAMESPACE)
    uid = (await here.appears("ConfigMap", "moving"))["metadata"]["uid"]

    await here.push({"b/moving.yaml": text(config("moving", v="2"))})
    await here.condition("b", "tracked by application a as well")
    await here.delete("Application", "a", NAMESPACE)

    await here.vanishes("ConfigMap", "of-a")
    await here.vanishes("Application", "a", NAMESPACE)
    await owner(here, tracked("b"), uid)
    assert deleted(here) == {"/api/v1/namespaces/default/configmaps/of-a"}
