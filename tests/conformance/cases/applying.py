"""Server-side apply: who owns what, who may change it, and what goes when it is no longer said."""

from __future__ import annotations

from tests.conformance.cases.words import (
    Json,
    apply,
    at,
    cases,
    config_map,
    create,
    deployment,
    get,
    json_patch,
    merge,
    pod_spec,
    put,
    service,
    strategic,
    widget,
)
from tests.conformance.exchange import APPLY, Case, Request

_APPLIED_YAML = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: x
data:
  a: "1"
"""


def _m(**data: str) -> Json:
    return config_map("x", **data)


def _cm(body: Json, manager: str = "one", *, force: bool = False, **query: str) -> Request:
    return apply("configmaps", "x", body, manager, force=force, **query)


def _w(manager: str = "one", *, force: bool = False, **spec: Json) -> Request:
    body = widget("x") | {"spec": spec}
    return apply("widgets", "x", body, manager, force=force)


def _container(name: str = "main", **fields: Json) -> Json:
    return {"name": name, **fields}


def _d(manager: str = "one", *containers: Json, force: bool = False, **spec: Json) -> Request:
    return apply("deployments", "x", deployment("x", *containers, **spec), manager, force=force)


def _part(manager: str, spec: Json, *, force: bool = False) -> Request:
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": spec}
    return apply("deployments", "x", body, manager, force=force)


def _env(**values: str) -> list[Json]:
    return [{"name": name, "value": value} for name, value in values.items()]


_IMAGE = {"image": "main:1"}

_NO_RULES = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "x"},
    "rules": [],
}


def _policy(**rules: Json) -> Json:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "x"},
        "spec": {"podSelector": {}, **rules},
    }


CASES: tuple[Case, ...] = (
    *cases(
        "apply",
        {
            "creates": [_cm(_m(a="1"))],
            "creates with force": [_cm(_m(a="1"), force=True)],
            "same again": [_cm(_m(a="1")), _cm(_m(a="1"))],
            "changes": [_cm(_m(a="1")), _cm(_m(a="2"))],
            "adds": [_cm(_m(a="1")), _cm(_m(a="1", b="2"))],
            "removes": [_cm(_m(a="1", b="2")), _cm(_m(a="1"))],
            "removes all": [_cm(_m(a="1")), _cm(_m())],
            "an empty map": [_cm(_m(a="1")), _cm(_m() | {"data": {}})],
            "a null": [_cm(_m(a="1", b="2")), _cm(_m() | {"data": {"a": "1", "b": None}})],
            "as YAML text": [
                Request("PATCH", at("configmaps", "x"), _APPLIED_YAML, APPLY, {"fieldManager": "a"})
            ],
            "without manager": [Request("PATCH", at("configmaps", "x"), _m(a="1"), APPLY)],
            "with a long manager": [_cm(_m(), "m" * 129)],
            "with managers given": [
                _cm(
                    {
                        "metadata": {"name": "x", "managedFields": [{"manager": "a"}]},
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                    }
                )
            ],
            "without kind": [_cm({"metadata": {"name": "x"}})],
            "other kind": [_cm({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}})],
            "other version": [_cm({"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "x"}})],
            "other name": [_cm(config_map("y"))],
            "without a name": [_cm({"apiVersion": "v1", "kind": "ConfigMap"})],
            "other namespace": [
                _cm({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "no"}})
            ],
            "unknown field": [_cm(_m() | {"dta": {}})],
            "wrong type": [_cm(_m() | {"data": {"a": 1}})],
            "wrong type of a map": [_cm(_m() | {"data": "text"})],
            "twice in YAML": [
                Request(
                    "PATCH", at("configmaps", "x"), _APPLIED_YAML + '  a: "2"\n', APPLY, {"fieldManager": "a"}
                )
            ],
            "with a version": [
                _cm(_m(a="1")),
                _cm(
                    _m(a="2") | {"metadata": {"name": "x", "resourceVersion": "{0.metadata.resourceVersion}"}}
                ),
            ],
            "with an old version": [
                _cm(_m(a="1")),
                _cm(_m(a="2")),
                _cm(
                    _m(a="3") | {"metadata": {"name": "x", "resourceVersion": "{0.metadata.resourceVersion}"}}
                ),
            ],
            "with another uid": [_cm(_m(a="1")), _cm(_m() | {"metadata": {"name": "x", "uid": "no"}})],
            "new with a version": [_cm(_m() | {"metadata": {"name": "x", "resourceVersion": "1"}})],
            "in a missing namespace": [
                Request(
                    "PATCH",
                    "/api/v1/namespaces/none-such/configmaps/x",
                    _m(),
                    APPLY,
                    {"fieldManager": "a"},
                )
            ],
            "labels and annotations": [
                _cm(
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "metadata": {"name": "x", "labels": {"a": "1"}, "annotations": {"b": "2"}},
                    }
                ),
                _cm(
                    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "labels": {"c": "3"}}}
                ),
            ],
            "finalizers are a set": [
                _cm(_m() | {"metadata": {"name": "x", "finalizers": ["example.com/a"]}}),
                _cm(_m() | {"metadata": {"name": "x", "finalizers": ["example.com/b"]}}, "two"),
                _cm(_m()),
                _cm(_m(), "two"),
            ],
            "owners by uid": [
                _cm(
                    _m()
                    | {
                        "metadata": {
                            "name": "x",
                            "ownerReferences": [
                                {"apiVersion": "example.com/v1", "kind": "Thing", "name": "o", "uid": "u-1"}
                            ],
                        }
                    },
                    dryRun="All",
                ),
            ],
            "secret by stringData": [
                apply(
                    "secrets",
                    "x",
                    {
                        "apiVersion": "v1",
                        "kind": "Secret",
                        "metadata": {"name": "x"},
                        "stringData": {"a": "b"},
                    },
                ),
                apply(
                    "secrets",
                    "x",
                    {
                        "apiVersion": "v1",
                        "kind": "Secret",
                        "metadata": {"name": "x"},
                        "stringData": {"c": "d"},
                    },
                ),
            ],
            "binary data": [
                _cm(_m() | {"binaryData": {"a": "AAE="}}),
                _cm(_m() | {"binaryData": {"b": "AAE="}}),
            ],
        },
    ),
    *cases(
        "apply by several",
        {
            "different fields": [_cm(_m(a="1")), _cm(_m(b="2"), "two")],
            "same value": [_cm(_m(a="1")), _cm(_m(a="1"), "two")],
            "shared, one lets go": [_cm(_m(a="1")), _cm(_m(a="1"), "two"), _cm(_m())],
            "shared, both let go": [_cm(_m(a="1")), _cm(_m(a="1"), "two"), _cm(_m()), _cm(_m(), "two")],
            "conflict": [_cm(_m(a="1")), _cm(_m(a="2"), "two")],
            "conflict of two fields": [_cm(_m(a="1", b="1")), _cm(_m(a="2", b="2"), "two")],
            "conflict with two managers": [
                _cm(_m(a="1")),
                _cm(_m(b="1"), "two"),
                _cm(_m(a="2", b="2"), "three"),
            ],
            "forced": [_cm(_m(a="1")), _cm(_m(a="2"), "two", force=True)],
            "forced, then the first again": [
                _cm(_m(a="1")),
                _cm(_m(a="2"), "two", force=True),
                _cm(_m(a="1")),
            ],
            "forced, then the first lets go": [
                _cm(_m(a="1", b="1")),
                _cm(_m(a="2"), "two", force=True),
                _cm(_m(b="1")),
            ],
            "shared value changed": [_cm(_m(a="1")), _cm(_m(a="1"), "two"), _cm(_m(a="2"))],
            "shared value changed with force": [
                _cm(_m(a="1")),
                _cm(_m(a="1"), "two"),
                _cm(_m(a="2"), force=True),
            ],
            "conflict with an update": [create("configmaps", _m(a="1"), fieldManager="u"), _cm(_m(a="2"))],
            "forced over an update": [
                create("configmaps", _m(a="1"), fieldManager="u"),
                _cm(_m(a="2"), force=True),
            ],
            "same as an update": [
                create("configmaps", _m(a="1"), fieldManager="u"),
                _cm(_m(a="1")),
                _cm(_m()),
            ],
            "conflict with an update of the same name": [
                create("configmaps", _m(a="1"), fieldManager="one"),
                _cm(_m(a="2")),
            ],
            "update takes a field": [
                _cm(_m(a="1")),
                merge("configmaps", "x", {"data": {"a": "2"}}, fieldManager="u"),
            ],
            "update takes a field, then applied": [
                _cm(_m(a="1", b="1")),
                merge("configmaps", "x", {"data": {"a": "2"}}, fieldManager="u"),
                _cm(_m(a="1", b="1")),
            ],
            "update removes a field": [
                _cm(_m(a="1", b="1")),
                merge("configmaps", "x", {"data": {"a": None}}, fieldManager="u"),
                _cm(_m(a="1", b="1")),
            ],
            "update of the same value": [
                _cm(_m(a="1")),
                merge("configmaps", "x", {"data": {"a": "1"}}, fieldManager="u"),
            ],
            "put removes a field": [
                _cm(_m(a="1", b="1")),
                put("configmaps", "x", _m(b="1"), fieldManager="u"),
            ],
            "JSON patch takes a field": [
                _cm(_m(a="1")),
                json_patch(
                    "configmaps", "x", {"op": "replace", "path": "/data/a", "value": "2"}, fieldManager="u"
                ),
            ],
            "strategic patch takes a field": [
                _cm(_m(a="1")),
                strategic("configmaps", "x", {"data": {"a": "2"}}, fieldManager="u"),
            ],
            "all owners of a map let go": [
                _cm(_m(a="1")),
                _cm(_m(b="1"), "two"),
                _cm(_m()),
                _cm(_m(), "two"),
            ],
            "managers emptied, then applied": [
                _cm(_m(a="1", b="1")),
                merge("configmaps", "x", {"metadata": {"managedFields": [{}]}}),
                _cm(_m(a="1")),
            ],
            "managers emptied, then another value": [
                _cm(_m(a="1", b="1")),
                merge("configmaps", "x", {"metadata": {"managedFields": [{}]}}),
                _cm(_m(a="2")),
            ],
            "kubectl apply's annotation, first server-side": [
                create(
                    "configmaps",
                    _m(a="1")
                    | {
                        "metadata": {
                            "name": "x",
                            "annotations": {
                                "kubectl.kubernetes.io/last-applied-configuration": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},"data":{"a":"1"}}'
                            },
                        }
                    },
                    fieldManager="kubectl-client-side-apply",
                ),
                _cm(_m(a="2"), "kubectl"),
            ],
        },
    ),
    *cases(
        "apply to lists",
        {
            "empty lists of a network policy": [
                apply("networkpolicies", "x", _policy()),
                apply("networkpolicies", "x", _policy(ingress=[], egress=[])),
            ],
            "no rules of a role, taken over": [
                apply("roles", "x", _NO_RULES, "one"),
                apply("roles", "x", _NO_RULES, "two", force=True),
            ],
            "deployment": [_d("one", _container(**_IMAGE), replicas=0)],
            "deployment again": [
                _d("one", _container(**_IMAGE), replicas=0),
                _d("one", _container(**_IMAGE), replicas=0),
            ],
            "replicas let go": [_d("one", _container(**_IMAGE), replicas=0), _d("one", _container(**_IMAGE))],
            "container added by another": [
                _d("one", _container(**_IMAGE), replicas=0),
                _part("two", {"template": {"spec": {"containers": [_container("side", image="side:1")]}}}),
                _d("one", _container(**_IMAGE), replicas=0),
            ],
            "container removed": [
                _d("one", _container(**_IMAGE), _container("side", image="side:1"), replicas=0),
                _d("one", _container(**_IMAGE), replicas=0),
            ],
            "containers in another order": [
                _d("one", _container("a", image="a:1"), _container("b", image="b:1"), replicas=0),
                _d("one", _container("b", image="b:1"), _container("a", image="a:1"), replicas=0),
            ],
            "container put between": [
                _d("one", _container("a", image="a:1"), _container("c", image="c:1"), replicas=0),
                _d(
                    "one",
                    _container("a", image="a:1"),
                    _container("b", image="b:1"),
                    _container("c", image="c:1"),
                    replicas=0,
                ),
            ],
            "container twice": [_d("one", _container(**_IMAGE), _container(**_IMAGE), replicas=0)],
            "container without its key": [_d("one", {"image": "main:1"}, replicas=0)],
            "env of two managers": [
                _d("one", _container(**_IMAGE, env=_env(A="1")), replicas=0),
                _part("two", {"template": {"spec": {"containers": [_container(env=_env(B="2"))]}}}),
                _d("one", _container(**_IMAGE, env=_env(C="3")), replicas=0),
            ],
            "env conflict": [
                _d("one", _container(**_IMAGE, env=_env(A="1")), replicas=0),
                _part("two", {"template": {"spec": {"containers": [_container(env=_env(A="2"))]}}}),
            ],
            "image conflict": [
                _d("one", _container(**_IMAGE), replicas=0),
                _part("two", {"template": {"spec": {"containers": [_container(image="main:2")]}}}),
            ],
            "image forced": [
                _d("one", _container(**_IMAGE), replicas=0),
                _part(
                    "two", {"template": {"spec": {"containers": [_container(image="main:2")]}}}, force=True
                ),
            ],
            "ports without protocol": [
                _d(
                    "one",
                    _container(
                        **_IMAGE, ports=[{"containerPort": 80}, {"containerPort": 81, "protocol": "UDP"}]
                    ),
                    replicas=0,
                ),
                _d("one", _container(**_IMAGE, ports=[{"containerPort": 81, "protocol": "UDP"}]), replicas=0),
            ],
            "same port, two protocols": [
                _d(
                    "one",
                    _container(
                        **_IMAGE, ports=[{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]
                    ),
                    replicas=0,
                ),
            ],
            "atomic list": [
                _d("one", _container(**_IMAGE, args=["a", "b"]), replicas=0),
                _d("one", _container(**_IMAGE, args=["a"]), replicas=0),
            ],
            "atomic list conflict": [
                _d("one", _container(**_IMAGE, args=["a", "b"]), replicas=0),
                _part("two", {"template": {"spec": {"containers": [_container(args=["a"])]}}}),
            ],
            "atomic map": [
                _part("one", deployment(replicas=0)["spec"]),
                _part("two", {"selector": {"matchLabels": {"app": "x"}}}),
            ],
            "quantities": [
                _d(
                    "one",
                    _container(**_IMAGE, resources={"limits": {"cpu": "1000m", "memory": "1024Mi"}}),
                    replicas=0,
                ),
                _d(
                    "one",
                    _container(**_IMAGE, resources={"limits": {"cpu": "1", "memory": "1Gi"}}),
                    replicas=0,
                ),
            ],
            "quantities as numbers": [
                _d("one", _container(**_IMAGE, resources={"limits": {"cpu": 2}}), replicas=0)
            ],
            "volumes": [
                _part("one", deployment(replicas=0)["spec"]),
                _part("two", {"template": {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}}),
                _part(
                    "two", {"template": {"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/v"}}]}}}
                ),
            ],
            "scaled by another": [
                _d("one", _container(**_IMAGE), replicas=0),
                merge("deployments", "x", {"spec": {"replicas": 0}}, "scale", fieldManager="scaler"),
                merge("deployments", "x", {"spec": {"paused": True}}, fieldManager="pauser"),
                _d("one", _container(**_IMAGE), replicas=0),
            ],
            "service ports": [
                apply("services", "x", {"apiVersion": "v1", "kind": "Service"} | service("x", {"port": 80})),
                apply("services", "x", service("x", {"port": 80, "targetPort": 8080})),
                apply("services", "x", service("x", {"port": 81})),
            ],
            "service ports of two protocols": [
                apply(
                    "services",
                    "x",
                    service(
                        "x",
                        {"name": "a", "port": 53, "protocol": "UDP"},
                        {"name": "b", "port": 53, "protocol": "TCP"},
                    ),
                ),
            ],
            "duplicates made by an update, then applied": [
                create(
                    "deployments",
                    deployment("x", _container(**_IMAGE, env=[*_env(A="1"), *_env(A="2")]), replicas=0),
                ),
                _part("one", {"template": {"spec": {"containers": [_container(env=_env(B="1"))]}}}),
            ],
            "duplicates made by an update, applied too": [
                create(
                    "deployments",
                    deployment("x", _container(**_IMAGE, env=[*_env(A="1"), *_env(A="2")]), replicas=0),
                ),
                _part(
                    "one", {"template": {"spec": {"containers": [_container(env=_env(A="1"))]}}}, force=True
                ),
            ],
            "duplicates applied": [
                _d("one", _container(**_IMAGE, env=[*_env(A="1"), *_env(A="2")]), replicas=0)
            ],
            "ingress": [
                apply(
                    "ingresses",
                    "x",
                    {
                        "apiVersion": "networking.k8s.io/v1",
                        "kind": "Ingress",
                        "metadata": {"name": "x"},
                        "spec": {
                            "rules": [
                                {
                                    "host": "a.example.com",
                                    "http": {
                                        "paths": [
                                            {
                                                "path": "/",
                                                "pathType": "Prefix",
                                                "backend": {"service": {"name": "a", "port": {"number": 80}}},
                                            }
                                        ]
                                    },
                                }
                            ]
                        },
                    },
                )
            ],
            "stateful set claims": [
                apply(
                    "statefulsets",
                    "x",
                    {
                        "apiVersion": "apps/v1",
                        "kind": "StatefulSet",
                        "metadata": {"name": "x"},
                        "spec": {
                            "serviceName": "x",
                            "replicas": 0,
                            "selector": {"matchLabels": {"app": "x"}},
                            "template": {"metadata": {"labels": {"app": "x"}}, "spec": pod_spec()},
                            "volumeClaimTemplates": [
                                {
                                    "metadata": {"name": "d"},
                                    "spec": {
                                        "accessModes": ["ReadWriteOnce"],
                                        "resources": {"requests": {"storage": "1Gi"}},
                                    },
                                }
                            ],
                        },
                    },
                )
            ],
            "cluster role aggregated": [
                apply(
                    "clusterroles",
                    "{ns}",
                    {
                        "apiVersion": "rbac.authorization.k8s.io/v1",
                        "kind": "ClusterRole",
                        "metadata": {"name": "{ns}"},
                        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
                    },
                )
            ],
            "role rules conflict": [
                apply(
                    "roles",
                    "x",
                    {
                        "apiVersion": "rbac.authorization.k8s.io/v1",
                        "kind": "Role",
                        "metadata": {"name": "x"},
                        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
                    },
                ),
                apply(
                    "roles",
                    "x",
                    {
                        "apiVersion": "rbac.authorization.k8s.io/v1",
                        "kind": "Role",
                        "metadata": {"name": "x"},
                        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
                    },
                    "two",
                ),
            ],
        },
    ),
    *cases(
        "apply custom",
        {
            "creates": [_w(size=1)],
            "defaults are nobody's": [_w(size=1), _w("two", size=1, colour="green")],
            "without what is required": [_w(colour="red")],
            "required from another": [_w(size=1), _w("two", colour="green"), _w()],
            "set": [_w(size=1, set=["a", "b"]), _w("two", set=["b", "c"]), _w(size=1, set=["a"]), _w("two")],
            "set with duplicates": [_w(size=1, set=["a", "a"])],
            "set in another order": [_w(size=1, set=["a", "b"]), _w(size=1, set=["b", "a"])],
            "set put between": [_w(size=1, set=["a", "c"]), _w(size=1, set=["a", "b", "c"])],
            "map list": [
                _w(size=1, keyed=[{"name": "a", "port": 1}]),
                _w("two", keyed=[{"name": "b", "port": 2}]),
                _w(size=1, keyed=[{"name": "c"}]),
            ],
            "map list with duplicates": [_w(size=1, keyed=[{"name": "a"}, {"name": "a"}])],
            "map list without a key": [_w(size=1, keyed=[{"port": 1}])],
            "map list conflict": [
                _w(size=1, keyed=[{"name": "a", "port": 1}]),
                _w("two", keyed=[{"name": "a", "port": 2}]),
            ],
            "map list of two keys": [
                _w(size=1, keyedTwice=[{"name": "a", "port": 1}]),
                _w("two", keyedTwice=[{"name": "b", "port": 1, "protocol": "UDP"}]),
            ],
            "map list key by default": [
                _w(size=1, keyedTwice=[{"name": "a", "port": 1}]),
                _w(size=1, keyedTwice=[{"name": "z", "port": 1, "protocol": "TCP"}]),
            ],
            "plain list is atomic": [
                _w(size=1, list=["a", "b"]),
                _w("two", list=["a"]),
                _w(size=1, list=["c"]),
            ],
            "atomic list": [
                _w(size=1, atomicList=["a"]),
                _w("two", atomicList=["a"]),
                _w(size=1, atomicList=["b"]),
            ],
            "atomic map": [_w(size=1, atomicMap={"a": "1"}), _w("two", atomicMap={"b": "1"})],
            "granular map": [_w(size=1, map={"a": "1"}), _w("two", map={"b": "1"}), _w(size=1)],
            "free field": [_w(size=1, free={"a": {"b": [1, {"c": 2}]}}), _w("two", free={"z": 1})],
            "free field changed": [_w(size=1, free={"a": {"b": 1}}), _w(size=1, free={"a": {"c": 1}})],
            "partly free": [_w(size=1, partlyFree={"known": {"a": "1"}, "other": {"b": 2}})],
            "embedded": [
                _w(
                    size=1,
                    embedded={"apiVersion": "v1", "kind": "Any", "metadata": {"name": "e"}, "spec": {"a": 1}},
                )
            ],
            "unknown field": [_w(size=1, unheard=1)],
            "wrong type": [_w(size="big")],
            "null of a nullable": [_w(size=1, nothing=None)],
            "null of another": [_w(size=1, code=None)],
            "empty list": [_w(size=1, keyed=[]), _w(size=1)],
            "empty map": [_w(size=1, map={}), _w(size=1)],
            "nothing": [apply("widgets", "x", widget() | {"spec": {}})],
            "conflict": [_w(size=1), _w("two", size=2)],
            "forced": [_w(size=1), _w("two", force=True, size=2)],
            "int or string": [_w(size=1, either=1), _w(size=1, either="50%")],
            "numbers of two kinds": [_w(size=1, weight=1), _w(size=1, weight=1.0), _w(size=1, weight=1.5)],
            "cluster object": [
                apply(
                    "gadgets",
                    "{ns}",
                    {
                        "apiVersion": "conformance.moorage.dev/v1",
                        "kind": "Gadget",
                        "metadata": {"name": "{ns}"},
                        "a": {"b": 1},
                    },
                ),
                apply(
                    "gadgets",
                    "{ns}",
                    {
                        "apiVersion": "conformance.moorage.dev/v1",
                        "kind": "Gadget",
                        "metadata": {"name": "{ns}"},
                        "a": {"c": 1},
                    },
                ),
            ],
            "in two versions": [
                apply(
                    "gadgets",
                    "{ns}",
                    {
                        "apiVersion": "conformance.moorage.dev/v1",
                        "kind": "Gadget",
                        "metadata": {"name": "{ns}"},
                        "a": {"b": 1},
                    },
                ),
                apply(
                    "gadgets-beta",
                    "{ns}",
                    {
                        "apiVersion": "conformance.moorage.dev/v1beta1",
                        "kind": "Gadget",
                        "metadata": {"name": "{ns}"},
                        "a": {"b": 1},
                    },
                ),
            ],
            "update takes, apply takes back": [
                _w(size=1, map={"a": "1"}),
                merge("widgets", "x", {"spec": {"map": {"a": "2"}}}, fieldManager="u"),
                _w(size=1, map={"a": "1"}),
                _w("one", force=True, size=1, map={"a": "1"}),
                get("widgets", "x"),
            ],
        },
    ),
)
