"""What others have applied goes over to Moorage: no conflict, no change, and removed fields go."""

from __future__ import annotations

import asyncio
import copy
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.conformance.cases.words import GROUP, PLACES
from tests.conformance.exchange import APPLY, JSON, Request, Server
from tests.conformance.servers import create_namespace, kubeconfig

from moorage.cluster.apply import Writer
from moorage.cluster.credentials import Access, Hidden
from moorage.cluster.discovery import discover
from moorage.cluster.http import Api
from moorage.cluster.settings import ClusterSettings
from moorage.engine.merge.lastapplied import LAST_APPLIED
from moorage.engine.merge.schema import Schemas
from moorage.model.identity import GroupKind
from moorage.model.words import FIELD_MANAGER

Json = Any
REVISION = "deployment.kubernetes.io/revision"
KUBECTL = Path(sys.executable).parent / "kubectl"
_LABELS = {"app": "web", "tier": "front"}
_DEPLOYMENT: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": _LABELS},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {
                        "name": "main",
                        "image": "example/app:1",
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "ports": [{"containerPort": 80}, {"containerPort": 81}],
                    },
                    {"name": "side", "image": "example/side:1"},
                ]
            },
        },
    },
}
_SERVICE: Json = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "labels": _LABELS},
    "spec": {
        "selector": {"app": "web", "tier": "front"},
        "ports": [{"name": "http", "port": 80}, {"name": "admin", "port": 81}],
    },
}
_CONFIG: Json = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "web", "annotations": {"a": "1", "b": "2"}},
    "data": {"kept": "1", "dropped": "2"},
}
_WIDGET: Json = {
    "apiVersion": f"{GROUP}/v1",
    "kind": "Widget",
    "metadata": {"name": "web", "labels": _LABELS},
    "spec": {"size": 1, "keyed": [{"name": "a", "port": 1}, {"name": "b"}], "numbers": {"x": 1, "y": 2}},
}
# A kind: its plural, the object, and what the next commit takes out of it.
OBJECTS: dict[str, tuple[str, Json, tuple[tuple[str | int, ...], ...]]] = {
    "Deployment": (
        "deployments",
        _DEPLOYMENT,
        (
            ("metadata", "labels", "tier"),
            ("spec", "template", "spec", "containers", 0, "env", 1),
            ("spec", "template", "spec", "containers", 0, "ports", 0),
            ("spec", "template", "spec", "containers", 1),
        ),
    ),
    "Service": ("services", _SERVICE, (("spec", "selector", "tier"), ("spec", "ports", 1))),
    "ConfigMap": ("configmaps", _CONFIG, (("metadata", "annotations", "b"), ("data", "dropped"))),
    "Widget": ("widgets", _WIDGET, (("spec", "keyed", 1), ("spec", "numbers", "y"))),
}

Maker = Callable[[Server, str, str, Json, Path], Awaitable[None]]


async def _by_kubectl(real: Server, namespace: str, plural: str, body: Json, folder: Path) -> None:
    config = kubeconfig(real, folder)
    command = (str(KUBECTL), "--kubeconfig", str(config), "-n", namespace, "apply", "-f", "-")
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate(json.dumps(body).encode())
    assert process.returncode == 0, said.decode()


