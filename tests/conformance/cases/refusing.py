"""Refuse: what is wrong with a request, told by status, reason, message and causes."""

from __future__ import annotations

import json

from tests.conformance.cases.words import (
    GROUP,
    Json,
    at,
    cases,
    config_map,
    create,
    delete,
    deployment,
    get,
    merge,
    pod_spec,
    put,
    service,
    widget,
)
from tests.conformance.exchange import APPLY, JSON_PATCH, MERGE, STRATEGIC, Case, Request

_NAMED = {"metadata": {"name": "x"}}


def _meta(**meta: Json) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


_BAD: dict[str, tuple[str, Json]] = {
    "no name": ("configmaps", _meta()),
    "capital name": ("configmaps", _meta(name="Upper")),
    "name with underscore": ("configmaps", _meta(name="a_b")),
    "name too long": ("configmaps", _meta(name="a" * 254)),
    "service name too long": ("services", service("a" * 64)),
    "service name begins with a digit": ("services", service("1a")),
    "other namespace": ("configmaps", _meta(name="x", namespace="elsewhere")),
    "bad label key": ("configmaps", _meta(name="x", labels={"-a": "b"})),
    "bad label value": ("configmaps", _meta(name="x", labels={"a": "b c"})),
    "long label value": ("configmaps", _meta(name="x", labels={"a": "b" * 64})),
    "bad annotation key": ("configmaps", _meta(name="x", annotations={"a b": "c"})),
    "bad finalizer": ("configmaps", _meta(name="x", finalizers=["not qualified"])),
    "owner without uid": (
        "configmaps",
        _meta(name="x", ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": ""}]),
    ),
    "label of the wrong type": ("configmaps", _meta(name="x", labels={"a": 1})),
    "version given": ("configmaps", _meta(name="x", resourceVersion="1")),
    "data of the wrong type": ("configmaps", {"metadata": {"name": "x"}, "data": {"a": 1}}),
    "data is a list": ("configmaps", {"metadata": {"name": "x"}, "data": ["a"]}),
    "bad data key": ("configmaps", config_map("x", **{"a b": "c"})),
    "secret not base64": ("secrets", _NAMED | {"data": {"a": "***"}}),
    "other kind": ("configmaps", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}),
    "other version": ("configmaps", {"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "x"}}),
    "deployment of an old group": ("deployments", deployment() | {"apiVersion": "extensions/v1beta1"}),
    "deployment without selector": (
        "deployments",
        _NAMED | {"spec": {"template": {"metadata": {"labels": {"a": "b"}}, "spec": pod_spec()}}},
    ),
    "deployment with another selector": (
        "deployments",
        deployment(selector={"matchLabels": {"app": "other"}}),
    ),
    "deployment without a spec": ("deployments", _NAMED),
    "deployment with negative replicas": ("deployments", deployment(replicas=-1)),
    "deployment with text replicas": ("deployments", deployment() | {"spec": {"replicas": "two"}}),
    "pod without containers": ("pods", _NAMED | {"spec": {"containers": []}}),
    "container without name": ("pods", _NAMED | {"spec": pod_spec({"image": "a:1"})}),
    "container without image": ("pods", _NAMED | {"spec": pod_spec({"name": "a"})}),
    "container twice": (
        "pods",
        _NAMED | {"spec": pod_spec({"name": "a", "image": "a"}, {"name": "a", "image": "b"})},
    ),
    "bad restart policy": ("pods", _NAMED | {"spec": pod_spec(restartPolicy="Sometimes")}),
    "bad quantity": (
        "pods",
        _NAMED | {"spec": pod_spec({"name": "a", "image": "a", "resources": {"limits": {"cpu": "much"}}})},
    ),
    "mount without volume": (
        "pods",
        _NAMED
        | {"spec": pod_spec({"name": "a", "image": "a", "volumeMounts": [{"name": "v", "mountPath": "/v"}]})},
    ),
    "service without ports": ("services", _NAMED | {"spec": {"selector": {"a": "b"}}}),
    "service port out of range": ("services", service("x", {"port": 70000})),
    "service ports unnamed": ("services", service("x", {"port": 80}, {"port": 81})),
    "service of bad type": ("services", service("x", type="Other")),
    "ingress without rules": ("ingresses", _NAMED | {"spec": {}}),
    "ingress with a bad path type": (
        "ingresses",
        _NAMED
        | {
            "spec": {
                "rules": [
                    {
                        "http": {
                            "paths": [
                                {"path": "/", "backend": {"service": {"name": "a", "port": {"number": 80}}}}
                            ]
                        }
                    }
                ]
            }
        },
    ),
    "job without restart policy": ("jobs", _NAMED | {"spec": {"template": {"spec": pod_spec()}}}),
    "cron job with a bad schedule": (
        "cronjobs",
        _NAMED
        | {
            "spec": {
                "schedule": "now and then",
                "jobTemplate": {"spec": {"template": {"spec": pod_spec(restartPolicy="Never")}}},
            }
        },
    ),
    "role binding without role": ("rolebindings", _NAMED),
    "claim without size": ("persistentvolumeclaims", _NAMED | {"spec": {"accessModes": ["ReadWriteOnce"]}}),
    "budget of a word": (
        "poddisruptionbudgets",
        _NAMED | {"spec": {"minAvailable": "http", "selector": {"matchLabels": {"app": "x"}}}},
    ),
    "budget below nothing": (
        "poddisruptionbudgets",
        _NAMED | {"spec": {"maxUnavailable": -1, "selector": {"matchLabels": {"app": "x"}}}},
    ),
    "autoscaler without maximum": (
        "horizontalpodautoscalers",
        _NAMED | {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "x"}}},
    ),
}

