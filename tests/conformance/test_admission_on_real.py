"""An admission policy of a real API server changes what is applied, and the application is in sync all the same."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from tests.conformance.house import LONG_SECONDS, RealScene, config, text
from tests.controlplane.audit import Act

from moorage.cluster.http import APPLY_PATCH
from moorage.model.manifest import Json
from moorage.testing.scene import NAMESPACE

pytestmark = pytest.mark.timeout(90)

POLICIES = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies/loud"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings/loud"


async def test_what_a_policy_overrides_is_in_sync(scene: RealScene) -> None:
    """
    A declared field that a policy overrides is no difference; others are healed, with one write.
    """
    async with _loud(scene):
        scene.commit({"app/a.yaml": text(config("settings", v="quiet", other="2"))})
        await scene.declare_on(scene.home)
        await scene.settled(scene.name)
        await scene.stop()
        scene.count_from_here()
        await scene.start()

        await scene.patch("ConfigMap", "settings", {"data": {"other": "mine"}}, scene.name)
        await scene.appears("ConfigMap", "settings", scene.name, so=lambda body: body["data"]["other"] == "2")
        await scene.settled(scene.name)
        await _refresh(scene)

        live = await scene.get("ConfigMap", "settings", scene.name)
        assert live is not None
        assert live["data"] == {"v": "QUIET", "other": "2"}
        assert [act.verb for act in _about_settings(scene) if not act.dry_run] == ["patch"]
        assert scene.status(scene.name)["sync"]["status"] == "Synced"


@contextlib.asynccontextmanager
async def _loud(scene: RealScene) -> AsyncIterator[None]:
    """Let a policy write the value `v` of ConfigMaps in capital letters while the context lasts."""
    spec: Json = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE"],
                    "resources": ["configmaps"],
                }
            ]
        },
        "matchConditions": [
            {
                "name": "ours",
                "expression": f"object.metadata.namespace == '{scene.name}' && has(object.data.v)",
            }
        ],
        "mutations": [
            {
                "patchType": "JSONPatch",
                "jsonPatch": {
                    "expression": '[JSONPatch{op: "replace", path: "/data/v", value: object.data.v.upperAscii()}]'
                },
            }
        ],
    }
    await _put(scene, POLICIES, "MutatingAdmissionPolicy", spec)
    await _put(scene, BINDINGS, "MutatingAdmissionPolicyBinding", {"policyName": "loud"})
    async with asyncio.timeout(LONG_SECONDS):
        while (await scene.put(config("probe", scene.name, v="heard")))["data"]["v"] != "HEARD":
            await scene.delete("ConfigMap", "probe", scene.name)
    try:
        yield
    finally:
        for path in (BINDINGS, POLICIES):
            await scene.api.request("DELETE", path)


async def _put(scene: RealScene, path: str, kind: str, spec: Json) -> None:
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "loud"},
        "spec": spec,
    }
    query = {"fieldManager": "person"}
    await scene.api.request("PATCH", path, query=query, body=body, content_type=APPLY_PATCH)


async def _refresh(scene: RealScene) -> None:
    name = "argocd.argoproj.io/refresh"
    await scene.patch("Application", scene.name, {"metadata": {"annotations": {name: "normal"}}}, NAMESPACE)

    def is_done() -> bool:
        app = scene.application(scene.name)
        return app is not None and name not in app.annotations

    await scene.until(is_done)


def _about_settings(scene: RealScene) -> list[Act]:
    return [act for act in scene.acts(scene.home.plane) if act.name == "settings"]
