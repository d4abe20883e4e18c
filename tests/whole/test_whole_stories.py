"""From a commit to the cluster and back: what a user sees, over real HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.whole.manifests import config, definition, hook, text, workload

from moorage.sandbox import Fault
from moorage.testing.world import NAMESPACE, Seen, World

WAVE = "argocd.argoproj.io/sync-wave"


async def test_a_commit_becomes_objects(here: World) -> None:
    """
    What Git declares is in the cluster, and the application says Synced and Healthy.
    """
    here.commit({"app/all.yaml": text(config(a="1"), workload("Deployment", "web", replicas=2))})

    await here.declare("app", "app")
    await here.settled("app")

    assert (await here.appears("ConfigMap", "settings"))["data"] == {"a": "1"}
    assert len(here.status("app")["resources"]) == 2


async def test_a_push_is_applied_when_told(here: World) -> None:
    """
    A webhook brings a pushed change into the cluster, and only the applications whose files changed.
    """
    here.commit({"one/a.yaml": text(config("one", v="1")), "two/a.yaml": text(config("two", v="1"))})
    await here.declare("one", "one")
    await here.declare("two", "two")
    await here.settled("one", "two")
    before = len(here.requests)

    await here.push({"one/a.yaml": text(config("one", v="2"))})

    await here.appears("ConfigMap", "one", so=lambda body: body["data"]["v"] == "2")
    await here.settled("one")
    touched = {seen.path.rpartition("/")[2] for seen in here.requests[before:] if seen.method == "PATCH"}
    assert touched == {"one"}


async def test_a_synced_application_costs_nothing(here: World) -> None:
    """
    A refresh of an application in sync sends no request about what it declares.
    """
    here.commit({"app/a.yaml": text(config(v="1"), workload("Deployment", "web"))})
    await here.declare("app", "app")
    await here.settled("app")
    before = len(here.requests)

    await here.patch(
        "Application", "app", {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}}, NAMESPACE
    )
    await here.until(lambda: "argocd.argoproj.io/refresh" not in _annotations(here, "app"))
    await here.patch("Application", "app", {"operation": {"sync": {}}}, NAMESPACE)
    await here.until(lambda: _synced_by_hand(here, "app"))

    assert here.sent(before) == []


@pytest.mark.parametrize("way", ["ServerSideApply=false", "Replace=true"])
async def test_validation_can_be_switched_off(here: World, way: str) -> None:
    """
    A field that the server does not know fails the sync, and is passed over where `Validate=false` says so.
    """
    here.commit({"app/a.yaml": text({**config(v="1"), "dta": {}})})

    def policy(*options: str) -> dict[str, Any]:
        return {"automated": {}, "retry": {"limit": 0}, "syncOptions": list(options)}

    await here.declare("strict", "app", syncPolicy=policy(way))
    await here.until(lambda: _operation(here, "strict").get("phase") == "Failed")
    assert 'unknown field "dta"' in _operation(here, "strict")["message"]
    assert await here.get("ConfigMap", "settings") is None

    await here.declare("lenient", "app", syncPolicy=policy(way, "Validate=false"))
    await here.appears("ConfigMap", "settings")
    await here.until(lambda: _operation(here, "lenient").get("phase") == "Succeeded")


async def test_drift_is_healed(here: World) -> None:
    """
    What a person changes or deletes by hand is as Git says again.
    """
    here.commit({"app/a.yaml": text(config(v="1"), config("other", v="1"))})
    await here.declare("app", "app")
    await here.settled("app")

    await here.patch("ConfigMap", "settings", {"data": {"v": "mine"}})
    await here.delete("ConfigMap", "other")

    await here.appears("ConfigMap", "settings", so=lambda body: body["data"]["v"] == "1")
    await here.appears("ConfigMap", "other")
    await here.settled("app")


async def test_drift_stays_without_self_heal(here: World) -> None:
    """
    Without self-healing drift is shown and left alone.
    """
    here.commit({"app/a.yaml": text(config(v="1"))})
    await here.declare("app", "app", syncPolicy={"automated": {"prune": True}})
    await here.settled("app")

    await here.patch("ConfigMap", "settings", {"data": {"v": "mine"}})
    await here.until(lambda: here.status("app")["sync"]["status"] == "OutOfSync")

    body = await here.get("ConfigMap", "settings")
    assert body is not None
    assert body["data"]["v"] == "mine"


async def test_what_leaves_git_is_pruned_and_comes_back_by_revert(here: World) -> None:
    """
    A removed file removes its objects; the next commit that has it brings them back.
    """
    files = {"app/a.yaml": text(config("a", v="1")), "app/b.yaml": text(config("b", v="1"))}
    here.commit(files)
    await here.declare("app", "app")
    await here.settled("app")

    await here.push({"app/b.yaml": None})
    await here.vanishes("ConfigMap", "b")
    await here.push({"app/b.yaml": files["app/b.yaml"]})

    await here.appears("ConfigMap", "b")
    await here.settled("app")


async def test_pruning_waits_for_permission(here: World) -> None:
    """
    Without prune a resource that left Git stays, and the application says so.
    """
    here.commit({"app/a.yaml": text(config("a", v="1")), "app/b.yaml": text(config("b", v="1"))})
    await here.declare("app", "app", syncPolicy={"automated": {}})
    await here.settled("app")

    await here.push({"app/b.yaml": None})
    await here.until(lambda: here.status("app")["sync"]["status"] == "OutOfSync")

    assert await here.get("ConfigMap", "b") is not None
    assert [r["name"] for r in here.status("app")["resources"] if r.get("requiresPruning")] == ["b"]


async def test_hooks_and_waves_run_in_order(here: World) -> None:
    """
    A PreSync hook ends before the first wave begins, and each wave is healthy before the next.
    """
    here.commit(
        {
            "app/a.yaml": text(
                hook("migrate", "PreSync"),
                workload("StatefulSet", "database", {WAVE: "1"}, serviceName="database"),
                workload("Deployment", "web", {WAVE: "2"}),
                hook("notify", "PostSync"),
            )
        }
    )

    await here.declare("app", "app")
    await here.settled("app")

    writes = [s.path.rpartition("/")[2] for s in here.sent() if s.method in ("PATCH", "POST")]
    assert writes == ["jobs", "migrate", "database", "web", "jobs", "notify"]
    results = {r["name"]: r for r in here.status("app")["operationState"]["syncResult"]["resources"]}
    assert results["migrate"]["hookPhase"] == results["notify"]["hookPhase"] == "Succeeded"


async def test_a_namespace_is_created_when_asked_for(here: World) -> None:
    """
    With CreateNamespace=true the namespace is made first; without it nothing is sent and the fault is named.
    """
    here.commit({"app/a.yaml": text(config(v="1"))})
    policy = {"automated": {}, "syncOptions": ["CreateNamespace=true"]}

    await here.declare("with", "app", namespace="made", syncPolicy=policy)
    await here.declare("without", "app", namespace="absent")
    await here.settled("with")
    message = await here.condition("without", "absent")

    assert await here.get("Namespace", "made") is not None
    assert await here.get("Namespace", "absent") is None
    assert "CreateNamespace=true" in message


async def test_deleting_an_application_cascades(here: World) -> None:
    """
    With the resources finalizer an application takes what it declared along; without it everything stays.
    """
    here.commit({"one/a.yaml": text(config("one", v="1")), "two/a.yaml": text(config("two", v="1"))})
    await here.declare("one", "one")
    await here.declare("two", "two")
    await here.settled("one", "two")
    finalizers = {"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}}
    await here.patch("Application", "one", finalizers, NAMESPACE)

    await here.delete("Application", "one", NAMESPACE)
    await here.delete("Application", "two", NAMESPACE)

    await here.vanishes("ConfigMap", "one")
    await here.vanishes("Application", "one", NAMESPACE)
    assert await here.get("ConfigMap", "two") is not None


async def test_an_application_declares_applications(here: World) -> None:
    """
    An app of apps makes its children, and one that leaves Git is gone with what it declared.
    """
    url = here.git.url("repo")
    children = {
        f"apps/{name}.yaml": text(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {
                    "name": name,
                    "namespace": NAMESPACE,
                    "finalizers": ["resources-finalizer.argocd.argoproj.io"],
                },
                "spec": {
                    "project": "default",
                    "source": {"repoURL": url, "path": name, "targetRevision": "main"},
                    "destination": {"server": "https://kubernetes.default.svc", "namespace": "default"},
                    "syncPolicy": {"automated": {}},
                },
            }
        )
        for name in ("one", "two")
    }
    here.commit({**children, "one/a.yaml": text(config("one")), "two/a.yaml": text(config("two"))})

    await here.declare("root", "apps", namespace=NAMESPACE)
    await here.settled("root", "one", "two")
    await here.push({"apps/two.yaml": None})

    await here.vanishes("ConfigMap", "two")
    await here.vanishes("Application", "two", NAMESPACE)
    assert await here.get("ConfigMap", "one") is not None


async def test_a_definition_and_its_objects_in_one_application(here: World) -> None:
    """
    Objects of a kind that the same application defines are applied once the kind is served.
    """
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": {"size": 3}}
    here.commit({"app/a.yaml": text(thing, definition("Thing"))})

    await here.declare("app", "app")
    await here.settled("app")

    found = await here.api.get("/apis/example.com/v1/namespaces/default/things/x")
    assert found["spec"] == {"size": 3}


async def test_a_missing_kind_is_named_and_waited_for(here: World) -> None:
    """
    A kind the cluster does not have is named; the application syncs once somebody installs it.
    """
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}, "spec": {"size": 3}}
    here.commit({"app/a.yaml": text(thing, config(v="1"))})
    await here.declare("app", "app")

    message = await here.condition("app", "UnknownKind")
    absent = await here.get("ConfigMap", "settings")
    await here.put(definition("Thing"))

    await here.settled("app")
    assert "Thing.example.com" in message
    assert absent is None


async def test_a_project_denies(here: World) -> None:
    """
    What a project forbids is not applied, and the application names resource and project.
    """
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "narrow", "namespace": NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "default"}],
            "namespaceResourceBlacklist": [{"group": "", "kind": "ConfigMap"}],
        },
    }
    await here.put(project)
    here.commit({"app/a.yaml": text(config(v="1"), workload("Deployment", "web"))})

    await here.declare("app", "app", project="narrow")
    message = await here.condition("app", "ConfigMap")

    assert "narrow" in message
    assert await here.get("Deployment", "web") is None


async def test_a_restart_goes_on_where_it_was(here: World) -> None:
    """
    Stopped in the middle of a sync and started again, the sync ends and no hook runs twice.
    """
    here.commit(
        {
            "app/a.yaml": text(
                hook("migrate", "PreSync"), config(v="1"), workload("Deployment", "web", {WAVE: "1"})
            )
        }
    )
    reached = _refusing(here, "settings")
    await here.declare("app", "app")
    await reached.wait()
    await here.stop()
    here.fault = lambda seen: None
    await here.start()
    await here.settled("app")

    jobs = [seen for seen in here.sent() if seen.method == "POST" and seen.path.endswith("/jobs")]
    assert len(jobs) == 1
    assert await here.get("Deployment", "web") is not None


async def test_a_dry_run_changes_nothing(here: World) -> None:
    """
    A sync asked for as a dry run says what it would do and leaves the cluster as it is.
    """
    here.commit({"app/a.yaml": text(config(v="1"))})
    await here.declare("app", "app", syncPolicy={})
    await here.until(lambda: here.status("app").get("sync", {}).get("status") == "OutOfSync")

    await here.patch("Application", "app", {"operation": {"sync": {"dryRun": True}}}, NAMESPACE)
    await here.until(lambda: (here.status("app").get("operationState") or {}).get("phase") == "Succeeded")

    assert await here.get("ConfigMap", "settings") is None
    assert here.status("app")["sync"]["status"] == "OutOfSync"


async def test_a_selected_resource_is_synced_alone(here: World) -> None:
    """
    A partial sync touches the resources it names and no others.
    """
    here.commit({"app/a.yaml": text(config("a", v="1"), config("b", v="1"))})
    await here.declare("app", "app", syncPolicy={})
    await here.until(lambda: here.status("app").get("sync", {}).get("status") == "OutOfSync")

    resources = [{"kind": "ConfigMap", "name": "a"}]
    await here.patch("Application", "app", {"operation": {"sync": {"resources": resources}}}, NAMESPACE)
    await here.appears("ConfigMap", "a")
    await here.until(lambda: (here.status("app").get("operationState") or {}).get("phase") == "Succeeded")

    assert await here.get("ConfigMap", "b") is None


async def test_a_long_batch_tells_how_far_it_is(here: World) -> None:
    """
    While many resources are written slowly, the operation says how many are done, and lists them.
    """
    here.commit({"app/a.yaml": text(*(config(f"c{n}", v="1") for n in range(70)))})
    here.fault = lambda seen: Fault(delay=1.0) if "/configmaps/" in seen.path else None

    await here.declare("app", "app")
    await here.until(lambda: " of 70 done" in _operation(here, "app").get("message", ""))
    told = _operation(here, "app")
    assert len(told["syncResult"]["resources"]) == int(told["message"].partition(" ")[0])
    assert len(here.status("app")["resources"]) == 70
    here.fault = lambda seen: None
    await here.settled("app")

    assert len(_operation(here, "app")["syncResult"]["resources"]) == 70


async def test_a_sync_asked_for_while_one_runs_is_next(here: World) -> None:
    """
    A request made while an operation runs is kept, and taken up when that one is over.
    """
    here.commit({"app/a.yaml": text(config("a", v="1"), config("b", v="1"))})
    reached = _refusing(here, "a")
    await here.declare("app", "app")
    await reached.wait()
    resources = [{"kind": "ConfigMap", "name": "b"}]
    await here.patch("Application", "app", {"operation": {"sync": {"resources": resources}}}, NAMESPACE)
    here.fault = lambda seen: None

    await here.until(lambda: _synced_by_hand(here, "app"))
    sync = here.status("app")["operationState"]["operation"]["sync"]
    assert sync["resources"] == resources
    assert await here.get("ConfigMap", "a") is not None


def _refusing(here: World, name: str) -> asyncio.Event:
    """Refuse each apply of an object from now on; the event is set by the first one."""
    reached = asyncio.Event()

    def refuse(seen: Seen) -> Fault | None:
        if seen.method != "PATCH" or not seen.path.endswith(f"/{name}"):
            return None
        reached.set()
        return Fault(status=503)

    here.fault = refuse
    return reached


def _operation(here: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = here.status(name).get("operationState") or {}
    return found


def _annotations(here: World, name: str) -> dict[str, str]:
    app = here.application(name)
    return dict(app.annotations) if app else {}


def _synced_by_hand(here: World, name: str) -> bool:
    state = here.status(name).get("operationState") or {}
    automated = (state.get("operation") or {}).get("initiatedBy", {}).get("automated")
    return not automated and state.get("phase") == "Succeeded"
