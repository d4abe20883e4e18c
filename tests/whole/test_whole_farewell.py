"""Hooks of an application's deletion: before its resources go, and after."""

from __future__ import annotations

import asyncio
from itertools import groupby
from typing import Any

import pytest
from tests.whole.manifests import config, hook, text

from moorage.cluster.objects import Event, Reflector
from moorage.sandbox import Fault
from moorage.testing.world import NAMESPACE, Seen, World, application

CASCADE = "resources-finalizer.argocd.argoproj.io"
POLICY = "argocd.argoproj.io/hook-delete-policy"
FAIL = "sandbox.moorage.dev/fail"


async def test_hooks_run_around_the_cascade(here: World) -> None:
    """
    PreDelete hooks end before the first resource goes, PostDelete hooks begin after the last; then the application goes.
    """
    await _declared(here, hook("before", "PreDelete"), config("settings", v="1"), hook("after", "PostDelete"))

    await here.delete("Application", "app", NAMESPACE)
    await here.vanishes("Application", "app", NAMESPACE)

    assert _order(here) == ["POST jobs", "DELETE settings", "DELETE before", "POST jobs"]
    assert await here.get("Job", "after") is not None


async def test_without_cascade_hooks_run_and_resources_stay(here: World) -> None:
    """
    The hooks have finalizers of their own, which stand on the application from its first pass on.
    """
    await _declared(here, config("settings", v="1"), hook("after", "PostDelete"), cascade=False)
    app = here.application("app")
    assert app is not None
    assert app.finalizers == (
        "post-delete-finalizer.argocd.argoproj.io",
        "post-delete-finalizer.argocd.argoproj.io/cleanup",
    )

    await here.delete("Application", "app", NAMESPACE)
    await here.vanishes("Application", "app", NAMESPACE)

    assert _order(here) == ["POST jobs"]
    assert await here.get("ConfigMap", "settings") is not None


async def test_a_hook_may_be_deleted_after_its_success(here: World) -> None:
    """
    HookSucceeded holds for the hooks of a deletion too, and a hook that deletes itself is kept until it was seen.
    """
    gone = hook("gone", "PostDelete", **{POLICY: "HookSucceeded"})
    itself = hook("itself", "PreDelete")
    itself["spec"]["ttlSecondsAfterFinished"] = 0
    await _declared(here, itself, config("settings", v="1"), gone)

    await here.delete("Application", "app", NAMESPACE)
    await here.vanishes("Application", "app", NAMESPACE)

    await here.vanishes("Job", "gone")
    await here.vanishes("Job", "itself")
    assert [line for line in _order(here) if line != "DELETE itself"] == [
        "POST jobs",
        "DELETE settings",
        "POST jobs",
        "DELETE gone",
    ]


async def test_a_hook_that_fails_keeps_everything(here: World) -> None:
    """
    A failed PreDelete hook is told on the application, and nothing goes until somebody mends it and deletes the hook.
    """
    failing = hook("before", "PreDelete")
    failing["spec"] |= {"backoffLimit": 0}
    failing["spec"]["template"]["metadata"] = {"annotations": {FAIL: "job-failed"}}
    await _declared(here, failing, config("settings", v="1"))

    await here.delete("Application", "app", NAMESPACE)
    told = await here.condition("app", "HookFailed")

    assert "Job/default/before" in told
    assert "pre-delete-finalizer.argocd.argoproj.io" in told
    assert await here.get("ConfigMap", "settings") is not None
    del failing["spec"]["template"]["metadata"]
    await here.push({"app/a.yaml": text(failing, config("settings", v="1"))})
    await here.delete("Job", "before")
    await here.vanishes("Application", "app", NAMESPACE)
    assert await here.get("ConfigMap", "settings") is None