_UNKNOWN = {
    "configmaps": config_map("x") | {"dta": {}},
    "deployments": deployment(replica=1),
    "widgets": widget(siz=2),
}


def _raw(
    body: str, content_type: str, path: str = "configmaps", method: str = "POST", **query: str
) -> Request:
    return Request(method, at(path), body, content_type, query)


def _holding(character: str) -> str:
    """Return a ConfigMap in JSON whose text holds a character as it is."""
    return json.dumps(config_map("x", a=f"b{character}c"), ensure_ascii=False)


_YAML_BODY = "metadata: {name: x}\ndata: {a: '1'}\n"

CASES: tuple[Case, ...] = (
    *cases("refuse", {name: [create(plural, body)] for name, (plural, body) in _BAD.items()}),
    *cases(
        "unknown fields",
        {
            f"{plural} {mode}": [create(plural, body, fieldValidation=mode)]
            for plural, body in _UNKNOWN.items()
            for mode in ("Strict", "Ignore", "Warn", "Other")
        },
    ),
    *cases(
        "unknown fields",
        {
            "twice in JSON": [_raw('{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}', "application/json")],
            "twice in JSON, strict": [
                _raw(
                    '{"metadata":{"name":"x"},"data":{"a":"1"},"data":{"a":"2"}}',
                    "application/json",
                    fieldValidation="Strict",
                )
            ],
            "merge patch, strict": [
                create("configmaps", config_map()),
                merge("configmaps", "x", {"dta": {}}, fieldValidation="Strict"),
            ],
            "update, strict": [
                create("deployments", deployment(replicas=0)),
                put("deployments", "x", deployment(replicas=0, replica=1), fieldValidation="Strict"),
            ],
        },
    ),
    *cases(
        "not found",
        {
            "object": [get("configmaps", "none")],
            "custom object": [get("widgets", "none")],
            "cluster object": [get("clusterroles", "none-such")],
            "object of a group": [get("deployments", "none")],
            "namespace": [Request("GET", "/api/v1/namespaces/none-such")],
            "object in a missing namespace": [Request("GET", "/api/v1/namespaces/none-such/configmaps/x")],
            "list in a missing namespace": [Request("GET", "/api/v1/namespaces/none-such/configmaps")],
            "create in a missing namespace": [
                Request("POST", "/api/v1/namespaces/none-such/configmaps", config_map())
            ],
            "create custom in a missing namespace": [
                Request("POST", f"/apis/{GROUP}/v1/namespaces/none-such/widgets", widget())
            ],
            "resource": [Request("GET", "/api/v1/namespaces/{ns}/nonsense")],
            "resource of a group": [Request("GET", "/apis/apps/v1/namespaces/{ns}/nonsense/x")],
            "version": [Request("GET", "/apis/apps/v9/namespaces/{ns}/deployments")],
            "group": [Request("GET", "/apis/none.example.com/v1/things")],
            "post to a group": [Request("POST", "/apis/none.example.com/v1/things", {"kind": "Thing"})],
            "subresource": [create("configmaps", config_map()), get("configmaps", "x", "status")],
            "status of custom without it": [
                create(
                    "gadgets", {"apiVersion": f"{GROUP}/v1", "kind": "Gadget", "metadata": {"name": "{ns}"}}
                ),
                get("gadgets", "{ns}", "status"),
            ],
            "path": [Request("GET", "/nonsense")],
            "put": [put("configmaps", "none", config_map("none"))],
            "put custom": [put("widgets", "none", widget("none"))],
            "merge patch": [merge("configmaps", "none", {"data": {}})],
            "merge patch custom": [merge("widgets", "none", {"spec": {}})],
            "delete": [delete("configmaps", "none")],
            "delete custom": [delete("widgets", "none")],
        },
    ),
    *cases(
        "not allowed",
        {
            "post to an object": [Request("POST", at("configmaps", "x"), config_map())],
            "put to a collection": [Request("PUT", at("configmaps"), config_map())],
            "patch a collection": [Request("PATCH", at("configmaps"), {}, MERGE)],
            "strategic patch of custom": [
                create("widgets", widget()),
                Request("PATCH", at("widgets", "x"), {"spec": {"size": 2}}, STRATEGIC),
            ],
            "patch of plain JSON": [
                create("configmaps", config_map()),
                Request("PATCH", at("configmaps", "x"), {"data": {}}, "application/json"),
            ],
            "patch of an unknown type": [
                create("configmaps", config_map()),
                Request("PATCH", at("configmaps", "x"), {"data": {}}, "application/other"),
            ],
            "patch of custom, unknown type": [
                create("widgets", widget()),
                Request("PATCH", at("widgets", "x"), {"data": {}}, "application/other"),
            ],
            "body of an unknown type": [_raw("x", "application/other")],
            "custom body of an unknown type": [_raw("x", "application/other", "widgets")],
            "accept of an unknown type": [
                Request("GET", at("configmaps"), headers={"Accept": "application/other"})
            ],
            "accept with a choice": [
                Request(
                    "GET", at("configmaps", "none"), headers={"Accept": "application/other, application/json"}
                )
            ],
            "accept YAML": [
                create("configmaps", config_map()),
                Request("GET", at("configmaps", "x"), headers={"Accept": "application/yaml"}),
            ],
            "delete namespaces as a collection": [
                Request("DELETE", "/api/v1/namespaces", query={"labelSelector": "a=b"})
            ],
        },
    ),
    *cases(
        "malformed",
        {
            "body is no JSON": [_raw("{", "application/json")],
            "body is empty": [_raw("", "application/json")],
            "body is a list": [_raw("[]", "application/json")],
            "body is a word": [_raw('"x"', "application/json")],
            "body is YAML": [_raw(_YAML_BODY, "application/yaml")],
            "body is bad YAML": [_raw("a: [", "application/yaml")],
            "custom body is no JSON": [_raw("{", "application/json", "widgets")],
            "custom body without a kind": [_raw('{"metadata":{"name":"x"}}', "application/json", "widgets")],
            "custom body of another kind": [
                create("widgets", {"apiVersion": f"{GROUP}/v1", "kind": "Other", "metadata": {"name": "x"}})
            ],
            "custom body of another version": [
                create("widgets", {"apiVersion": f"{GROUP}/v2", "kind": "Widget", "metadata": {"name": "x"}})
            ],
            "merge patch is no JSON": [
                create("configmaps", config_map()),
                Request("PATCH", at("configmaps", "x"), "{", MERGE),
            ],
            "merge patch is a list": [
                create("configmaps", config_map()),
                Request("PATCH", at("configmaps", "x"), "[]", MERGE),
            ],
            "JSON patch is no list": [
                create("configmaps", config_map()),
                Request("PATCH", at("configmaps", "x"), "{}", JSON_PATCH),
            ],
            "strategic patch is no JSON": [
                create("configmaps", config_map()),
                Request("PATCH", at("configmaps", "x"), "{", STRATEGIC),
            ],
            "apply is no YAML": [
                Request("PATCH", at("configmaps", "x"), "a: [", APPLY, {"fieldManager": "a"})
            ],
            **{
                f"apply holds U+{ord(character):04X}": [
                    Request("PATCH", at("configmaps", "x"), _holding(character), APPLY, {"fieldManager": "a"})
                ]
                for character in "\x7f\x80\x85\x9f\u2028\ufeff\ufffe\uffff"
            },
            "apply is empty": [Request("PATCH", at("configmaps", "x"), "", APPLY, {"fieldManager": "a"})],
        },
    ),
)
