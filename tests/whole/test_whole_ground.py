"""What declared objects stand on goes away under them: their namespace, their definition. Healing brings back both."""

from __future__ import annotations

from tests.whole.manifests import config, definition, text

from moorage.testing.world import World

HEALED = {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]}
QUICKLY = {"retry": {"limit": 5, "backoff": {"duration": "1s", "factor": 1}}}


async def test_a_namespace_that_is_deleted_is_made_again(here: World) -> None:
    """
    With CreateNamespace a deleted namespace comes back with what is declared in it, though only that had drifted.
    """
    here.commit({"app/a.yaml": text(config("one"), config("two"))})
    await here.declare("app", "app", namespace="shop", syncPolicy=HEALED | QUICKLY)
    await here.settled("app")

    await here.delete("Namespace", "shop")
    await here.until(lambda: here.status("app")["sync"]["status"] == "OutOfSync")

    await here.appears("ConfigMap", "one", "shop")
    await here.appears("ConfigMap", "two", "shop")
    await here.settled("app")
    assert (here.status("app").get("conditions") or []) == []


async def test_a_definition_that_is_deleted_is_made_again(here: World) -> None:
    """
    When a definition is deleted the application brings it back with its objects, in whatever order it saw them go.
    """
    boat = {"apiVersion": "example.com/v1", "kind": "Boat", "metadata": {"name": "one"}, "spec": {}}
    here.commit({"app/a.yaml": text(definition("Boat"), boat)})
    await here.declare("app", "app", syncPolicy=HEALED | QUICKLY)
    await here.settled("app")

    await here.delete("CustomResourceDefinition", "boats.example.com")
    await here.until(lambda: here.status("app")["sync"]["status"] == "OutOfSync")

    await here.settled("app")
    assert here.path(boat) is not None
    assert (await here.api.get(here.path(boat)))["metadata"]["name"] == "one"
    assert (here.status("app").get("conditions") or []) == []
