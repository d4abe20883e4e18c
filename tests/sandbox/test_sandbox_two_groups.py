"""What a client may rely on that reads events in one group and writes them in the other."""

from __future__ import annotations

from sandbox_client import MERGE, Client

OLD = "/api/v1/namespaces/shop/events"
FRESH = "/apis/events.k8s.io/v1/namespaces/shop/events"
POD = {"kind": "Pod", "namespace": "shop", "name": "p"}


def old(name):
    told = {"involvedObject": POD, "reason": "Pulled", "message": "pulled it", "type": "Normal", "count": 2}
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, **told}


def fresh(name):
    who = {"reportingController": "example.com/kubelet", "reportingInstance": "node"}
    what = {"regarding": POD, "reason": "Pulled", "action": "Pulling", "note": "pulled it", "type": "Normal"}
    when = {"eventTime": "2026-01-02T03:04:05.000006Z"}
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name},
        **who,
        **what,
        **when,
    }


async def test_events_are_one_storage():
    """
    An event written in either group is read, listed, selected and watched in both, each in its own words.
    """
    async with Client() as client:
        await client.ask("POST", OLD, old("a"))
        await client.ask("POST", FRESH, fresh("b"))
        listed = [await client.get(path) for path in (OLD, FRESH)]
        selected = await client.get(FRESH, fieldSelector="regarding.name=p")
        async with client.watch(FRESH, resourceVersion="0") as watched:
            told = [(await watched.next())[1] for _ in range(2)]

    assert [[e["metadata"]["name"] for e in answer.body["items"]] for answer in listed] == [["a", "b"]] * 2
    assert {e["message"] for e in listed[0].body["items"]} == {"pulled it"}
    assert {e["note"] for e in listed[1].body["items"]} == {"pulled it"}
    assert len(selected.body["items"]) == 2
    assert [(e["apiVersion"], e["regarding"]["name"]) for e in told] == [("events.k8s.io/v1", "p")] * 2
    assert (told[0]["deprecatedCount"], told[1]["eventTime"]) == (2, "2026-01-02T03:04:05.000006Z")


async def test_an_event_is_changed_and_deleted_in_either_group():
    """
    A change or deletion through one group is seen through the other; what the strict group fixes stays as it is.
    """
    async with Client() as client:
        await client.ask("POST", OLD, old("a"))
        labelled = await client.ask("PATCH", f"{FRESH}/a", {"metadata": {"labels": {"x": "1"}}}, MERGE)
        refused = await client.ask("PATCH", f"{FRESH}/a", {"deprecatedCount": 3}, MERGE)
        counted = await client.ask("PATCH", f"{OLD}/a", {"count": 3}, MERGE)
        seen = await client.get(f"{FRESH}/a")
        deleted = await client.ask("DELETE", f"{FRESH}/a")
        gone = await client.get(f"{OLD}/a")

    assert (labelled.status, refused.status, counted.status) == (200, 422, 200)
    assert "count: Invalid value: 3: field is immutable" in refused.body["message"]
    assert (seen.body["deprecatedCount"], seen.body["metadata"]["labels"]) == (3, {"x": "1"})
    assert (deleted.status, gone.status) == (200, 404)
