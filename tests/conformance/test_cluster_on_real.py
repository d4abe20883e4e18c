"""The cluster room's promises against a real API server: what the sandbox is believed for elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.cluster.cluster_kit import a_session, an_api, boat, config_map, definition, deployment, key, quick
from tests.controlplane import ControlPlane

from moorage.cluster.answers import Conflicted, Forbidden, NotFound, ObjectRefused
from moorage.cluster.credentials import Access, Hidden
from moorage.cluster.refusals import (
    DuplicateListKeys,
    FieldsOwned,
    NamespaceEnding,
    NamespaceMissing,
    TooLarge,
)
from moorage.cluster.session import ClusterSession
from moorage.model.errors import ImmutableField, Transient, UnknownKind
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.manifest import Json
from moorage.model.words import CLIENT_SIDE_FIELD_MANAGER

_numbers = itertools.count(1)
BOAT = GroupKind("sea.example", "Boat")
LONG_SECONDS = 60.0


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def plane() -> AsyncIterator[ControlPlane]:
    """Give a control plane of our own."""
    async with ControlPlane() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session(plane: ControlPlane) -> AsyncIterator[ClusterSession]:
    """Give one session on it for all tests that only write."""
    async with a_session(access_to(plane)) as (running, _):
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def namespace(session: ClusterSession) -> str:
    """Give a namespace of the test's own."""
    return await make_namespace(session)


def access_to(plane: ControlPlane, **changes: Any) -> Access:
    return Access(plane.url, **{"ca": plane.ca, "token": Hidden(plane.token), **changes})


async def make_namespace(session: ClusterSession) -> str:
    name = f"cluster-{next(_numbers)}"
    await session.writer.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def placed(body: Json, namespace: str) -> Json:
    return {**body, "metadata": {**body["metadata"], "namespace": namespace}}


def managers(body: Json) -> set[tuple[str, str]]:
    return {(entry["manager"], entry["operation"]) for entry in body["metadata"]["managedFields"]}


# --- writing


async def test_an_apply_creates_then_configures_then_changes_nothing(
    session: ClusterSession, namespace: str
) -> None:
    """
    The word for an apply says what it did, and a dry run what it would do.
    """
    writer = session.writer
    first = await writer.server_side_apply(config_map("a", namespace=namespace, x="1", y="1"))
    would = await writer.server_side_apply(
        config_map("a", namespace=namespace, x="2"), live=first.body, dry_run=True
    )
    second = await writer.server_side_apply(config_map("a", namespace=namespace, x="2"), live=first.body)
    third = await writer.server_side_apply(config_map("a", namespace=namespace, x="2"), live=second.body)
    again = await writer.server_side_apply(
        config_map("a", namespace=namespace, x="2"), live=second.body, dry_run=True
    )
    verbs = [written.verb for written in (first, would, second, third, again)]
    assert verbs == ["created", "configured", "configured", "unchanged", "unchanged"]
    assert second.body["data"] == {"x": "2"}


async def test_a_conflict_names_each_field_and_its_owner(session: ClusterSession, namespace: str) -> None:
    """
    The server's own words for a conflict are read right.
    """
    await session.writer.server_side_apply(
        config_map("a", namespace=namespace, x="1", y="2"), manager="first"
    )
    found = key("ConfigMap", "a", namespace=namespace)
    await session.writer.patch(found, {"data": {"y": "3"}}, manager="second")
    with pytest.raises(FieldsOwned) as caught:
        await session.writer.server_side_apply(
            config_map("a", namespace=namespace, x="8", y="9"), manager="third", force=False
        )
    assert sorted(caught.value.owners) == [("data.x", "first"), ("data.y", "second")]


@pytest.mark.parametrize("manager", [CLIENT_SIDE_FIELD_MANAGER, "helm", "argocd-controller", "my-old-tool"])
async def test_fields_of_former_ways_of_writing_are_taken_over(
    session: ClusterSession, namespace: str, manager: str
) -> None:
    """
    After migration a field that kubectl, Helm, Argo CD or a named manager once set goes when not declared.
    """
    old = config_map("a", namespace=namespace, x="1", old="2")
    live = (await session.writer.create(old, manager=manager)).body
    written = await session.writer.server_side_apply(
        config_map("a", namespace=namespace, x="1"), live=live, migrate=True, migrate_from="my-old-tool"
    )
    assert written.body["data"] == {"x": "1"}
    assert managers(written.body) == {("argocd-controller", "Apply")}


