"""Which kinds a server has: aggregated or not, with groups that do not answer, and what a path may be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web
from cluster_kit import a_server, a_session, an_api, json_answer, key, quick, status_body

from moorage.cluster.credentials import Access
from moorage.cluster.discovery import KindEntry, Kinds, discover
from moorage.cluster.http import Api
from moorage.cluster.schemas import SchemaSource, Shelf
from moorage.model.errors import ApiFailed, InvalidManifest, UnknownKind
from moorage.model.identity import GroupKind

VERBS = ["get", "list", "watch", "create", "patch", "delete"]
BOAT = GroupKind("sea.example", "Boat")
METRIC = GroupKind("metrics.example", "Metric")


def aggregated(
    kind: str, plural: str, *, scope: str = "Namespaced", verbs: list[str] = VERBS
) -> dict[str, Any]:
    return {"resource": plural, "responseKind": {"kind": kind}, "scope": scope, "verbs": verbs}


def group(
    name: str, *versions: tuple[str, list[dict[str, Any]]], freshness: str = "Current"
) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "versions": [
            {"version": version, "freshness": freshness, "resources": resources}
            for version, resources in versions
        ],
    }


class Server:
    """A server of a few groups, told apart from a real one only by how little it has."""

    def __init__(self, *groups: dict[str, Any], classic: bool = False) -> None:
        self.groups = list(groups)
        self.classic = classic
        self.broken: set[str] = set()
        self.asked: list[str] = []
        self.silent: set[str] = set()
        self.items: dict[str, list[dict[str, Any]]] = {}

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        path = request.path
        if path == "/version":
            return json_answer({"gitVersion": "v1.33.1"})
        if path in ("/api", "/apis"):
            return json_answer(self._index(path))
        if path.count("/") == 3 or (path.startswith("/api/") and path.count("/") == 2):
            return self._resources(path)
        return await self._collection(request)

    def _index(self, path: str) -> dict[str, Any]:
        mine = [g for g in self.groups if (g["metadata"]["name"] == "") == (path == "/api")]
        if not self.classic:
            return {"kind": "APIGroupDiscoveryList", "items": mine}
        if path == "/api":
            return {"kind": "APIVersions", "versions": [v["version"] for g in mine for v in g["versions"]]}
        listed = [
            {"name": g["metadata"]["name"], "versions": [{"version": v["version"]} for v in g["versions"]]}
            for g in mine
        ]
        return {"kind": "APIGroupList", "groups": listed}

    def _resources(self, path: str) -> web.Response:
        *_, name, version = path.split("/")
        name = "" if path.startswith("/api/") else name
        if name in self.broken:
            return json_answer(status_body(503, message="no endpoints"), 503)
        found = next(g for g in self.groups if g["metadata"]["name"] == name)
        resources = next(v["resources"] for v in found["versions"] if v["version"] == version)
        listed: list[dict[str, Any]] = []
        for each in resources:
            listed.append(
                {
                    "name": each["resource"],
                    "kind": each["responseKind"]["kind"],
                    "namespaced": each["scope"] == "Namespaced",
                    "verbs": each["verbs"],
                }
            )
            listed.append(
                {"name": f"{each['resource']}/status", "kind": "x", "namespaced": True, "verbs": ["get"]}
            )
        return json_answer({"kind": "APIResourceList", "resources": listed})

    async def _collection(self, request: web.BaseRequest) -> web.StreamResponse:
        plural = request.path.rpartition("/")[2]
        items = self.items.get(plural, [])
        if "watch" not in request.query:
            return json_answer({"metadata": {"resourceVersion": "5"}, "items": items})
        response = web.StreamResponse()
        await response.prepare(request)
        if "sendInitialEvents" in request.query and plural not in self.silent:
            end = '{"annotations": {"k8s.io/initial-events-end": "true"}, "resourceVersion": "5"}'
            await response.write(f'{{"type": "BOOKMARK", "object": {{"metadata": {end}}}}}\n'.encode())
        await asyncio.Event().wait()
        return response


BASIC = (
    group("", ("v1", [aggregated("ConfigMap", "configmaps"), aggregated("Node", "nodes", scope="Cluster")])),
    group("sea.example", ("v2", [aggregated("Boat", "boats")]), ("v1", [aggregated("Boat", "boats")])),
)


@pytest.mark.parametrize("classic", [False, True])
async def test_the_table_is_the_same_however_it_is_told(classic: bool) -> None:
    """
    Aggregated or one group version at a time: kinds, versions, scope and verbs are the same.
    """
    server = Server(*BASIC, classic=classic)
    async with a_server(server) as url, an_api(Access(url)) as api:
        kinds = await discover(api)
    assert kinds.version == "v1.33.1"
    boat = kinds.need("sea.example", "Boat", "v1")
    assert (boat.version, boat.versions, boat.plural) == ("v2", ("v2", "v1"), "boats")
    assert boat.namespaced
    assert boat.watchable
    assert not kinds.need("", "Node").namespaced
    assert kinds.scoped(key("Node", "n", namespace="x")).namespace == ""
    assert (
        kinds.path(key("Boat", "b", "sea.example"), "v1") == "/apis/sea.example/v1/namespaces/default/boats/b"
    )
    assert "sea.example/v1/Boat" in kinds.api_versions
    assert len(server.asked) == (6 if classic else 3)


async def test_a_group_that_does_not_answer_hides_no_other() -> None:
    """
    With an aggregated API down, its group is named as incomplete and all others are there.
    """
    server = Server(*BASIC, group("metrics.example", ("v1", [aggregated("Metric", "metrics")])), classic=True)
    server.broken.add("metrics.example")
    async with a_server(server) as url, an_api(Access(url), quick(retries=0)) as api:
        kinds = await discover(api)
    assert kinds.incomplete == {"metrics.example"}
    assert BOAT in kinds.entries
    with pytest.raises(ApiFailed, match=r"the server behind the API group metrics.example does not answer"):
        kinds.need("metrics.example", "Metric", "v1")


def test_what_was_known_of_a_silent_group_is_kept() -> None:
    """
    A group that does not answer keeps the kinds it had; one that answers without a kind loses it.
    """

    def entry(found: GroupKind) -> KindEntry:
        return KindEntry(found.group, "v1", found.kind, "x", True, frozenset(VERBS))

    before = Kinds({BOAT: entry(BOAT), METRIC: entry(METRIC)}, "v1.33.1")
    now = Kinds({}, "v1.33.1", frozenset({"metrics.example"})).after(before)
    assert set(now.entries) == {METRIC}


async def test_a_silent_group_is_a_gap_and_not_unknown_kinds() -> None:
    """
    While an aggregated API is down, what is declared of its kinds is unknown, not without a definition.
    """
    stale = group("metrics.example", ("v1", []), freshness="Stale")
    async with a_server(Server(*BASIC, stale)) as url, a_session(Access(url)) as (session, _):
        targeted = {key("Metric", "m", "metrics.example"): "metrics.example/v1"}
        live = await session.live_state("one", targeted)
        assert live.gaps == {METRIC}
        assert not live.unserved


async def test_a_server_that_cannot_end_a_streaming_list_is_listed_by_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    An aggregated server that takes a streaming list for a plain watch delays its own kind a little, and nothing else.
    """
    monkeypatch.setattr("moorage.cluster.watching._LIST_SILENCE_SECONDS", 0.1)
    server = Server(*BASIC)
    server.silent.add("boats")
    metadata = {"name": "b", "namespace": "n", "uid": "u", "resourceVersion": "3"}
    server.items["boats"] = [{"metadata": {**metadata, "annotations": {"tracked-by": "one"}}}]
    async with a_server(server) as url, a_session(Access(url)) as (session, _):
        live = await session.live_state("one", {})
        assert live.complete
        assert [k.name for k in live.tracked] == ["b"]
    assert any(path.startswith("/apis/sea.example/v2/boats?limit=") for path in server.asked)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("plain", "/api/v1/namespaces/n/configmaps/plain"),
        ("system:node", "/api/v1/namespaces/n/configmaps/system:node"),
        ("a/b", "/api/v1/namespaces/n/configmaps/a%2Fb"),
        ("a?b#c%d", "/api/v1/namespaces/n/configmaps/a%3Fb%23c%25d"),
        ("ü", "/api/v1/namespaces/n/configmaps/%C3%BC"),
    ],
)
def test_a_name_is_one_part_of_a_path(name: str, path: str) -> None:
    """
    Whatever a name holds, it stays one segment and cannot become a query.
    """
    entry = KindEntry("", "v1", "ConfigMap", "configmaps", True, frozenset(VERBS))
    assert entry.path("n", name) == path


