"""The store's invariant, under any order of news: its indexes say exactly what its records say."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import msgspec
import orjson
from cluster_kit import TRACKED_BY, owner_of
from hypothesis import given
from hypothesis import strategies as st

from moorage.cluster.store import Changed, Scope, Store
from moorage.cluster.watch import Began, Change, Completed, Gathered, Put, Removed
from moorage.model.identity import ResourceKey

SCOPES = (Scope("", "ConfigMap"), Scope("apps", "Deployment"))
NAMES = st.sampled_from("abc")
OBJECTS = st.fixed_dictionaries(
    {
        "scope": st.sampled_from(SCOPES),
        "name": NAMES,
        "life": st.integers(1, 2),
        "app": st.sampled_from(["", "one", "two"]),
        "owner": st.sampled_from(["", "a1", "b1", "c2"]),
    }
)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("put"), OBJECTS),
        st.tuples(st.just("remove"), OBJECTS),
        st.tuples(st.just("list"), st.lists(OBJECTS, max_size=4)),
        st.tuples(st.just("target"), st.lists(OBJECTS, max_size=3)),
        st.tuples(st.just("forget"), st.sampled_from(SCOPES)),
        st.tuples(st.just("settle"), st.none()),
    ),
    max_size=40,
)


def raw(thing: dict[str, Any], version: int) -> msgspec.Raw:
    metadata: dict[str, Any] = {
        "name": thing["name"],
        "namespace": "n",
        "uid": f"{thing['scope'].kind}-{thing['name']}{thing['life']}",
        "resourceVersion": str(version),
    }
    if thing["app"]:
        metadata["annotations"] = {TRACKED_BY: thing["app"]}
    if thing["owner"]:
        metadata["ownerReferences"] = [{"uid": f"Deployment-{thing['owner']}"}]
    return msgspec.Raw(orjson.dumps({"metadata": metadata}))


def key_of(thing: dict[str, Any]) -> ResourceKey:
    return ResourceKey(*thing["scope"][:2], "n", thing["name"])


def play(store: Store, moves: list[tuple[str, Any]]) -> None:
    for version, (what, about) in enumerate(moves, start=1):
        if what == "put":
            store.take(about["scope"], Put(raw(about, version)))
        elif what == "remove":
            store.take(about["scope"], Removed(raw(about, version)))
        elif what == "target":
            store.target("three", map(key_of, about))
        elif what == "settle":
            store.settle()
        elif what == "forget":
            store.forget(about)
            store.open(about, "v1")
        else:
            mine = {key_of(t): t for t in about if t["scope"] == SCOPES[0]}
            gathered: list[Change] = [Gathered(raw(t, version)) for t in mine.values()]
            for change in (Began(), *gathered, Completed(str(version))):
                store.take(SCOPES[0], change)


@given(MOVES)
def test_indexes_say_what_the_records_say(moves: list[tuple[str, Any]]) -> None:
    """
    After any news in any order, what is found by instance, uid and owner is what a search of all records finds.
    """
    told: list[Changed] = []
    store = Store(owner_of, told.append)
    for scope in SCOPES:
        store.open(scope, "v1")
    play(store, moves)
    by_instance: dict[str, set[ResourceKey]] = defaultdict(set)
    by_owner: dict[str, set[ResourceKey]] = defaultdict(set)
    records = list(store.records())
    for record in records:
        if record.instance:
            by_instance[record.instance].add(record.key)
        for uid in record.owners:
            by_owner[uid].add(record.key)
    for instance in ("one", "two"):
        assert set(store.of_instance(instance)) == by_instance[instance]
        assert all(found.body is not None for found in store.of_instance(instance).values())
    for record in records:
        assert {child.key for child in store.children(record)} == by_owner[record.uid]
    assert set(store._by_uid) == {record.uid for record in records}
    assert set(store._by_owner) == {uid for uid, keys in by_owner.items() if keys}
    assert len(store) == len(records)


@given(MOVES)
def test_what_was_told_adds_up(moves: list[tuple[str, Any]]) -> None:
    """
    Who only listens to the changes of an instance knows which objects it tracks.
    """
    known: dict[str, dict[ResourceKey, str]] = {"one": {}, "two": {}}
    store: Store

    def hear(change: Changed) -> None:
        for instance in set(change.instances) & set(known):
            if not change.new:
                known[instance].pop(change.key, None)
            else:
                known[instance][change.key] = change.new

    store = Store(owner_of, hear)
    for scope in SCOPES:
        store.open(scope, "v1")
    play(store, [move for move in moves if move[0] != "target"])
    for instance, heard in known.items():
        for found, record in store.of_instance(instance).items():
            assert heard[found] == record.resource_version
