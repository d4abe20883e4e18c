"""Comparisons: what would a sync do to each resource?"""

from __future__ import annotations

import pytest
from deciding import (
    HEALTHY,
    body,
    job,
    key,
    live_state,
    marked,
    operation,
    overlay,
    resource,
    rules,
    target,
)
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.compare import changes, compare
from moorage.engine.plan import make_plan
from moorage.model.ignore import IgnoreRule
from moorage.model.manifest import Manifest, with_value
from moorage.model.operation import Verb
from moorage.model.states import Change, LiveState, SyncStatus


def tracked(name, kind="ConfigMap", api="v1", **rest):
    """Return a manifest as the target state has it: with its mark."""
    return Manifest.of(marked(resource(name, kind, api, **rest)))


A, B = tracked("a", data={"x": "1"}), tracked("b")
LIVE_A = {**A.body, "metadata": {**A.body["metadata"], "uid": "1", "resourceVersion": "7"}}


def changed(result):
    return {d.key.name: d.change for d in result.differences}


@pytest.mark.parametrize(
    ("wanted", "live", "expected", "status"),
    [
        pytest.param(target(), live_state(), {}, SyncStatus.SYNCED, id="nothing"),
        pytest.param(target(A), live_state(LIVE_A), {"a": Change.NONE}, SyncStatus.SYNCED, id="same"),
        pytest.param(target(A), live_state(), {"a": Change.CREATE}, SyncStatus.OUT_OF_SYNC, id="absent"),
        pytest.param(
            target(A),
            live_state(with_value(LIVE_A, ("data", "x"), "2")),
            {"a": Change.UPDATE},
            SyncStatus.OUT_OF_SYNC,
            id="changed",
        ),
        pytest.param(
            target(), live_state(LIVE_A), {"a": Change.PRUNE}, SyncStatus.OUT_OF_SYNC, id="left over"
        ),
        pytest.param(
            target(B),
            live_state(LIVE_A, tracked=()),
            {"b": Change.CREATE},
            SyncStatus.OUT_OF_SYNC,
            id="not ours",
        ),
        pytest.param(
            target(A),
            live_state(gaps=[key("a").group_kind]),
            {},
            SyncStatus.UNKNOWN,
            id="a kind not known completely",
        ),
        pytest.param(
            target(A, tracked("d", "Deployment", "apps/v1")),
            live_state(LIVE_A, gaps=[key("d", "Deployment", "apps").group_kind]),
            {"a": Change.NONE},
            SyncStatus.UNKNOWN,
            id="another kind not known completely",
        ),
        pytest.param(
            target(hooks=[job("a")]),
            live_state(marked(job("a"))),
            {},
            SyncStatus.SYNCED,
            id="a hook",
        ),
        pytest.param(target(), live_state(marked(job("old"))), {}, SyncStatus.SYNCED, id="a hook of old"),
        pytest.param(
            target(),
            live_state(
                marked(resource("x", annotations={"argocd.argoproj.io/compare-options": "IgnoreExtraneous"}))
            ),
            {"x": Change.PRUNE},
            SyncStatus.SYNCED,
            id="ignored when extraneous",
        ),
        pytest.param(
            target(),
            live_state(marked(resource("x", options="Prune=false"))),
            {"x": Change.PRUNE},
            SyncStatus.OUT_OF_SYNC,
            id="kept, but out of sync",
        ),
    ],
)
def test_verdicts(wanted, live, expected, status):
    """
    Each resource is created, updated, pruned or left; the application is synced when none would change.
    """
    result = compare(wanted, live, rules())

    assert (expected, status) == (changed(result), result.status)


def test_the_fields_that_differ_are_told():
    """
    A change names its fields with the value before and after.
    """
    live = with_value(LIVE_A, ("data", "x"), "2")

    (difference,) = compare(target(A), live_state(live), rules()).differences

    assert difference.fields == ('.data.x: "2" → "1"',)


def test_what_a_difference_carries():
    """
    A difference has the version, the health, and both states.
    """
    pod = tracked("p", "Pod", status={"phase": "Running"})

    (difference,) = compare(target(pod), live_state(pod.body), rules(assess=lambda _: HEALTHY)).differences

    assert (difference.version, difference.health, difference.live, difference.target) == (
        "v1",
        HEALTHY,
        pod.body,
        pod,
    )


