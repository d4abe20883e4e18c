"""Discovery and OpenAPI: what is served, in which versions, with which words and schemas."""

from __future__ import annotations

from tests.conformance.cases.words import GROUP, cases
from tests.conformance.exchange import Case, Request

_AGGREGATED = {
    "Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
}
_LISTS = (
    "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/apis/batch/v1", "/apis/networking.k8s.io/v1",
    "/apis/rbac.authorization.k8s.io/v1", "/apis/autoscaling", "/apis/autoscaling/v1", "/apis/autoscaling/v2",
    "/apis/policy/v1", "/apis/storage.k8s.io/v1", "/apis/apiextensions.k8s.io/v1", "/apis/apiregistration.k8s.io/v1",
    "/apis/coordination.k8s.io/v1", "/apis/scheduling.k8s.io/v1", "/apis/discovery.k8s.io/v1", "/apis/node.k8s.io/v1",
    "/apis/admissionregistration.k8s.io/v1", "/apis/events.k8s.io/v1", "/apis/certificates.k8s.io/v1",
    f"/apis/{GROUP}", f"/apis/{GROUP}/v1", f"/apis/{GROUP}/v1beta1", "/apis/none.example.com", "/apis/apps/v7",
)  # fmt: skip

CASES: tuple[Case, ...] = (
    *cases("discovery", {path: [Request("GET", path)] for path in _LISTS}),
    *cases(
        "discovery",
        {
            "core, aggregated": [Request("GET", "/api", headers=_AGGREGATED)],
            "healthz": [Request("GET", "/healthz")],
            "livez": [Request("GET", "/livez")],
            "readyz": [Request("GET", "/readyz")],
        },
    ),
)