@pytest.mark.parametrize("stopped_at", ["PATCH app", "DELETE settings", "POST jobs"])
async def test_no_hook_runs_twice(here: World, stopped_at: str) -> None:
    """
    Stopped anywhere in a deletion and started again, the deletion ends and each hook ran once.
    """
    await _declared(here, hook("before", "PreDelete"), config("settings", v="1"), hook("after", "PostDelete"))
    reached, made = asyncio.Event(), dict[str, str]()

    def take(event: Event, body: dict[str, Any]) -> None:
        made[body["metadata"]["uid"]] = body["metadata"]["name"]

    jobs = Reflector(
        here.api, "/apis/batch/v1/namespaces/default/jobs", take, api_version="batch/v1", kind="Job"
    )
    watching = asyncio.create_task(jobs.run())

    def stall(seen: Seen) -> Fault | None:
        if _named(seen) != stopped_at:
            return None
        reached.set()
        return Fault(status=503, after=True)

    here.fault = stall
    await here.delete("Application", "app", NAMESPACE)
    await reached.wait()
    await here.stop()
    here.fault = lambda seen: None
    await here.start()
    await here.vanishes("Application", "app", NAMESPACE)
    watching.cancel()

    assert list(made.values()) == ["before", "after"]


@pytest.mark.parametrize("phase", ["PreSync", "PostDelete"])
async def test_a_hook_that_changes_while_it_is_let_go_of_goes(here: World, phase: str) -> None:
    """
    A controller that writes to a hook just before its finalizer is taken away does not leave it terminating.
    """
    refused = []

    def conflict(seen: Seen) -> Fault | None:
        if _named(seen) != "PATCH once" or len(refused) == 2:
            return None
        refused.append(seen)
        return Fault(status=409)

    here.fault = conflict
    await _declared(here, hook("once", phase, **{POLICY: "HookSucceeded"}), config("settings", v="1"))
    await here.delete("Application", "app", NAMESPACE)
    await here.vanishes("Application", "app", NAMESPACE)

    await here.vanishes("Job", "once")
    assert len(refused) == 2


async def test_one_finalizer_of_two_is_enough(here: World) -> None:
    """
    Where a person left only the finalizer that hooks are to run, they run, are cleaned up, and the application goes.
    """
    await _declared(here, hook("after", "PostDelete", **{POLICY: "HookSucceeded"}), cascade=False)
    await here.stop()
    alone = {"metadata": {"finalizers": ["post-delete-finalizer.argocd.argoproj.io"]}}
    await here.patch("Application", "app", alone, NAMESPACE)
    await here.delete("Application", "app", NAMESPACE)
    await here.start()

    await here.vanishes("Application", "app", NAMESPACE)

    await here.vanishes("Job", "after")
    assert _order(here) == ["POST jobs", "DELETE after"]


async def test_an_application_without_hooks_loses_their_finalizers(here: World) -> None:
    """
    Once Git declares no hooks of the deletion any more, nothing waits for them.
    """
    await _declared(here, config("settings", v="1"), hook("after", "PostDelete"))

    await here.push({"app/a.yaml": text(config("settings", v="2"))})
    await here.appears("ConfigMap", "settings", so=lambda body: body["data"]["v"] == "2")
    await here.settled("app")

    app = here.application("app")
    assert app is not None
    assert app.finalizers == (CASCADE,)


async def _declared(here: World, *bodies: dict[str, Any], cascade: bool = True) -> None:
    here.commit({"app/a.yaml": text(*bodies)})
    app = application("app", here.git.url("repo"), "app", "default", {})
    await here.put({**app, "metadata": {**app["metadata"], "finalizers": [CASCADE] if cascade else []}})
    await here.settled("app")
    here.requests.clear()


def _named(seen: Seen) -> str:
    return f"{seen.method} {seen.path.rpartition('/')[2]}"


def _order(here: World) -> list[str]:
    """
    Return what Moorage created and deleted of what the application declares.

    An object that changed since it was looked at is not deleted, but asked for again.
    """
    return [name for name, _ in groupby(_named(s) for s in here.sent() if s.method in ("POST", "DELETE"))]