def _created_by(manager: str, *, remembering: bool) -> Maker:
    async def make(real: Server, namespace: str, plural: str, body: Json, folder: Path) -> None:
        sent = copy.deepcopy(body)
        if remembering:
            sent["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(body)
        answer = await real.ask(
            Request("POST", PLACES[plural].replace("{ns}", namespace), sent, JSON, {"fieldManager": manager})
        )
        assert answer.status == 201, answer.body

    return make


async def _applied(real: Server, namespace: str, plural: str, body: Json, folder: Path) -> None:
    path = f"{PLACES[plural].replace('{ns}', namespace)}/{body['metadata']['name']}"
    answer = await real.ask(Request("PATCH", path, body, APPLY, {"fieldManager": FIELD_MANAGER}))
    assert answer.status == 201, answer.body


MAKERS: dict[str, Maker] = {
    "kubectl apply": _by_kubectl,
    "Helm": _created_by("helm", remembering=False),
    "Argo CD": _created_by("argocd-controller", remembering=True),
    "Argo CD by server-side apply": _applied,
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def writer(real: Server) -> AsyncIterator[Writer]:
    """Give Moorage's own writer on the real server."""
    api = Api(Access(real.url, ca=real.authority, token=Hidden(real.token)), ClusterSettings())
    kinds = await discover(api)

    async def schemas(group: str, version: str) -> Schemas:
        path = f"/openapi/v3/apis/{group}/{version}" if group else f"/openapi/v3/api/{version}"
        return Schemas((await api.get(path))["components"]["schemas"])

    async def established(kind: GroupKind, version: str) -> bool:
        return True

    try:
        yield Writer(api, lambda: kinds, schemas, established)
    finally:
        await api.close()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("kind", OBJECTS)
async def test_what_others_applied_is_taken_over(
    real: Server, writer: Writer, kind: str, maker: str, prefix: str, tmp_path: Path
) -> None:
    """
    An object somebody else applied is applied again without force, conflict or change, and loses what is removed.
    """
    plural, body, removed = OBJECTS[kind]
    namespace = f"{prefix}-over-{list(MAKERS).index(maker)}-{kind.lower()}"
    await create_namespace(real, namespace)
    await MAKERS[maker](real, namespace, plural, body, tmp_path)
    declared = copy.deepcopy(body)
    declared["metadata"]["namespace"] = namespace
    path = f"{PLACES[plural].replace('{ns}', namespace)}/web"
    live = await _settled(real, path)

    taken = await writer.server_side_apply(declared, live=live, force=False, migrate=True)
    again = await writer.server_side_apply(declared, live=taken.body, force=False, migrate=True)
    thinner = _without(declared, removed)
    thinned = await writer.server_side_apply(thinner, live=again.body, force=False, migrate=True)

    await real.ask(Request("DELETE", f"/api/v1/namespaces/{namespace}"))
    assert _told(taken.body) == _told(live)
    assert again.verb == "unchanged"
    assert again.resource_version == taken.resource_version
    assert [place for place in removed if _holds(thinned.body, declared, place)] == []
    assert {each["manager"] for each in thinned.body["metadata"]["managedFields"] if _declares(each)} == {
        FIELD_MANAGER
    }


async def _settled(real: Server, path: str) -> Json:
    """Return an object once controllers have written what they write by themselves."""
    async with asyncio.timeout(20):
        while True:
            body = (await real.ask(Request("GET", path))).body
            done = REVISION in (body["metadata"].get("annotations") or {})
            if body["kind"] != "Deployment" or (done and "observedGeneration" in body.get("status", {})):
                return body
            await asyncio.sleep(0.05)


def _told(body: Json) -> Json:
    """Return what an object says: without its books, and without the memory of a client-side apply."""
    meta = {
        name: value
        for name, value in body["metadata"].items()
        if name not in ("managedFields", "resourceVersion", "annotations")
    }
    forgotten = (LAST_APPLIED, REVISION)
    annotations = body["metadata"].get("annotations") or {}
    meta["annotations"] = {name: value for name, value in annotations.items() if name not in forgotten}
    return {name: value for name, value in body.items() if name != "status"} | {"metadata": meta}


def _without(body: Json, places: tuple[tuple[str | int, ...], ...]) -> Json:
    thinner = copy.deepcopy(body)
    for *way, last in places:
        at = thinner
        for part in way:
            at = at[part]
        del at[last]
    return thinner


def _holds(body: Json, declared: Json, place: tuple[str | int, ...]) -> bool:
    """Return whether a body still has what stands at a place of the declared one."""
    for index, part in enumerate(place):
        if isinstance(part, int):
            wanted = declared
            for step in place[: index + 1]:
                wanted = wanted[step]
            names = ("name", "containerPort")
            found = [one for one in body if all(one.get(n) == wanted.get(n) for n in names if n in wanted)]
            if not found:
                return False
            body = found[0]
        elif part not in body:
            return False
        else:
            body = body[part]
    return True


def _declares(entry: Json) -> bool:
    # The annotation of a client-side apply stays its own; controllers write status and a revision.
    return entry.get("subresource") != "status" and not entry["manager"].startswith(("kube-", "kubectl"))
