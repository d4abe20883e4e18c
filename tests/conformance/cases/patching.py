"""Patch: JSON patch, merge patch and strategic merge patch with every directive."""

from __future__ import annotations

from tests.conformance.cases.words import (
    Json,
    cases,
    config_map,
    create,
    deployment,
    get,
    json_patch,
    merge,
    pod_spec,
    service,
    strategic,
    widget,
)
from tests.conformance.exchange import Case, Request

_MAP = config_map("x", {"a": "1"}, a="1", b="2")
_TWO = deployment(
    "x",
    {
        "name": "main",
        "image": "main:1",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
        "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 81, "name": "admin"}],
        "args": ["a", "b"],
    },
    {"name": "side", "image": "side:1", "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
    replicas=0,
)
_TWO["spec"]["template"]["spec"]["volumes"] = [
    {"name": "v", "emptyDir": {}},
    {"name": "w", "configMap": {"name": "c"}},
]
_TWO["spec"]["template"]["spec"]["tolerations"] = [{"key": "a", "operator": "Exists"}]
_TWO["spec"]["template"]["spec"]["imagePullSecrets"] = [{"name": "one"}, {"name": "two"}]
_TWO["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd", "zone": "a"}


def _op(op: str, path: str, value: Json = ..., source: str = "") -> Json:
    return (
        {"op": op, "path": path}
        | ({} if value is ... else {"value": value})
        | ({"from": source} if source else {})
    )


_OPERATIONS: dict[str, list[Json]] = {
    "add": [_op("add", "/data/c", "3")],
    "add over": [_op("add", "/data/a", "3")],
    "add a map": [_op("add", "/metadata/annotations", {"k": "v"})],
    "add below nothing": [_op("add", "/metadata/annotations/k", "v")],
    "replace": [_op("replace", "/data/a", "3")],
    "replace nothing": [_op("replace", "/data/z", "3")],
    "remove": [_op("remove", "/data/a")],
    "remove nothing": [_op("remove", "/data/z")],
    "remove a map": [_op("remove", "/metadata/labels")],
    "test holds": [_op("test", "/data/a", "1"), _op("remove", "/data/a")],
    "test fails": [_op("test", "/data/a", "9"), _op("remove", "/data/a")],
    "test null": [_op("test", "/data/z", None)],
    "move": [_op("move", "/data/c", source="/data/a")],
    "move nothing": [_op("move", "/data/c", source="/data/z")],
    "copy": [_op("copy", "/data/c", source="/data/a")],
    "escaped": [_op("add", "/metadata/labels/example.com~1a", "b"), _op("add", "/metadata/labels/x~0y", "b")],
    "escaped slash": [_op("add", "/metadata/labels/example.com~1a", "b")],
    "nothing": [],
    "unknown operation": [_op("erase", "/data/a")],
    "no path": [{"op": "remove"}],
    "wrong type": [_op("add", "/data/a", 1)],
    "path without slash": [_op("add", "data/a", "1")],
    "whole document": [_op("replace", "", config_map("x", z="1"))],
}
_ITEMS = "/spec/template/spec/containers"
_LIST_OPERATIONS: dict[str, list[Json]] = {
    "append": [_op("add", f"{_ITEMS}/-", {"name": "new", "image": "new:1"})],
    "insert": [_op("add", f"{_ITEMS}/0", {"name": "new", "image": "new:1"})],
    "beyond the end": [_op("add", f"{_ITEMS}/7", {"name": "new", "image": "new:1"})],
    "replace an item": [_op("replace", f"{_ITEMS}/1/image", "side:2")],
    "remove an item": [_op("remove", f"{_ITEMS}/0/env/0")],
    "negative index": [_op("remove", f"{_ITEMS}/-1")],
}

_MERGES: dict[str, Json] = {
    "change": {"data": {"a": "3"}},
    "add": {"data": {"c": "3"}},
    "remove": {"data": {"a": None}},
    "remove all": {"data": None},
    "remove nothing": {"data": {"z": None}},
    "nothing": {},
    "same": {"data": {"a": "1"}},
    "labels": {"metadata": {"labels": {"b": "c"}}},
    "labels gone": {"metadata": {"labels": None}},
    "wrong type": {"data": "text"},
    "wrong item type": {"data": {"a": 1}},
    "binary too": {"binaryData": {"bin": "AAE="}},
    "key in both": {"binaryData": {"a": "AAE="}},
    "empty map": {"data": {}},
}


def _spec(**spec: Json) -> Json:
    return {"spec": {"template": {"spec": spec}}}


def _main(**fields: Json) -> Json:
    return _spec(containers=[{"name": "main", **fields}])


_STRATEGIC: dict[str, Json] = {
    "change by key": _main(image="main:2"),
    "add by key": _spec(containers=[{"name": "new", "image": "new:1"}]),
    "delete by key": _spec(containers=[{"name": "side", "$patch": "delete"}]),
    "delete a missing key": _spec(containers=[{"name": "none", "$patch": "delete"}]),
    "replace a list": _spec(containers=[{"name": "only", "image": "only:1"}, {"$patch": "replace"}]),
    "replace a list, directive first": _spec(
        containers=[{"$patch": "replace"}, {"name": "only", "image": "only:1"}]
    ),
    "replace an item": _spec(containers=[{"name": "main", "image": "bare:1", "$patch": "replace"}]),
    "replace a map": _spec(nodeSelector={"$patch": "replace", "zone": "b"}),
    "delete a map": _spec(nodeSelector={"$patch": "delete"}),
    "null a map": _spec(nodeSelector=None),
    "null a key": _spec(nodeSelector={"zone": None}),
    "order of a list": _spec(
        **{
            "$setElementOrder/containers": [{"name": "side"}, {"name": "main"}],
            "containers": [{"name": "side"}],
        }
    ),
    "order with a new item": _spec(
        **{
            "$setElementOrder/containers": [{"name": "new"}, {"name": "main"}, {"name": "side"}],
            "containers": [{"name": "new", "image": "new:1"}],
        }
    ),
    "order without an item": _spec(**{"$setElementOrder/containers": [{"name": "main"}]}),
    "order names a stranger": _spec(
        **{"$setElementOrder/containers": [{"name": "stranger"}, {"name": "main"}]}
    ),
    "item not in the order": _spec(
        **{
            "$setElementOrder/containers": [{"name": "main"}],
            "containers": [{"name": "side", "image": "side:2"}],
        }
    ),
    "env by name": _main(env=[{"name": "A", "value": "9"}, {"name": "C", "value": "3"}]),
    "env deleted": _main(env=[{"name": "A", "$patch": "delete"}]),
    "env order": _main(
        **{"$setElementOrder/env": [{"name": "B"}, {"name": "A"}], "env": [{"name": "B", "value": "9"}]}
    ),
    "ports by number": _main(ports=[{"containerPort": 80, "name": "web"}]),
    "port deleted": _main(ports=[{"containerPort": 81, "$patch": "delete"}]),
    "atomic list": _main(args=["c"]),
    "null a list": _main(args=None),
    "null all env": _main(env=None),
    "tolerations are atomic": _spec(tolerations=[{"key": "b", "operator": "Exists"}]),
    "retain keys": _spec(
        volumes=[{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]
    ),
    "without retained keys": _spec(volumes=[{"name": "v", "hostPath": {"path": "/x"}}]),
    "retain keys of the strategy": {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
    "strategy without retained keys": {"spec": {"strategy": {"type": "Recreate"}}},
    "retain what is not said": _spec(
        volumes=[{"name": "v", "$retainKeys": ["name"], "hostPath": {"path": "/x"}}]
    ),
    "pull secrets by name": _spec(imagePullSecrets=[{"name": "three"}]),
    "pull secret deleted": _spec(imagePullSecrets=[{"name": "one", "$patch": "delete"}]),
    "item without its key": _spec(containers=[{"image": "x:1"}]),
    "unknown directive": _spec(nodeSelector={"$patch": "erase"}),
    "unknown list directive": _spec(containers=[{"name": "main", "$patch": "erase"}]),
    "unknown field": _spec(nodeSelectr={}),
    "delete from a primitive list": {"metadata": {"$deleteFromPrimitiveList/finalizers": ["none"]}},
    "same again": _main(image="main:1"),
    "several at once": _spec(
        containers=[
            {"name": "side", "$patch": "delete"},
            {"name": "main", "image": "main:3"},
            {"name": "c", "image": "c"},
        ],
        volumes=[{"name": "v", "$patch": "delete"}],
    ),
    "two of one key": _spec(containers=[{"name": "main", "image": "a:1"}, {"name": "main", "image": "b:1"}]),
    "whole spec replaced": {"spec": {"$patch": "replace", "replicas": 0}},
    "env from a value to a source": _main(
        env=[{"name": "A", "value": None, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    ),
    "labels": {"metadata": {"labels": {"a": "b"}}},
}

_FINALIZED = config_map() | {"metadata": {"name": "x", "finalizers": ["example.com/a", "example.com/b"]}}
_ACCOUNT = {
    "metadata": {"name": "x"},
    "secrets": [{"name": "a"}, {"name": "b"}],
    "imagePullSecrets": [{"name": "c"}],
}

CASES: tuple[Case, ...] = (
    *cases(
        "JSON patch",
        {
            name: [create("configmaps", _MAP), json_patch("configmaps", "x", *operations)]
            for name, operations in _OPERATIONS.items()
        },
    ),
    *cases(
        "JSON patch",
        {
            name: [create("deployments", _TWO), json_patch("deployments", "x", *operations)]
            for name, operations in _LIST_OPERATIONS.items()
        },
    ),
    *cases(
        "JSON patch",
        {
            "custom": [
                create("widgets", widget(list=["a", "b"])),
                json_patch("widgets", "x", _op("remove", "/spec/list/0")),
            ],
            "custom refused": [
                create("widgets", widget()),
                json_patch("widgets", "x", _op("replace", "/spec/size", 900)),
            ],
            "of a version that matches": [
                create("configmaps", _MAP),
                json_patch(
                    "configmaps",
                    "x",
                    _op("test", "/metadata/resourceVersion", "{0.metadata.resourceVersion}"),
                ),
            ],
            "of a version that does not": [
                create("configmaps", _MAP),
                json_patch("configmaps", "x", _op("replace", "/metadata/resourceVersion", "1")),
            ],
        },
    ),
    *cases(
        "merge patch",
        {
            name: [create("configmaps", _MAP), merge("configmaps", "x", patch)]
            for name, patch in _MERGES.items()
        },
    ),
    *cases(
        "merge patch",
        {
            "replaces lists": [create("deployments", _TWO), merge("deployments", "x", _main(image="main:2"))],
            "by a manager": [
                create("configmaps", _MAP),
                merge("configmaps", "x", {"data": {"c": "1"}}, fieldManager="me"),
            ],
            "custom": [
                create("widgets", widget(map={"a": "1"})),
                merge("widgets", "x", {"spec": {"map": {"a": None}}}),
            ],
            "custom removes a default": [
                create("widgets", widget()),
                merge("widgets", "x", {"spec": {"colour": None}}),
            ],
            "custom refused": [
                create("widgets", widget()),
                merge("widgets", "x", {"spec": {"colour": "pink"}}),
            ],
            "with a matching version": [
                create("configmaps", _MAP),
                merge(
                    "configmaps",
                    "x",
                    {"metadata": {"resourceVersion": "{0.metadata.resourceVersion}"}, "data": {}},
                ),
            ],
            "with an old version": [
                create("configmaps", _MAP),
                merge("configmaps", "x", {"data": {"a": "5"}}),
                merge(
                    "configmaps",
                    "x",
                    {"metadata": {"resourceVersion": "{0.metadata.resourceVersion}"}, "data": {"a": "6"}},
                ),
            ],
            "forced": [
                create("configmaps", _MAP),
                merge("configmaps", "x", {"data": {"c": "1"}}, force="true"),
            ],
        },
    ),
    *cases(
        "strategic patch",
        {
            name: [create("deployments", _TWO), strategic("deployments", "x", patch)]
            for name, patch in _STRATEGIC.items()
        },
    ),
    *cases(
        "strategic patch",
        {
            "config map": [
                create("configmaps", _MAP),
                strategic("configmaps", "x", {"data": {"a": None, "c": "3"}}),
            ],
            "map replaced": [
                create("configmaps", _MAP),
                strategic("configmaps", "x", {"data": {"$patch": "replace", "z": "1"}}),
            ],
            "finalizer added": [
                create("configmaps", _FINALIZED),
                strategic("configmaps", "x", {"metadata": {"finalizers": ["example.com/c"]}}),
                merge("configmaps", "x", {"metadata": {"finalizers": None}}),
            ],
            "finalizer removed": [
                create("configmaps", _FINALIZED),
                strategic(
                    "configmaps",
                    "x",
                    {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}},
                ),
                merge("configmaps", "x", {"metadata": {"finalizers": None}}),
            ],
            "finalizers in order": [
                create("configmaps", _FINALIZED),
                strategic(
                    "configmaps",
                    "x",
                    {
                        "metadata": {
                            "$setElementOrder/finalizers": ["example.com/b", "example.com/a"],
                            "finalizers": ["example.com/a"],
                        }
                    },
                ),
                merge("configmaps", "x", {"metadata": {"finalizers": None}}),
            ],
            "service port by number": [
                create("services", service("x", {"name": "a", "port": 80}, {"name": "b", "port": 81})),
                strategic("services", "x", {"spec": {"ports": [{"port": 81, "targetPort": 8081}]}}),
            ],
            "service port with two protocols": [
                create(
                    "services",
                    service("x", {"name": "a", "port": 53}, {"name": "b", "port": 53, "protocol": "UDP"}),
                ),
                strategic("services", "x", {"spec": {"ports": [{"port": 53, "targetPort": 8053}]}}),
            ],
            "service account secrets": [
                create("serviceaccounts", _ACCOUNT),
                strategic(
                    "serviceaccounts", "x", {"secrets": [{"name": "a", "$patch": "delete"}, {"name": "z"}]}
                ),
            ],
            "pod conditions": [
                create("pods", {"metadata": {"name": "x"}, "spec": pod_spec()}),
                strategic("pods", "x", {"metadata": {"labels": {"a": "b"}}}),
                get("pods", "x"),
            ],
            "by a manager": [
                create("configmaps", _MAP),
                strategic("configmaps", "x", {"data": {"c": "1"}}, fieldManager="me"),
            ],
            "as YAML": [
                create("configmaps", _MAP),
                Request(
                    "PATCH",
                    "/api/v1/namespaces/{ns}/configmaps/x",
                    "data: {a: null}",
                    "application/strategic-merge-patch+json",
                ),
            ],
        },
    ),
)
