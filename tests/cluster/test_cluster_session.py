"""What a session promises over the wire: complete or said not to be, current within moments, through every fault."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cluster_kit import (
    CRD_KIND,
    CRD_PATH,
    a_sandbox,
    a_session,
    access_of,
    an_api,
    boat,
    config_map,
    definition,
    deployment,
    is_list,
    key,
    quick,
)

from moorage.cluster.answers import NotFound
from moorage.cluster.http import APPLY_PATCH, Api
from moorage.cluster.settings import KindRule
from moorage.model.errors import LiveStateUnknown, NotPermitted
from moorage.model.identity import GroupKind
from moorage.model.manifest import Json
from moorage.sandbox import Fault, Request, Sandbox, SandboxSettings

MAPS = "/api/v1/namespaces/default/configmaps"
CONFIG_MAP = GroupKind("", "ConfigMap")
BOAT = GroupKind("sea.example", "Boat")
BOATS = "/apis/sea.example/v1/namespaces/default/boats"


async def create(api: Api, path: str, body: Json) -> Json:
    return (await api.request("POST", path, body=body)).json()


async def create_boat(api: Api, body: Json) -> Json:
    """Create an object of a kind that is only just there."""
    while True:
        try:
            return await create(api, BOATS, body)
        except NotFound:
            await asyncio.sleep(0)


async def test_what_is_in_the_cluster_is_known_when_ready() -> None:
    """
    A session that is ready answers from memory with everything an application tracks or targets.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        await create(api, MAPS, config_map("tracked", app="one", a="1"))
        await create(api, MAPS, config_map("targeted", b="2"))
        await create(api, MAPS, config_map("foreign", c="3"))
        async with a_session(access_of(sandbox)) as (session, _):
            targeted = {key("ConfigMap", "targeted"): "v1", key("ConfigMap", "absent"): "v1"}
            live = await session.live_state("one", targeted)
            assert session.freshness().complete
            assert live.complete
            assert live.tracked == {key("ConfigMap", "tracked")}
            assert {k.name: b["data"] for k, b in live.objects.items()} == {
                "tracked": {"a": "1"},
                "targeted": {"b": "2"},
            }
            assert live.objects[key("ConfigMap", "tracked")]["kind"] == "ConfigMap"


async def test_a_change_is_told_and_seen() -> None:
    """
    A change by somebody else is told with its versions, and the next live state has it.
    """
    async with (
        a_sandbox() as sandbox,
        an_api(access_of(sandbox)) as api,
        a_session(access_of(sandbox)) as (session, told),
    ):
        made = await create(api, MAPS, config_map("a", app="one"))
        version = made["metadata"]["resourceVersion"]
        await told.until(lambda: session.has_seen(key("ConfigMap", "a"), made["metadata"]["uid"], version))
        assert [(c.key.name, c.old, c.new) for c in told.changes] == [("a", "", version)]
        await api.request("DELETE", f"{MAPS}/a")
        await told.until(lambda: told.changes[-1].new == "")
        assert (await session.live_state("one", {})).tracked == frozenset()


async def test_own_writes_are_read_at_once() -> None:
    """
    What a write was answered with is in the next live state, before any watch tells.
    """
    async with a_sandbox() as sandbox, a_session(access_of(sandbox)) as (session, told):
        written = await session.writer.server_side_apply(config_map("own", app="one", a="1"))
        session.observe(key("ConfigMap", "own"), written.answer)
        live = await session.live_state("one", {})
        assert live.objects[key("ConfigMap", "own")]["data"] == {"a": "1"}
        uid, version = written.body["metadata"]["uid"], written.resource_version
        assert session.has_seen(key("ConfigMap", "own"), uid, version)
        await session.writer.delete(key("ConfigMap", "own"), uid=uid, propagation="background")
        await told.until(lambda: not session.store.of_instance("one"))
        assert session.has_seen(key("ConfigMap", "own"), uid, version)
        assert session.is_absent(key("ConfigMap", "own"))


async def test_a_write_not_yet_told_is_not_seen() -> None:
    """
    `has_seen` says no as long as neither the object nor a later version was told.
    """
    async with a_sandbox() as sandbox, a_session(access_of(sandbox)) as (session, _):
        assert not session.has_seen(key("ConfigMap", "a"), "some-uid", "999999")