def test_another_applications_resource_is_shared():
    """
    A resource that another application tracks is compared, and the other one is named.
    """
    theirs = marked(resource("a", data={"x": "1"}), "other")

    (difference,) = compare(target(A), live_state(theirs), rules()).differences

    assert difference.shared_with == "other"


def test_ignored_fields_are_no_difference():
    """
    What the ignore rules name does not make a resource out of sync.
    """
    live = with_value(LIVE_A, ("data", "x"), "2")
    rule = IgnoreRule(kind="ConfigMap", json_pointers=("/data/x",))

    assert compare(target(A), live_state(live), rules(ignore=(rule,))).status is SyncStatus.SYNCED


def test_a_status_is_compared_on_demand():
    """
    Whose status counts is a rule: nobody's unless it says so.
    """
    wanted = resource("a", status={"x": 1})
    live = body("a", status={"x": 2})

    assert changes(wanted, live, rules()) == ()
    assert changes(wanted, live, rules(status_fields="none"))


def test_what_is_known_is_not_looked_at_again():
    """
    A difference that still holds is taken over without a prediction.
    """
    before = compare(target(A), live_state(LIVE_A), rules())

    def no_prediction(live, wanted):
        raise AssertionError("predicted again")

    again = compare(target(A), live_state(LIVE_A), rules(predict=no_prediction), before.by_key)

    assert before == again


def test_an_identical_prediction_is_not_compared():
    """
    When the prediction is the live object itself, nothing differs.
    """
    assert changes(A, LIVE_A, rules(predict=lambda live, wanted: live)) == ()


# Properties.

_VALUES = st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["1", "2"]), max_size=2)
_NAMES = st.sampled_from([f"r{i}" for i in range(6)])


@st.composite
def _worlds(draw):
    wanted = {n: draw(_VALUES) for n in draw(st.sets(_NAMES))}
    there = {n: draw(_VALUES) for n in draw(st.sets(_NAMES))}
    manifests = [tracked(n, data=d) for n, d in wanted.items()]
    live = [marked(resource(n, data=d)) for n, d in there.items()]
    return manifests, live


@given(_worlds(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_never_matters(world, chance):
    """
    Shuffled manifests and live objects give the same comparison.
    """
    manifests, live = world
    before = compare(target(*manifests), live_state(*live), rules())
    chance.shuffle(manifests)
    chance.shuffle(live)

    assert before == compare(target(*manifests), live_state(*live), rules())
    assert [d.key for d in before.differences] == sorted(d.key for d in before.differences)


@given(_worlds())
def test_a_performed_plan_is_synced(world):
    """
    When a plan was performed as predicted, comparing finds nothing, and a further plan has nothing to do.
    """
    manifests, live = world
    wanted, state = target(*manifests), live_state(*live)
    bodies = dict(state.objects)
    old = {k: bodies[k] for k in state.tracked}
    for step in make_plan(wanted, old, operation(prune=True)).steps:
        for action in step.actions:
            if action.verb is Verb.PRUNE:
                del bodies[action.resource]
            else:
                bodies[action.resource] = overlay(bodies.get(action.resource, {}), action.manifest)
    after = LiveState(bodies, frozenset(bodies))

    result = compare(wanted, after, rules())

    assert result.status is SyncStatus.SYNCED
    assert {Change.NONE} >= {d.change for d in result.differences}


def test_a_left_over_that_another_application_declares_names_it():
    """
    A tracked resource without a target says which application declares it; it still counts as a difference.
    """
    result = compare(target(), live_state(LIVE_A), rules(), elsewhere={key("a"): "web"})

    assert [(d.change, d.shared_with, d.out_of_sync) for d in result.differences] == [
        (Change.PRUNE, "web", True)
    ]


@pytest.mark.parametrize(("held", "wanted"), [(1, True), (False, 0), ([1], [True])])
def test_one_is_not_true(held, wanted):
    """
    Where Git says true and the cluster holds 1, the object differs, and the difference says both.
    """
    wanted_widget = tracked("w", "Widget", "example.org/v1", spec={"x": wanted})
    live = {**wanted_widget.body, "spec": {"x": held}}

    (found,) = compare(target(wanted_widget), live_state(live), rules()).differences

    assert found.change is Change.UPDATE
    assert found.fields[0].startswith(".spec.x")
