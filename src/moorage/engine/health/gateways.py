"""How do the routes and certificates of Contour, Gloo and Google's ingress do?"""

from __future__ import annotations

from moorage.engine.health.language import (
    HEALTHY,
    D,
    P,
    S,
    Table,
    at,
    by_word,
    conditions,
    fields,
    items,
    number,
    text,
)
from moorage.model.health import Health
from moorage.model.manifest import Json


def _managed_certificate(body: Json) -> Health | None:
    for domain in items(body, "status", "domainStatus"):
        if domain.get("status") == "FailedNotVisible":
            return Health(D, f"domain {text(domain, 'domain')} is not visible")
    return _CERTIFICATE(body)


_CERTIFICATE = by_word("status.certificateStatus", "Active → Healthy, else Progressing")


def _contour(body: Json) -> Health:
    generation = number(body, "metadata", "generation")
    for c in conditions(body):
        if c.get("type") != "Valid" or number(c, "observedGeneration") != generation:
            continue
        if c.get("status") == "True":
            return HEALTHY
        if c.get("status") == "False":
            # A proxy that only includes others is called an orphan until a root includes it.
            included = body.get("kind") == "HTTPProxy" and at(body, "spec", "includes")
            return HEALTHY if included else Health(D, text(c, "message"))
    return Health(P, "waiting for the controller to see the latest generation")


_STATES = {
    "Accepted": HEALTHY.status,
    "1": HEALTHY.status,
    "Warning": D,
    "3": D,
    "Pending": S,
    "0": S,
    "Rejected": D,
    "2": D,
}


def _gloo(body: Json) -> Health:
    statuses = fields(body, "status", "statuses")
    for said in [*statuses.values(), body.get("status")]:
        state = at(said, "state")
        if isinstance(state, str | int) and str(state) in _STATES:
            return Health(_STATES[str(state)], text(said, "reason"))
    return Health(P, "waiting for a first status")


_GLOO = (
    "gateway.solo.io/Gateway gateway.solo.io/MatchableHttpGateway gateway.solo.io/RouteOption"
    " gateway.solo.io/RouteTable gateway.solo.io/VirtualHostOption gateway.solo.io/VirtualService"
    " gloo.solo.io/Proxy gloo.solo.io/Settings gloo.solo.io/Upstream gloo.solo.io/UpstreamGroup"
)
TABLE: Table = {
    ("networking.gke.io", "ManagedCertificate"): _managed_certificate,
    ("projectcontour.io", "HTTPProxy"): _contour,
    ("projectcontour.io", "ExtensionService"): _contour,
    **{(group, kind): _gloo for group, _, kind in (name.partition("/") for name in _GLOO.split(" "))},
}
