"""Update: whole objects replaced, versions that must match, fields that may not change."""

from __future__ import annotations

from tests.conformance.cases.words import (
    Json,
    cases,
    config_map,
    create,
    deployment,
    get,
    merge,
    pod_spec,
    put,
    service,
    widget,
)
from tests.conformance.exchange import Case


def _with_version(body: Json, version: str = "{0.metadata.resourceVersion}") -> Json:
    return body | {"metadata": body["metadata"] | {"resourceVersion": version}}


def _job(**spec: Json) -> Json:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "x"},
        "spec": {"suspend": True, "template": {"spec": pod_spec(restartPolicy="Never")}} | spec,
    }


def _stateful(**spec: Json) -> Json:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "x"},
        "spec": {
            "serviceName": "x",
            "replicas": 0,
            "selector": {"matchLabels": {"app": "x"}},
            "template": {"metadata": {"labels": {"app": "x"}}, "spec": pod_spec()},
        }
        | spec,
    }


_CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "x"},
    # A volume that is not there, so that the claim is never bound.
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Gi"}},
        "volumeName": "none-such",
    },
}
_BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "x"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
}

CASES: tuple[Case, ...] = (
    *cases(
        "update",
        {
            "data": [
                create("configmaps", config_map("x", a="1")),
                put("configmaps", "x", config_map("x", b="2")),
            ],
            "by another manager": [
                create("configmaps", config_map("x", a="1", b="1"), fieldManager="one"),
                put("configmaps", "x", config_map("x", a="1", b="2", c="3"), fieldManager="two"),
            ],
            "without a change": [
                create("configmaps", config_map("x", a="1")),
                put("configmaps", "x", config_map("x", a="1")),
            ],
            "with its version": [
                create("configmaps", config_map("x", a="1")),
                put("configmaps", "x", _with_version(config_map("x", a="2"))),
            ],
            "with an old version": [
                create("configmaps", config_map("x", a="1")),
                put("configmaps", "x", config_map("x", a="2")),
                put("configmaps", "x", _with_version(config_map("x", a="3"))),
            ],
            "with a version that is no number": [
                create("configmaps", config_map("x", a="1")),
                put("configmaps", "x", _with_version(config_map("x", a="3"), "abc")),
            ],
            "custom without its version": [
                create("widgets", widget()),
                put("widgets", "x", widget(size=2)),
            ],
            "custom with its version": [
                create("widgets", widget()),
                put("widgets", "x", _with_version(widget(size=2))),
            ],
            "custom with an old version": [
                create("widgets", widget()),
                merge("widgets", "x", {"spec": {"size": 3}}),
                put("widgets", "x", _with_version(widget(size=2))),
            ],
            "another name": [create("configmaps", config_map()), put("configmaps", "x", config_map("y"))],
            "another uid": [
                create("configmaps", config_map()),
                put("configmaps", "x", {"metadata": {"name": "x", "uid": "other"}}),
            ],
            "generation of a deployment": [
                create("deployments", deployment(replicas=0, paused=True)),
                put("deployments", "x", deployment(replicas=0, paused=True, minReadySeconds=3)),
            ],
            "generation of a widget": [
                create("widgets", widget()),
                merge("widgets", "x", {"spec": {"size": 2}}),
                merge("widgets", "x", {"metadata": {"labels": {"a": "b"}}}),
                merge("widgets", "x", {"status": {"phase": "Done"}}),
            ],
            "labels away": [
                create("configmaps", config_map("x", {"a": "b"})),
                put("configmaps", "x", config_map("x")),
            ],
            "a service keeps its address": [
                create("services", service()),
                put("services", "x", service("x", {"port": 81})),
            ],
            "clear managers": [
                create("configmaps", config_map("x", a="1")),
                put(
                    "configmaps",
                    "x",
                    config_map("x", a="1") | {"metadata": {"name": "x", "managedFields": [{}]}},
                ),
                get("configmaps", "x"),
            ],
            "managers from elsewhere": [
                create("configmaps", config_map("x", a="1", b="2")),
                put(
                    "configmaps",
                    "x",
                    config_map("x", a="1", b="3")
                    | {
                        "metadata": {
                            "name": "x",
                            "managedFields": [
                                {
                                    "manager": "me",
                                    "operation": "Update",
                                    "apiVersion": "v1",
                                    "fieldsType": "FieldsV1",
                                    "fieldsV1": {"f:data": {"f:a": {}}},
                                }
                            ],
                        }
                    },
                ),
            ],
            "finalizers added and removed": [
                create("configmaps", config_map()),
                merge("configmaps", "x", {"metadata": {"finalizers": ["example.com/a"]}}),
                merge("configmaps", "x", {"metadata": {"finalizers": None}}),
            ],
        },
    ),
    *cases(
        "immutable",
        {
            "config map": [
                create("configmaps", config_map("x", a="1") | {"immutable": True}),
                merge("configmaps", "x", {"data": {"a": "2"}}),
            ],
            "config map flag": [
                create("configmaps", config_map("x", a="1") | {"immutable": True}),
                merge("configmaps", "x", {"immutable": False}),
            ],
            "secret type": [
                create("secrets", {"metadata": {"name": "x"}, "type": "a"}),
                merge("secrets", "x", {"type": "b"}),
            ],
            "deployment selector": [
                create("deployments", deployment(replicas=0)),
                merge(
                    "deployments",
                    "x",
                    {
                        "spec": {
                            "selector": {"matchLabels": {"b": "c"}},
                            "template": {"metadata": {"labels": {"b": "c"}}},
                        }
                    },
                ),
            ],
            "job template": [
                create("jobs", _job()),
                merge(
                    "jobs",
                    "x",
                    {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "b"}]}}}},
                ),
            ],
            "job completions": [create("jobs", _job()), merge("jobs", "x", {"spec": {"completions": 3}})],
            "stateful set service": [
                create("statefulsets", _stateful()),
                merge("statefulsets", "x", {"spec": {"serviceName": "y"}}),
            ],
            "claim size down": [
                create("persistentvolumeclaims", _CLAIM),
                merge(
                    "persistentvolumeclaims", "x", {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}
                ),
            ],
            "service address": [
                create("services", service("x", clusterIP="None")),
                merge("services", "x", {"spec": {"clusterIP": "10.0.77.77"}}),
            ],
            "role reference": [
                create("rolebindings", _BINDING),
                merge("rolebindings", "x", {"roleRef": {"name": "other"}}),
            ],
            "pod containers": [
                create("pods", {"metadata": {"name": "x"}, "spec": pod_spec()}),
                merge("pods", "x", {"spec": {"restartPolicy": "Never"}}),
            ],
            "namespace of an object": [
                create("configmaps", config_map()),
                merge("configmaps", "x", {"metadata": {"namespace": "other"}}),
            ],
            "name of an object": [
                create("configmaps", config_map()),
                merge("configmaps", "x", {"metadata": {"name": "other"}}),
            ],
            "uid of an object": [
                create("configmaps", config_map()),
                merge("configmaps", "x", {"metadata": {"uid": "other"}}),
            ],
            "kind of an object": [
                create("configmaps", config_map()),
                merge("configmaps", "x", {"kind": "Secret"}),
            ],
        },
    ),
)
