"""What the store promises: indexes that agree, bodies only where needed, and who is told of a change."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest
from cluster_kit import TRACKED_BY, key, owner_of

from moorage.cluster.records import at_least, read_object
from moorage.cluster.store import Changed, Role, Scope, Store
from moorage.cluster.watch import Began, Completed, Gathered, Put, Removed
from moorage.model.errors import ApiFailed
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json

KINDS = {
    "ConfigMap": Scope("", "ConfigMap"),
    "Deployment": Scope("apps", "Deployment"),
    "ReplicaSet": Scope("apps", "ReplicaSet"),
    "Pod": Scope("", "Pod"),
}


def thing(
    kind: str, name: str, version: int = 1, *, app: str = "", owner: str = "", uid: str = "", **more: Any
) -> msgspec.Raw:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "default",
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
    }
    if app:
        metadata["annotations"] = {TRACKED_BY: app}
    if owner:
        metadata["ownerReferences"] = [
            {"uid": f"uid-{owner}", "kind": "x", "name": owner, "apiVersion": "v1"}
        ]
    return msgspec.Raw(orjson.dumps({"metadata": metadata, **more}))


def decoded(raw: msgspec.Raw) -> Json:
    body: Json = orjson.loads(bytes(raw))
    return body


class Shelf:
    """A store with all kinds open, and what it told."""

    def __init__(self) -> None:
        self.told: list[Changed] = []
        self.store = Store(owner_of, self.told.append)
        for scope in KINDS.values():
            self.store.open(scope, "apps/v1" if scope.group else "v1")

    def put(self, kind: str, name: str, version: int = 1, **more: Any) -> Shelf:
        self.store.take(KINDS[kind], Put(thing(kind, name, version, **more)))
        return self

    def remove(self, kind: str, name: str, version: int = 1, **more: Any) -> Shelf:
        self.store.take(KINDS[kind], Removed(thing(kind, name, version, **more)))
        return self

    def list(self, kind: str, version: int, *things: msgspec.Raw) -> Shelf:
        for change in (Began(), *map(Gathered, things), Completed(str(version))):
            self.store.take(KINDS[kind], change)
        return self

    def body(self, kind: str, name: str) -> bytes | None:
        found = self.store.get(key(kind, name, KINDS[kind].group))
        assert found is not None
        return found.body


def test_an_instance_has_what_it_tracks() -> None:
    """
    The index by instance follows the tracking metadata of each object, also when it changes hands.
    """
    shelf = Shelf().put("ConfigMap", "a", app="one").put("ConfigMap", "b", app="one").put("ConfigMap", "c")
    assert {k.name for k in shelf.store.of_instance("one")} == {"a", "b"}
    shelf.put("ConfigMap", "b", 2, app="two")
    assert {k.name for k in shelf.store.of_instance("one")} == {"a"}
    assert {k.name for k in shelf.store.of_instance("two")} == {"b"}
    assert set(shelf.told[-1].instances) == {"one", "two"}
    shelf.remove("ConfigMap", "a", 3, app="one")
    assert shelf.store.of_instance("one") == {}


def test_owned_objects_are_found_below_their_owner() -> None:
    """
    Descendants come once each, parents first, whatever order their watches told them in.
    """
    shelf = Shelf().put("Pod", "web-1-x", owner="web-1").put("ReplicaSet", "web-1", owner="web")
    shelf.put("Deployment", "web", app="one")
    assert [r.key.name for r in shelf.store.descendants("one")] == ["web-1", "web-1-x"]
    pod = shelf.store.get(key("Pod", "web-1-x"))
    assert pod is not None
    assert shelf.store.instances_of(pod) == (Role.CHILD, ("one",))


def test_a_circle_of_owners_ends() -> None:
    """
    Two objects that own each other do not make the store walk for ever.
    """
    shelf = Shelf().put("Pod", "a", owner="b", app="one").put("Pod", "b", owner="a")
    assert [r.key.name for r in shelf.store.descendants("one")] == ["b"]


def test_bodies_are_kept_where_somebody_needs_them() -> None:
    """
    Tracked, targeted and owned objects keep their JSON; of all others only the identity is kept.
    """
    shelf = Shelf()
    shelf.store.target("two", [key("ConfigMap", "wanted")])
    shelf.put("ConfigMap", "tracked", app="one").put("ConfigMap", "wanted").put("ConfigMap", "foreign")
    shelf.put("Deployment", "web", app="one").put("ReplicaSet", "web-1", owner="web")
    assert shelf.body("ConfigMap", "tracked")
    assert shelf.body("ConfigMap", "wanted")
    assert shelf.body("ReplicaSet", "web-1")
    assert shelf.body("ConfigMap", "foreign") is None


def test_a_body_kept_for_an_unknown_owner_is_let_go() -> None:
    """
    An object whose owner never shows keeps its JSON until the second settling, not for ever.
    """
    shelf = Shelf().put("Pod", "lost", owner="nobody")
    assert shelf.body("Pod", "lost")
    shelf.store.settle()
    assert shelf.body("Pod", "lost")
    shelf.store.settle()
    assert shelf.body("Pod", "lost") is None


def test_a_body_kept_for_an_owner_that_came_stays() -> None:
    """
    Settling does not take the JSON of an object whose owner turned out to be tracked.
    """
    shelf = Shelf().put("Pod", "pod", owner="web").put("Deployment", "web", app="one")
    shelf.store.settle()
    shelf.store.settle()
    assert shelf.body("Pod", "pod")


def test_changes_are_told_to_whom_they_concern() -> None:
    """
    A change names role, instances and versions; one that concerns nobody is not told.
    """
    shelf = Shelf().put("ConfigMap", "foreign")
    assert shelf.told == []
    shelf.put("Deployment", "web", 2, app="one").put("ReplicaSet", "web-1", 3, owner="web")
    shelf.put("Deployment", "web", 4, app="one").remove("ReplicaSet", "web-1", 5, owner="web")
    web, below = key("Deployment", "web", "apps"), key("ReplicaSet", "web-1", "apps")
    assert shelf.told == [
        Changed(Role.MANAGED, ("one",), web, "", "2"),
        Changed(Role.CHILD, ("one",), below, "", "3"),
        Changed(Role.MANAGED, ("one",), web, "2", "4"),
        Changed(Role.CHILD, ("one",), below, "3", ""),
    ]


def test_losing_the_tracking_mark_is_told_to_the_former_owner() -> None:
    """
    An object that somebody strips of its tracking annotation is news for the instance that had it.
    """
    shelf = Shelf().put("ConfigMap", "a", 1, app="one").put("ConfigMap", "a", 2)
    assert shelf.told[-1] == Changed(Role.MANAGED, ("one",), key("ConfigMap", "a"), "1", "2")


def test_a_list_replaces_what_was_there() -> None:
    """
    After a list the store has its objects alone; those that are gone are told, the unchanged are not.
    """
    shelf = Shelf().put("ConfigMap", "gone", 1, app="one").put("ConfigMap", "same", 2, app="one")
    shelf.told.clear()
    shelf.list(
        "ConfigMap", 9, thing("ConfigMap", "same", 2, app="one"), thing("ConfigMap", "new", 8, app="one")
    )
    assert {k.name for k in shelf.store.of_instance("one")} == {"same", "new"}
    assert [(c.key.name, c.old, c.new) for c in shelf.told] == [("gone", "1", ""), ("new", "", "8")]


def test_our_own_write_is_not_undone_by_an_older_list() -> None:
    """
    An object written while a list was under way survives that list, which was made before.
    """
    shelf = Shelf().list("ConfigMap", 5)
    shelf.store.take(KINDS["ConfigMap"], Began())
    written = bytes(thing("ConfigMap", "own", 9, app="one", apiVersion="v1"))
    shelf.store.advance(KINDS["ConfigMap"], "5")
    shelf.store.observe(ResourceKey("", "ConfigMap", "default", "own"), written, "v1")
    shelf.store.take(KINDS["ConfigMap"], Completed("7"))
    assert {k.name for k in shelf.store.of_instance("one")} == {"own"}


def test_our_own_write_is_known_before_the_first_list() -> None:
    """
    The first object of a new kind is known at once, and survives a first list that was made before it.
    """
    shelf = Shelf()
    shelf.store.open(KINDS["ConfigMap"], "v1")
    shelf.store.take(KINDS["ConfigMap"], Began())
    written = bytes(thing("ConfigMap", "own", 9, app="one", apiVersion="v1"))
    shelf.store.observe(ResourceKey("", "ConfigMap", "default", "own"), written, "v1")
    assert {k.name for k in shelf.store.of_instance("one")} == {"own"}
    shelf.store.take(KINDS["ConfigMap"], Completed("7"))
    assert {k.name for k in shelf.store.of_instance("one")} == {"own"}


def test_the_answer_to_an_old_write_does_not_bring_back_what_is_gone() -> None:
    """
    What a write was answered with is not taken over when the watch is already past it.
    """
    shelf = Shelf().list("ConfigMap", 5)
    shelf.store.advance(KINDS["ConfigMap"], "12")
    written = bytes(thing("ConfigMap", "own", 9, app="one", apiVersion="v1"))
    shelf.store.observe(ResourceKey("", "ConfigMap", "default", "own"), written, "v1")
    assert shelf.store.of_instance("one") == {}


def test_older_news_does_not_replace_newer() -> None:
    """
    A late line about an object does not undo what a write was answered with.
    """
    shelf = Shelf().put("ConfigMap", "a", 7, app="one").put("ConfigMap", "a", 3)
    found = shelf.store.get(key("ConfigMap", "a"))
    assert found is not None
    assert found.resource_version == "7"


def test_the_end_of_a_former_object_does_not_take_the_new_one() -> None:
    """
    A deletion that is told after the object was made anew leaves the new one in the store.
    """
    shelf = Shelf().put("ConfigMap", "a", 9, uid="new", app="one")
    shelf.remove("ConfigMap", "a", 5, uid="old", app="one")
    assert set(shelf.store.of_instance("one")) == {key("ConfigMap", "a")}


def test_forgetting_a_kind_leaves_nothing_behind() -> None:
    """
    After a kind is forgotten no index names its objects any more.
    """
    shelf = Shelf().put("Deployment", "web", app="one").put("ReplicaSet", "web-1", owner="web")
    shelf.store.forget(KINDS["ReplicaSet"])
    shelf.store.forget(KINDS["Deployment"])
    assert len(shelf.store) == 0
    assert shelf.store.of_instance("one") == {}
    assert shelf.store.descendants("one") == []
    assert [c.new for c in shelf.told[-2:]] == ["", ""]


def test_a_namespaced_scope_forgets_its_namespace_alone() -> None:
    """
    Two namespaces of one kind are watched apart and forgotten apart.
    """
    told: list[Changed] = []
    store = Store(owner_of, told.append)
    one, two = Scope("", "ConfigMap", "default"), Scope("", "ConfigMap", "other")
    store.open(one, "v1")
    store.open(two, "v1")
    store.take(one, Put(thing("ConfigMap", "a")))
    other = decoded(thing("ConfigMap", "b"))
    other["metadata"]["namespace"] = "other"
    store.take(two, Put(msgspec.Raw(orjson.dumps(other))))
    store.forget(one)
    assert [r.key.name for r in store.records()] == ["b"]


@pytest.mark.parametrize(
    ("metadata", "annotations"),
    [
        ({"name": "a", "annotations": {"good": "1", "bad": None}}, {"good": "1"}),
        ({"name": "a", "annotations": ["x"]}, {}),
        ({"name": "a", "annotations": {"good": "1"}, "generation": "seven"}, {"good": "1"}),
        ({"name": "a", "annotations": {"good": "1"}, "ownerReferences": [7, {"uid": 3}]}, {"good": "1"}),
    ],
)
def test_odd_metadata_stops_only_itself(metadata: dict[str, Any], annotations: dict[str, str]) -> None:
    """
    An object with metadata of wrong types is still known by its name; what is wrong is left out.
    """
    read = read_object(orjson.dumps({"metadata": metadata}), "", "ConfigMap", "v1")
    assert read.record.key.name == "a"
    told = read.tracking["metadata"]["annotations"] if read.tracking else {}
    assert told == annotations


@pytest.mark.parametrize("raw", [b"7", b"{}", b'{"metadata": 7}', b"{", b'"\xff"'])
def test_what_is_no_object_is_a_fault_of_the_server(raw: bytes) -> None:
    """
    Something that is no object at all is refused as a fault that passes, never as a crash.
    """
    with pytest.raises(ApiFailed, match="not an object"):
        read_object(raw, "", "ConfigMap", "v1")


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ("5", "5", True),
        ("10", "9", True),
        ("9", "10", False),
        ("x", "x", True),
        ("x", "9", False),
        ("4²2", "9", False),
        ("9", "4²2", False),
        ("1" * 5000, "9", False),
        ("", "", True),
    ],
)
def test_versions_are_compared_as_numbers_or_not_at_all(version: str, wanted: str, expected: bool) -> None:
    """
    Ten is later than nine; versions that are no numbers are only ever equal.
    """
    assert at_least(version, wanted) is expected
