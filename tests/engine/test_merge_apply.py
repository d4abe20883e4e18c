"""Server-side apply: what becomes of an object and of the books about its owners."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from merging_kinds import kind, web

from moorage.engine.merge.apply import FieldConflicts, NotApplicable, record_update, server_side_apply
from moorage.engine.merge.customs import crd_schema
from moorage.engine.merge.fields import FieldSet
from moorage.engine.merge.schema import deduced
from moorage.engine.merge.takeover import hand_over
from moorage.model.manifest import Json, digest

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def applied(live, config, manager="argocd-controller", *, force=True, now=NOW, schema=None, **more):
    return server_side_apply(
        live, config, manager=manager, schema=schema or kind(), force=force, now=now, **more
    )


def books(body: Json) -> dict[str, tuple[str, ...]]:
    return {
        f"{entry['operation']} {entry['manager']}": FieldSet.from_v1(entry["fieldsV1"]).paths()
        for entry in body["metadata"].get("managedFields", ())
    }


def updated(before, after, manager="kubectl", **more) -> Json:
    managed = record_update(before, after, manager=manager, schema=kind(), now=NOW, **more)
    return {**after, "metadata": {**after["metadata"], "managedFields": managed}}


def test_first_apply_creates_the_object_and_owns_what_it_sets():
    """
    An apply to nothing yields the configuration, and its manager owns each field but the naming ones.
    """
    config = web(
        replicas=2,
        selector={"matchLabels": {"a": "b"}},
        containers=[{"name": "c", "ports": [{"containerPort": 80}]}],
    )

    result = applied(None, config)

    expected = {
        "manager": "argocd-controller",
        "operation": "Apply",
        "apiVersion": "apps/v1",
        "time": NOW,
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:spec": {
                "f:containers": {
                    'k:{"name":"c"}': {
                        ".": {},
                        "f:name": {},
                        "f:ports": {
                            'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}
                        },
                    }
                },
                "f:replicas": {},
                "f:selector": {},
            }
        },
    }
    assert [expected] == result.body["metadata"]["managedFields"]
    assert config["spec"] == result.body["spec"]
    assert result.changed


def test_apply_removes_what_its_manager_no_longer_sets():
    """
    A field only this manager owned goes when it leaves the configuration; foreign ones stay.
    """
    first = applied(None, web({"labels": {"a": "1", "b": "1"}}, replicas=2)).body
    foreign = updated(first, {**first, "spec": {"replicas": 2, "strategy": {"type": "Recreate"}}})

    after = applied(foreign, web({"labels": {"a": "1"}})).body

    assert after["metadata"]["labels"] == {"a": "1"}
    assert after["spec"] == {"strategy": {"type": "Recreate"}}


def test_field_with_another_owner_survives_its_applier():
    """
    A field two appliers set stays with the second when the first drops it.
    """
    both = applied(applied(None, web(replicas=2)).body, web(replicas=2), "other").body

    after = applied(both, web()).body

    assert after["spec"] == {"replicas": 2}
    assert books(after) == {"Apply argocd-controller": (".spec",), "Apply other": (".spec.replicas",)}


CONFLICTS = [
    pytest.param(
        "kubectl",
        {"replicas": 3},
        'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas',
        id="one",
    ),
    pytest.param(
        "kubectl",
        {
            "replicas": 3,
            "containers": [{"name": "c", "image": "new", "ports": [{"containerPort": 80, "name": "x"}]}],
        },
        'Apply failed with 3 conflicts: conflicts with "kubectl" using apps/v1:\n'
        "- .spec.replicas\n"
        '- .spec.containers[name="c"].image\n'
        '- .spec.containers[name="c"].ports[containerPort=80,protocol="TCP"].name',
        id="several",
    ),
]


@pytest.mark.parametrize(("manager", "spec", "message"), CONFLICTS)
def test_conflicts_are_told_in_the_servers_words(manager, spec, message):
    """
    Without force an apply that would change foreign fields fails with the API server's message.
    """
    containers = [{"name": "c", "image": "old", "ports": [{"containerPort": 80, "name": "http"}]}]
    live = updated(None, web(replicas=1, containers=containers), manager)

    with pytest.raises(FieldConflicts) as caught:
        applied(live, web(**spec), force=False)

    assert message == str(caught.value)
    assert {manager} == {conflict.manager for conflict in caught.value.conflicts}


def test_force_takes_fields_over():
    """
    A forced apply wins the field and strips it from its former owner.
    """
    live = updated(None, web(replicas=1, strategy={"type": "Recreate"}))

    after = applied(live, web(replicas=3)).body

    assert after["spec"]["replicas"] == 3
    assert books(after) == {
        "Apply argocd-controller": (".spec.replicas",),
        "Update kubectl": (".spec", ".spec.strategy", ".spec.strategy.type"),
    }


def test_object_nobody_kept_books_on_gets_an_owner_before_the_first_apply():
    """
    What an object without managedFields holds belongs to before-first-apply, and can be in conflict.
    """
    live = web({"uid": "1"}, replicas=1)

    assert books(applied(live, web(strategy={"type": "Recreate"})).body) == {
        "Apply argocd-controller": (".spec.strategy.type",),
        "Update before-first-apply": (".spec", ".spec.replicas"),
    }
    with pytest.raises(FieldConflicts, match="before-first-apply"):
        applied(live, web(replicas=2), force=False)


def test_keyed_lists_take_the_order_of_the_configuration():
    """
    Elements both have follow the configuration, those of others keep their place among them.
    """
    live = updated(None, web(containers=[{"name": name, "image": "x"} for name in "abc"]))

    after = applied(live, web(containers=[{"name": "c"}, {"name": "a"}, {"name": "d"}])).body

    assert [one["name"] for one in after["spec"]["containers"]] == ["b", "c", "a", "d"]
    assert after["spec"]["containers"][1]["image"] == "x"


REFUSED = [
    pytest.param(
        web(
            containers=[
                {"name": "c", "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]}
            ]
        ),
        '.spec.containers[name="c"].ports: duplicate entries for key [containerPort=80,protocol="TCP"]',
        id="duplicate keys",
    ),
    pytest.param(
        web({"finalizers": ["a", "a"]}),
        '.metadata.finalizers: duplicate entries for key [="a"]',
        id="duplicate values",
    ),
    pytest.param(web(bogus=1), ".spec.bogus: field not declared in schema", id="unknown field"),
    pytest.param(web(replicas="x"), ".spec.replicas: expected numeric (int or float), got string", id="type"),
    pytest.param(
        web(containers=[{"image": "x"}]),
        '.spec.containers: element 0: associative list with keys has an element that omits all key fields ["name"] '
        "(and doesn't have default values for any key fields)",
        id="no key",
    ),
]


@pytest.mark.parametrize(("config", "problem"), REFUSED)
def test_configuration_that_does_not_fit_is_refused(config, problem):
    """
    A configuration that does not fit the schema is refused with the API server's message.
    """
    with pytest.raises(NotApplicable) as caught:
        applied(None, config)

    assert f"failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): {problem}" == str(
        caught.value
    )


def test_update_without_change_leaves_the_books_alone():
    """
    An update that changes nothing gives nobody a field or a new time.
    """
    live = applied(None, web(replicas=2)).body

    assert live["metadata"]["managedFields"] == record_update(
        live, live, manager="kubectl", schema=kind(), now=LATER
    )


def test_updates_beyond_ten_share_one_entry():
    """
    More than ten updaters of a version are folded into ancient-changes, the oldest first.
    """
    body = web({"labels": {}})
    for number in range(12):
        after = {
            **body,
            "metadata": {**body["metadata"], "labels": {**body["metadata"]["labels"], f"l{number}": "x"}},
        }
        body = updated(body, after, f"m{number:02}")

    owners = books(body)

    assert len(owners) == 10
    assert "Update ancient-changes" in owners
    assert "Update m11" in owners


def test_subresource_does_not_own_what_it_cannot_write():
    """
    Fields reset by the endpoint are not owned by who writes through it.
    """
    reset = FieldSet.of(("f:spec",))

    after = applied(None, web({"labels": {"a": "1"}}, replicas=2), subresource="status", reset=reset).body

    assert books(after) == {"Apply argocd-controller": (".metadata.labels.a",)}
    assert after["metadata"]["managedFields"][0]["subresource"] == "status"


def test_nulls_are_not_stored():
    """
    Nulls of a configuration go as in the API server; in a map of strings they become empty.
    """
    after = applied(None, web({"labels": {"a": None}}, replicas=None)).body

    assert after["metadata"]["labels"] == {"a": ""}
    assert after["spec"] == {}


def test_custom_resources_know_metadata():
    """
    A custom resource merges metadata like any object, whatever its definition says of it.
    """
    schema = crd_schema(
        {
            "type": "object",
            "properties": {"spec": {"type": "object", "additionalProperties": {"type": "integer"}}},
        }
    )
    config = {
        "apiVersion": "x/v1",
        "kind": "T",
        "metadata": {"name": "t", "finalizers": ["a"]},
        "spec": {"n": 1},
    }

    after = applied(
        applied(None, config, schema=schema).body,
        {**config, "metadata": {"name": "t", "finalizers": ["b"]}},
        "two",
        schema=schema,
    )

    assert after.body["metadata"]["finalizers"] == ["a", "b"]


def test_migration_makes_client_side_fields_removable():
    """
    After a migration the applier removes what kubectl apply had set, and nobody owns last-applied.
    """
    last = "kubectl.kubernetes.io/last-applied-configuration"
    live = updated(None, web({"annotations": {last: "{}"}}, replicas=2), "kubectl-client-side-apply")
    managed = hand_over(live, predecessors=["kubectl-client-side-apply"], applier="argocd-controller")
    migrated = {**live, "metadata": {**live["metadata"], "managedFields": managed}}

    assert books(migrated) == {"Apply argocd-controller": (".spec", ".spec.replicas")}
    assert "replicas" not in applied(migrated, web()).body["spec"]


def test_kubectl_takes_over_what_its_client_side_apply_set():
    """
    Fields that are as last-applied says are no conflict for kubectl, and the annotation follows.
    """
    last = "kubectl.kubernetes.io/last-applied-configuration"
    old = web(replicas=1)
    made = web({"annotations": {last: json.dumps(old)}}, replicas=1)
    live = updated(None, made, "kubectl-client-side-apply")

    after = applied(live, web(replicas=2), "kubectl", force=False).body

    assert after["spec"] == {"replicas": 2}
    assert json.loads(after["metadata"]["annotations"][last]) == web(replicas=2)
    scaled = updated(live, {**live, "spec": {"replicas": 5}}, "autoscaler")
    with pytest.raises(FieldConflicts, match="autoscaler"):
        applied(scaled, web(replicas=2), "kubectl", force=False)
    with pytest.raises(FieldConflicts, match="kubectl-client-side-apply"):
        applied(live, web(replicas=2), "other", force=False)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
things = st.fixed_dictionaries(
    {"apiVersion": st.just("x/v1"), "kind": st.just("T"), "metadata": st.just({"name": "t"})},
    optional={"spec": values, "data": values},
)
ports = st.lists(
    st.fixed_dictionaries({"containerPort": st.integers(80, 82)}),
    min_size=1,
    max_size=3,
    unique_by=lambda p: p["containerPort"],
)
containers = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("abcd")}, optional={"image": st.sampled_from("xy"), "ports": ports}
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one["name"],
)
webs = st.builds(
    lambda labels, spec: web({"labels": labels}, **spec),
    st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), max_size=2),
    # What is applied empty over what it then removes takes two applies, here as in the real server.
    st.fixed_dictionaries({"replicas": st.integers(0, 2)}, optional={"containers": containers}),
)


@given(st.lists(st.tuples(webs, st.sampled_from(["one", "two"])), min_size=1, max_size=4))
def test_applying_again_changes_nothing(history):
    """
    The last apply of any history repeated at a later time is a no-op to the byte, and inputs stay as they were.
    """
    live = None
    for config, manager in history:
        before = digest((live, config))
        result = applied(live, config, manager)
        assert before == digest((live, config))
        live = result.body
    config, manager = history[-1]

    again = applied(live, config, manager, now=LATER)

    assert live == again.body
    assert not again.changed


@given(webs, webs)
def test_appliers_of_separate_fields_may_come_in_any_order(one, two):
    """
    Two appliers that agree on what both set end with the same fields whoever comes first.
    """
    two = {**one, "metadata": {**two["metadata"], "labels": {}}, "spec": {"strategy": {"type": "Recreate"}}}

    first = applied(applied(None, one, "one").body, two, "two").body
    second = applied(applied(None, two, "two").body, one, "one").body

    assert first["spec"] == second["spec"]
    assert books(first) == books(second)


@given(things, things)
def test_free_form_objects_apply_twice_to_the_same(one, two):
    """
    Without a definition, too, an apply over anything is settled after the first time.
    """
    live = applied(applied(None, one, schema=deduced()).body, two, "two", schema=deduced()).body

    again = applied(live, two, "two", schema=deduced(), now=LATER)

    assert live == again.body


@given(webs)
def test_field_sets_survive_their_json(body):
    """
    A field set written as FieldsV1 and read again is the same set.
    """
    fields = FieldSet.from_value(body, kind())

    assert fields == FieldSet.from_v1(fields.to_v1())
    assert not fields.difference(fields)
    assert fields == fields.union(fields) == fields.intersection(fields)