@pytest.mark.parametrize("name", [".", ".."])
def test_a_name_cannot_climb(name: str) -> None:
    """
    The two names that mean another folder are refused as names.
    """
    entry = KindEntry("", "v1", "ConfigMap", "configmaps", True, frozenset(VERBS))
    with pytest.raises(InvalidManifest, match="is not a name"):
        entry.path("n", name)
    with pytest.raises(InvalidManifest, match="is not a name"):
        entry.path(name, "a")


def test_a_kind_that_is_not_there_says_what_to_install() -> None:
    """
    The message for an unknown kind names group, version and remedy.
    """
    with pytest.raises(UnknownKind, match="install the CustomResourceDefinition that defines it"):
        Kinds().need("sea.example", "Boat", "v1")


async def test_schemas_are_fetched_once_and_shared() -> None:
    """
    One document of one hash is fetched once for all clusters, and again only when its hash changes.
    """
    fetched: list[str] = []
    digest = ["A1"]

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path == "/openapi/v3":
            address = f"/openapi/v3/api/v1?hash={digest[0]}"
            return json_answer({"paths": {"api/v1": {"serverRelativeURL": address}}})
        fetched.append(request.path_qs)
        return json_answer({"components": {"schemas": {"A": {}}}})

    shelf: Shelf[dict[str, Any]] = Shelf(dict)
    async with a_server(answer) as url, an_api(Access(url)) as one, an_api(Access(url)) as two:
        first, second = SchemaSource(one, shelf), SchemaSource(two, shelf)
        found = await asyncio.gather(*(first.of("", "v1") for _ in range(5)), second.of("", "v1"))
        assert found[0] == {"A": {}}
        assert len(fetched) <= 2
        assert await first.of("apps", "v1") is None
        before = len(fetched)
        first.changed()
        assert await first.of("", "v1") == {"A": {}}
        assert len(fetched) == before
        digest[0] = "B2"
        first.changed()
        await first.of("", "v1")
        assert len(fetched) == before + 1


async def test_a_schema_address_cannot_lead_to_another_host() -> None:
    """
    An index that names an address elsewhere gets no request, and so no credential, there.
    """
    asked: list[str] = []

    async def elsewhere(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        return json_answer({})

    async with a_server(elsewhere) as other:
        host = other.removeprefix("http://")

        async def answer(request: web.BaseRequest) -> web.Response:
            return json_answer({"paths": {"api/v1": {"serverRelativeURL": f"@{host}/x"}}})

        async with a_server(answer) as url:
            api = Api(Access(url), quick())
            with pytest.raises(ApiFailed, match="no path of its own"):
                await SchemaSource(api, Shelf(dict)).of("", "v1")
            await api.close()
    assert asked == []
