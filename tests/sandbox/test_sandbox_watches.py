"""What a client that follows a resource may rely on."""

from __future__ import annotations

import pytest
from sandbox_client import MAPS, MERGE, Client


async def test_watch_continues_where_the_list_ended():
    """
    Everything after the version of a list is told, once and in order, whether it came before the watch or after.
    """
    async with Client() as client:
        await client.put_map("old", a="1")
        listed = await client.get(MAPS)
        await client.put_map("new", a="1")
        async with client.watch(MAPS, resourceVersion=listed.version) as watched:
            await client.put_map("old", a="2")
            await client.ask("DELETE", f"{MAPS}/new")
            told = await watched.names(3)

    assert told == [("ADDED", "new"), ("MODIFIED", "old"), ("DELETED", "new")]


async def test_versions_of_events_grow_and_name_the_next_start():
    """
    The version of each event, also of a deletion, is one to continue from.
    """
    async with Client() as client:
        start = (await client.get(MAPS)).version
        await client.put_map("a", a="1")
        await client.ask("DELETE", f"{MAPS}/a")
        await client.put_map("b", a="1")
        async with client.watch(MAPS, resourceVersion=start) as watched:
            versions = [int((await watched.next())[1]["metadata"]["resourceVersion"]) for _ in range(3)]
        async with client.watch(MAPS, resourceVersion=str(versions[1])) as watched:
            told = await watched.names(1)

    assert versions == sorted(set(versions))
    assert told == [("ADDED", "b")]


async def test_bookmarks_move_the_version_of_a_quiet_watch():
    """
    A watch that asked for bookmarks learns of versions although nothing it watches changes; one that did not ask is silent.
    """
    async with Client(bookmark_seconds=0.01) as client:
        start = await client.get(MAPS)
        secret = {"metadata": {"name": "other"}}
        other = await client.ask("POST", "/api/v1/namespaces/shop/secrets", secret)
        query = {"resourceVersion": start.version, "timeoutSeconds": "1"}
        async with client.watch(MAPS, allowWatchBookmarks="true", **query) as watched:
            kind, body = await watched.next()
        async with client.watch(MAPS, **query) as silent:
            await client.put_map("a", a="1")
            first = await silent.names(1)

    assert kind == "BOOKMARK"
    assert body["kind"] == "ConfigMap"
    assert int(body["metadata"]["resourceVersion"]) >= int(other.version)
    assert first == [("ADDED", "a")]


async def test_streamed_list_ends_with_its_bookmark():
    """
    sendInitialEvents tells the present as additions, then a bookmark that says so, then what happens.
    """
    async with Client() as client:
        for name in ("a", "b"):
            await client.put_map(name, a="1")
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        async with client.watch(MAPS, allowWatchBookmarks="true", **query) as watched:
            present = await watched.names(2)
            kind, bookmark = await watched.next()
            await client.put_map("c", a="1")
            after = await watched.names(1)
        refused = await client.get(MAPS, watch="true", sendInitialEvents="true")

    assert present == [("ADDED", "a"), ("ADDED", "b")]
    assert kind == "BOOKMARK"
    assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert after == [("ADDED", "c")]
    assert refused.status == 422


@pytest.mark.parametrize("forget", ["by number", "by compaction"])
async def test_forgotten_versions_are_gone(forget):
    """
    A watch from a version that is no longer remembered gets 410, so that the client lists again.
    """
    async with Client(watch_memory=3) as client:
        start = (await client.get(MAPS)).version
        for number in range(5 if forget == "by number" else 1):
            await client.put_map(f"c{number}", a="1")
        if forget == "by compaction":
            client.sandbox.store.forget_changes()
        async with client.watch(MAPS, resourceVersion=start) as watched:
            kind, body = await watched.next()
        fresh = (await client.get(MAPS)).version
        async with client.watch(MAPS, resourceVersion=fresh) as watched:
            await client.put_map("later", a="1")
            told = await watched.names(1)

    assert (kind, body["code"], body["reason"]) == ("ERROR", 410, "Expired")
    assert told == [("ADDED", "later")]


async def test_selected_objects_come_and_go_with_their_labels():
    """
    A watch with a selector tells an object as added when it begins to match and as deleted when it ceases to.
    """
    async with Client() as client:
        start = (await client.get(MAPS)).version
        async with client.watch(MAPS, labelSelector="tier=front", resourceVersion=start) as watched:
            await client.make_map("a", labels={"tier": "back"})
            for tier in ("front", "front", "back"):
                patch = {"metadata": {"labels": {"tier": tier, "seen": f"after-{tier}"}}}
                await client.ask("PATCH", f"{MAPS}/a", patch, MERGE)
            await client.ask("PATCH", f"{MAPS}/a", {"data": {"x": "y"}}, MERGE)
            await client.make_map("b", labels={"tier": "front"})
            told = await watched.names(3)

    assert told == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "b")]


async def test_watch_of_a_namespace_or_a_name_sees_no_other():
    """
    A watch is as narrow as its path and its field selector.
    """
    async with Client() as client:
        await client.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
        start = (await client.get(MAPS)).version
        async with (
            client.watch(MAPS, resourceVersion=start) as space,
            client.watch(MAPS, resourceVersion=start, fieldSelector="metadata.name=b") as one,
            client.watch("/api/v1/configmaps", resourceVersion=start) as everywhere,
        ):
            await client.ask("POST", "/api/v1/namespaces/other/configmaps", {"metadata": {"name": "x"}})
            await client.make_map("a")
            await client.make_map("b")
            told = [await space.names(2), await one.names(1), await everywhere.names(3)]

    a, b, x = ("ADDED", "a"), ("ADDED", "b"), ("ADDED", "x")
    assert told == [[a, b], [b], [x, a, b]]


async def test_watch_ends_in_time():
    """
    A watch lasts as long as it was asked to, and ends without an error.
    """
    async with Client() as client, client.watch(MAPS, timeoutSeconds="1") as watched:
        with pytest.raises(StopAsyncIteration):
            await watched.next()


async def test_leaving_reader_is_forgotten():
    """
    A watch nobody reads any more holds nothing.
    """
    async with Client() as client:
        async with client.watch(MAPS) as watched:
            await client.put_map("a", a="1")
            await watched.next()
            during = len(client.sandbox.api.open_watches)
        after = len(client.sandbox.api.open_watches)
        listeners = client.sandbox.store.collection("", "configmaps").listeners

    assert (during, after, listeners) == (1, 0, [])