async def test_nothing_is_answered_before_everything_was_read() -> None:
    """
    As long as one kind is still being read for the first time, the live state is unknown, not empty.
    """
    release = asyncio.Event()
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        await create(api, MAPS, config_map("a", app="one"))
        sandbox.faults = lambda r: (
            Fault(delay=0.0 if release.is_set() else 2.0) if is_list(r, "configmaps") else None
        )
        async with a_session(access_of(sandbox), synced=False) as (session, told):
            await told.until(lambda: session.freshness().waiting == (CONFIG_MAP,))
            with pytest.raises(LiveStateUnknown, match="still reading ConfigMap"):
                await session.live_state("one", {})
            release.set()
            await told.until(lambda: session.freshness().complete)
            assert (await session.live_state("one", {})).tracked == {key("ConfigMap", "a")}


@pytest.mark.parametrize("code", [403, 500, 503, 429, 401])
async def test_a_kind_that_cannot_be_read_is_a_gap_and_not_empty(code: int) -> None:
    """
    A kind whose list is refused or fails is named as a gap wherever it matters, and only there.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        await create(api, MAPS, config_map("a", app="one"))
        await create(api, "/apis/apps/v1/namespaces/default/deployments", deployment("web", app="two"))
        sandbox.faults = lambda r: Fault(status=code) if is_list(r, "configmaps") else None
        async with a_session(access_of(sandbox), quick(retries=0)) as (session, told):
            await told.until(lambda: key("Deployment", "web", "apps") in session.store.of_instance("two"))
            wanting = await session.live_state("one", {key("ConfigMap", "a"): "v1"})
            assert wanting.gaps == {CONFIG_MAP}
            assert not wanting.complete
            assert (await session.live_state("two", {})).complete
            assert CONFIG_MAP in (*session.freshness().gaps, *session.freshness().waiting)
            assert not session.is_absent(key("ConfigMap", "a"))
            assert session.freshness().why
            if code != 403:
                sandbox.faults = lambda r: None
                await told.until(lambda: session.freshness().complete)
                assert (await session.live_state("one", {})).tracked == {key("ConfigMap", "a")}


async def test_a_known_kind_that_goes_bad_becomes_a_gap_and_keeps_its_objects() -> None:
    """
    When a kind can no longer be watched its objects stay, and after a while are said not to be current.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        await create(api, MAPS, config_map("a", app="one"))
        settings = quick(retries=0, stale_seconds=0.1, watch_seconds=(1, 1))
        async with a_session(access_of(sandbox), settings) as (session, told):
            sandbox.faults = lambda r: Fault(status=500) if is_list(r, "configmaps") else None
            await told.until(lambda: CONFIG_MAP in session.freshness().waiting)
            live = await session.live_state("one", {})
            assert live.tracked == {key("ConfigMap", "a")}
            assert live.gaps == {CONFIG_MAP}
            assert "500" in session.freshness().why or "fault" in session.freshness().why
            sandbox.faults = lambda r: None
            await told.until(lambda: session.freshness().complete)
            assert (await session.live_state("one", {})).complete


async def test_a_version_too_old_is_listed_again_without_a_gap_in_the_store() -> None:
    """
    After 410 the objects stay until the new list is whole; what went meanwhile is told as gone.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        await create(api, MAPS, config_map("stays", app="one"))
        await create(api, MAPS, config_map("goes", app="one"))
        async with a_session(access_of(sandbox), quick(watch_seconds=(1, 1))) as (session, told):
            asked: list[Request] = []

            def refuse(request: Request) -> Fault | None:
                if not is_list(request, "configmaps"):
                    return None
                asked.append(request)
                if "resourceVersion" in request.query:
                    return Fault(status=410)
                return Fault(status=500) if len(asked) < 4 else None

            sandbox.faults = refuse
            await told.until(lambda: len(asked) >= 2)
            assert {k.name for k in session.store.of_instance("one")} == {"stays", "goes"}
            await api.request("DELETE", f"{MAPS}/goes")
            await told.until(lambda: told.changes[-1].new == "")
            assert {k.name for k in session.store.of_instance("one")} == {"stays"}


async def test_streams_that_are_cut_lose_nothing() -> None:
    """
    With every answer of a kind cut somewhere, the store still ends up as the cluster is.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        for number in range(20):
            await create(api, MAPS, config_map(f"c{number}", app="one", text="x" * 200))
        cuts = iter(range(100, 1_000_000, 611))
        sandbox.faults = lambda r: Fault(cut=next(cuts)) if is_list(r, "configmaps") else None
        async with a_session(access_of(sandbox)) as (session, told):
            for number in range(20, 30):
                await create(api, MAPS, config_map(f"c{number}", app="one", text="x" * 200))
            await api.request("DELETE", f"{MAPS}/c3")
            wanted = {f"c{number}" for number in range(30)} - {"c3"}
            await told.until(lambda: {k.name for k in session.store.of_instance("one")} == wanted)


