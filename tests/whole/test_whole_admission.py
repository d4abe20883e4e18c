"""Webhooks change what is written, and Git stays the truth about everything else."""

from __future__ import annotations

import json
from typing import Any

from tests.whole.manifests import config, text

from moorage.sandbox import Fault
from moorage.testing.world import Seen, World, application

WEBHOOKS = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "MutatingWebhookConfiguration",
    "metadata": {"name": "upper"},
    "webhooks": [
        {
            "name": "upper.example.com",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": {"url": "https://upper.example.com"},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}
            ],
        }
    ],
}


def shouting(seen: Seen) -> Fault | None:
    """Change what is written of ConfigMaps, as a mutating webhook does: `v` in capital letters."""
    if "/configmaps/" in seen.path and seen.method == "PATCH":
        return Fault(rewrite=_shout)
    return None


def _shout(payload: bytes) -> bytes:
    body = json.loads(payload)
    body["data"]["v"] = body["data"]["v"].upper()
    return json.dumps(body).encode()


async def test_what_a_webhook_overrides_is_in_sync(here: World) -> None:
    """
    A declared field that a webhook changes is no difference: no sync could ever remove it, and none is tried.
    """
    await _begin(here)

    await here.declare("app", "app")
    await here.settled("app")
    before = len(here.requests)
    await here.stop()
    await here.start()
    await here.patch("ConfigMap", "settings", {"metadata": {"labels": {"somebody": "else"}}})
    await here.patch("ConfigMap", "settings", {"data": {"other": "mine"}})
    await here.appears("ConfigMap", "settings", so=lambda body: body["data"]["other"] == "2")
    await here.settled("app")

    assert (await here.get("ConfigMap", "settings") or {})["data"] == {"v": "QUIET", "other": "2"}
    assert len([seen for seen in here.sent(before) if _writes(seen)]) == 1
    assert not here.status("app")["operationState"].get("retryCount")


async def test_an_answer_holds_until_something_changes(here: World) -> None:
    """
    The server is asked once for a version of the object, not once a pass.
    """
    await _begin(here)
    await here.declare("app", "app")
    await here.settled("app")
    await here.stop()
    await here.start()

    await _refresh(here)
    await _refresh(here)

    assert len([seen for seen in here.requests if _asks(seen)]) == 1


async def test_a_server_that_cannot_say_is_not_asked_for_ever(here: World) -> None:
    """
    A webhook that refuses dry-runs leaves the difference as predicted, and is asked once.
    """
    await _begin(here)
    await here.declare("app", "app", syncPolicy={"automated": {}})
    await here.settled("app")
    await here.stop()

    def refusing(seen: Seen) -> Fault | None:
        return Fault(status=400) if _asks(seen) else shouting(seen)

    here.fault = refusing
    await here.start()
    await here.until(lambda: here.status("app").get("sync", {}).get("status") == "OutOfSync")
    await _refresh(here)

    assert len([seen for seen in here.requests if _asks(seen)]) == 1


async def test_an_application_may_decline_to_ask(here: World) -> None:
    """
    With ServerSideDiff=false differences are predicted, whatever webhooks there are.
    """
    await _begin(here)
    await _declare(here, "false", {"automated": {}})
    await here.settled("app")
    await here.stop()
    await here.start()

    await here.until(lambda: here.status("app").get("sync", {}).get("status") == "OutOfSync")

    assert not any(_asks(seen) for seen in here.requests)


async def test_an_application_may_ask_always(here: World) -> None:
    """
    With ServerSideDiff=true the server is asked about each difference, with no webhook in sight.
    """
    here.commit({"app/a.yaml": text(config(v="quiet"))})
    await _declare(here, "true", {})
    await here.put({**config(v="mine"), "metadata": {"name": "settings", "namespace": "default"}})

    await here.until(lambda: here.status("app").get("sync", {}).get("status") == "OutOfSync")

    assert any(_asks(seen) for seen in here.requests)


async def _begin(here: World) -> None:
    await here.put(WEBHOOKS)
    here.fault = shouting
    here.commit({"app/a.yaml": text(config(v="quiet", other="2"))})


async def _refresh(here: World) -> None:
    name = "argocd.argoproj.io/refresh"
    await here.patch("Application", "app", {"metadata": {"annotations": {name: "normal"}}}, "argocd")
    await here.until(lambda: name not in _annotations(here))


def _annotations(here: World) -> dict[str, str]:
    app = here.application("app")
    return dict(app.annotations) if app else {}


def _asks(seen: Seen) -> bool:
    return seen.method == "PATCH" and "dryRun" in seen.query


def _writes(seen: Seen) -> bool:
    return seen.method in ("PATCH", "POST", "PUT", "DELETE") and "dryRun" not in seen.query


async def _declare(here: World, server_side_diff: str, policy: dict[str, Any]) -> None:
    body = application("app", here.git.url("repo"), "app", "default", {"syncPolicy": policy})
    words = {"argocd.argoproj.io/compare-options": f"ServerSideDiff={server_side_diff}"}
    await here.put({**body, "metadata": {**body["metadata"], "annotations": words}})
