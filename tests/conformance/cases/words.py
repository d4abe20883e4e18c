"""The words cases are written in: one function a request, one table of where kinds live."""

from __future__ import annotations

from typing import Any

from tests.conformance.definitions import GROUP
from tests.conformance.exchange import APPLY, JSON_PATCH, MERGE, STRATEGIC, Case, Request

Json = Any


PLACES: dict[str, str] = {
    "configmaps": "/api/v1/namespaces/{ns}/configmaps",
    "secrets": "/api/v1/namespaces/{ns}/secrets",
    "services": "/api/v1/namespaces/{ns}/services",
    "serviceaccounts": "/api/v1/namespaces/{ns}/serviceaccounts",
    "pods": "/api/v1/namespaces/{ns}/pods",
    "endpoints": "/api/v1/namespaces/{ns}/endpoints",
    "events": "/api/v1/namespaces/{ns}/events",
    "fresh-events": "/apis/events.k8s.io/v1/namespaces/{ns}/events",
    "limitranges": "/api/v1/namespaces/{ns}/limitranges",
    "resourcequotas": "/api/v1/namespaces/{ns}/resourcequotas",
    "podtemplates": "/api/v1/namespaces/{ns}/podtemplates",
    "replicationcontrollers": "/api/v1/namespaces/{ns}/replicationcontrollers",
    "persistentvolumeclaims": "/api/v1/namespaces/{ns}/persistentvolumeclaims",
    "persistentvolumes": "/api/v1/persistentvolumes",
    "namespaces": "/api/v1/namespaces",
    "nodes": "/api/v1/nodes",
    "deployments": "/apis/apps/v1/namespaces/{ns}/deployments",
    "replicasets": "/apis/apps/v1/namespaces/{ns}/replicasets",
    "statefulsets": "/apis/apps/v1/namespaces/{ns}/statefulsets",
    "daemonsets": "/apis/apps/v1/namespaces/{ns}/daemonsets",
    "controllerrevisions": "/apis/apps/v1/namespaces/{ns}/controllerrevisions",
    "jobs": "/apis/batch/v1/namespaces/{ns}/jobs",
    "cronjobs": "/apis/batch/v1/namespaces/{ns}/cronjobs",
    "ingresses": "/apis/networking.k8s.io/v1/namespaces/{ns}/ingresses",
    "networkpolicies": "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies",
    "ingressclasses": "/apis/networking.k8s.io/v1/ingressclasses",
    "poddisruptionbudgets": "/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets",
    "roles": "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings",
    "clusterroles": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "clusterrolebindings": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "horizontalpodautoscalers": "/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers",
    "leases": "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases",
    "endpointslices": "/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices",
    "storageclasses": "/apis/storage.k8s.io/v1/storageclasses",
    "csidrivers": "/apis/storage.k8s.io/v1/csidrivers",
    "priorityclasses": "/apis/scheduling.k8s.io/v1/priorityclasses",
    "runtimeclasses": "/apis/node.k8s.io/v1/runtimeclasses",
    "apiservices": "/apis/apiregistration.k8s.io/v1/apiservices",
    "customresourcedefinitions": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "validatingwebhookconfigurations": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "mutatingwebhookconfigurations": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "validatingadmissionpolicies": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "prioritylevelconfigurations": "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations",
    "flowschemas": "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
    "certificatesigningrequests": "/apis/certificates.k8s.io/v1/certificatesigningrequests",
    "widgets": f"/apis/{GROUP}/v1/namespaces/{{ns}}/widgets",
    "gadgets": f"/apis/{GROUP}/v1/gadgets",
    "gadgets-beta": f"/apis/{GROUP}/v1beta1/gadgets",
}


def at(plural: str, name: str = "", subresource: str = "") -> str:
    """Return the path of a collection, an object in it, or a part of that object."""
    return "/".join(part for part in (PLACES[plural], name, subresource) if part)


def create(plural: str, body: Json, **query: str) -> Request:
    return Request("POST", at(plural), body, query=query)


def get(plural: str, name: str = "", subresource: str = "", **query: str) -> Request:
    return Request("GET", at(plural, name, subresource), query=query)


def put(plural: str, name: str, body: Json, subresource: str = "", **query: str) -> Request:
    return Request("PUT", at(plural, name, subresource), body, query=query)


def merge(plural: str, name: str, body: Json, subresource: str = "", **query: str) -> Request:
    return Request("PATCH", at(plural, name, subresource), body, MERGE, query)


def strategic(plural: str, name: str, body: Json, subresource: str = "", **query: str) -> Request:
    return Request("PATCH", at(plural, name, subresource), body, STRATEGIC, query)


def json_patch(plural: str, name: str, *operations: Json, subresource: str = "", **query: str) -> Request:
    return Request("PATCH", at(plural, name, subresource), list(operations), JSON_PATCH, query)


def apply(
    plural: str,
    name: str,
    body: Json,
    manager: str = "one",
    *,
    force: bool = False,
    subresource: str = "",
    **query: str,
) -> Request:
    query = {"fieldManager": manager} | ({"force": "true"} if force else {}) | query
    return Request("PATCH", at(plural, name, subresource), body, APPLY, query)


def delete(plural: str, name: str = "", body: Json = None, **query: str) -> Request:
    return Request("DELETE", at(plural, name), body, query=query)


def gone(plural: str, name: str) -> Request:
    """Ask until the object is not there any more."""
    return Request("GET", at(plural, name), until=404)


def watch(plural: str, count: int, **query: str) -> Request:
    return Request("GET", at(plural), query={"watch": "true"} | query, watch=count)


def cases(topic: str, table: dict[str, tuple[Request, ...] | list[Request]]) -> tuple[Case, ...]:
    """Return one case for each row of a table."""
    return tuple(Case(topic, name, tuple(requests)) for name, requests in table.items())


# Objects, as short as they may be.


def config_map(name: str = "x", /, labels: Json = None, **data: str) -> Json:
    meta = {"name": name} | ({"labels": labels} if labels else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta} | ({"data": data} if data else {})


def pod_spec(*containers: Json, **more: Json) -> Json:
    return {"containers": list(containers) or [{"name": "main", "image": "example/app:1"}], **more}


def deployment(name: str = "x", *containers: Json, replicas: int | None = None, **spec: Json) -> Json:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": ({} if replicas is None else {"replicas": replicas})
        | {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(*containers)},
        }
        | spec,
    }


def service(name: str = "x", *ports: Json, **spec: Json) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": list(ports) or [{"port": 80}]} | spec,
    }


def widget(name: str = "x", /, **spec: Json) -> Json:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": {"size": 1} | spec,
    }


def gadget(name: str, /, **more: Json) -> Json:
    return {"apiVersion": f"{GROUP}/v1", "kind": "Gadget", "metadata": {"name": name}, **more}


def role(*rules: Json, kind: str = "Role", name: str = "x") -> Json:
    api = "rbac.authorization.k8s.io/v1"
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "rules": list(rules)}


def secret(**strings: str) -> Json:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "stringData": strings}
