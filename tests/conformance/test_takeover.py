"""What others have applied goes over to Moorage: no conflict, no change, and removed fields go."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.conformance.cases.words import GROUP, PLACES
from tests.conformance.exchange import APPLY, JSON, MERGE, Request, Server
from tests.conformance.servers import create_namespace, kubeconfig

from moorage.cluster.apply import Writer, Written
from moorage.cluster.credentials import Access, Hidden
from moorage.cluster.discovery import discover
from moorage.cluster.http import Api
from moorage.cluster.settings import ClusterSettings
from moorage.engine.merge.lastapplied import LAST_APPLIED
from moorage.engine.merge.schema import Schema, Schemas
from moorage.engine.merge.takeover import predecessors
from moorage.engine.predict import predict_apply
from moorage.model.errors import ApiConflict
from moorage.model.identity import GroupKind
from moorage.model.words import FIELD_MANAGER

Json = Any
REVISION = "deployment.kubernetes.io/revision"
MANAGED_BY = "app.kubernetes.io/managed-by"
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


def kubectl(*arguments: str) -> Maker:
    """Return who makes an object with a command of the real kubectl."""

    async def make(real: Server, namespace: str, plural: str, body: Json, folder: Path) -> None:
        config = kubeconfig(real, folder)
        process = await asyncio.create_subprocess_exec(
            *(str(KUBECTL), "--kubeconfig", str(config), "-n", namespace, *arguments, "-f", "-"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate(json.dumps(body).encode())
        assert process.returncode == 0, said.decode()

    return make


def created(manager: str, around: Callable[[Json], Json] = lambda body: body) -> Maker:
    """Return who creates an object under a name, with something of its own on it."""

    async def make(real: Server, namespace: str, plural: str, body: Json, folder: Path) -> None:
        place = PLACES[plural].replace("{ns}", namespace)
        answer = await real.ask(Request("POST", place, around(body), JSON, {"fieldManager": manager}))
        assert answer.status == 201, answer.body

    return make


def applied(manager: str, around: Callable[[Json], Json] = lambda body: body) -> Maker:
    """Return who server-side applies an object under a name, with something of its own on it."""

    async def make(real: Server, namespace: str, plural: str, body: Json, folder: Path) -> None:
        path = f"{PLACES[plural].replace('{ns}', namespace)}/{body['metadata']['name']}"
        query = {"fieldManager": manager, "force": "true"}
        answer = await real.ask(Request("PATCH", path, around(body), APPLY, query))
        assert answer.status in (200, 201), answer.body

    return make


def one_after_another(*makers: Maker) -> Maker:
    """Return who does what several do, in their order."""

    async def make(real: Server, namespace: str, plural: str, body: Json, folder: Path) -> None:
        for each in makers:
            await each(real, namespace, plural, body, folder)

    return make


def _remembering(body: Json) -> Json:
    return _with_metadata(body, annotations={LAST_APPLIED: json.dumps(body)})


def _released(body: Json) -> Json:
    """Return an object with what Helm writes on each object of a release."""
    notes = {"meta.helm.sh/release-name": "shop", "meta.helm.sh/release-namespace": "default"}
    return _with_metadata(body, labels={MANAGED_BY: "Helm"}, annotations=notes)


def _with_metadata(body: Json, **more: dict[str, str]) -> Json:
    metadata = body["metadata"]
    merged = {name: {**(metadata.get(name) or {}), **values} for name, values in more.items()}
    return {**body, "metadata": {**metadata, **merged}}


APPLY_ALWAYS = kubectl("apply", "--server-side", "--force-conflicts")
MAKERS: dict[str, Maker] = {
    "kubectl apply": kubectl("apply"),
    "kubectl apply --server-side": APPLY_ALWAYS,
    "kubectl apply, then --server-side": one_after_another(kubectl("apply"), APPLY_ALWAYS),
    "Helm 3": created("helm", _released),
    "Helm 4": applied("helm", _released),
    "Helm 3, then 4": one_after_another(created("helm", _released), applied("helm", _released)),
    "Argo CD": created("argocd-controller", _remembering),
    "Argo CD by server-side apply": applied("argocd-controller"),
    "Argo CD, then by server-side apply": one_after_another(
        created("argocd-controller", _remembering), applied("argocd-controller")
    ),
    "Argo CD, and Helm 4 besides": one_after_another(
        applied("argocd-controller"), applied("helm", _released)
    ),
    "Helm 3, kubectl apply, then --server-side, then Helm 4": one_after_another(
        created("helm", _released), kubectl("apply"), APPLY_ALWAYS, applied("helm", _released)
    ),
}
# Helm 3 owns the server's defaults too and remembers nothing: what would go is not told before it goes.
UNPREDICTED = ("Helm 3", "Helm 3, then 4")


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
    An object others applied is applied again without force, conflict or change, and loses what is removed.

    Both is predicted: that there is no difference, and that what is removed would go at once.
    """
    plural, body, removed = OBJECTS[kind]
    namespace = f"{prefix}-over-{list(MAKERS).index(maker)}-{kind.lower()}"
    await create_namespace(real, namespace)
    await MAKERS[maker](real, namespace, plural, body, tmp_path)
    declared = _in(body, namespace)
    path = f"{PLACES[plural].replace('{ns}', namespace)}/web"
    live, taken = await _taken(real, writer, path, declared)
    thinner = _without(declared, removed)
    schema = await _schema(real, body)

    def predicted(target: Json) -> Json:
        return predict_apply(live, target, manager=FIELD_MANAGER, schema=schema, migrate_from=predecessors())

    again = await writer.server_side_apply(declared, live=taken.body, force=False, migrate=True)
    thinned = await writer.server_side_apply(thinner, live=again.body, force=False, migrate=True)

    await real.ask(Request("DELETE", f"/api/v1/namespaces/{namespace}"))
    assert _told(taken.body) == _told(live) == _told(predicted(declared))
    if maker not in UNPREDICTED:
        assert [place for place in removed if _holds(predicted(thinner), declared, place)] == []
    assert again.verb == "unchanged"
    assert again.resource_version == taken.resource_version
    assert [place for place in removed if _holds(thinned.body, declared, place)] == []
    assert {each["manager"] for each in thinned.body["metadata"]["managedFields"] if _declares(each)} == {
        FIELD_MANAGER
    }


