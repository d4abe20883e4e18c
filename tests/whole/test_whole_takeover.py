"""An installation of somebody else goes over to Moorage: in sync as it is, and Git's from then on."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.whole.manifests import text, workload

from moorage.model.manifest import Json
from moorage.testing.world import NAMESPACE, World

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
TRACKING = {"argocd.argoproj.io/tracking-id": "app:apps/Deployment:default/web"}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
BY_HAND: Json = {"syncOptions": ["CreateNamespace=true"]}


@pytest.mark.parametrize("manager", ["argocd-controller", "kubectl-client-side-apply"])
async def test_what_a_client_side_apply_left_is_in_sync(here: World, manager: str) -> None:
    """
    What Argo CD or kubectl made as Git says is Synced without a request; what leaves Git shows, and goes with a sync.
    """
    await made(here, manager, deployment("A", "B"))
    here.commit({"app/a.yaml": text(deployment("A", "B"))})
    await here.declare("app", "app", syncPolicy=BY_HAND)
    await here.settled("app")
    asked = here.sent()

    await here.push({"app/a.yaml": text(deployment("A"))})
    await here.until(lambda: here.status("app")["sync"]["status"] == "OutOfSync")
    await here.patch("Application", "app", {"operation": {"sync": {}}}, NAMESPACE)
    await here.settled("app")

    assert [seen.path for seen in asked if seen.method != "GET"] == []
    assert await variables(here) == ["A"]


@pytest.mark.parametrize("manager", ["helm", "kubectl"])
async def test_what_was_applied_server_side_loses_what_left_git(here: World, manager: str) -> None:
    """
    What Helm 4 or kubectl applied server-side, and Git does not say any more, goes with the first sync.
    """
    await here.put(deployment("A", "B"), manager=manager)
    here.commit({"app/a.yaml": text(deployment("A"))})

    await here.declare("app", "app")
    await here.settled("app")

    assert await variables(here) == ["A"]


def deployment(*names: str) -> dict[str, Any]:
    """Return a tracked Deployment with environment variables."""
    body = workload("Deployment", "web", TRACKING)
    body["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": n, "value": "1"} for n in names]
    return body


async def made(here: World, manager: str, body: Json) -> None:
    """Create an object as a client-side apply does: by POST, with its configuration in an annotation."""
    annotations = {**body["metadata"]["annotations"], LAST_APPLIED: orjson.dumps(body).decode()}
    sent = {**body, "metadata": {**body["metadata"], "annotations": annotations}}
    await here.api.request("POST", DEPLOYMENTS, query={"fieldManager": manager}, body=sent)


async def variables(here: World) -> list[str]:
    """Return the names of the environment variables the Deployment has."""
    live = await here.appears("Deployment", "web")
    return [each["name"] for each in live["spec"]["template"]["spec"]["containers"][0].get("env", ())]
