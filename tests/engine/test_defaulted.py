"""Defaults inside atomic values, at each place that is known."""

from __future__ import annotations

from typing import Any

import pytest

from moorage.engine.defaulted import without_defaults
from moorage.engine.normalize import normalize


def _deployment(container: dict[str, Any], **pod: Any) -> dict[str, Any]:
    spec = {"template": {"spec": {"containers": [{"name": "main", **container}], **pod}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": spec}


def _env(**source: Any) -> dict[str, Any]:
    return {"env": [{"name": "A", "valueFrom": source}]}


def _policy(port: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "x"},
        "spec": {"ingress": [{"ports": [port]}]},
    }


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        pytest.param(
            _deployment(_env(fieldRef={"fieldPath": "metadata.name"})),
            _deployment(_env(fieldRef={"fieldPath": "metadata.name", "apiVersion": "v1"})),
            id="field reference",
        ),
        pytest.param(
            _deployment(_env(resourceFieldRef={"resource": "limits.cpu"})),
            _deployment(_env(resourceFieldRef={"resource": "limits.cpu", "divisor": "0"})),
            id="resource reference",
        ),
        pytest.param(_policy({"port": 80}), _policy({"port": 80, "protocol": "TCP"}), id="network policy"),
    ],
)
def test_a_default_inside_an_atomic_value_is_no_difference(
    declared: dict[str, Any], live: dict[str, Any]
) -> None:
    """
    What the server fills in where an apply replaces the whole value does not count.
    """
    assert normalize(declared) == normalize(live)


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param({"minReadySeconds": 0}, id="zero"),
        pytest.param({"paused": False}, id="false"),
        pytest.param({"template": {"spec": {"priorityClassName": ""}}}, id="empty"),
    ],
)
def test_a_zero_that_the_server_leaves_out_is_no_difference(declared: dict[str, Any]) -> None:
    """
    Fields that Kubernetes holds by value are gone when they are zero, false or empty.
    """
    head = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}}
    without = {"template": {"spec": {}}} if "template" in declared else {}

    assert normalize({**head, "spec": {"replicas": 0, **declared}}) == normalize(
        {**head, "spec": {"replicas": 0, **without}}
    )


def test_another_value_counts() -> None:
    """
    Only the default is as good as absent.
    """
    assert normalize(_policy({"port": 80})) != normalize(_policy({"port": 80, "protocol": "UDP"}))


def test_nothing_to_do_costs_no_copy() -> None:
    """
    An object without such defaults is returned as it is.
    """
    body = _deployment({"image": "main:1"})

    assert without_defaults(body) is body
