"""What must not count as a difference, and what must."""

from __future__ import annotations

import pytest
from deciding import body, resource
from hypothesis import given
from hypothesis import strategies as st

from moorage.engine.ignoring import apply_ignore_rules, selects, without_owned
from moorage.engine.normalize import normalize
from moorage.model.ignore import IgnoreRule
from moorage.model.manifest import with_value

POD = ("spec", "template", "spec")


def deployment(**spec):
    return body("d", "Deployment", "apps/v1", spec={"template": {"spec": spec}})


def container(**fields):
    return {"containers": [{"name": "c", **fields}]}


def secret(**fields):
    return body("s", "Secret", **fields)


def crd(annotations=None, **spec):
    return body(
        "x", "CustomResourceDefinition", "apiextensions.k8s.io/v1", "", annotations=annotations, spec=spec
    )


def hook_configuration(annotations, client):
    return body(
        "w",
        "ValidatingWebhookConfiguration",
        "admissionregistration.k8s.io/v1",
        "",
        annotations=annotations,
        webhooks=[{"name": "a", "clientConfig": client}],
    )


INJECTED = {"cert-manager.io/inject-ca-from": "ns/c"}


def hpa(value):
    metric = {"type": "Resource", "resource": {"name": "memory", "target": {"averageValue": value}}}
    return body("h", "HorizontalPodAutoscaler", "autoscaling/v2", spec={"metrics": [metric]})


