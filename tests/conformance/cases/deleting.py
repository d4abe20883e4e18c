"""Delete: preconditions, propagation, finalizers, collections."""

from __future__ import annotations

from tests.conformance.cases.words import (
    Json,
    cases,
    config_map,
    create,
    delete,
    deployment,
    get,
    gone,
    merge,
    pod_spec,
    widget,
)
from tests.conformance.exchange import Case


def _options(**fields: Json) -> Json:
    return {"apiVersion": "v1", "kind": "DeleteOptions", **fields}


def _kept(name: str = "x") -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "finalizers": ["example.com/keep"]},
    }


def _owned(name: str = "child", *, block: bool = False) -> Json:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "{0.metadata.uid}"}
    return {
        "metadata": {
            "name": name,
            "ownerReferences": [owner | ({"blockOwnerDeletion": True} if block else {})],
        }
    }


_FREE = merge("configmaps", "x", {"metadata": {"finalizers": None}})
_MAP = config_map()

CASES: tuple[Case, ...] = cases(
    "delete",
    {
        "object": [create("configmaps", _MAP), delete("configmaps", "x"), get("configmaps", "x")],
        "custom object": [create("widgets", widget()), delete("widgets", "x"), get("widgets", "x")],
        "a service account": [
            create("serviceaccounts", {"metadata": {"name": "x"}}),
            delete("serviceaccounts", "x"),
        ],
        "a secret": [create("secrets", {"metadata": {"name": "x"}}), delete("secrets", "x")],
        "a service": [
            create("services", {"metadata": {"name": "x"}, "spec": {"ports": [{"port": 80}]}}),
            delete("services", "x"),
        ],
        "a pod unscheduled": [
            create("pods", {"metadata": {"name": "x"}, "spec": pod_spec(schedulingGates=[{"name": "wait"}])}),
            delete("pods", "x"),
        ],
        "with the uid": [
            create("configmaps", _MAP),
            delete("configmaps", "x", _options(preconditions={"uid": "{0.metadata.uid}"})),
        ],
        "with another uid": [
            create("configmaps", _MAP),
            delete("configmaps", "x", _options(preconditions={"uid": "other"})),
        ],
        "with the version": [
            create("configmaps", _MAP),
            delete(
                "configmaps", "x", _options(preconditions={"resourceVersion": "{0.metadata.resourceVersion}"})
            ),
        ],
        "with an old version": [
            create("configmaps", _MAP),
            merge("configmaps", "x", {"data": {"a": "1"}}),
            delete(
                "configmaps", "x", _options(preconditions={"resourceVersion": "{0.metadata.resourceVersion}"})
            ),
        ],
        "custom with another uid": [
            create("widgets", widget()),
            delete("widgets", "x", _options(preconditions={"uid": "other"})),
        ],
        "with a finalizer": [
            create("configmaps", _kept()),
            delete("configmaps", "x"),
            get("configmaps", "x"),
            _FREE,
            get("configmaps", "x"),
        ],
        "with a finalizer, twice": [
            create("configmaps", _kept()),
            delete("configmaps", "x"),
            delete("configmaps", "x"),
            _FREE,
        ],
        "with a finalizer, then changed": [
            create("configmaps", _kept()),
            delete("configmaps", "x"),
            merge("configmaps", "x", {"data": {"a": "1"}}),
            _FREE,
        ],
        "with a finalizer, then another added": [
            create("configmaps", _kept()),
            delete("configmaps", "x"),
            merge("configmaps", "x", {"metadata": {"finalizers": ["example.com/keep", "example.com/more"]}}),
            _FREE,
        ],
        "with a finalizer, then created again": [
            create("configmaps", _kept()),
            delete("configmaps", "x"),
            create("configmaps", _MAP),
            _FREE,
        ],
        "custom with a finalizer": [
            create("widgets", widget() | {"metadata": {"name": "x", "finalizers": ["example.com/keep"]}}),
            delete("widgets", "x"),
            merge("widgets", "x", {"metadata": {"finalizers": []}}),
            get("widgets", "x"),
        ],
        "in the foreground": [
            create("configmaps", _MAP),
            create("configmaps", _owned(block=True)),
            delete("configmaps", "x", propagationPolicy="Foreground"),
            gone("configmaps", "child"),
            gone("configmaps", "x"),
        ],
        "in the background": [
            create("configmaps", _MAP),
            create("configmaps", _owned()),
            delete("configmaps", "x", propagationPolicy="Background"),
            gone("configmaps", "child"),
        ],
        "as the object's finalizer says": [
            create("configmaps", _MAP | {"metadata": {"name": "x", "finalizers": ["foregroundDeletion"]}}),
            delete("configmaps", "x"),
            gone("configmaps", "x"),
        ],
        "orphaning by body": [
            create("configmaps", _MAP),
            create("configmaps", _owned()),
            delete("configmaps", "x", _options(propagationPolicy="Orphan")),
            gone("configmaps", "x"),
            get("configmaps", "child"),
        ],
        "with an unknown policy": [
            create("configmaps", _MAP),
            delete("configmaps", "x", propagationPolicy="Sometimes"),
        ],
        "with two policies": [
            create("configmaps", _MAP),
            delete("configmaps", "x", _options(propagationPolicy="Orphan", orphanDependents=True)),
        ],
        "with options of another kind": [
            create("configmaps", _MAP),
            delete("configmaps", "x", {"apiVersion": "v1", "kind": "ConfigMap"}),
        ],
        "with negative grace": [
            create("configmaps", _MAP),
            delete("configmaps", "x", gracePeriodSeconds="-5"),
        ],
        "with grace that is no number": [
            create("configmaps", _MAP),
            delete("configmaps", "x", gracePeriodSeconds="soon"),
        ],
        "a deployment with what it owns": [
            create("deployments", deployment(replicas=0)),
            delete("deployments", "x", propagationPolicy="Foreground"),
            gone("deployments", "x"),
        ],
        "a collection": [
            create("configmaps", config_map("a", {"x": "1"})),
            create("configmaps", config_map("b", {"x": "1"})),
            create("configmaps", config_map("c", {"x": "2"})),
            delete("configmaps", labelSelector="x=1"),
            get("configmaps", labelSelector="x"),
        ],
        "an empty collection": [delete("configmaps", labelSelector="x=1")],
        "a custom collection": [
            create("widgets", widget("a")),
            create("widgets", widget("b")),
            delete("widgets"),
            get("widgets"),
        ],
        "a namespace": [
            create("namespaces", {"metadata": {"name": "{ns}-gone"}}),
            delete("namespaces", "{ns}-gone"),
        ],
    },
)