async def test_what_kubectl_applied_before_is_taken_over(session: ClusterSession, namespace: str) -> None:
    """
    A Deployment of a client-side apply loses the container that is no longer declared, and keeps an injected one.
    """
    body = placed(deployment("web"), namespace)
    two = {"name": "second", "image": "x"}
    body["spec"]["template"]["spec"]["containers"].append(two)
    await session.writer.client_side_apply(body, manager=CLIENT_SIDE_FIELD_MANAGER)
    found = key("Deployment", "web", "apps", namespace)
    side = [
        {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "side", "image": "s"}}
    ]
    await session.writer.patch(found, side, content_type="application/json-patch+json", manager="mesh")
    target = placed(deployment("web"), namespace)
    written = None
    while written is None:
        live = await session.fetch(found)
        # The controllers write the status meanwhile; a conflict is answered with a new look.
        with contextlib.suppress(Conflicted):
            written = await session.writer.server_side_apply(target, live=live, migrate=True)
    containers = written.body["spec"]["template"]["spec"]["containers"]
    assert {c["name"] for c in containers} == {"main", "side"}


def service(namespace: str, **spec: Any) -> Json:
    ports = [{"port": 80}]
    metadata = {"name": "web", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": {"a": "b"}, "ports": ports, **spec},
    }


def job(image: str = "busybox") -> Json:
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work"},
        "spec": {"template": pod, "suspend": True},
    }


def stateful(service_name: str) -> Json:
    body = deployment("web", serviceName=service_name)
    return {**body, "kind": "StatefulSet"}


def binding(role: str) -> Json:
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "b"},
        "roleRef": ref,
        "subjects": [],
    }


def claim(size: str, mode: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "c"},
        "spec": {"accessModes": [mode], "resources": {"requests": {"storage": size}}},
    }


@pytest.mark.parametrize(
    ("first", "then", "path"),
    [
        pytest.param(job(), job("other"), "spec.template", id="Job template"),
        pytest.param(
            deployment("web"),
            {**deployment("web"), "spec": deployment("other")["spec"]},
            "spec.selector",
            id="Deployment selector",
        ),
        pytest.param(stateful("a"), stateful("b"), "spec", id="StatefulSet service"),
        pytest.param(binding("a"), binding("b"), "roleRef", id="RoleBinding role"),
        pytest.param(claim("1Gi", "ReadWriteOnce"), claim("1Gi", "ReadWriteMany"), "spec", id="claim mode"),
        pytest.param(
            {**config_map("a", x="1"), "immutable": True},
            {**config_map("a", x="2"), "immutable": True},
            "data",
            id="immutable ConfigMap",
        ),
    ],
)
async def test_a_field_that_cannot_change_is_named(
    session: ClusterSession, namespace: str, first: Json, then: Json, path: str
) -> None:
    """
    Each of the server's many ways to say *immutable* is understood; force deletes and creates instead.
    """
    first, then = placed(first, namespace), placed(then, namespace)
    writer = session.writer
    made = (await writer.server_side_apply(first)).body
    for write in (writer.server_side_apply, writer.client_side_apply):
        with pytest.raises(ImmutableField, match="cannot change once created") as caught:
            await write(then)
        assert caught.value.path.split(".")[0] == path.split(".")[0]
    again = await writer.server_side_apply(then, force_recreate=True)
    assert again.body["metadata"]["uid"] != made["metadata"]["uid"]


async def test_a_three_way_apply_is_what_kubectl_does(session: ClusterSession, namespace: str) -> None:
    """
    Removed fields go, an injected container stays, an equal object is not patched, custom kinds merge as JSON.
    """
    writer = session.writer
    body = placed(deployment("web"), namespace)
    body["spec"]["template"]["spec"]["containers"].append({"name": "second", "image": "x"})
    await writer.client_side_apply(body)
    side = [
        {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "side", "image": "s"}}
    ]
    found = key("Deployment", "web", "apps", namespace)
    await writer.patch(found, side, content_type="application/json-patch+json", manager="mesh")
    target = placed(deployment("web", image="nginx:2"), namespace)
    written = await writer.client_side_apply(target)
    pod = written.body["spec"]["template"]["spec"]
    assert {c["name"]: c["image"] for c in pod["containers"]} == {"main": "nginx:2", "side": "s"}
    # The deployment controller writes the status meanwhile; once it is quiet nothing changes any more.
    async with asyncio.timeout(20):
        while (await writer.client_side_apply(target)).verb != "unchanged":
            pass