async def test_a_server_without_streaming_lists_is_read_by_pages() -> None:
    """
    Where `sendInitialEvents` is refused, lists come in pages, also through a token that became too old.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        for number in range(25):
            await create(api, MAPS, config_map(f"c{number}", app="one"))
        pages: list[str] = []

        def old(request: Request) -> Fault | None:
            if request.query.get("sendInitialEvents"):
                return Fault(status=422)
            if is_list(request, "configmaps") and "watch" not in request.query:
                pages.append(request.query.get("continue", ""))
                return Fault(status=410) if len(pages) == 2 else None
            return None

        sandbox.faults = old
        async with a_session(access_of(sandbox), quick(page_size=10)) as (session, _):
            assert len((await session.live_state("one", {})).tracked) == 25
            assert [bool(token) for token in pages] == [False, True, False, True, True]


async def test_a_kind_is_watched_within_a_second_of_its_definition() -> None:
    """
    Objects of a new kind are known within a second of the CRD; before that, the kind is not served.
    """
    async with (
        a_sandbox() as sandbox,
        an_api(access_of(sandbox)) as api,
        a_session(access_of(sandbox)) as (
            session,
            told,
        ),
    ):
        before = await session.live_state("one", {key("Boat", "b", "sea.example"): "sea.example/v1"})
        assert before.unserved == {BOAT}
        await create(api, CRD_PATH, definition())
        began = asyncio.get_running_loop().time()
        await create_boat(api, boat("b", app="one"))
        await told.until(lambda: session.store.of_instance("one"))
        assert asyncio.get_running_loop().time() - began < 1.0
        live = await session.live_state("one", {key("Boat", "b", "sea.example"): "sea.example/v1"})
        assert not live.unserved
        assert live.objects[key("Boat", "b", "sea.example")]["apiVersion"] == "sea.example/v1"


async def test_a_kind_whose_definition_goes_is_forgotten() -> None:
    """
    When a CRD is deleted its objects are told as gone and the kind is no longer served or waited for.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        await create(api, CRD_PATH, definition())
        await create_boat(api, boat("b", app="one"))
        async with a_session(access_of(sandbox)) as (session, told):
            assert session.store.of_instance("one")
            await api.request("DELETE", f"{CRD_PATH}/boats.sea.example")
            await told.until(
                lambda: BOAT not in session.kinds.entries and not session.store.of_instance("one")
            )
            assert session.freshness().complete
            assert (
                await session.live_state("one", {key("Boat", "b", "sea.example"): "sea.example/v1"})
            ).unserved


