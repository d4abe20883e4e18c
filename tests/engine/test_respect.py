"""What an apply leaves as it is, because the user asked to ignore it."""

from __future__ import annotations

import pytest
from deciding import body
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.ignoring import apply_ignore_rules
from moorage.engine.respect import respecting
from moorage.model.ignore import IgnoreRule


def deployment(replicas=None, **containers):
    spec = {"containers": [{"name": name, "image": image} for name, image in containers.items()]}
    said = {} if replicas is None else {"replicas": replicas}
    return body("d", "Deployment", "apps/v1", spec={**said, "template": {"spec": spec}})


def ignoring(*pointers, **fields):
    return [IgnoreRule(group="apps", kind="Deployment", json_pointers=pointers, **fields)]


@pytest.mark.parametrize(
    ("target", "live", "pointers", "expected"),
    [
        pytest.param(deployment(2), deployment(5), ["/spec/replicas"], deployment(5), id="the live value"),
        pytest.param(deployment(), deployment(5), ["/spec/replicas"], deployment(), id="not said"),
        pytest.param(deployment(2), deployment(), ["/spec/replicas"], deployment(2), id="not there"),
        pytest.param(deployment(2), deployment(5), [], deployment(2), id="nothing ignored"),
        pytest.param(
            deployment(2, web="a:1", proxy="p:1"),
            deployment(5, web="a:2", proxy="p:2"),
            ["/spec/template/spec/containers/0/image"],
            deployment(2, web="a:2", proxy="p:1"),
            id="in an item, which is found by its name",
        ),
        pytest.param(
            deployment(2, web="a:1"),
            deployment(2, proxy="p:1", web="a:1"),
            ["/spec/template/spec/containers/0"],
            deployment(2, web="a:1"),
            id="an item the target has not",
        ),
        pytest.param(
            {**deployment(2), "status": {"x": 1}},
            {**deployment(2), "status": {"x": 2}},
            ["/status"],
            {**deployment(2), "status": {"x": 1}},
            id="never the status",
        ),
    ],
)
def test_ignored_fields_keep_their_live_value(target, live, pointers, expected):
    """
    Where the target says something about an ignored field, it says what the live object says.
    """
    assert expected == respecting(target, live, ignoring(*pointers))


def test_rules_about_others_change_nothing():
    """
    A rule that does not select the object leaves the target as it is.
    """
    target = deployment(2)

    assert respecting(target, deployment(5), [IgnoreRule(kind="Other", json_pointers=("/spec",))]) is target


def test_fields_of_managers():
    """
    What an autoscaler owns keeps its value.
    """
    live = deployment(5)
    live["metadata"]["managedFields"] = [{"manager": "hpa", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]

    assert respecting(deployment(2), live, ignoring(managers=("hpa",))) == deployment(5)


def test_jq_paths():
    """
    What a jq path deletes keeps its live value.
    """

    def jq(value, path):
        return {**value, "spec": {name: inner for name, inner in value["spec"].items() if name != "replicas"}}

    assert respecting(deployment(2), deployment(5), ignoring(jq_paths=(".spec.replicas",)), jq) == deployment(
        5
    )


_NAMES = st.sampled_from(["web", "proxy", "log"])
_STATES = st.builds(
    lambda replicas, containers: deployment(replicas, **containers),
    st.integers(1, 3),
    st.dictionaries(_NAMES, st.sampled_from(["a", "b"]), max_size=3),
)
_POINTERS = st.sampled_from(
    ["/spec/replicas", "/spec/template/spec/containers/0/image", "/spec/template", "/metadata"]
)


@given(_STATES, _STATES, st.lists(_POINTERS, max_size=2))
def test_what_is_not_ignored_is_applied(target, live, pointers):
    """
    Asking twice changes nothing more, and without the fields that rules ignore nothing was changed at all.
    """
    rules = ignoring(*pointers)
    once = respecting(target, live, rules)

    assert once == respecting(once, live, rules)
    if not any("containers" in p for p in pointers):
        assert apply_ignore_rules(once, live, rules) == apply_ignore_rules(target, live, rules)