async def test_a_service_keeps_its_address_when_replaced(session: ClusterSession, namespace: str) -> None:
    """
    What the server gave a Service stays through a replacement that does not mention it.
    """
    first = await session.writer.replace(service(namespace))
    second = await session.writer.replace(service(namespace, ports=[{"port": 81}]))
    assert second.body["spec"]["clusterIP"] == first.body["spec"]["clusterIP"]


@pytest.mark.parametrize("how", ["server_side_apply", "client_side_apply", "replace", "create"])
async def test_an_unknown_field_is_refused_by_name(session: ClusterSession, namespace: str, how: str) -> None:
    """
    A misspelt field is a refusal that names it, though the server calls it an error of its own in one case.
    """
    began = asyncio.get_running_loop().time()
    with pytest.raises(ObjectRefused, match="replicass"):
        await getattr(session.writer, how)(placed(deployment("web", replicass=3), namespace))
    assert asyncio.get_running_loop().time() - began < 5


async def test_two_elements_of_one_key_are_told_apart_from_other_refusals(
    session: ClusterSession, namespace: str
) -> None:
    """
    What only server-side apply refuses is a kind of refusal of its own; a three-way apply then takes it.
    """
    body = placed(deployment("web"), namespace)
    main = body["spec"]["template"]["spec"]["containers"][0]
    main["env"] = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    with pytest.raises(DuplicateListKeys):
        await session.writer.server_side_apply(body)
    assert (await session.writer.client_side_apply(body)).verb == "created"


async def test_a_dry_run_changes_nothing(session: ClusterSession, namespace: str) -> None:
    """
    No dry run of any write, not of a deletion either, changes the cluster.
    """
    writer, found = session.writer, key("ConfigMap", "a", namespace=namespace)
    live = (await writer.server_side_apply(config_map("a", namespace=namespace, x="1"))).body
    await writer.server_side_apply(config_map("a", namespace=namespace, x="2"), dry_run=True)
    await writer.client_side_apply(config_map("a", namespace=namespace, x="3"), dry_run=True)
    await writer.replace(config_map("a", namespace=namespace, x="4"), force=True, dry_run=True)
    await writer.create(config_map("b", namespace=namespace), dry_run=True)
    for propagation in ("foreground", "background", "orphan"):
        await writer.delete(found, propagation=propagation, dry_run=True)
    assert await session.fetch(found) == live
    assert await session.fetch(key("ConfigMap", "b", namespace=namespace)) is None


@pytest.mark.parametrize("which", ["uid", "resource_version"])
async def test_a_deletion_takes_only_the_object_that_was_meant(
    session: ClusterSession, namespace: str, which: str
) -> None:
    """
    With a uid or a version that is no longer true, nothing is deleted.
    """
    found = key("ConfigMap", "a", namespace=namespace)
    await session.writer.server_side_apply(config_map("a", namespace=namespace))
    with pytest.raises(Conflicted):
        await session.writer.delete(found, **{which: "12345"})
    assert await session.fetch(found) is not None


async def test_missing_and_ending_namespaces_are_told(session: ClusterSession) -> None:
    """
    A namespace that is not there is a refusal, one that is being deleted a trouble that passes.
    """
    with pytest.raises(NamespaceMissing, match="namespace nowhere does not exist"):
        await session.writer.server_side_apply(config_map("a", namespace="nowhere"))
    ending = await make_namespace(session)
    kept = config_map("kept", namespace=ending)
    kept["metadata"]["finalizers"] = ["example.com/hold"]
    await session.writer.create(kept)
    await session.writer.delete(key("Namespace", ending, namespace=""), propagation="background")
    with pytest.raises(NamespaceEnding, match="is being deleted"):
        await session.writer.server_side_apply(config_map("a", namespace=ending))
    with contextlib.suppress(NotFound):
        await session.writer.patch(
            key("ConfigMap", "kept", namespace=ending), {"metadata": {"finalizers": None}}
        )


