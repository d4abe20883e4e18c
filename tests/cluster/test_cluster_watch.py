"""The watch state machine's promises: what a stream means, however it is cut, and that a list is taken whole."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest
from cluster_kit import owner_of
from hypothesis import given
from hypothesis import strategies as st

from moorage.cluster.store import Scope, Store
from moorage.cluster.watch import (
    Began,
    Completed,
    Cut,
    Empty,
    Gathered,
    LineSplitter,
    Listing,
    Page,
    Put,
    Removed,
    State,
    StreamAsked,
    StreamingList,
    TooOld,
    WatchFault,
    Watching,
    read_page,
    watch_step,
)

SCOPE = Scope("", "ConfigMap")
END = {"k8s.io/initial-events-end": "true"}


def item(name: str, version: int, uid: str = "", **more: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "n",
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "annotations": {"tracked-by": "app"},
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **more}


def line(kind: str, body: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "object": body})


def bookmark(version: int, annotations: dict[str, str] | None = None) -> bytes:
    return line("BOOKMARK", {"metadata": {"resourceVersion": str(version), "annotations": annotations or {}}})


def page(*items: dict[str, Any], version: int, token: str = "") -> Page:
    answer = {"metadata": {"resourceVersion": str(version), "continue": token}, "items": list(items)}
    return read_page(orjson.dumps(answer))


class Follower:
    """A store that obeys the machine, as the session has it."""

    def __init__(self) -> None:
        self.state: State = Empty()
        self.store = Store(owner_of, lambda change: None)
        self.store.open(SCOPE, "v1")

    def tell(self, *events: Any) -> Follower:
        for event in events:
            self.state, changes = watch_step(self.state, event)
            for change in changes:
                self.store.take(SCOPE, change)
        return self

    @property
    def holds(self) -> dict[str, str]:
        return {record.key.name: record.resource_version for record in self.store.records()}


STREAM = (
    line("ADDED", item("a", 1)),
    line("ADDED", item("b", 2, data={"text": "zwei\nZeilen, äöü 漢字"})),
    bookmark(2, END),
    line("MODIFIED", item("a", 3)),
    bookmark(4),
    line("DELETED", item("b", 5)),
    line("ADDED", item("c", 6)),
    b"",
    line("ADDED", item("b", 7, uid="another")),
)


def followed(pieces: list[bytes]) -> Follower:
    splitter = LineSplitter(1 << 20)
    follower = Follower().tell(StreamAsked())
    for piece in pieces:
        for each in splitter.feed(piece):
            follower.tell(each)
    return follower


@given(cuts=st.lists(st.integers(0, len(b"\n".join(STREAM)) + 1), max_size=12))
def test_how_a_stream_is_cut_never_matters(cuts: list[int]) -> None:
    """
    Every cut of a stream into pieces gives the same store and the same version.
    """
    whole = b"\n".join(STREAM) + b"\n"
    places = [0, *sorted(cuts), len(whole)]
    follower = followed([whole[a:b] for a, b in itertools.pairwise(places)])
    assert follower.holds == {"a": "3", "b": "7", "c": "6"}
    assert follower.state == Watching("7")


def test_every_single_cut_gives_the_same_store() -> None:
    """
    There is no place in a stream, not even within a character, where cutting it in two changes anything.
    """
    whole = b"\n".join(STREAM) + b"\n"
    seen = {tuple(followed([whole[:at], whole[at:]]).holds.items()) for at in range(len(whole) + 1)}
    assert seen == {(("a", "3"), ("c", "6"), ("b", "7"))}


def test_a_line_that_never_ends_is_refused() -> None:
    """
    A stream cannot make us hold more than the limit.
    """
    splitter = LineSplitter(100)
    list(splitter.feed(b"x" * 60))
    with pytest.raises(WatchFault, match="more than 100 bytes"):
        list(splitter.feed(b"x" * 60))


@pytest.mark.parametrize(
    ("state", "event", "after", "changes"),
    [
        pytest.param(Empty(), StreamAsked(), StreamingList(), (Began,), id="a streaming list gathers aside"),
        pytest.param(
            StreamingList(), line("ADDED", item("a", 1)), StreamingList(), (Gathered,), id="its objects"
        ),
        pytest.param(
            StreamingList(), bookmark(3), StreamingList(), (), id="a plain bookmark does not end it"
        ),
        pytest.param(StreamingList(), bookmark(3, END), Watching("3"), (Completed,), id="its bookmark does"),
        pytest.param(Watching("3"), bookmark(9), Watching("9"), (), id="a bookmark moves the version alone"),
        pytest.param(Watching("3"), line("ADDED", item("a", 4)), Watching("4"), (Put,), id="added"),
        pytest.param(Watching("3"), line("MODIFIED", item("a", 4)), Watching("4"), (Put,), id="modified"),
        pytest.param(Watching("3"), line("DELETED", item("a", 4)), Watching("4"), (Removed,), id="deleted"),
        pytest.param(Empty(), page(version=5), Watching("5"), (Began, Completed), id="an empty list"),
        pytest.param(
            Empty(),
            page(item("a", 1), version=5, token="t"),
            Listing("t"),
            (Began, Gathered),
            id="the first of several pages",
        ),
        pytest.param(
            Listing("t"), page(item("b", 2), version=5), Watching("5"), (Gathered, Completed), id="the last"
        ),
        pytest.param(Listing("t"), TooOld(), Empty(), (), id="a token too old"),
        pytest.param(Watching("3"), TooOld(), Empty(), (), id="a version too old"),
        pytest.param(Watching("3"), line("ADDED", item("a", 2)), Empty(), (), id="a server that counts anew"),
        pytest.param(Watching("3"), bookmark(2), Empty(), (), id="and says so by a bookmark"),
        pytest.param(
            Watching("x3"), line("ADDED", item("a", 2)), Watching("2"), (Put,), id="versions without an order"
        ),
        pytest.param(Watching("3"), Cut(), Watching("3"), (), id="a cut watch goes on where it was"),
        pytest.param(StreamingList(), Cut(), Empty(), (), id="a cut streaming list is void"),
        pytest.param(Listing("t"), Cut(), Empty(), (), id="a cut list is void"),
        pytest.param(
            Watching("3"),
            line("ERROR", {"code": 410, "reason": "Expired"}),
            Empty(),
            (),
            id="410 in the stream",
        ),
    ],
)
def test_each_event_leads_where_it_should(
    state: State, event: Any, after: State, changes: tuple[type, ...]
) -> None:
    """
    The table of the machine: state and event give the next state and what the store must do.
    """
    moved, done = watch_step(state, event)
    assert moved == after
    assert tuple(map(type, done)) == changes


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (b"no json", "not an event"),
        (b'{"type": "ADDED"}', "not an event"),
        (b'{"type": "ADDED", "object": "text"}', "not an event"),
        (b'{"type": "ADDED", "object": {"metadata": {"resourceVersion": "\xff"}}}', "not an event"),
        (line("ERROR", {"code": 500, "message": "no"}), "error 500"),
    ],
)
def test_a_bad_line_is_a_fault_and_no_change(bad: bytes, says: str) -> None:
    """
    What is no event ends the watch with a clear fault; the store keeps what it has.
    """
    follower = Follower().tell(page(item("a", 1), version=5))
    with pytest.raises(WatchFault, match=says):
        follower.tell(bad)
    assert follower.holds == {"a": "1"}


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"items": []}', b'{"metadata": {}, "items": 7}'])
def test_an_answer_that_is_no_list_is_a_fault(body: bytes) -> None:
    """
    Something else in place of a list never counts as an empty one.
    """
    with pytest.raises(WatchFault, match="something else"):
        read_page(body)


@pytest.mark.parametrize(
    "interrupted",
    [
        pytest.param((StreamAsked(), line("ADDED", item("a", 6)), Cut()), id="streaming list cut"),
        pytest.param((StreamAsked(), line("ERROR", {"code": 410})), id="streaming list too old"),
        pytest.param((page(item("a", 6), version=9, token="t"), TooOld()), id="token too old"),
        pytest.param((page(item("a", 6), version=9, token="t"), Cut()), id="pages cut"),
    ],
)
def test_the_old_store_stays_until_the_new_list_is_whole(interrupted: tuple[Any, ...]) -> None:
    """
    After 410 everything known before is kept, through interrupted lists, until one is complete.
    """
    follower = Follower().tell(page(item("a", 1), item("b", 2), version=5), TooOld(), *interrupted)
    assert follower.holds == {"a": "1", "b": "2"}
    follower.tell(page(item("a", 6), version=9, token="t"))
    assert follower.holds == {"a": "1", "b": "2"}
    follower.tell(page(item("c", 7), version=9))
    assert follower.holds == {"a": "6", "c": "7"}


def test_what_an_interrupted_list_gathered_is_void() -> None:
    """
    An object seen only in a list that was never completed does not enter the store.
    """
    follower = Follower().tell(StreamAsked(), line("ADDED", item("ghost", 1)), Cut())
    follower.tell(StreamAsked(), line("ADDED", item("real", 2)), bookmark(3, END))
    assert follower.holds == {"real": "2"}


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_a_list_and_a_watch_tell_the_same_story(names: list[str], listed: int, told: int) -> None:
    """
    Wherever a list ends and the watch goes on, even with lines told twice, the store ends the same.
    """
    present: dict[str, int] = {}
    snapshots: list[dict[str, int]] = [{}]
    events: list[bytes] = []
    for version, name in enumerate(names, start=1):
        gone = name in present and version % 3 == 0
        events.append(line("DELETED" if gone else "MODIFIED", item(name, version)))
        if gone:
            del present[name]
        else:
            present[name] = version
        snapshots.append(dict(present))
    at = min(listed, len(names))
    again = min(told, at)
    follower = Follower().tell(page(*(item(n, v) for n, v in snapshots[at].items()), version=at))
    follower.tell(*events[at:])
    assert follower.holds == {name: str(version) for name, version in present.items()}
    follower.tell(*events[again:])
    assert follower.holds == {name: str(version) for name, version in present.items()}
