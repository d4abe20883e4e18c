"""What a client that reads and writes objects may rely on."""

from __future__ import annotations

import pytest
from sandbox_client import APPLY, MAPS, MERGE, SPACE, Client


async def test_stale_writes_are_refused():
    """
    A write that names an old version, or another uid, is refused; one that names the present version is not.
    """
    async with Client() as client:
        old = (await client.make_map("a")).body
        new = (await client.put_map("a", x="1")).body
        stale = await client.ask("PUT", f"{MAPS}/a", old)
        patch = {"metadata": {"resourceVersion": old["metadata"]["resourceVersion"]}, "data": {"x": "2"}}
        patched = await client.ask("PATCH", f"{MAPS}/a", patch, MERGE)
        wrong = {"preconditions": {"uid": "other"}}
        kept = await client.ask("DELETE", f"{MAPS}/a", wrong)
        fresh = await client.ask("PUT", f"{MAPS}/a", {**new, "data": {"x": "3"}})

    assert [each.status for each in (stale, patched, kept, fresh)] == [409, 409, 409, 200]
    assert {each.body["reason"] for each in (stale, patched, kept)} == {"Conflict"}
    assert "the object has been modified" in stale.body["message"]


async def test_writes_that_change_nothing_are_not_writes():
    """
    Applying, patching or replacing with what is there leaves the version as it is.
    """
    async with Client() as client:
        first = await client.put_map("a", x="1")
        again = await client.put_map("a", x="1")
        patched = await client.ask("PATCH", f"{MAPS}/a", {"data": {"x": "1"}}, MERGE)
        put = await client.ask("PUT", f"{MAPS}/a", patched.body)

    assert {again.version, patched.version, put.version} == {first.version}


async def test_pages_are_one_list():
    """
    limit and continue give every object once, in order, and say how many are left; an old token is gone.
    """
    async with Client(watch_memory=2) as client:
        for number in range(5):
            await client.make_map(f"c{number}")
        pages, token = [], ""
        while True:
            query = {"continue": token} if token else {}
            page = await client.get(MAPS, limit="2", **query)
            pages.append((page.names, page.body["metadata"].get("remainingItemCount")))
            kept, token = token, page.body["metadata"].get("continue", "")
            if not token:
                break
        for number in range(5):
            await client.put_map("c0", x=str(number))
        late = await client.get(MAPS, limit="2", **{"continue": kept})

    assert pages == [(["c0", "c1"], 3), (["c2", "c3"], 1), (["c4"], None)]
    assert (late.status, late.body["reason"]) == (410, "Expired")


async def test_later_pages_are_of_the_first_page_s_moment():
    """
    Objects made, changed and removed between two pages do not show: all pages are one moment.
    """
    async with Client() as client:
        for name in ("a", "b", "c", "d"):
            await client.put_map(name, x="1")
        first = await client.get(MAPS, limit="2")
        await client.put_map("bb", x="1")
        await client.put_map("c", x="2")
        await client.ask("DELETE", f"{MAPS}/d")
        second = await client.get(MAPS, limit="9", **{"continue": first.body["metadata"]["continue"]})
        fresh = await client.get(MAPS)

    assert [(item["metadata"]["name"], item["data"]["x"]) for item in second.body["items"]] == [
        ("c", "1"),
        ("d", "1"),
    ]
    assert second.version == first.version
    assert fresh.names == ["a", "b", "bb", "c"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"labelSelector": "tier=front"}, ["a"]),
        ({"labelSelector": "tier!=front"}, ["b", "c"]),
        ({"labelSelector": "tier in (front,back)"}, ["a", "b"]),
        ({"labelSelector": "tier notin (front)"}, ["b", "c"]),
        ({"labelSelector": "!tier"}, ["c"]),
        ({"labelSelector": "tier,tier!=back"}, ["a"]),
        ({"fieldSelector": "metadata.name=b"}, ["b"]),
        ({"fieldSelector": "metadata.name!=b"}, ["a", "c"]),
        ({"fieldSelector": "metadata.name!=b", "labelSelector": "tier"}, ["a"]),
    ],
)
async def test_selectors_choose(query, expected):
    """
    Label and field selectors choose as documented, alone and together.
    """
    async with Client() as client:
        for name, labels in (("a", {"tier": "front"}), ("b", {"tier": "back"}), ("c", {})):
            await client.make_map(name, labels=labels)
        found = await client.get(MAPS, **query)

    assert found.names == expected


@pytest.mark.parametrize(
    "query",
    [{"labelSelector": "a=b=c"}, {"labelSelector": "in ("}, {"fieldSelector": "data.x=1"}, {"limit": "many"}],
)
async def test_wrong_questions_are_refused(query):
    """
    A selector that cannot be read, or a field nobody may select by, is a bad request and never an empty list.
    """
    async with Client() as client:
        assert (await client.get(MAPS, **query)).status in (400, 422)