async def test_an_object_declared_in_another_version_is_read_in_it() -> None:
    """
    The live object has the version the target is declared in, so the two can be compared.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        await create(api, CRD_PATH, definition(versions=("v2", "v1")))
        await create_boat(api, boat("b", app="one"))
        async with a_session(access_of(sandbox)) as (session, _):
            found = key("Boat", "b", "sea.example")
            for version in ("sea.example/v1", "sea.example/v2"):
                live = await session.live_state("one", {found: version})
                assert live.objects[found]["apiVersion"] == version


async def test_excluded_kinds_are_not_watched() -> None:
    """
    Exclusions and inclusions decide what is watched, by group and kind.
    """
    only = quick(
        inclusions=(KindRule(("",), ("ConfigMap", "Secret")),), exclusions=(KindRule(("",), ("Sec*",)),)
    )
    async with a_sandbox() as sandbox, a_session(access_of(sandbox), only) as (session, _):
        assert {scope.kind for scope in session._watches} == {"ConfigMap"}


@pytest.mark.parametrize(
    ("kind", "watched"),
    [
        ("Event", False),
        ("Endpoints", False),
        ("Lease", False),
        ("ConfigMap", True),
        ("CustomResourceDefinition", True),
    ],
)
async def test_restless_kinds_are_left_out_unless_asked_for(kind: str, watched: bool) -> None:
    """
    The kinds Argo CD excludes by default are excluded here as well.
    """
    async with a_sandbox() as sandbox, a_session(access_of(sandbox)) as (session, _):
        assert (kind in {scope.kind for scope in session._watches}) is watched


async def test_an_excluded_kind_that_is_declared_is_read_when_asked() -> None:
    """
    A target of a kind that is not watched is fetched for each live state.
    """
    without = quick(exclusions=(KindRule(("",), ("ConfigMap",)),))
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        await create(api, MAPS, config_map("a", app="one", x="1"))
        async with a_session(access_of(sandbox), without) as (session, _):
            live = await session.live_state("one", {key("ConfigMap", "a"): "v1"})
            assert live.objects[key("ConfigMap", "a")]["data"] == {"x": "1"}
            assert live.complete


async def test_namespaced_mode_asks_for_its_namespaces_alone() -> None:
    """
    An access limited to namespaces sends no request for the whole cluster, and refuses other namespaces.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        for name in ("one", "two", "three"):
            await create(api, "/api/v1/namespaces", {"metadata": {"name": name}})
            await create(
                api, f"/api/v1/namespaces/{name}/configmaps", config_map("a", namespace=name, app="x")
            )
        asked: list[str] = []
        sandbox.faults = lambda r: asked.append(r.path)
        limited = access_of(sandbox, namespaces=("one", "two"), cluster_resources=False)
        async with a_session(limited) as (session, _):
            live = await session.live_state("x", {key("ConfigMap", "a", namespace="one"): "v1"})
            assert {k.namespace for k in live.tracked} == {"one", "two"}
            assert live.complete
            with pytest.raises(NotPermitted, match="limited to the namespaces one, two"):
                await session.live_state("x", {key("ConfigMap", "a", namespace="three"): "v1"})
            assert await session.wait_established(CRD_KIND)
        collections = [
            path for path in asked if path.startswith(("/api/v1/", "/apis/")) and path.count("/") > 3
        ]
        assert collections
        assert all("/namespaces/one/" in path or "/namespaces/two/" in path for path in collections)


async def test_a_server_that_restarts_is_followed_on(tmp_path: Path) -> None:
    """
    While the server is away knowledge is said not to be current; when it is back all that happened is seen.
    """
    settings = SandboxSettings(state=tmp_path, tls=False, controllers=False)
    sandbox = Sandbox(settings)
    await sandbox.start()
    access = access_of(sandbox)
    try:
        async with an_api(access) as api, a_session(access, quick(stale_seconds=0.1)) as (session, told):
            await create(api, MAPS, config_map("before", app="one"))
            await told.until(lambda: session.store.of_instance("one"))
            port = sandbox._port
            await sandbox.stop()
            await told.until(lambda: CONFIG_MAP in session.freshness().waiting)
            live = await session.live_state("one", {})
            assert live.gaps == {CONFIG_MAP}
            assert "cannot be reached" in live.why
            sandbox = Sandbox(SandboxSettings(state=tmp_path, tls=False, controllers=False, port=port))
            await sandbox.start()
            await create(api, MAPS, config_map("after", app="one"))
            await told.until(
                lambda: len(session.store.of_instance("one")) == 2 and session.freshness().complete
            )
    finally:
        await sandbox.stop()


async def test_a_cluster_that_is_not_there_is_asked_again() -> None:
    """
    A session begun before its server is up says why it knows nothing, and is ready once the server is.
    """
    sandbox = Sandbox(SandboxSettings(tls=False, controllers=False))
    await sandbox.start()
    access = access_of(sandbox)
    port = sandbox._port
    await sandbox.stop()
    async with a_session(access, synced=False) as (session, told):
        await told.until(lambda: "cannot be reached" in session.freshness().why)
        with pytest.raises(LiveStateUnknown, match="cannot be reached"):
            await session.live_state("one", {})
        late = Sandbox(SandboxSettings(tls=False, controllers=False, port=port, token=sandbox.token))
        await late.start()
        try:
            await told.until(lambda: session.freshness().complete)
        finally:
            await late.stop()


