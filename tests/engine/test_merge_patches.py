"""Strategic, JSON merge and JSON patches: the answers of kubectl, case by case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from merging_kinds import kind, web

from moorage.engine.merge.jsonmerge import diff_merge, merge_patch, three_way_merge
from moorage.engine.merge.jsonpatch import PatchFailed, apply_patch
from moorage.engine.merge.strategic import strategic_merge, three_way_strategic
from moorage.model.manifest import digest

A, B, C = ({"name": name, "image": name} for name in "abc")

STRATEGIC = [
    pytest.param({"replicas": 1}, {"replicas": 2}, {"replicas": 2}, id="scalar"),
    pytest.param({"replicas": 1}, {"replicas": None}, {}, id="null deletes"),
    pytest.param(
        {"containers": [A, B]},
        {"containers": [{"name": "b", "image": "new"}, C]},
        {"containers": [A, {"name": "b", "image": "new"}, C]},
        id="merged by key",
    ),
    pytest.param(
        {"containers": [A, B]},
        {"containers": [{"$patch": "delete", "name": "a"}]},
        {"containers": [B]},
        id="delete element",
    ),
    pytest.param(
        {"containers": [A, B]},
        {"containers": [C, {"$patch": "replace"}]},
        {"containers": [C]},
        id="replace list",
    ),
    pytest.param(
        {"containers": [A, B, C]},
        {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]},
        {"containers": [B, C, A]},
        id="order",
    ),
    pytest.param(
        {"containers": [A, B]},
        {
            "$setElementOrder/containers": [{"name": "c"}],
            "containers": [{"$patch": "delete", "name": "b"}, C],
        },
        {"containers": [A, C]},
        id="new element takes the place of a deleted one",
    ),
    pytest.param(
        {"containers": [{"name": "a", "args": ["x", "y"]}]},
        {"containers": [{"name": "a", "args": ["z"]}]},
        {"containers": [{"name": "a", "args": ["z"]}]},
        id="plain list replaced",
    ),
    pytest.param(
        {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}},
        {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}},
        {"strategy": {"type": "Recreate"}},
        id="retain keys",
    ),
    pytest.param(
        {"strategy": {"type": "x"}}, {"strategy": {"$patch": "delete"}}, {"strategy": {}}, id="delete map"
    ),
    pytest.param(
        {"strategy": {"type": "x", "rollingUpdate": {}}},
        {"strategy": {"$patch": "replace", "type": "y"}},
        {"strategy": {"type": "y"}},
        id="replace map",
    ),
]


@pytest.mark.parametrize(("spec", "patch", "expected"), STRATEGIC)
def test_strategic_patches_do_as_kubectl_does(spec, patch, expected):
    """
    A strategic patch does what kubectl patch does, and changes none of its inputs.
    """
    current, change = web(**spec), {"spec": patch}
    before = digest((current, change))

    assert expected == strategic_merge(current, change, kind())["spec"]
    assert before == digest((current, change))


def test_values_leave_a_set():
    """
    Values under $deleteFromPrimitiveList leave their list; others are added without repeating.
    """
    current = web({"finalizers": ["a", "b"]})
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["b", "c"]}}

    assert strategic_merge(current, patch, kind())["metadata"]["finalizers"] == ["b", "c"]


@pytest.mark.parametrize(
    "patch",
    [
        pytest.param({"containers": [{"image": "x"}]}, id="no merge key"),
        pytest.param({"strategy": {"$patch": "merge"}}, id="unknown directive"),
        pytest.param({"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}, id="retain keys disagree"),
        pytest.param({"$setElementOrder/containers": "a"}, id="order is no list"),
    ],
)
def test_malformed_strategic_patches_are_refused(patch):
    """
    A patch whose directives cannot be followed fails as a whole.
    """
    with pytest.raises(PatchFailed):
        strategic_merge(web(containers=[A], strategy={"type": "x"}), {"spec": patch}, kind())


def test_three_way_patch_is_the_one_kubectl_sends():
    """
    Removed fields are deleted, changed ones sent, foreign ones left out, and the order is given.
    """
    original = web(replicas=1, containers=[A, B])
    modified = web(containers=[C, B])
    current = web(replicas=1, containers=[A, B, {"name": "sidecar"}], selector={"matchLabels": {"a": "b"}})

    patch = three_way_strategic(original, modified, current, kind())

    assert patch == {
        "spec": {
            "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}],
            "containers": [C, {"$patch": "delete", "name": "a"}],
            "replicas": None,
        }
    }
    merged = strategic_merge(current, patch, kind())["spec"]["containers"]
    assert {"b", "c", "sidecar"} == {one["name"] for one in merged}


def test_three_way_json_patch_deletes_what_the_last_one_set():
    """
    Kinds without merge keys are compared as JSON: lists as a whole, nulls delete.
    """
    original = {"spec": {"gone": 1, "list": [1]}}
    modified = {"spec": {"list": [1, 2]}}
    current = {"spec": {"gone": 1, "list": [1], "foreign": True}}

    assert three_way_merge(original, modified, current) == {"spec": {"gone": None, "list": [1, 2]}}


RFC_7386 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "foo"}, None, None),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("body", "patch", "expected"), RFC_7386)
def test_merge_patches_follow_their_rfc(body, patch, expected):
    """
    The examples of RFC 7386 hold.
    """
    assert expected == merge_patch(body, patch)


leaves = st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x"])
bodies = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
        ),
        max_leaves=6,
    ),
    max_size=3,
)


@given(bodies, bodies)
def test_difference_as_merge_patch_leads_there(before, after):
    """
    Merging the difference of two objects into the first gives the second.
    """
    assert after == merge_patch(before, diff_merge(before, after))


JSON_PATCHES = [
    pytest.param([{"op": "add", "path": "/l/1", "value": 9}], {"l": [1, 9, 2], "m": {"k": "v"}}, id="insert"),
    pytest.param([{"op": "add", "path": "/l/-", "value": 9}], {"l": [1, 2, 9], "m": {"k": "v"}}, id="append"),
    pytest.param([{"op": "remove", "path": "/m/k"}], {"l": [1, 2], "m": {}}, id="remove"),
    pytest.param(
        [{"op": "replace", "path": "/l/0", "value": 9}], {"l": [9, 2], "m": {"k": "v"}}, id="replace"
    ),
    pytest.param(
        [{"op": "move", "from": "/l/0", "path": "/m/a~1b"}], {"l": [2], "m": {"k": "v", "a/b": 1}}, id="move"
    ),
    pytest.param(
        [{"op": "copy", "from": "/m", "path": "/n"}],
        {"l": [1, 2], "m": {"k": "v"}, "n": {"k": "v"}},
        id="copy",
    ),
    pytest.param([{"op": "test", "path": "/m/k", "value": "v"}], {"l": [1, 2], "m": {"k": "v"}}, id="test"),
]


@pytest.mark.parametrize(("operations", "expected"), JSON_PATCHES)
def test_json_patches_follow_their_rfc(operations, expected):
    """
    Every operation of RFC 6902 does its work on a copy.
    """
    body = {"l": [1, 2], "m": {"k": "v"}}

    assert expected == apply_patch(body, operations)
    assert body == {"l": [1, 2], "m": {"k": "v"}}


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"op": "remove", "path": "/x"}, "operation 0 (remove /x): there is no 'x'"),
        ({"op": "test", "path": "/l/0", "value": True}, "operation 0 (test /l/0): the value is another"),
        ({"op": "add", "path": "/l/3", "value": 1}, "operation 0 (add /l/3): index 3 is out of range"),
        ({"op": "add", "path": "l", "value": 1}, "operation 0 (add l): path must begin with a slash"),
        ({"op": "jump", "path": "/l"}, "operation 0 (jump /l): unknown operation 'jump'"),
        ({"op": "add", "path": "/l"}, "operation 0 (add /l): value is missing"),
        (
            {"op": "move", "from": "/l", "path": "/l/0"},
            "operation 0 (move /l/0): cannot move a value into itself",
        ),
    ],
)
def test_impossible_json_patches_say_what_is_wrong(operation, message):
    """
    An operation that cannot be done fails with its number, name, path and the reason.
    """
    with pytest.raises(PatchFailed) as caught:
        apply_patch({"l": [1]}, [operation])

    assert message == str(caught.value)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "remove", "path": "/l/-1"}, {"l": [1, 2]}),
        ({"op": "add", "path": "/l/-1", "value": 9}, {"l": [1, 2, 3, 9]}),
        ({"op": "replace", "path": "/new", "value": 1}, {"l": [1, 2, 3], "new": 1}),
        ({"op": "test", "path": "/none", "value": None}, {"l": [1, 2, 3]}),
        ({"op": "add", "path": "what/ever", "value": 1}, {"l": [1, 2, 3], "ever": 1}),
    ],
)
def test_json_patches_are_as_lenient_as_the_server(operation, expected):
    """
    What an API server takes beyond the standard is taken here, too.
    """
    assert apply_patch({"l": [1, 2, 3]}, [operation]) == expected


def test_refusals_know_the_words_of_the_server():
    """
    Beside our own words a refusal carries those of an API server, for whoever pretends to be one.
    """
    with pytest.raises(PatchFailed) as refused:
        strategic_merge(web(containers=[{"name": "c"}]), web(containers=[{"image": "x:1"}]), kind())

    assert refused.value.server_says == "map: map[image:x:1] does not contain declared merge key: name"