@pytest.mark.timeout(60)
async def test_what_others_changed_since_stays_theirs(
    real: Server, writer: Writer, prefix: str, tmp_path: Path
) -> None:
    """
    What somebody changed after kubectl's apply stays when Git does not say it, though the annotation remembers it.
    """
    namespace, path = await _room(real, f"{prefix}-theirs")
    await kubectl("apply")(real, namespace, "configmaps", _CONFIG, tmp_path)
    change = {"data": {"dropped": "theirs"}}
    live = (await real.ask(Request("PATCH", path, change, MERGE, {"fieldManager": "autoscaler"}))).body

    target = _without(_in(_CONFIG, namespace), (("data", "dropped"), ("data", "kept")))
    taken = await writer.server_side_apply(target, live=live, migrate=True)

    await real.ask(Request("DELETE", f"/api/v1/namespaces/{namespace}"))
    assert taken.body["data"] == {"dropped": "theirs"}


@pytest.mark.timeout(60)
async def test_a_person_may_share_an_object(
    real: Server, writer: Writer, prefix: str, tmp_path: Path
) -> None:
    """
    What a person applies server-side to an object that Moorage has applied is not taken from that person.
    """
    namespace, path = await _room(real, f"{prefix}-shared")
    declared = _in(_CONFIG, namespace)
    await writer.server_side_apply(declared)
    shared = {**_CONFIG, "metadata": {"name": "web"}, "data": {"more": "theirs"}}
    await kubectl("apply", "--server-side")(real, namespace, "configmaps", shared, tmp_path)
    live = (await real.ask(Request("GET", path))).body

    again = await writer.server_side_apply(declared, live=live, migrate=True)

    await real.ask(Request("DELETE", f"/api/v1/namespaces/{namespace}"))
    assert again.verb == "unchanged"
    assert again.body["data"] == {**_CONFIG["data"], "more": "theirs"}


@pytest.mark.timeout(60)
async def test_a_release_of_helm_is_taken_over(
    real: Server, writer: Writer, prefix: str, tmp_path: Path
) -> None:
    """
    What the real Helm 4 installed is taken over without a change but the tracking, and its notes stay.
    """
    namespace, path = await _room(real, f"{prefix}-release")
    await _install(real, namespace, tmp_path)
    live = (await real.ask(Request("GET", path))).body

    taken = await writer.server_side_apply(_in(_CONFIG, namespace), live=live, force=False, migrate=True)
    thinner = _without(_in(_CONFIG, namespace), (("data", "dropped"),))
    thinned = await writer.server_side_apply(thinner, live=taken.body, force=False, migrate=True)

    await real.ask(Request("DELETE", f"/api/v1/namespaces/{namespace}"))
    by = {(each["manager"], each["operation"]) for each in live["metadata"]["managedFields"]}
    assert by == {("helm", "Apply")}
    assert _told(taken.body) == _told(live)
    assert thinned.body["data"] == {"kept": "1"}
    assert thinned.body["metadata"]["annotations"]["meta.helm.sh/release-name"] == "shop"


_HELM = """
import sys
from helm_python import Config
with Config(kubeconfig_path=sys.argv[1], namespace=sys.argv[2]) as helm:
    helm.install(sys.argv[3], "shop", {})
"""


async def _install(real: Server, namespace: str, folder: Path) -> None:
    chart = folder / "shop"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.2.3\n")
    (chart / "templates/all.yaml").write_text(json.dumps(_CONFIG))
    # Helm's field manager is the name of its program, so the program is told that this is its name.
    process = await asyncio.create_subprocess_exec(
        *("helm", "-c", _HELM, str(kubeconfig(real, folder)), namespace, str(chart)),
        executable=sys.executable,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    _, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()


async def _room(real: Server, namespace: str) -> tuple[str, str]:
    """Make a namespace; return it and the path of the ConfigMap in it."""
    await create_namespace(real, namespace)
    return namespace, f"/api/v1/namespaces/{namespace}/configmaps/web"


async def _schema(real: Server, body: Json) -> Schema:
    group, _, version = body["apiVersion"].rpartition("/")
    path = f"/openapi/v3/apis/{group}/{version}" if group else f"/openapi/v3/api/{version}"
    found = Schemas((await real.ask(Request("GET", path))).body).of(group, version, body["kind"])
    assert found is not None
    return found


def _in(body: Json, namespace: str) -> Json:
    placed = copy.deepcopy(body)
    placed["metadata"]["namespace"] = namespace
    return placed


async def _taken(real: Server, writer: Writer, path: str, declared: Json) -> tuple[Json, Written]:
    """Take an object over; return it as it was and as it is. A controller may write in between."""
    while True:
        live = await _settled(real, path)
        with contextlib.suppress(ApiConflict):
            return live, await writer.server_side_apply(declared, live=live, force=False, migrate=True)


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
    # Controllers write status and a revision; kubectl keeps the memory of its client-side apply.
    others = ("kube-", "kubectl-last-applied")
    return entry.get("subresource") != "status" and not entry["manager"].startswith(others)
