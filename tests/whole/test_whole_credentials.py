"""Credentials that are refused while an operation runs say nothing about what it does: it waits, and goes on."""

from __future__ import annotations

import orjson
from tests.whole.manifests import config, text, workload

from moorage.sandbox.server import Fault
from moorage.testing.world import NAMESPACE, World

REFUSED = orjson.dumps({"kind": "Status", "apiVersion": "v1", "code": 401, "message": "Unauthorized"})
STUCK = {"annotations": {"sandbox.moorage.dev/fail": "never-ready"}}
LATER = {"argocd.argoproj.io/sync-wave": "1"}


async def test_a_cluster_that_refuses_the_credentials_in_the_middle_of_a_sync(here: World) -> None:
    """
    A write that is refused for the credentials fails no resource; with others the same operation ends well.
    """
    here.fault = lambda seen: (
        Fault(status=401, body=REFUSED) if seen.method == "PATCH" and seen.path.endswith("/two") else None
    )
    here.commit({"app/a.yaml": text(config("one"), config("two", LATER))})
    await here.declare("app", "app")
    said = await here.condition("app", "the API server refuses the credentials")
    waiting = here.status("app")["operationState"]

    assert said.startswith("CredentialsRefused")
    assert waiting["phase"] == "Running"
    assert "waiting to go on" in waiting["message"]
    assert [r["status"] for r in waiting["syncResult"]["resources"]] == ["Synced"]

    here.fault = lambda seen: None
    await refresh(here)
    await here.settled("app")
    ended = here.status("app")["operationState"]
    assert (ended["phase"], ended["startedAt"]) == ("Succeeded", waiting["startedAt"])


async def test_a_git_host_that_refuses_the_credentials_while_an_operation_runs(here: World) -> None:
    """
    An operation that has begun is not given up because the Git host refuses the credentials by now.
    """
    stuck = workload("Deployment", "web")
    stuck["spec"]["template"]["metadata"] |= STUCK
    here.commit({"app/a.yaml": text(stuck, config("after", LATER))})
    await here.declare("app", "app")
    await here.until(lambda: "web" in (here.status("app").get("operationState") or {}).get("message", ""))
    here.git.users = {"person": "password"}
    await refresh(here)
    await here.condition("app", "CredentialsRefused")

    assert here.status("app")["operationState"]["phase"] == "Running"

    here.git.users = {}
    here.commit({"app/a.yaml": text(workload("Deployment", "web"), config("after", LATER))})
    await refresh(here)
    await here.appears("ConfigMap", "after")
    await here.settled("app")


async def refresh(here: World) -> None:
    """Ask for a refresh as a person does."""
    patch = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
    await here.patch("Application", "app", patch, NAMESPACE)
