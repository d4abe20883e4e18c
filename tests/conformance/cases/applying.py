"""Server-side apply: who owns what, who may change it, and what goes when it is no longer said."""

from __future__ import annotations

from tests.conformance.cases.words import (
    Json,
    apply,
    at,
    cases,
    config_map,
    create,
    json_patch,
    merge,
    put,
    secret,
    strategic,
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


def _told(**metadata: Json) -> Json:
    """Return a ConfigMap of which only metadata is told."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", **metadata}}


def _data(**data: str) -> Json:
    return {"data": data}


def _cm(body: Json, manager: str = "one", *, force: bool = False, **query: str) -> Request:
    return apply("configmaps", "x", body, manager, force=force, **query)


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
            "with managers given": [_cm(_told(managedFields=[{"manager": "a"}]))],
            "without kind": [_cm({"metadata": {"name": "x"}})],
            "other kind": [_cm({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}})],
            "other version": [_cm({"apiVersion": "v2", "kind": "ConfigMap", "metadata": {"name": "x"}})],
            "other name": [_cm(config_map("y"))],
            "without a name": [_cm({"apiVersion": "v1", "kind": "ConfigMap"})],
            "other namespace": [_cm(_told(namespace="no"))],
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
                _cm(_told(resourceVersion="{0.metadata.resourceVersion}") | _data(a="2")),
            ],
            "with an old version": [
                _cm(_m(a="1")),
                _cm(_m(a="2")),
                _cm(_told(resourceVersion="{0.metadata.resourceVersion}") | _data(a="3")),
            ],
            "with another uid": [_cm(_m(a="1")), _cm(_told(uid="no"))],
            "new with a version": [_cm(_told(resourceVersion="1"))],
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
                _cm(_told(labels={"a": "1"}, annotations={"b": "2"})),
                _cm(_told(labels={"c": "3"})),
            ],
            "finalizers are a set": [
                _cm(_told(finalizers=["example.com/a"])),
                _cm(_told(finalizers=["example.com/b"]), "two"),
                _cm(_m()),
                _cm(_m(), "two"),
            ],
            "owners by uid": [
                _cm(
                    _told(
                        ownerReferences=[
                            {"apiVersion": "example.com/v1", "kind": "Thing", "name": "o", "uid": "u-1"}
                        ]
                    ),
                    dryRun="All",
                ),
            ],
            "secret by stringData": [
                apply(
                    "secrets",
                    "x",
                    secret(a="b"),
                ),
                apply(
                    "secrets",
                    "x",
                    secret(c="d"),
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
)