async def test_finalizers_hold_an_object():
    """
    A deleted object with finalizers stays, marked, takes no new ones, and goes with its last.
    """
    async with Client() as client:
        await client.make_map("a", finalizers=["moorage.dev/held"])
        deleted = await client.ask("DELETE", f"{MAPS}/a")
        more = {"metadata": {"finalizers": ["moorage.dev/held", "moorage.dev/more"]}}
        refused = await client.ask("PATCH", f"{MAPS}/a", more, MERGE)
        marked = await client.get(f"{MAPS}/a")
        await client.ask("PATCH", f"{MAPS}/a", {"metadata": {"finalizers": None}}, MERGE)
        gone = await client.get(f"{MAPS}/a")

    assert deleted.body["metadata"]["deletionTimestamp"]
    assert refused.status == 422
    assert marked.body["metadata"]["finalizers"] == ["moorage.dev/held"]
    assert gone.status == 404


async def test_namespace_takes_its_objects_with_it():
    """
    A namespace being deleted takes nothing new, waits for what finalizers hold, and goes when it is empty.
    """
    async with Client() as client:
        await client.make_map("plain")
        await client.make_map("held", finalizers=["moorage.dev/held"])
        async with client.watch("/api/v1/namespaces", fieldSelector="metadata.name=shop") as watched:
            await watched.next()
            deleted = await client.ask("DELETE", SPACE)
            async with client.watch(MAPS) as maps:
                while (await maps.next())[0] != "DELETED":
                    pass
            left = await client.get(MAPS)
            refused = await client.make_map("late")
            stays = await client.get(SPACE)
            await client.ask("PATCH", f"{MAPS}/held", {"metadata": {"finalizers": []}}, MERGE)
            while (await watched.next())[0] != "DELETED":
                pass
        gone = await client.get(SPACE)

    assert deleted.body["status"]["phase"] == "Terminating"
    assert left.names == ["held"]
    assert (refused.status, refused.body["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    assert stays.body["status"]["phase"] == "Terminating"
    assert gone.status == 404


async def test_nothing_is_made_in_a_namespace_that_is_not():
    """
    Creating and applying both need the namespace.
    """
    async with Client() as client:
        path = "/api/v1/namespaces/nowhere/configmaps"
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
        made = await client.ask("POST", path, body)
        applied = await client.ask("PATCH", f"{path}/a", body, APPLY, fieldManager="test")

    assert (made.status, applied.status) == (404, 404)
    assert 'namespaces "nowhere" not found' in applied.body["message"]


async def test_dry_run_answers_and_stores_nothing():
    """
    A dry run says what would be, with defaults, and neither store nor watchers see it.
    """
    async with Client() as client:
        start = (await client.get(MAPS)).version
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}
        query = {"dryRun": "All", "fieldManager": "test"}
        tried = await client.ask("PATCH", f"{MAPS}/a", body, APPLY, **query)
        await client.put_map("b", x="1")
        removed = await client.ask("DELETE", f"{MAPS}/b", dryRun="All")
        async with client.watch(MAPS, resourceVersion=start) as watched:
            told = await watched.names(1)
        left = await client.get(MAPS)

    assert (tried.status, tried.body["data"], removed.status) == (201, {"x": "1"}, 200)
    assert left.names == ["b"]
    assert told == [("ADDED", "b")]


async def test_whoever_asks_may():
    """
    Access reviews say yes, and a service account gets a token when it exists.
    """
    async with Client() as client:
        await client.ask("POST", f"{SPACE}/serviceaccounts", {"metadata": {"name": "robot"}})
        spec = {"spec": {"resourceAttributes": {"verb": "delete", "resource": "nodes"}}}
        review = await client.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", spec)
        token = await client.ask(
            "POST", f"{SPACE}/serviceaccounts/robot/token", {"spec": {"audiences": ["x"]}}
        )
        nobody = await client.ask("POST", f"{SPACE}/serviceaccounts/nobody/token", {"spec": {}})

    assert (review.status, review.body["status"]["allowed"]) == (201, True)
    assert (token.status, token.body["kind"], token.body["status"]["token"].count(".")) == (
        201,
        "TokenRequest",
        2,
    )
    assert nobody.status == 404


@pytest.mark.parametrize(
    ("policy", "status_while_owned", "survives"),
    [("Background", 404, False), ("Foreground", 200, False), ("Orphan", 404, True)],
)
async def test_owned_objects_follow_their_owner(policy, status_while_owned, survives):
    """
    What an object owns goes after it, before it or not at all, as the deletion says.
    """
    async with Client(controllers=True) as client:
        owner = (await client.make_map("owner")).body
        reference = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": "owner",
            "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
        await client.make_map("owned", ownerReferences=[reference], finalizers=["moorage.dev/held"])
        await client.ask("DELETE", f"{MAPS}/owner", {"propagationPolicy": policy})
        await client.sandbox.workloads.settled()
        owner_now = await client.get(f"{MAPS}/owner")
        await client.ask("PATCH", f"{MAPS}/owned", {"metadata": {"finalizers": None}}, MERGE)
        await client.sandbox.workloads.settled()
        owner_after, owned_after = await client.get(f"{MAPS}/owner"), await client.get(f"{MAPS}/owned")

    assert owner_now.status == status_while_owned
    assert owner_after.status == 404
    assert (owned_after.status == 200) is survives
