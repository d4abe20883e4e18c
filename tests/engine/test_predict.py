"""Predictions: the live object as an apply would leave it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from merging_kinds import kind, web

from moorage.engine.merge.apply import record_update, server_side_apply
from moorage.engine.merge.schema import deduced
from moorage.engine.merge.takeover import predecessors
from moorage.engine.predict import predict_apply, predict_client_side
from moorage.model.manifest import digest, without

LAST = "kubectl.kubernetes.io/last-applied-configuration"
BOOKS = ("metadata", "managedFields")
MANAGER = "argocd-controller"


def applied(live, config, manager=MANAGER):
    return server_side_apply(live, config, manager=manager, schema=kind(), force=True, now="t").body


def test_what_others_set_is_no_difference():
    """
    Defaults and fields of other controllers are in the prediction as they are in the live object.
    """
    target = web(containers=[{"name": "c", "ports": [{"containerPort": 80}]}])
    live = web(
        {"uid": "1"},
        replicas=3,
        containers=[{"name": "c", "image": "x", "ports": [{"containerPort": 80, "protocol": "TCP"}]}],
    )

    assert live == predict_apply(live, target, manager=MANAGER, schema=kind())


def test_removed_fields_are_predicted_to_go():
    """
    What this manager set and does not set any more is gone from the prediction, and the books stay.
    """
    live = applied(None, web({"labels": {"a": "1"}}, replicas=2))

    predicted = predict_apply(live, web({"labels": {"a": "1"}}), manager=MANAGER, schema=kind())

    assert predicted["spec"] == {}
    assert live["metadata"] == predicted["metadata"]


def test_migrated_fields_are_predicted_to_go():
    """
    With a migration ahead, what the old client set and remembers counts as set by this manager.
    """
    body = web({"annotations": {LAST: json.dumps(web(replicas=2))}}, replicas=2)
    managed = record_update(None, body, manager="kubectl-client-side-apply", schema=kind(), now="t")
    live = {**body, "metadata": {**body["metadata"], "managedFields": managed}}

    kept = predict_apply(live, web(), manager=MANAGER, schema=kind())
    gone = predict_apply(
        live, web(), manager=MANAGER, schema=kind(), migrate_from=("kubectl-client-side-apply",)
    )

    assert kept["spec"] == {"replicas": 2}
    assert gone["spec"] == {}


@pytest.mark.parametrize(
    ("applier", "expected"),
    [
        pytest.param("helm", {}, id="Helm"),
        pytest.param("kubectl", {}, id="kubectl apply --server-side"),
        pytest.param("someone", {"replicas": 2}, id="another"),
    ],
)
def test_fields_that_others_applied_are_predicted_to_go(applier, expected):
    """
    What a tool applied that is taken over counts as set by this manager; what another one applied does not.
    """
    live = applied(None, web(replicas=2), applier)

    predicted = predict_apply(live, web(), manager=MANAGER, schema=kind(), migrate_from=predecessors())

    assert predicted["spec"] == expected


def test_nulls_of_the_target_are_not_predicted():
    """
    A null in a manifest is what the API server drops, so it never shows as a difference.
    """
    live = web(replicas=2)

    assert web() == predict_apply(None, web(replicas=None), manager=MANAGER, schema=kind())
    assert (
        "strategy"
        not in predict_apply(live, web(replicas=2, strategy=None), manager=MANAGER, schema=kind())["spec"]
    )


def test_plain_text_of_a_secret_is_predicted_encoded():
    """
    stringData of a Secret is predicted as the data the API server stores.
    """
    target = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "stringData": {"a": "é"},
        "data": {"b": "Yg=="},
    }
    expected = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"a": "w6k=", "b": "Yg=="},
    }

    assert expected == predict_apply(None, target, manager=MANAGER, schema=deduced())
    assert expected == predict_client_side(None, target, None)


def test_client_side_prediction_goes_by_the_last_configuration():
    """
    What last-applied set and the target lacks goes; what only the live object has stays.
    """
    last = web({"labels": {"a": "1"}}, replicas=2)
    live = web(
        {"labels": {"a": "1", "foreign": "1"}, "annotations": {LAST: json.dumps(last)}},
        replicas=2,
        containers=[{"name": "sidecar"}],
    )
    target = web({"labels": {}}, containers=[{"name": "c"}])

    for schema, names in ((kind(), ["c", "sidecar"]), (None, ["c"])):
        predicted = predict_client_side(live, target, schema)
        assert predicted["metadata"]["labels"] == {"foreign": "1"}
        assert "replicas" not in predicted["spec"]
        assert names == [one["name"] for one in predicted["spec"]["containers"]]


def test_without_a_last_configuration_nothing_is_removed():
    """
    An object never applied to by a client keeps every field the target does not set.
    """
    live = web({"labels": {"a": "1"}}, replicas=2)

    assert live == predict_client_side(live, web(), kind())


specs = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(0, 2),
        "selector": st.just({"matchLabels": {"a": "b"}}),
        "containers": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from("abc")}, optional={"image": st.sampled_from("xy")}
            ),
            max_size=3,
            unique_by=lambda one: one["name"],
        ),
    },
)


@given(st.lists(st.tuples(specs, st.sampled_from([MANAGER, "other"])), max_size=3), specs)
def test_prediction_is_what_a_forced_apply_does(history, spec):
    """
    For any history the prediction is the body of the forced apply, and no input changes.
    """
    live = None
    for past, manager in history:
        live = applied(live, web(**past), manager)
    target = web(**spec)
    before = digest((live, target))

    predicted = predict_apply(live, target, manager=MANAGER, schema=kind())

    assert before == digest((live, target))
    assert without(applied(live, target), BOOKS) == without(predicted, BOOKS)


def test_service_keeps_what_the_server_gave_it():
    """
    An address that is no longer declared is not predicted to go: the server does not take it back.
    """
    ports = [{"port": 80}]
    meta = {"name": "web", "managedFields": []}
    live = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"clusterIP": "None", "clusterIPs": ["None"], "ports": ports},
    }
    target = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": ports}}
    owned = server_side_apply(
        None, {**live, "metadata": {"name": "web"}}, manager=MANAGER, schema=deduced(), force=True, now="t"
    )

    predicted = predict_apply(owned.body, target, manager=MANAGER, schema=deduced())

    assert predicted["spec"]["clusterIP"] == "None"


def service(*ports, **spec):
    metadata = {"name": "web"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {**spec, "ports": list(ports)},
    }


@pytest.mark.parametrize(
    ("live", "target", "expected"),
    [
        pytest.param(
            service({"name": "a", "port": 80, "nodePort": 30001}, type="NodePort"),
            service({"name": "a", "port": 81}, type="NodePort"),
            [{"name": "a", "port": 81, "nodePort": 30001}],
            id="another port of the same name",
        ),
        pytest.param(
            service({"name": "a", "port": 80, "nodePort": 30001}, type="NodePort"),
            service({"name": "b", "port": 81}, type="NodePort"),
            [{"name": "b", "port": 81}],
            id="a port of a new name",
        ),
        pytest.param(
            service({"name": "a", "port": 80, "nodePort": 30001}, type="NodePort"),
            service({"name": "a", "port": 81}, {"name": "b", "port": 82, "nodePort": 30001}, type="NodePort"),
            [{"name": "a", "port": 81}, {"name": "b", "port": 82, "nodePort": 30001}],
            id="its number is wanted by another",
        ),
        pytest.param(
            service({"name": "a", "port": 80}, type="ClusterIP"),
            service({"name": "a", "port": 81}, type="NodePort"),
            [{"name": "a", "port": 81}],
            id="none were given out",
        ),
    ],
)
def test_node_ports_go_by_the_names_of_ports(live, target, expected):
    """
    A port keeps the number the server gave to its name, unless another port asks for that number.
    """
    predicted = predict_client_side(
        {**live, "metadata": {"name": "web", "annotations": {LAST: json.dumps(live)}}}, target, deduced()
    )

    assert predicted["spec"]["ports"] == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [pytest.param("Local", 30110, id="stays"), pytest.param("Cluster", None, id="goes")],
)
def test_the_port_of_a_health_check_goes_with_its_reason(policy, expected):
    """
    A load balancer that may send to any node has no port for health checks any more.
    """
    declared = service({"port": 80}, type="LoadBalancer", externalTrafficPolicy="Local")
    live = {
        **declared,
        "metadata": {"name": "web"},
        "spec": {**declared["spec"], "healthCheckNodePort": 30110},
    }
    live["metadata"]["annotations"] = {LAST: json.dumps(declared)}
    target = service({"port": 80}, type="LoadBalancer", externalTrafficPolicy=policy)

    predicted = predict_client_side(live, target, deduced())

    assert predicted["spec"].get("healthCheckNodePort") == expected


def test_settings_of_an_affinity_go_with_it():
    """
    Without a session affinity the server drops what configures it.
    """
    config = {"clientIP": {"timeoutSeconds": 10800}}
    declared = service({"port": 80}, sessionAffinity="ClientIP")
    live = service({"port": 80}, sessionAffinity="ClientIP", sessionAffinityConfig=config)
    live["metadata"]["annotations"] = {LAST: json.dumps(declared)}

    kept = predict_client_side(live, declared, deduced())
    gone = predict_client_side(live, service({"port": 80}), deduced())

    assert kept["spec"]["sessionAffinityConfig"] == config
    assert "sessionAffinityConfig" not in gone["spec"]


def test_plain_texts_of_a_secret_are_folded_in_after_the_merge():
    """
    `stringData` stays what its manager owns, and ends up in `data`, encoded.
    """
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    target = {**secret, "stringData": {"a": "1"}}

    predicted = predict_apply({**secret, "data": {"b": "Mg=="}}, target, manager=MANAGER, schema=deduced())

    assert predicted["data"] == {"b": "Mg==", "a": "MQ=="}
    assert "stringData" not in predicted
