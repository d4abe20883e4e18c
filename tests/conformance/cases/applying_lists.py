"""Server-side apply to lists and to the kinds that have them: keyed, atomic, with duplicates."""

from __future__ import annotations

from tests.conformance.cases.words import (
    Json,
    apply,
    cases,
    create,
    deployment,
    merge,
    pod_spec,
    role,
    service,
)
from tests.conformance.exchange import Case, Request


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


def _policy(**rules: Json) -> Json:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "x"},
        "spec": {"podSelector": {}, **rules},
    }


def _reading(verb: str, **named: str) -> Json:
    return role({"apiGroups": [""], "resources": ["pods"], "verbs": [verb]}, **named)


CASES: tuple[Case, ...] = (
    *cases(
        "apply to lists",
        {
            "empty lists of a network policy": [
                apply("networkpolicies", "x", _policy()),
                apply("networkpolicies", "x", _policy(ingress=[], egress=[])),
            ],
            "no rules of a role, taken over": [
                apply("roles", "x", role(), "one"),
                apply("roles", "x", role(), "two", force=True),
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
                    _reading("get", kind="ClusterRole", name="{ns}"),
                )
            ],
            "role rules conflict": [
                apply(
                    "roles",
                    "x",
                    _reading("get"),
                ),
                apply(
                    "roles",
                    "x",
                    _reading("list"),
                    "two",
                ),
            ],
        },
    ),
)
