"""What the writer promises, against a sandbox over HTTP: what becomes of the object, and what a refusal says."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from cluster_kit import (
    Desk,
    a_desk,
    boat,
    config_map,
    definition,
    deployment,
    key,
    quick,
)

from moorage.cluster.answers import Conflicted, Forbidden, ObjectRefused, ServerFault
from moorage.cluster.refusals import FieldsOwned, NamespaceEnding, NamespaceMissing, TooLarge
from moorage.model.errors import ApiConflict, ImmutableField, UnknownKind
from moorage.model.manifest import Json
from moorage.model.words import CLIENT_SIDE_FIELD_MANAGER, LAST_APPLIED_ANNOTATION
from moorage.sandbox import Fault, Request

MAP = key("ConfigMap", "a")
MAPS = "/api/v1/namespaces/default/configmaps"


async def read(desk: Desk, **found: Any) -> Json:
    body = await desk.read(found.get("key", MAP))
    assert body is not None
    return body


def managers(body: Json) -> set[tuple[str, str]]:
    return {(entry["manager"], entry["operation"]) for entry in body["metadata"]["managedFields"]}


def service(name: str = "web", **spec: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}], **spec},
    }


def job(image: str = "busybox") -> Json:
    pod = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work", "namespace": "default"},
        "spec": {"template": pod},
    }


# --- server-side apply


async def test_an_apply_creates_then_configures_then_changes_nothing() -> None:
    """
    The word for an apply says what it did; each is one request.
    """
    async with a_desk() as (desk, _):
        first = await desk.writer.server_side_apply(config_map("a", x="1"))
        second = await desk.writer.server_side_apply(config_map("a", x="2"), live=first.body)
        third = await desk.writer.server_side_apply(config_map("a", x="2"), live=second.body)
        assert [first.verb, second.verb, third.verb] == ["created", "configured", "unchanged"]
        assert third.resource_version == second.resource_version
        assert [r.method for r in desk.sent] == ["PATCH"] * 3
        assert managers(third.body) == {("argocd-controller", "Apply")}


async def test_a_field_no_longer_declared_goes() -> None:
    """
    What we applied and do not declare any more is removed; what others added stays.
    """
    async with a_desk() as (desk, _):
        await desk.writer.server_side_apply(config_map("a", x="1", y="2"))
        await desk.writer.patch(MAP, {"data": {"theirs": "3"}}, manager="someone")
        written = await desk.writer.server_side_apply(config_map("a", x="1"))
        assert written.body["data"] == {"x": "1", "theirs": "3"}


@pytest.mark.parametrize("character", "\x01\x7f\x80\x85\x9f\u2028\ufeff\ufffe\uffff\U0001f600")
async def test_every_character_arrives(character: str) -> None:
    """
    Text arrives as it was declared, also where YAML, by which the server reads an apply, would read it otherwise.
    """
    async with a_desk() as (desk, _):
        for padding in ("", "x" * 10_000):
            written = await desk.writer.server_side_apply(config_map("a", x=f"a{character}b{padding}"))
            assert written.body["data"]["x"] == f"a{character}b{padding}"


async def test_a_conflict_names_each_field_and_its_owner() -> None:
    """
    Without force, fields of others are not taken, and the refusal says which field is whose.
    """
    async with a_desk() as (desk, _):
        await desk.writer.server_side_apply(config_map("a", x="1", y="2"), manager="first")
        await desk.writer.patch(MAP, {"data": {"y": "3"}}, manager="second")
        with pytest.raises(FieldsOwned) as caught:
            await desk.writer.server_side_apply(config_map("a", x="8", y="9"), manager="third", force=False)
        assert caught.value.owners == (("data.x", "first"), ("data.y", "second"))
        assert "data.x is owned by first; data.y is owned by second" in str(caught.value)
        assert (await read(desk))["data"] == {"x": "1", "y": "3"}


@pytest.mark.parametrize(
    ("manager", "extra"),
    [
        (CLIENT_SIDE_FIELD_MANAGER, ""),
        ("helm", ""),
        ("argocd-controller", ""),
        ("my-old-tool", "my-old-tool"),
    ],
)
async def test_fields_of_former_ways_of_writing_are_taken_over(manager: str, extra: str) -> None:
    """
    After migration a field that kubectl, Helm, Argo CD or a named manager once set goes when it is not declared.
    """
    async with a_desk() as (desk, _):
        live = (await desk.writer.create(config_map("a", x="1", old="2"), manager=manager)).body
        written = await desk.writer.server_side_apply(
            config_map("a", x="1"), live=live, migrate=True, migrate_from=extra
        )
        assert written.body["data"] == {"x": "1"}
        assert managers(written.body) == {("argocd-controller", "Apply")}
        assert [r.method for r in desk.sent] == ["POST", "PATCH", "PATCH"]


async def test_nothing_is_migrated_where_there_is_nothing_to_migrate() -> None:
    """
    An object that was only ever applied costs one request, and others' fields are left to them.
    """
    async with a_desk() as (desk, _):
        await desk.writer.create(config_map("a", x="1", theirs="2"), manager="someone-else")
        live = (await desk.writer.server_side_apply(config_map("a", x="1"))).body
        desk.sent.clear()
        written = await desk.writer.server_side_apply(config_map("a", x="1"), live=live, migrate=True)
        assert written.body["data"] == {"x": "1", "theirs": "2"}
        assert len(desk.sent) == 1


async def test_migration_does_not_overwrite_what_changed_meanwhile() -> None:
    """
    When the object changed since it was seen, migration is refused as a conflict and nothing is written.
    """
    async with a_desk() as (desk, _):
        live = (await desk.writer.create(config_map("a", x="1"), manager=CLIENT_SIDE_FIELD_MANAGER)).body
        await desk.writer.patch(MAP, {"data": {"y": "2"}}, manager="someone")
        with pytest.raises(ApiConflict):
            await desk.writer.server_side_apply(config_map("a", x="9"), live=live, migrate=True)
        assert (await read(desk))["data"] == {"x": "1", "y": "2"}


async def test_a_dry_run_changes_nothing() -> None:
    """
    A dry run answers what would be, of every way to write, and leaves the cluster as it is.
    """
    async with a_desk() as (desk, _):
        live = (await desk.writer.server_side_apply(config_map("a", x="1"))).body
        would = await desk.writer.server_side_apply(
            config_map("a", x="2"), live=live, migrate=True, dry_run=True
        )
        assert would.body["data"] == {"x": "2"}
        assert (
            await desk.writer.client_side_apply(config_map("a", x="3"), dry_run=True)
        ).verb == "configured"
        assert (await desk.writer.replace(config_map("a", x="4"), dry_run=True)).body["data"] == {"x": "4"}
        assert (
            await desk.writer.replace(config_map("a", x="4"), force=True, dry_run=True)
        ).verb == "configured"
        assert (await desk.writer.create(config_map("b"), dry_run=True)).verb == "created"
        await desk.writer.delete(MAP, dry_run=True)
        assert await read(desk) == live
        assert await desk.read(key("ConfigMap", "b")) is None


@pytest.mark.parametrize("how", ["server_side_apply", "client_side_apply", "replace", "create"])
async def test_an_unknown_field_is_refused_by_name(how: str) -> None:
    """
    A misspelt field is refused with its path, unless validation was switched off.
    """
    async with a_desk() as (desk, _):
        body = deployment("web", replicass=3)
        with pytest.raises(ObjectRefused, match=r"spec\.replicass"):
            await getattr(desk.writer, how)(body)
        if how != "server_side_apply":
            assert (await getattr(desk.writer, how)(body, validate=False)).verb == "created"


# --- fields that cannot change


@pytest.mark.parametrize(
    ("first", "then", "path"),
    [
        pytest.param(job(), job("other"), "spec.template", id="the pod template of a Job"),
        pytest.param(
            deployment("web"),
            {**deployment("web"), "spec": deployment("other")["spec"]},
            "spec.selector",
            id="the selector of a Deployment",
        ),
        pytest.param(
            {**config_map("a", x="1"), "immutable": True},
            {**config_map("a", x="2"), "immutable": True},
            "data",
            id="the data of an immutable ConfigMap",
        ),
    ],
)
async def test_a_field_that_cannot_change_is_named(first: Json, then: Json, path: str) -> None:
    """
    Each way to write says which field cannot change and what helps; force deletes and creates instead.
    """
    async with a_desk() as (desk, _):
        made = (await desk.writer.server_side_apply(first)).body
        for write in (desk.writer.server_side_apply, desk.writer.client_side_apply, desk.writer.replace):
            with pytest.raises(ImmutableField, match=r"cannot change once created.*Force=true") as caught:
                await write(then)
            if write == desk.writer.server_side_apply:
                assert caught.value.path.startswith(path)
        again = await desk.writer.server_side_apply(then, force_recreate=True)
        assert again.verb == "created"
        assert again.body["metadata"]["uid"] != made["metadata"]["uid"]
        once_more = await desk.writer.client_side_apply(first, force=True)
        assert once_more.body["metadata"]["uid"] != again.body["metadata"]["uid"]


async def test_recreation_does_not_wait_for_what_others_made_anew() -> None:
    """
    When somebody else makes the object again before us, recreation goes on with theirs.
    """
    async with a_desk() as (desk, sandbox):
        await desk.writer.server_side_apply({**config_map("a", x="1"), "immutable": True})
        again = config_map("a", theirs="2")

        def race(request: Request) -> Fault | None:
            if request.method == "DELETE":
                sandbox.faults = lambda r: None
                answer = sandbox.api.respond(Request("DELETE", request.path))
                assert answer.status == 200
                body = orjson.dumps(again)
                sandbox.api.respond(Request("POST", MAPS, {}, {"content-type": "application/json"}, body))
                return Fault(status=409)
            return None

        sandbox.faults = race
        with pytest.raises(Conflicted):
            await desk.writer.server_side_apply(
                {**config_map("a", x="2"), "immutable": True}, force_recreate=True
            )
        assert (await read(desk))["data"] == {"theirs": "2"}


# --- three-way


async def test_a_three_way_apply_removes_what_it_applied_before() -> None:
    """
    Fields applied last and no longer declared go; fields of others stay; an equal object is not patched.
    """
    async with a_desk() as (desk, _):
        first = await desk.writer.client_side_apply(config_map("a", x="1", y="2"))
        assert first.verb == "created"
        assert orjson.loads(first.body["metadata"]["annotations"][LAST_APPLIED_ANNOTATION])["data"] == {
            "x": "1",
            "y": "2",
        }
        await desk.writer.patch(MAP, {"data": {"theirs": "3"}}, manager="someone")
        second = await desk.writer.client_side_apply(config_map("a", x="1"))
        assert second.body["data"] == {"x": "1", "theirs": "3"}
        desk.sent.clear()
        assert (await desk.writer.client_side_apply(config_map("a", x="1"))).verb == "unchanged"
        assert [r.method for r in desk.sent if r.path.startswith("/api/")] == ["GET"]


async def test_a_three_way_apply_merges_lists_by_their_keys() -> None:
    """
    A container somebody injected survives, one that we declared before and no longer do goes.
    """
    async with a_desk() as (desk, _):
        body = deployment("web")
        containers = body["spec"]["template"]["spec"]["containers"]
        containers.append({"name": "second", "image": "x"})
        await desk.writer.client_side_apply(body)
        sidecar = [
            {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "side", "image": "s"}}
        ]
        found = key("Deployment", "web", "apps")
        await desk.writer.patch(found, sidecar, content_type="application/json-patch+json", manager="mesh")
        written = await desk.writer.client_side_apply(deployment("web", image="nginx:2"))
        pod = written.body["spec"]["template"]["spec"]
        assert {c["name"]: c["image"] for c in pod["containers"]} == {"main": "nginx:2", "side": "s"}


async def test_a_three_way_apply_of_a_custom_kind_merges_as_json() -> None:
    """
    Kinds the server cannot merge strategically are merged as JSON, with what was applied last.
    """
    async with a_desk() as (desk, _):
        await desk.writer.server_side_apply(definition())
        await desk.writer.client_side_apply(boat("b", sails=2, crew=["a", "b"]))
        written = await desk.writer.client_side_apply(boat("b", crew=["c"]))
        assert written.body["spec"] == {"crew": ["c"]}


async def test_a_three_way_apply_goes_on_when_the_object_goes_or_comes_meanwhile() -> None:
    """
    Deleted between reading and patching it is created; created between reading and creating it is patched.
    """
    async with a_desk() as (desk, sandbox):

        def meddle(method: str, path: str, body: bytes = b"") -> None:
            headers = {"content-type": "application/json"}
            assert sandbox.api.respond(Request(method, path, {}, headers, body)).status < 300

        await desk.writer.client_side_apply(config_map("a", x="1"))
        pending = [("PATCH", lambda: meddle("DELETE", f"{MAPS}/a"))]

        def fault(request: Request) -> Fault | None:
            if pending and request.method == pending[0][0]:
                pending.pop(0)[1]()
            return None

        sandbox.faults = fault
        assert (await desk.writer.client_side_apply(config_map("a", x="2"))).verb == "created"
        await desk.writer.delete(MAP, propagation="background")
        theirs = orjson.dumps(config_map("a", theirs="9"))
        pending.append(("POST", lambda: meddle("POST", MAPS, theirs)))
        written = await desk.writer.client_side_apply(config_map("a", x="3"))
        assert written.body["data"] == {"x": "3", "theirs": "9"}


# --- replace, create, delete


async def test_a_replacement_takes_everything_away_that_is_not_declared() -> None:
    """
    Replace puts our object in place of what is there, or creates it; force deletes first.
    """
    async with a_desk() as (desk, _):
        first = await desk.writer.replace(config_map("a", x="1"))
        assert first.verb == "created"
        await desk.writer.patch(MAP, {"data": {"theirs": "3"}}, manager="someone")
        second = await desk.writer.replace(config_map("a", x="1"))
        assert (second.verb, second.body["data"]) == ("configured", {"x": "1"})
        assert second.body["metadata"]["uid"] == first.body["metadata"]["uid"]
        third = await desk.writer.replace(config_map("a", x="1"), force=True)
        assert third.verb == "created"
        assert third.body["metadata"]["uid"] != first.body["metadata"]["uid"]


async def test_a_service_keeps_its_address_when_replaced() -> None:
    """
    What the server gave a Service stays through a replacement that does not mention it.
    """
    async with a_desk() as (desk, _):
        first = await desk.writer.replace(service())
        second = await desk.writer.replace(service(ports=[{"port": 81}]))
        assert second.body["spec"]["clusterIP"] == first.body["spec"]["clusterIP"]


async def test_creating_what_is_there_is_a_conflict() -> None:
    """
    Create never changes an existing object.
    """
    async with a_desk() as (desk, _):
        await desk.writer.create(config_map("a", x="1"))
        with pytest.raises(Conflicted, match="already exists"):
            await desk.writer.create(config_map("a", x="2"))
        assert (await read(desk))["data"] == {"x": "1"}


@pytest.mark.parametrize("propagation", ["foreground", "background", "orphan"])
async def test_a_deletion_says_how_it_spreads(propagation: str) -> None:
    """
    The propagation is the caller's; an object that is gone already counts as deleted.
    """
    async with a_desk(controllers=True) as (desk, _):
        await desk.writer.server_side_apply(config_map("a"))
        assert (await desk.writer.delete(MAP, propagation=propagation)).verb == "pruned"
        sent = orjson.loads(desk.sent[-1].body)
        assert sent["propagationPolicy"] == propagation.capitalize()
        assert (
            await desk.writer.delete(key("ConfigMap", "never-was"), propagation=propagation)
        ).verb == "pruned"


@pytest.mark.parametrize("which", ["uid", "resource_version"])
async def test_a_deletion_takes_only_the_object_that_was_meant(which: str) -> None:
    """
    With a uid or a version that is no longer true, nothing is deleted.
    """
    async with a_desk() as (desk, _):
        await desk.writer.server_side_apply(config_map("a"))
        with pytest.raises(Conflicted):
            await desk.writer.delete(MAP, **{which: "12345"})
        live = await read(desk)
        metadata = live["metadata"]
        await desk.writer.delete(
            MAP, uid=metadata["uid"], resource_version=metadata["resourceVersion"], propagation="background"
        )
        assert await desk.read(MAP) is None


# --- refusals


async def test_a_missing_namespace_is_named_with_its_remedy() -> None:
    """
    An object for a namespace that is not there says so, and how to have it made.
    """
    async with a_desk() as (desk, _):
        for write in (desk.writer.server_side_apply, desk.writer.create, desk.writer.client_side_apply):
            with pytest.raises(
                NamespaceMissing, match=r"namespace nowhere does not exist.*CreateNamespace=true"
            ):
                await write(config_map("a", namespace="nowhere"))


async def test_a_namespace_that_is_being_deleted_is_waited_for() -> None:
    """
    A write into a namespace that ends is a trouble that passes, not a refusal for good.
    """
    async with a_desk() as (desk, _):
        held = {"metadata": {"name": "ending", "finalizers": ["example.com/hold"]}}
        await desk.writer.create({"apiVersion": "v1", "kind": "Namespace", **held})
        kept = config_map("kept", namespace="ending")
        kept["metadata"]["finalizers"] = ["example.com/hold"]
        await desk.writer.create(kept)
        await desk.writer.delete(key("Namespace", "ending", namespace=""), propagation="background")
        with pytest.raises(NamespaceEnding, match="namespace ending is being deleted"):
            await desk.writer.server_side_apply(config_map("a", namespace="ending"))


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        pytest.param(
            [
                {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "All is deleted"},
                {"type": "NamespaceContentRemaining", "status": "True", "message": "1 configmap remains"},
                {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "x/hold in 1 of them"},
            ],
            "is over. The namespace waits: 1 configmap remains; x/hold in 1 of them",
            id="held",
        ),
        pytest.param([], "it is written once that is over", id="nothing said yet"),
    ],
)
async def test_what_the_end_of_a_namespace_waits_for_is_told(conditions: list[Json], says: str) -> None:
    """
    What keeps a namespace from ending is told in its own words, once it says so.
    """
    async with a_desk() as (desk, _):
        held = {"metadata": {"name": "ending", "finalizers": ["example.com/hold"]}}
        await desk.writer.create({"apiVersion": "v1", "kind": "Namespace", **held})
        kept = config_map("kept", namespace="ending")
        kept["metadata"]["finalizers"] = ["example.com/hold"]
        await desk.writer.create(kept)
        ending = key("Namespace", "ending", namespace="")
        await desk.writer.delete(ending, propagation="background")
        await desk.writer.patch(ending, {"status": {"conditions": conditions}}, subresource="status")
        with pytest.raises(NamespaceEnding) as caught:
            await desk.writer.server_side_apply(config_map("a", namespace="ending"))
    assert str(caught.value).endswith(says)


async def test_a_kind_that_is_not_served_is_told_without_a_request() -> None:
    """
    A kind without a definition is named with its group and version, and what to install.
    """
    async with a_desk() as (desk, _):
        with pytest.raises(
            UnknownKind, match=r"Boat \(sea.example/v1\) is not served.*CustomResourceDefinition"
        ):
            await desk.writer.server_side_apply(boat("b"))
        await desk.writer.server_side_apply(definition())
        with pytest.raises(
            UnknownKind, match=r"Boat is served as v1 and not as sea\.example/v9; change apiVersion"
        ):
            await desk.writer.server_side_apply(boat("b", version="v9"))
        assert [r.path for r in desk.sent if "boats" in r.path and "customresource" not in r.path] == []


async def test_an_admission_refusal_keeps_the_webhooks_words() -> None:
    """
    What a policy says is passed on as it is, and counts as a refusal, not as a fault to retry.
    """
    said = 'admission webhook "policy.example.com" denied the request: no latest tags'
    body = {"kind": "Status", "code": 400, "reason": "BadRequest", "message": said}
    async with a_desk() as (desk, sandbox):
        for code, kind in ((400, ObjectRefused), (403, Forbidden)):
            asked: list[Request] = []

            def refuse(request: Request, code: int = code, asked: list[Request] = asked) -> Fault:
                asked.append(request)
                return Fault(status=code, body=orjson.dumps({**body, "code": code}))

            sandbox.faults = refuse
            with pytest.raises(kind, match="denied the request: no latest tags"):
                await desk.writer.server_side_apply(config_map("a"))
            assert len(asked) == 1


async def test_an_object_that_is_too_large_is_said_to_be() -> None:
    """
    An object beyond the server's limit is refused with its size and what to do, without being sent again.
    """
    async with a_desk() as (desk, _):
        await desk.writer.server_side_apply(definition())
        desk.sent.clear()
        with pytest.raises(TooLarge, match=r"Boat.*: 3\d{6} bytes are more than the API server takes; split"):
            await desk.writer.server_side_apply(boat("b", text="x" * 3_500_000))
        assert len(desk.sent) <= 1


async def test_what_etcd_finds_too_large_is_sent_once() -> None:
    """
    The store's own limit is answered as a fault of the server; the object is named and not sent again.
    """
    said = {"kind": "Status", "code": 500, "message": "etcdserver: request is too large"}
    async with a_desk(quick(retries=5)) as (desk, sandbox):
        asked: list[Request] = []

        def refuse(request: Request) -> Fault:
            asked.append(request)
            return Fault(status=500, body=orjson.dumps(said))

        sandbox.faults = refuse
        with pytest.raises(TooLarge, match="split the object"):
            await desk.writer.server_side_apply(config_map("a", text="x" * 1_600_000))
        assert len(asked) == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503])
async def test_an_apply_is_repeated_when_the_server_has_trouble(code: int) -> None:
    """
    A fault or an overload of the server is waited out; the object is applied once it is over.
    """
    async with a_desk() as (desk, sandbox):
        left = [Fault(status=code), Fault(status=code, headers={"Retry-After": "0"})]
        sandbox.faults = lambda r: left.pop() if left else None
        assert (await desk.writer.server_side_apply(config_map("a"))).verb == "created"
        assert left == []


async def test_a_server_whose_trouble_does_not_end_is_told() -> None:
    """
    After its retries an apply fails with the server's words, as a trouble that may pass.
    """
    async with a_desk(quick(retries=2)) as (desk, sandbox):
        asked: list[Request] = []

        def refuse(request: Request) -> Fault:
            asked.append(request)
            return Fault(status=503)

        sandbox.faults = refuse
        with pytest.raises(ServerFault, match="currently unable to handle"):
            await desk.writer.server_side_apply(config_map("a"))
        assert len(asked) == 3


async def test_an_apply_whose_answer_was_cut_is_sent_again() -> None:
    """
    When the answer is lost after the server did it, the second apply finds it done.
    """
    async with a_desk() as (desk, sandbox):
        left = [Fault(cut=10)]
        sandbox.faults = lambda r: left.pop() if left else None
        written = await desk.writer.server_side_apply(config_map("a", x="1"))
        assert written.body["data"] == {"x": "1"}


async def test_a_conflict_of_versions_is_a_conflict() -> None:
    """
    409 without owners of fields is told as one that a new look may solve, and not repeated blindly.
    """
    async with a_desk() as (desk, sandbox):
        asked: list[Request] = []

        def refuse(request: Request) -> Fault:
            asked.append(request)
            return Fault(status=409)

        sandbox.faults = refuse
        with pytest.raises(ApiConflict):
            await desk.writer.server_side_apply(config_map("a"))
        assert len(asked) == 1


@pytest.mark.parametrize("how", ["server_side_apply", "client_side_apply", "create", "replace"])
async def test_what_a_secret_holds_is_in_no_error(how: str) -> None:
    """
    A refusal that repeats a Secret's values, plain or in base64, is told without them, down to the cause.
    """
    canary = "canary-4711"
    encoded = "Y2FuYXJ5LTQ3MTE="
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "default"},
        "stringData": {"password": canary},
    }
    said = f"Secret is invalid: data[password]: Invalid value: {canary} / {encoded}"
    causes = {"causes": [{"reason": "FieldValueInvalid", "message": said, "field": "data"}]}
    body = orjson.dumps({"kind": "Status", "code": 422, "message": said, "details": causes})
    async with a_desk() as (desk, sandbox):
        if how in ("client_side_apply", "replace"):
            await desk.writer.create({**secret, "stringData": {"password": "before"}})
        sandbox.faults = lambda r: Fault(status=422, body=body) if r.method != "GET" else None
        with pytest.raises(ObjectRefused) as caught:
            await getattr(desk.writer, how)(secret)
        told = f"{caught.value!r} {caught.value} {caught.value.status}"
        assert "data[password]" in told
        assert canary not in told
        assert encoded not in told


async def test_a_cluster_scoped_object_is_written_without_its_namespace() -> None:
    """
    A namespace on an object of a kind that has none does not lead astray.
    """
    body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "reader"},
        "rules": [],
    }
    async with a_desk() as (desk, _):
        await desk.writer.server_side_apply(body)
        found = key("ClusterRole", "reader", "rbac.authorization.k8s.io", "default")
        assert await desk.read(found) is not None
        await desk.writer.delete(found, propagation="background")
        assert await desk.read(found) is None
