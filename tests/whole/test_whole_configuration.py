"""What operators configure in the cluster and in the settings, seen from outside."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.whole.manifests import config, text

from moorage.control.config import fold
from moorage.settings import ClustersSettings
from moorage.testing.world import NAMESPACE, World, world


async def test_a_window_that_holds_a_sync_back_is_shown(here: World) -> None:
    """
    While a sync window forbids it, the application says which one; without the window it syncs by itself.
    """
    window = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}
    await here.put(project(syncWindows=[window]))
    here.commit({"app/a.yaml": text(config(v="1"))})
    await here.declare("app", "app", project="held")
    said = await here.condition("app", "BlockedByWindow")
    absent = await here.get("ConfigMap", "settings")
    await here.patch("AppProject", "held", {"spec": {"syncWindows": None}}, NAMESPACE)

    await here.settled("app")
    assert "deny" in said
    assert "* * * * *" in said
    assert absent is None
    assert not here.status("app").get("conditions")


async def test_excluded_kinds_are_not_watched(tmp_path: Path) -> None:
    """
    Kinds that ``resource.exclusions`` names are not watched, nor what ``resource.inclusions`` leaves out.
    """
    async with world(tmp_path, started=False) as here:
        exclusions = "- apiGroups: ['']\n  kinds: [Pod, Service*]\n  clusters: ['*']\n"
        inclusions = "- apiGroups: ['', argoproj.io]\n  kinds: ['*']\n"
        data = {"resource.exclusions": exclusions, "resource.inclusions": inclusions}
        await here.put(settings_map(data))
        await here.start()
        here.commit({"app/a.yaml": text(config(v="1"))})
        await here.declare("app", "app")
        await here.settled("app")
        watched = {seen.path for seen in here.requests if seen.watches}

    assert "/api/v1/configmaps" in watched
    assert "/api/v1/pods" not in watched
    assert "/api/v1/services" not in watched
    assert not any(path.startswith("/apis/apps/") for path in watched)


@pytest.mark.parametrize(
    "written",
    ["kinds: [Pod]", "- Pod", "- kinds: Pod", "- kinds: [1]", "- kinds: [Pod"],
    ids=["no list", "no maps", "text", "a number", "no YAML"],
)
def test_rules_about_kinds_that_cannot_be_read(written: str) -> None:
    """
    A list of kinds that cannot be read is named as a fault, and the defaults stay.
    """
    folded = fold(NAMESPACE, [], [], [settings_map({"resource.exclusions": written})])

    assert "resource.exclusions" in folded.faults[0]
    assert folded.exclusions is None


async def test_a_cluster_secret_runs_what_is_allowed_and_nothing_else(tmp_path: Path) -> None:
    """
    A cluster Secret may have the programs run that the settings list; another one is refused by name.
    """
    async with world(tmp_path, started=False) as here:
        allowed = program(tmp_path / "allowed", here.sandbox.token)
        refused = program(tmp_path / "refused", here.sandbox.token)
        clusters = ClustersSettings(exec_programs=(str(allowed),))
        here.settings = replace(here.settings, clusters=clusters)
        await here.put(cluster_secret(here, "one", here.sandbox.url, allowed))
        address = here.sandbox.url.replace("127.0.0.1", "localhost")
        await here.put(cluster_secret(here, "two", address, refused))
        await here.start()
        here.commit({"app/a.yaml": text(config(v="1"))})
        await here.declare("one", "app", destination={"name": "one", "namespace": "default"})
        await here.declare("two", "app", destination={"name": "two", "namespace": "default"})
        await here.settled("one")
        said = await here.condition("two", "exec_programs")

    assert str(refused) in said
    assert (tmp_path / "allowed.ran").exists()
    assert not (tmp_path / "refused.ran").exists()


def project(**spec: Any) -> dict[str, Any]:
    """Return a project that allows everything, and what else is said."""
    allowing = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "held", "namespace": NAMESPACE},
        "spec": {**allowing, **spec},
    }


def settings_map(data: dict[str, str]) -> dict[str, Any]:
    """Return the ConfigMap ``argocd-cm``."""
    metadata = {"name": "argocd-cm", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def program(path: Path, token: str) -> Path:
    """Write a credential plug-in that leaves a trace when it runs."""
    answer = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token},
    }
    path.write_text(f"#!/bin/sh\ntouch {path}.ran\necho '{orjson.dumps(answer).decode()}'\n")
    path.chmod(0o700)
    return path


def cluster_secret(here: World, name: str, server: str, command: Path) -> dict[str, Any]:
    """Return a cluster Secret that names a program."""
    authority = base64.b64encode(here.sandbox.authority or b"").decode()
    plugin = {"command": str(command), "apiVersion": "client.authentication.k8s.io/v1"}
    connection = {"tlsClientConfig": {"caData": authority}, "execProviderConfig": plugin}
    labels = {"argocd.argoproj.io/secret-type": "cluster"}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "stringData": {"name": name, "server": server, "config": orjson.dumps(connection).decode()},
    }
