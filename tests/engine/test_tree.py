"""The resource tree: every resource is found, whoever owns whom."""

from __future__ import annotations

import pytest
from deciding import body, key
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.tree import Node, node_of, tree


def node(name, *owners, **rest):
    return Node(key(name), f"uid-{name}", tuple(f"uid-{o}" for o in owners), **rest)


def shape(found):
    """Return a tree as lines with indents."""
    lines = []
    for root in found.roots:
        lines.append(root.name)
        lines += ["  " * depth + k.name for depth, k in found.below(root)]
    return lines


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([node("b"), node("a")], ["a", "b"], id="roots"),
        pytest.param([node("p", "r"), node("d"), node("r", "d")], ["d", "  r", "    p"], id="three levels"),
        pytest.param([node("p", "gone")], ["p"], id="an owner that is not there"),
        pytest.param([node("a"), node("b"), node("c", "a", "b")], ["a", "  c", "b", "  c"], id="two owners"),
        pytest.param([node("a", "a")], ["a"], id="its own owner"),
        pytest.param([node("a", "b"), node("b", "a")], ["a", "  b"], id="a circle"),
        pytest.param(
            [node("a", "b"), node("b", "a"), node("c", "b"), node("x")], ["a", "  b", "    c", "x"], id="a circle and more"
        ),
    ],
)  # fmt: skip
def test_trees(nodes, expected):
    """
    Resources stand under their owners; owners that are missing or own each other are borne.
    """
    assert expected == shape(tree(nodes))
    assert expected == shape(tree(reversed(nodes)))


@pytest.mark.parametrize(
    ("owner", "owned"),
    [
        pytest.param(body("s", "Service"), body("s", "Endpoints"), id="Endpoints of a Service"),
        pytest.param(
            body("s", "Service"),
            body("s-x1", "EndpointSlice", "discovery.k8s.io/v1", labels={"kubernetes.io/service-name": "s"}),
            id="EndpointSlice of a Service",
        ),
        pytest.param(
            body(
                "db",
                "StatefulSet",
                "apps/v1",
                spec={"volumeClaimTemplates": [{"metadata": {"name": "data"}}]},
            ),
            body("data-db-12", "PersistentVolumeClaim"),
            id="claim of a StatefulSet",
        ),
    ],
)
def test_owners_by_custom(owner, owned):
    """
    Some owners are known without a reference, if they are there.
    """
    both = tree([node_of(owned), node_of(owner)])

    assert both.parents == {node_of(owned).key: (node_of(owner).key,)}
    assert tree([node_of(owned)]).roots == (node_of(owned).key,)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("data-db-x", id="no ordinal"),
        pytest.param("data-db", id="no number"),
        pytest.param("other-db-0", id="another template"),
    ],
)
def test_claims_of_nobody(name):
    """
    A claim belongs to a StatefulSet only by template, name and number.
    """
    owner = body(
        "db", "StatefulSet", "apps/v1", spec={"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}
    )

    assert len(tree([node_of(owner), node_of(body(name, "PersistentVolumeClaim"))]).roots) == 2


def test_references_are_read():
    """
    A node has the uids of its owner references, and bears malformed ones.
    """
    live = body("p", "Pod")
    live["metadata"] |= {"uid": "1", "ownerReferences": [{"uid": "2"}, "strange"]}

    assert node_of(live) == Node(key("p", "Pod"), "1", ("2",))


_NAMES = st.sampled_from("abcdefg")


@given(st.dictionaries(_NAMES, st.lists(_NAMES, max_size=3, unique=True), max_size=7))
def test_nobody_is_lost(owners):
    """
    Whoever owns whom, each resource is found below some root, and the walk ends.
    """
    nodes = [node(name, *of) for name, of in owners.items()]
    found = tree(nodes)
    seen = {key_ for root in found.roots for key_ in (root, *(k for _, k in found.below(root)))}

    assert {n.key for n in nodes} == seen
    assert found == tree(reversed(nodes))