async def test_objects_that_are_too_large_are_said_to_be(session: ClusterSession, namespace: str) -> None:
    """
    The limits of the server, of its store and of the kind are each told at once and in the same words.
    """
    writer = session.writer
    await writer.server_side_apply(definition("barges", "Barge"))
    for size in (1_600_000, 3_500_000):
        barge = {**placed(boat("b", text="x" * size), namespace), "kind": "Barge"}
        with pytest.raises(TooLarge, match="bytes are more than the API server takes; split the object"):
            await writer.server_side_apply(barge)
    with pytest.raises(ObjectRefused, match="Too long"):
        await writer.server_side_apply(config_map("a", namespace=namespace, text="x" * 1_100_000))


# --- watching


async def test_what_is_there_is_known_and_changes_are_told(
    plane: ControlPlane, session: ClusterSession
) -> None:
    """
    A fresh session is complete, knows what an application tracks, and hears of every change.
    """
    namespace = await make_namespace(session)
    await session.writer.server_side_apply(config_map("a", namespace=namespace, app="one"))
    async with a_session(access_to(plane)) as (fresh, told):
        live = await fresh.live_state("one", {})
        found = key("ConfigMap", "a", namespace=namespace)
        assert live.complete
        assert live.tracked == {found}
        written = await session.writer.server_side_apply(
            config_map("a", namespace=namespace, app="one", x="1")
        )
        uid = written.body["metadata"]["uid"]
        await told.until(lambda: fresh.has_seen(found, uid, written.resource_version))
        assert (await fresh.live_state("one", {})).objects[found]["data"] == {"x": "1"}
        await session.writer.delete(found)
        await told.until(lambda: fresh.is_absent(found))


async def test_a_kind_comes_and_goes(plane: ControlPlane, session: ClusterSession) -> None:
    """
    A kind is watched within a second of its definition being served, and forgotten when that goes.
    """
    namespace = await make_namespace(session)
    async with a_session(access_to(plane)) as (fresh, told):
        await fresh.writer.server_side_apply(definition())
        began = asyncio.get_running_loop().time()
        await fresh.writer.server_side_apply(placed(boat("b", app="boats"), namespace))
        await told.until(lambda: fresh.store.of_instance("boats"))
        assert asyncio.get_running_loop().time() - began < 1.0
        await session.wait_established(BOAT)
        await session.writer.delete(
            key("CustomResourceDefinition", "boats.sea.example", "apiextensions.k8s.io", ""),
            propagation="background",
        )
        await told.until(lambda: BOAT not in fresh.kinds.entries and not fresh.store.of_instance("boats"))
        await told.until(lambda: fresh.freshness().complete)
        with pytest.raises(UnknownKind):
            await fresh.writer.server_side_apply(placed(boat("c"), namespace))


async def bounded_access(plane: ControlPlane, session: ClusterSession, namespace: str) -> Access:
    """Return the access of an account that may do everything with ConfigMaps in one namespace, and nothing else."""
    rbac = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "maps", "namespace": namespace},
    }
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": rbac["metadata"]}
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]}]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "maps"}
    subjects = [{"kind": "ServiceAccount", "name": "maps", "namespace": namespace}]
    await session.writer.server_side_apply(account)
    await session.writer.server_side_apply({**rbac, "kind": "Role", "rules": rules})
    await session.writer.server_side_apply(
        {**rbac, "kind": "RoleBinding", "roleRef": role, "subjects": subjects}
    )
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/maps/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = (await session.api.request("POST", path, body=body)).json()["status"]["token"]
    return access_to(plane, token=Hidden(token), namespaces=(namespace,), cluster_resources=False)


