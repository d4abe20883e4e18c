"""Status and scale: what each lets through, and who is then said to own what."""

from __future__ import annotations

from tests.conformance.cases.words import (
    Json,
    apply,
    cases,
    create,
    deployment,
    get,
    json_patch,
    merge,
    put,
    strategic,
    widget,
)
from tests.conformance.exchange import Case


def _scale(replicas: int, version: str = "autoscaling/v1", **meta: Json) -> Json:
    return {
        "apiVersion": version,
        "kind": "Scale",
        "metadata": {"name": "x", "namespace": "{ns}"} | meta,
        "spec": {"replicas": replicas},
    }


_INGRESS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "Ingress",
    "metadata": {"name": "x"},
    "spec": {"defaultBackend": {"service": {"name": "a", "port": {"number": 80}}}},
}
_ADDRESS = {"status": {"loadBalancer": {"ingress": [{"ip": "10.9.8.7"}]}}}
_QUIET = deployment(replicas=0, paused=True)
_WITH_VERSION = {"name": "x", "resourceVersion": "{0.metadata.resourceVersion}"}

CASES: tuple[Case, ...] = (
    *cases(
        "status",
        {
            "read": [create("widgets", widget()), get("widgets", "x", "status")],
            "merge patch": [
                create("widgets", widget()),
                merge("widgets", "x", {"status": {"phase": "A"}}, "status"),
            ],
            "merge patch leaves the spec": [
                create("widgets", widget()),
                merge("widgets", "x", {"spec": {"size": 9}, "status": {"phase": "A"}}, "status"),
            ],
            "main path leaves the status": [
                create("widgets", widget()),
                merge("widgets", "x", {"status": {"phase": "A"}}, "status"),
                merge("widgets", "x", {"spec": {"size": 9}, "status": {"phase": "B"}}),
            ],
            "labels through status": [
                create("widgets", widget()),
                merge(
                    "widgets", "x", {"metadata": {"labels": {"a": "b"}}, "status": {"phase": "A"}}, "status"
                ),
            ],
            "put": [
                create("widgets", widget()),
                put(
                    "widgets", "x", widget() | {"metadata": _WITH_VERSION, "status": {"phase": "A"}}, "status"
                ),
            ],
            "put without status": [
                create("widgets", widget()),
                merge("widgets", "x", {"status": {"phase": "A"}}, "status"),
                put(
                    "widgets",
                    "x",
                    widget() | {"metadata": {"name": "x", "resourceVersion": "{1.metadata.resourceVersion}"}},
                    "status",
                ),
            ],
            "put of an old version": [
                create("widgets", widget()),
                merge("widgets", "x", {"spec": {"size": 7}}),
                put(
                    "widgets", "x", widget() | {"metadata": _WITH_VERSION, "status": {"phase": "A"}}, "status"
                ),
            ],
            "pruned": [
                create("widgets", widget()),
                merge("widgets", "x", {"status": {"other": 1}}, "status"),
            ],
            "refused": [
                create("widgets", widget()),
                merge("widgets", "x", {"status": {"replicas": "x"}}, "status"),
            ],
            "JSON patch": [
                create("widgets", widget()),
                json_patch(
                    "widgets",
                    "x",
                    {"op": "add", "path": "/status", "value": {"phase": "A"}},
                    subresource="status",
                ),
            ],
            "applied": [
                create("widgets", widget()),
                apply(
                    "widgets",
                    "x",
                    {
                        "apiVersion": widget()["apiVersion"],
                        "kind": "Widget",
                        "metadata": {"name": "x"},
                        "status": {"phase": "A"},
                    },
                    subresource="status",
                ),
            ],
            "conditions applied by two": [
                create("widgets", widget()),
                *(
                    apply(
                        "widgets",
                        "x",
                        {
                            "apiVersion": widget()["apiVersion"],
                            "kind": "Widget",
                            "metadata": {"name": "x"},
                            "status": {"conditions": [{"type": kind, "status": "True"}]},
                        },
                        manager,
                        subresource="status",
                    )
                    for kind, manager in (("A", "one"), ("B", "two"), ("C", "one"))
                ),
            ],
            "ingress": [
                create("ingresses", _INGRESS),
                merge("ingresses", "x", _ADDRESS, "status"),
            ],
            "ingress by the main path": [create("ingresses", _INGRESS), merge("ingresses", "x", _ADDRESS)],
            "ingress strategically": [
                create("ingresses", _INGRESS),
                strategic("ingresses", "x", _ADDRESS, "status"),
            ],
            "of a missing object": [merge("widgets", "none", {"status": {}}, "status")],
            "does not raise the generation": [
                create("widgets", widget()),
                merge("widgets", "x", {"status": {"phase": "A"}}, "status"),
                merge("widgets", "x", {"spec": {"size": 3}}),
            ],
        },
    ),
    *cases(
        "scale",
        {
            "read": [create("deployments", _QUIET), get("deployments", "x", "scale")],
            "read custom": [
                create("widgets", widget(replicas=3, selector="a=b")),
                get("widgets", "x", "scale"),
            ],
            "merge patch": [
                create("deployments", _QUIET),
                merge("deployments", "x", {"spec": {"replicas": 0}}, "scale"),
                get("deployments", "x"),
            ],
            "merge patch custom": [
                create("widgets", widget()),
                merge("widgets", "x", {"spec": {"replicas": 5}}, "scale"),
                get("widgets", "x"),
            ],
            "put": [create("deployments", _QUIET), put("deployments", "x", _scale(0), "scale")],
            "put custom": [
                create("widgets", widget()),
                put("widgets", "x", _scale(4), "scale"),
                get("widgets", "x"),
            ],
            "put custom of an old version": [
                create("widgets", widget()),
                merge("widgets", "x", {"spec": {"size": 2}}),
                put("widgets", "x", _scale(4, resourceVersion="{0.metadata.resourceVersion}"), "scale"),
            ],
            "negative": [
                create("deployments", _QUIET),
                merge("deployments", "x", {"spec": {"replicas": -1}}, "scale"),
            ],
            "negative custom": [
                create("widgets", widget()),
                merge("widgets", "x", {"spec": {"replicas": -1}}, "scale"),
            ],
            "of a manager": [
                create("widgets", widget()),
                merge("widgets", "x", {"spec": {"replicas": 5}}, "scale", fieldManager="scaler"),
                get("widgets", "x"),
            ],
            "of a kind without": [
                create("configmaps", {"metadata": {"name": "x"}}),
                get("configmaps", "x", "scale"),
            ],
            "of a missing object": [get("deployments", "none", "scale")],
            "takes from an applier": [
                apply("widgets", "x", widget(replicas=2)),
                merge("widgets", "x", {"spec": {"replicas": 5}}, "scale", fieldManager="scaler"),
                apply("widgets", "x", widget(replicas=2)),
                apply("widgets", "x", widget()),
            ],
        },
    ),
)
