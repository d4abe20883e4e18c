"""Tables: the columns and cells that people see."""

from __future__ import annotations

from tests.conformance.cases.creating import KINDS
from tests.conformance.cases.words import at, cases, config_map, create, widget
from tests.conformance.exchange import Case, Request

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
_STRICT = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
_PARTIAL = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"}
_PARTIAL_ONE = {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"}
# Kinds whose cells tell of the moment (times, what controllers did) rather than of the object.
_SHOWN = (
    "ConfigMap", "Secret", "ServiceAccount", "Service headless", "Service of type ExternalName", "Role", "RoleBinding",
    "ClusterRole", "ClusterRoleBinding", "IngressClass", "NetworkPolicy", "StorageClass", "PriorityClass",
    "RuntimeClass", "Lease", "EndpointSlice", "LimitRange", "ControllerRevision", "CSIDriver", "PodTemplate",
    "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "Widget", "Endpoints",
)  # fmt: skip


def _row(kind: str) -> list[Request]:
    plural, body = KINDS[kind]
    return [create(plural, body), Request("GET", at(plural, body["metadata"]["name"]), headers=TABLE)]


_WIDGETS = [create("widgets", widget("a", code="AB1", keyed=[{"name": "k"}])), create("widgets", widget("b"))]

CASES: tuple[Case, ...] = (
    *cases("table", {kind: _row(kind) for kind in _SHOWN}),
    *cases(
        "table",
        {
            "of a list": [*_WIDGETS, Request("GET", at("widgets"), headers=TABLE)],
            "strictly": [*_WIDGETS, Request("GET", at("widgets"), headers=_STRICT)],
            "with whole objects": [
                *_WIDGETS,
                Request("GET", at("widgets"), headers=TABLE, query={"includeObject": "Object"}),
            ],
            "with no objects": [
                *_WIDGETS,
                Request("GET", at("widgets"), headers=TABLE, query={"includeObject": "None"}),
            ],
            "with unknown objects": [
                *_WIDGETS,
                Request("GET", at("widgets"), headers=TABLE, query={"includeObject": "Other"}),
            ],
            "paged": [*_WIDGETS, Request("GET", at("widgets"), headers=TABLE, query={"limit": "1"})],
            "of nothing": [Request("GET", at("secrets"), headers=TABLE)],
            "of an error": [Request("GET", at("configmaps", "none"), headers=TABLE)],
            "watched": [
                create("widgets", widget("a")),
                Request("GET", at("widgets"), headers=TABLE, query={"watch": "true"}, watch=1),
            ],
            "metadata of one": [
                create("configmaps", config_map("x", a="1")),
                Request("GET", at("configmaps", "x"), headers=_PARTIAL_ONE),
            ],
            "metadata of a list": [*_WIDGETS, Request("GET", at("widgets"), headers=_PARTIAL)],
            "metadata watched": [
                create("widgets", widget("a")),
                Request("GET", at("widgets"), headers=_PARTIAL_ONE, query={"watch": "true"}, watch=1),
            ],
        },
    ),
)