async def test_a_namespaced_account_needs_no_right_beyond_its_namespace(
    plane: ControlPlane, session: ClusterSession
) -> None:
    """
    With rights in one namespace alone, what may be seen is known and what may not is a gap, never empty.
    """
    namespace = await make_namespace(session)
    await session.writer.server_side_apply(config_map("a", namespace=namespace, app="one"))
    bounded = await bounded_access(plane, session, namespace)
    async with a_session(bounded) as (own, told):
        await told.until(lambda: own.freshness().complete)
        live = await own.live_state("one", {})
        assert live.complete
        assert [found.name for found in live.tracked] == ["a"]
        secret = key("Secret", "s", namespace=namespace)
        assert (await own.live_state("one", {secret: "v1"})).gaps == {GroupKind("", "Secret")}
        assert (await own.writer.server_side_apply(config_map("b", namespace=namespace))).verb == "created"
        with pytest.raises(Forbidden, match="cannot patch resource"):
            await own.writer.server_side_apply(
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": namespace}}
            )


async def test_impersonation_takes_the_rights_of_the_other(
    plane: ControlPlane, session: ClusterSession
) -> None:
    """
    A request made as somebody else may do what that one may, and no more.
    """
    found = ResourceKey("", "Namespace", "", "default")
    for changes, allowed in (
        ({"as_user": "jane"}, False),
        ({"as_user": "jane", "as_groups": ("system:masters",)}, True),
    ):
        async with an_api(replace(access_to(plane), **changes), quick(retries=0)) as api:  # type: ignore[arg-type]
            asked = api.get(session.kinds.path(found))
            if allowed:
                assert (await asked)["metadata"]["name"] == "default"
            else:
                with pytest.raises(Forbidden, match='User "jane" cannot get resource "namespaces"'):
                    await asked


# --- trouble


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def fragile() -> AsyncIterator[ControlPlane]:
    """Give a control plane that tests may break."""
    async with ControlPlane(controllers=False) as running:
        yield running


async def test_a_restart_with_all_history_forgotten_loses_nothing(fragile: ControlPlane) -> None:
    """
    Through a restart that makes every version too old the objects stay known, and news arrives afterwards.
    """
    maps = "/api/v1/namespaces/default/configmaps"
    settings = quick(stale_seconds=0.2, timeout_seconds=30.0, retries=20, retry_limit_seconds=1.0)
    async with (
        an_api(access_to(fragile), settings) as api,
        a_session(access_to(fragile), settings) as (own, told),
    ):
        await api.request("POST", maps, body=config_map("stays", app="one"))
        await api.request("POST", maps, body=config_map("goes", app="one"))
        await told.until(lambda: len(own.store.of_instance("one")) == 2)
        await fragile.compact()
        await api.request("DELETE", f"{maps}/goes")
        await api.request("POST", maps, body=config_map("comes", app="one"))
        wanted = {"stays", "comes"}
        await told.until(lambda: {k.name for k in own.store.of_instance("one")} == wanted, LONG_SECONDS)
        await told.until(lambda: own.freshness().complete, LONG_SECONDS)
        assert [change.key.name for change in told.changes if not change.new] == ["goes"]
        assert (await own.live_state("one", {})).complete


async def test_a_store_that_is_away_makes_writes_fail_for_now(fragile: ControlPlane) -> None:
    """
    Without etcd an apply is a trouble that may pass, and once it is back the same apply goes through.
    """
    settings = quick(retries=1, timeout_seconds=5.0)
    async with a_session(access_to(fragile), settings) as (own, _):
        await fragile.stop_etcd()
        try:
            with pytest.raises(Transient):
                await own.writer.server_side_apply(config_map("later", x="1"))
        finally:
            await fragile.start_etcd()
        assert (await own.writer.server_side_apply(config_map("later", x="1"))).body["data"] == {"x": "1"}


async def test_a_token_that_was_replaced_is_followed(fragile: ControlPlane, tmp_path: Path) -> None:
    """
    A session whose token file is replaced goes on; until then it knows that it knows nothing current.
    """
    file = tmp_path / "token"
    file.write_text(fragile.token)
    settings = quick(stale_seconds=0.2, timeout_seconds=30.0)
    access = access_to(fragile, token=Hidden(""), token_file=str(file))
    async with a_session(access, settings) as (own, told):
        new = await fragile.rotate_token()
        await told.until(lambda: "Unauthorized" in own.freshness().why, LONG_SECONDS)
        file.write_text(new)
        await told.until(lambda: own.freshness().complete, LONG_SECONDS)
        assert (await own.writer.server_side_apply(config_map("new-token"))).verb == "created"