SAME = [
    pytest.param(
        body("a"), {**body("a"), "metadata": {**body("a")["metadata"], "uid": "1", "resourceVersion": "2",
                    "generation": 3, "creationTimestamp": "t", "managedFields": [], "selfLink": "/x"}}, id="bookkeeping"
    ),
    pytest.param(
        body("a"), with_value(body("a"), ("metadata", "creationTimestamp"), None), id="a creation time of null"
    ),
    pytest.param(
        body("a"),
        body("a", annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}"}),
        id="the last applied configuration",
    ),
    pytest.param(
        body("d", "Deployment", "apps/v1"),
        body("d", "Deployment", "apps/v1", annotations={"deployment.kubernetes.io/revision": "3"}),
        id="the roll-out counter",
    ),
    pytest.param(body("a"), body("a", status={"x": 1}), id="status"),
    pytest.param(deployment(x=None), deployment(), id="null"),
    pytest.param(deployment(tolerations=[]), deployment(), id="empty list"),
    pytest.param(
        with_value(body("w", "Widget", "example.org/v1"), ("metadata", "finalizers"), []),
        body("w", "Widget", "example.org/v1"),
        id="no finalizers of somebody's own kind",
    ),
    pytest.param(deployment(**container(resources={})), deployment(**container()), id="empty resources"),
    pytest.param(deployment(securityContext={}), deployment(), id="empty security context"),
    pytest.param(body("a", data={}), body("a"), id="empty data"),
    pytest.param(
        body("r", "Role", "rbac.authorization.k8s.io/v1", rules=[]),
        body("r", "Role", "rbac.authorization.k8s.io/v1", rules=None),
        id="rules of nothing",
    ),
    pytest.param(secret(stringData={"a": "x"}), secret(data={"a": "eA=="}), id="string data"),
    pytest.param(
        secret(stringData={"a": "x"}, data={"a": "b2xk", "b": "eQ=="}),
        secret(data={"a": "eA==", "b": "eQ=="}),
        id="string data over data",
    ),
    pytest.param(secret(data={"a": "eA\n==\n"}), secret(data={"a": "eA=="}), id="lines in data"),
    pytest.param(
        deployment(**container(resources={"limits": {"cpu": "1000m", "memory": "1024Mi"}})),
        deployment(**container(resources={"limits": {"cpu": "1", "memory": "1Gi"}})),
        id="quantities",
    ),
    pytest.param(
        deployment(**container(resources={"requests": {"cpu": 1}})),
        deployment(**container(resources={"requests": {"cpu": "1"}})),
        id="quantity as a number",
    ),
    pytest.param(
        deployment(**container(resources={"requests": {"cpu": 0.5}})),
        deployment(**container(resources={"requests": {"cpu": "500m"}})),
        id="quantity as a fraction",
    ),
    pytest.param(
        deployment(volumes=[{"name": "v", "emptyDir": {"sizeLimit": "1024Mi"}}]),
        deployment(volumes=[{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}]),
        id="size limit",
    ),
    pytest.param(
        deployment(**container(env=[{"name": "E", "valueFrom": {"resourceFieldRef": {"divisor": 1}}}])),
        deployment(**container(env=[{"name": "E", "valueFrom": {"resourceFieldRef": {"divisor": "1"}}}])),
        id="divisor",
    ),
    pytest.param(
        body("c", "CronJob", "batch/v1", spec={"jobTemplate": {"spec": {"template": {"spec": container(
            resources={"limits": {"cpu": "0.1"}})}}}}),
        body("c", "CronJob", "batch/v1", spec={"jobTemplate": {"spec": {"template": {"spec": container(
            resources={"limits": {"cpu": "100m"}})}}}}),
        id="quantities of a CronJob",
    ),
    pytest.param(
        body("p", "PersistentVolumeClaim", spec={"resources": {"requests": {"storage": "1024Gi"}}}),
        body("p", "PersistentVolumeClaim", spec={"resources": {"requests": {"storage": "1Ti"}}}),
        id="size of a claim",
    ),
    pytest.param(
        body("s", "StatefulSet", "apps/v1", spec={"volumeClaimTemplates": [
            {"spec": {"resources": {"requests": {"storage": "1024Mi"}}}}]}),
        body("s", "StatefulSet", "apps/v1", spec={"volumeClaimTemplates": [
            {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}]}),
        id="size of a claim template",
    ),
    pytest.param(
        body("q", "ResourceQuota", spec={"hard": {"pods": 10, "limits.cpu": "2000m"}}),
        body("q", "ResourceQuota", spec={"hard": {"pods": "10", "limits.cpu": "2"}}),
        id="quota",
    ),
    pytest.param(
        body("l", "LimitRange", spec={"limits": [{"default": {"cpu": "0.5"}}]}),
        body("l", "LimitRange", spec={"limits": [{"default": {"cpu": "500m"}}]}),
        id="limit range",
    ),
    pytest.param(hpa("1024Ki"), hpa("1Mi"), id="target of an autoscaler"),
    pytest.param(
        body("r", "ClusterRole", "rbac.authorization.k8s.io/v1", "", aggregationRule={"x": 1}, rules=[]),
        body("r", "ClusterRole", "rbac.authorization.k8s.io/v1", "", aggregationRule={"x": 1}, rules=[{"verbs": ["get"]}]),
        id="aggregated rules",
    ),
    pytest.param(crd(preserveUnknownFields=False), crd(), id="a default of definitions"),
    pytest.param(
        crd(INJECTED, conversion={"webhook": {"clientConfig": {"url": "u"}}}),
        crd(INJECTED, conversion={"webhook": {"clientConfig": {"url": "u", "caBundle": "Q0E="}}}),
        id="injected bundle of a definition",
    ),
    pytest.param(
        hook_configuration(INJECTED, {"url": "u"}),
        hook_configuration(INJECTED, {"url": "u", "caBundle": "Q0E="}),
        id="injected bundle of a webhook",
    ),
    pytest.param(
        body("e", "Endpoints", subsets=[{"addresses": [{"ip": "2"}, {"ip": "1"}]}]),
        body("e", "Endpoints", subsets=[{"addresses": [{"ip": "1"}, {"ip": "2"}]}]),
        id="order of endpoints",
    ),
    pytest.param(
        deployment(**container(env=[{"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "p"}}}])),
        deployment(**container(env=[{"name": "E", "valueFrom": {"fieldRef": {"fieldPath": "p", "apiVersion": "v1"}}}])),
        id="version of a field reference",
    ),
    pytest.param(
        deployment(volumes=[{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]),
        deployment(volumes=[{"name": "v", "projected": {"sources": [
            {"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}]}}]),
        id="life of a projected token",
    ),
    pytest.param(
        body("n", "NetworkPolicy", "networking.k8s.io/v1", spec={"ingress": [{"ports": [{"port": 80}]}]}),
        body("n", "NetworkPolicy", "networking.k8s.io/v1", spec={"ingress": [{"ports": [{"port": 80, "protocol": "TCP"}]}]}),
        id="protocol of a policy",
    ),
    pytest.param(
        body("b", "RoleBinding", "rbac.authorization.k8s.io/v1", roleRef={"kind": "Role", "name": "r"}),
        body("b", "RoleBinding", "rbac.authorization.k8s.io/v1",
             roleRef={"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"}),
        id="group of a role",
    ),
    pytest.param(
        body("s", "StatefulSet", "apps/v1", spec={"volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {}}]}),
        body("s", "StatefulSet", "apps/v1", spec={"volumeClaimTemplates": [
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "d"},
             "spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}}]}),
        id="a claim template",
    ),
]  # fmt: skip

DIFFERENT = [
    pytest.param(body("a", labels={"x": "1"}), body("a"), id="labels"),
    pytest.param(body("a", annotations={"x": "1"}), body("a"), id="annotations"),
    pytest.param(
        body("n", "NetworkPolicy", "networking.k8s.io/v1", spec={"podSelector": {}}),
        body("n", "NetworkPolicy", "networking.k8s.io/v1", spec={}),
        id="a selector of everything",
    ),
    pytest.param(
        body("n", "NetworkPolicy", "networking.k8s.io/v1", spec={"ingress": [{}]}),
        body("n", "NetworkPolicy", "networking.k8s.io/v1", spec={"ingress": []}),
        id="an item that is empty",
    ),
    pytest.param(
        deployment(volumes=[{"name": "v", "emptyDir": {}}]),
        deployment(volumes=[{"name": "v"}]),
        id="an emptyDir",
    ),
    pytest.param(
        body("w", "Widget", "example.org/v1", spec={"a": []}),
        body("w", "Widget", "example.org/v1", spec={}),
        id="an empty list of somebody's own kind",
    ),
    pytest.param(
        deployment(**container(resources={"limits": {"cpu": "1"}})),
        deployment(**container(resources={"limits": {"cpu": "2"}})),
        id="amounts",
    ),
    pytest.param(
        body("a", data={"cpu": "1000m"}), body("a", data={"cpu": "1"}), id="what only looks like a quantity"
    ),
    pytest.param(secret(data={"a": "eA=="}), secret(data={"a": "eQ=="}), id="secret data"),
    pytest.param(
        hook_configuration({}, {"url": "u"}),
        hook_configuration({}, {"url": "u", "caBundle": "Q0E="}),
        id="bundle",
    ),
    pytest.param(
        deployment(**container(args=["a", "b"])), deployment(**container(args=["b", "a"])), id="order"
    ),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same(one, other):
    """
    Two ways to say the same are equal once normalized.
    """
    assert normalize(one) == normalize(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different(one, other):
    """
    What the server keeps apart stays apart.
    """
    assert normalize(one) != normalize(other)


@pytest.mark.parametrize(
    ("status_fields", "kind", "kept"),
    [
        pytest.param("all", "Widget", False, id="all"),
        pytest.param("crd", "Widget", True, id="only definitions, not this"),
        pytest.param("crd", "CustomResourceDefinition", False, id="only definitions"),
        pytest.param("none", "CustomResourceDefinition", True, id="none"),
    ],
)
def test_whose_status_is_ignored(status_fields, kind, kept):
    """
    The status is ignored for all kinds, for definitions, or for none.
    """
    assert kept is ("status" in normalize(body("a", kind, "example.org/v1", status={"x": 1}), status_fields))


def test_what_needs_nothing_stays_itself():
    """
    An object with nothing to remove or rewrite comes back as it is, not as a copy.
    """
    plain = deployment(**container(image="x"))

    assert normalize(plain) is plain


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({}, id="empty"),
        pytest.param({"apiVersion": "v1", "kind": "Secret", "metadata": [], "data": 3, "stringData": "x"}, id="Secret"),
        pytest.param({"apiVersion": "v1", "kind": "Secret", "stringData": {"a": 3}}, id="number in a Secret"),
        pytest.param({"apiVersion": "v1", "kind": "Endpoints", "subsets": [3, None]}, id="Endpoints"),
        pytest.param(
            {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": True, "metadata": True},
            id="CustomResourceDefinition",
        ),
        pytest.param({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": []}}, id="Deployment"),
        pytest.param(
            {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"cpu": [], "x": "many"}}}, id="no amount"
        ),
        pytest.param(
            {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
             "metadata": {"annotations": INJECTED}, "webhooks": [None]},
            id="webhook",
        ),
    ],
)  # fmt: skip
def test_broken_objects(broken):
    """
    A malformed object is normalized as far as it goes; refusing it is the server's business.
    """
    assert normalize(normalize(broken)) == normalize(broken)


_LEAVES = (
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "1000m", "1Gi", "x\n", ":null"])
)
_FIELDS = st.sampled_from(
    [
        "metadata",
        "annotations",
        "labels",
        "status",
        "data",
        "stringData",
        "spec",
        "template",
        "containers",
        "resources",
        "limits",
        "cpu",
        "hard",
        "rules",
        "subsets",
        "addresses",
        "webhooks",
        "clientConfig",
        "caBundle",
        "uid",
        "managedFields",
        "creationTimestamp",
    ]
)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS, inner, max_size=4),
    max_leaves=20,
)
_KINDS = st.sampled_from(
    [
        ("v1", "Secret"),
        ("v1", "Endpoints"),
        ("v1", "Pod"),
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("v1", "ResourceQuota"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"),
        ("example.org/v1", "Widget"),
    ]
)


@given(_KINDS, st.dictionaries(_FIELDS, _JSON, max_size=5))
def test_normalizing_twice_changes_nothing(kind, fields):
    """
    Whatever an object holds, normalizing it again gives the same.
    """
    once = normalize({**fields, "apiVersion": kind[0], "kind": kind[1]})

    assert once == normalize(once)


# Ignore rules.

LIVE = deployment(replicas=3, **container(image="a", env=[{"name": "E"}]))


def ignoring(*rules, target=None, live=None, jq=None):
    return apply_ignore_rules(target or LIVE, live or LIVE, rules, jq)


@pytest.mark.parametrize(
    ("pointer", "gone"),
    [
        pytest.param("/spec/template/spec/replicas", (*POD, "replicas"), id="field"),
        pytest.param("/spec/template/spec/containers/0/env", (*POD, "containers", 0, "env"), id="in a list"),
        pytest.param("/spec/template/spec/containers/0", (*POD, "containers", 0), id="an item"),
        pytest.param("/spec", ("spec",), id="a whole part"),
        pytest.param("/spec/nothing", None, id="not there"),
        pytest.param("/spec/template/spec/containers/7", None, id="beyond the end"),
        pytest.param("/spec/template/spec/containers/x", None, id="no position"),
        pytest.param("/spec/template/spec/replicas/x", None, id="below a number"),
        pytest.param("spec", None, id="no pointer"),
        pytest.param("", None, id="everything"),
    ],
)
def test_json_pointers(pointer, gone):
    """
    A pointer removes its field from both sides; one that leads nowhere does nothing.
    """
    target, live = ignoring(IgnoreRule(kind="Deployment", group="apps", json_pointers=(pointer,)))

    assert target == live
    if gone is None:
        assert live is LIVE
    else:
        found = live
        for part in gone[:-1]:
            found = found[part]
        assert gone[-1] not in found if isinstance(found, dict) else found == []


def test_pointers_with_slashes():
    """
    ``~1`` stands for a slash and ``~0`` for a tilde.
    """
    marked = body("a", annotations={"a/b~c": "1", "x": "2"})

    (_, live) = apply_ignore_rules(
        marked, marked, [IgnoreRule(json_pointers=("/metadata/annotations/a~1b~0c",))]
    )

    assert live["metadata"]["annotations"] == {"x": "2"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(IgnoreRule(group="apps", kind="Deployment"), True, id="exactly"),
        pytest.param(IgnoreRule(group="*", kind="*"), True, id="everything"),
        pytest.param(IgnoreRule(group="app?", kind="Dep*"), True, id="globs"),
        pytest.param(IgnoreRule(kind="Deployment"), False, id="of the core group"),
        pytest.param(IgnoreRule(group="apps", kind="StatefulSet"), False, id="another kind"),
        pytest.param(IgnoreRule(group="apps", name="d"), True, id="name"),
        pytest.param(IgnoreRule(group="apps", name="e"), False, id="another name"),
        pytest.param(IgnoreRule(group="apps", namespace="web"), True, id="namespace"),
        pytest.param(IgnoreRule(group="apps", namespace="db"), False, id="another namespace"),
    ],
)
def test_which_objects_a_rule_is_about(rule, expected):
    """
    A rule selects by globs over group and kind, and by name and namespace when it says them.
    """
    assert expected is selects(rule, LIVE)


def test_jq_paths_are_deleted_by_whom_they_are_given_to():
    """
    A jq path is deleted from both sides by the function passed in, and left alone without one.
    """
    rule = IgnoreRule(group="apps", jq_paths=(".spec",))

    assert ignoring(rule) == (LIVE, LIVE)
    assert ignoring(rule, jq=lambda value, path: {"deleted": path}) == ({"deleted": ".spec"},) * 2


def test_fields_of_managers():
    """
    What a manager owns in the live object is removed from both sides.
    """
    owned = {
        "f:spec": {
            "f:template": {"f:spec": {"f:replicas": {}, "f:containers": {'k:{"name":"c"}': {"f:image": {}}}}}
        }
    }
    live = with_value(LIVE, ("metadata", "managedFields"), [{"manager": "scaler", "fieldsV1": owned}])

    target, after = apply_ignore_rules(LIVE, live, [IgnoreRule(group="apps", managers=("scaler",))])

    assert target["spec"] == after["spec"] == {"template": {"spec": container(env=[{"name": "E"}])}}


@pytest.mark.parametrize(
    ("value", "owned", "expected"),
    [
        pytest.param({"a": 1, "b": 2}, {"f:a": {}}, {"b": 2}, id="field"),
        pytest.param({"a": {"b": 1}}, {"f:a": {"f:b": {}}}, {}, id="container that becomes empty"),
        pytest.param({"a": [1, 2]}, {"f:a": {"v:1": {}}}, {"a": [2]}, id="item of a set"),
        pytest.param({"a": [1, 2]}, {"f:a": {"i:0": {}}}, {"a": [2]}, id="item by position"),
        pytest.param(
            {"a": [{"k": 1, "x": 2}]}, {"f:a": {'k:{"k":1}': {"f:x": {}}}}, {}, id="item with nothing left"
        ),
        pytest.param(
            {"a": [{"k": 1, "x": 2, "y": 3}]},
            {"f:a": {'k:{"k":1}': {".": {}, "f:x": {}}}},
            {"a": [{"k": 1, "y": 3}]},
            id="item that keeps its key",
        ),
        pytest.param({"a": 1}, {"f:b": {}}, {"a": 1}, id="not there"),
        pytest.param({"a": 1}, {"f:a": {"f:b": {}}}, {"a": 1}, id="below a number"),
        pytest.param({"a": [1]}, {"f:a": {"v:no json": {}}}, {"a": [1]}, id="malformed"),
    ],
)
def test_without_what_is_owned(value, owned, expected):
    """
    Owned fields go, with containers that become empty and items of which only the keys are left.
    """
    assert expected == without_owned(value, owned)


def test_rules_that_select_nothing_do_nothing():
    """
    Without a rule about the object both sides come back as they are.
    """
    target = resource("a").body

    assert apply_ignore_rules(target, LIVE, [IgnoreRule(kind="Other", json_pointers=("/spec",))]) == (
        target,
        LIVE,
    )