async def test_credentials_that_are_refused_do_not_end_the_session() -> None:
    """
    A server that no longer knows us makes everything unknown; when it does again, so does the session.
    """
    async with a_sandbox() as sandbox:
        settings = quick(stale_seconds=0.05, watch_seconds=(1, 1))
        async with a_session(access_of(sandbox), settings) as (session, told):
            sandbox.faults = lambda r: Fault(status=401)
            await told.until(lambda: CONFIG_MAP in session.freshness().waiting)
            assert "Unauthorized" in session.freshness().why
            sandbox.faults = lambda r: None
            await told.until(lambda: session.freshness().complete)


async def test_writing_a_definition_returns_when_its_kind_is_served() -> None:
    """
    After a CRD is applied, objects of its kind can be applied without waiting or guessing.
    """
    async with a_sandbox() as sandbox, a_session(access_of(sandbox)) as (session, _):
        await session.writer.server_side_apply(definition())
        written = await session.writer.server_side_apply(boat("b"))
        assert written.verb == "created"


async def test_targets_that_were_unmanaged_are_fetched_once() -> None:
    """
    An object of which only the identity was kept is read when somebody targets it, and not again.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        await create(api, MAPS, config_map("a", x="1"))
        async with a_session(access_of(sandbox)) as (session, _):
            asked: list[str] = []
            sandbox.faults = lambda r: asked.append(r.path)
            for _ in range(3):
                live = await session.live_state("one", {key("ConfigMap", "a"): "v1"})
                assert live.objects[key("ConfigMap", "a")]["data"] == {"x": "1"}
            assert asked == [f"{MAPS}/a"]
            await api.request(
                "PATCH",
                f"{MAPS}/a",
                query={"fieldManager": "x", "force": "true"},
                body=config_map("a", x="2"),
                content_type=APPLY_PATCH,
            )


async def test_bodies_of_what_belongs_to_nobody_are_let_go_once_all_is_read() -> None:
    """
    As soon as every kind was read, an owned object without a tracked owner costs its identity alone.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        for app in ("", "one"):
            deployed = deployment(f"web{app}", app=app)
            made = await create(api, "/apis/apps/v1/namespaces/default/deployments", deployed)
            below = config_map(f"below{app}")
            owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"web{app}"}
            below["metadata"]["ownerReferences"] = [{**owner, "uid": made["metadata"]["uid"]}]
            await create(api, MAPS, below)
        async with a_session(access_of(sandbox)) as (session, told):
            await told.until(lambda: session.freshness().complete)
            kept = {name: session.store.get(key("ConfigMap", name)) for name in ("below", "belowone")}
            assert {name: bool(r and r.body) for name, r in kept.items()} == {
                "below": False,
                "belowone": True,
            }


async def test_a_cluster_restored_from_a_backup_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A server that came back with an earlier past, and is silent about it, is listed again and believed.
    """
    monkeypatch.setattr("moorage.cluster.watching._IDLE_SECONDS", 0.3)
    sandbox = Sandbox(SandboxSettings(tls=False, controllers=False))
    await sandbox.start()
    access = access_of(sandbox)
    try:
        async with an_api(access) as api, a_session(access) as (session, told):
            for name in ("lost", "kept"):
                for number in range(20):
                    body = config_map(name, app="one", number=str(number))
                    await session.writer.server_side_apply(body)
            await told.until(lambda: len(session.store.of_instance("one")) == 2)
            port = sandbox._port
            await sandbox.stop()
            fresh = SandboxSettings(tls=False, controllers=False, port=port, token=sandbox.token)
            sandbox = Sandbox(fresh)
            await sandbox.start()
            await create(api, MAPS, config_map("kept", app="one", number="of the backup"))

            def believed() -> bool:
                found = session.store.of_instance("one")
                bodies = [record.decode() for record in found.values()]
                return [body["data"]["number"] for body in bodies] == ["of the backup"]

            await told.until(believed)
    finally:
        await sandbox.stop()
