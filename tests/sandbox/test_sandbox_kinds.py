"""The table of built-in kinds and their schemas: what a 1.37 server serves."""

from __future__ import annotations

import pytest

from moorage.sandbox import kinds
from moorage.sandbox.shapes import shape_of


@pytest.mark.parametrize("kind", kinds.BUILTIN, ids=lambda kind: f"{kind.kind}.{kind.group}")
def test_every_served_kind_has_a_schema(kind):
    """
    Every version of every kind in the table has a definition, so nothing is served that cannot be explained.
    """
    for version in kind.versions:
        api_version = f"{kind.group}/{version}" if kind.group else version
        assert shape_of(api_version, kind.kind) is not None


@pytest.mark.parametrize(
    ("group", "plural", "kind", "short", "namespaced"),
    [
        ("", "pods", "Pod", ("po",), True),
        ("", "namespaces", "Namespace", ("ns",), False),
        ("apps", "deployments", "Deployment", ("deploy",), True),
        ("networking.k8s.io", "networkpolicies", "NetworkPolicy", ("netpol",), True),
        (
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            "CustomResourceDefinition",
            ("crd", "crds"),
            False,
        ),
        ("storage.k8s.io", "storageclasses", "StorageClass", ("sc",), False),
    ],
)
def test_kinds_are_found_by_plural_and_by_name(group, plural, kind, short, namespaced):
    """
    A kind is the same whether it is asked for by its path or by its name in a manifest.
    """
    found = kinds.by_plural(group, plural)

    assert found is kinds.by_kind(group, kind)
    assert found is not None
    assert (short, namespaced) == (found.short_names, found.namespaced)


def test_autoscaling_prefers_v2():
    """
    The first version of a kind is the one a server prefers; autoscaling keeps v1 beside v2.
    """
    found = kinds.by_kind("autoscaling", "HorizontalPodAutoscaler")

    assert found is not None
    assert found.versions == ("v2", "v1")
    assert found.api_version == "autoscaling/v2"


def test_reviews_are_not_stored():
    """
    Reviews and bindings are answered and never listed.
    """
    review = kinds.by_kind("authorization.k8s.io", "SelfSubjectAccessReview")

    assert review is not None
    assert not review.stored


def test_unknown_kinds_are_none():
    """
    Kinds that are not built in are left to custom resources.
    """
    assert kinds.by_kind("example.org", "Widget") is None
    assert kinds.by_plural("", "widgets") is None


def test_schemas_keep_list_keys_and_key_defaults():
    """
    The merge engine finds container ports keyed by port and protocol, and knows the protocol left out is TCP.
    """
    pod = kinds.builtin_schemas().of("", "v1", "Pod")

    assert pod is not None
    ports = pod.child("spec").child("containers").items.child("ports")
    assert ports.list_type == "map"
    assert tuple(ports.list_keys) == ("containerPort", "protocol")
    assert ports.key_defaults["protocol"] == "TCP"


def test_definitions_describe_fields():
    """
    Descriptions are kept, so that ``kubectl explain`` tells something.
    """
    described = kinds.definitions()["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["replicas"][
        "description"
    ]

    assert described.startswith("Number of desired pods.")
