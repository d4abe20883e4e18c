"""How do definitions of kinds and served APIs do?"""

from __future__ import annotations

from moorage.engine.health.language import HEALTHY, D, P, Table, condition, conditions, holds, text
from moorage.model.health import Health
from moorage.model.manifest import Json


def _api_service(body: Json) -> Health:
    available = condition(body, "Available")
    if available is None:
        return Health(P, "waiting to be processed")
    message = f"{text(available, 'reason')}: {text(available, 'message')}"
    return HEALTHY if available.get("status") == "True" else Health(P, message)


def _definition(body: Json) -> Health:
    if not conditions(body):
        return Health(P, "waiting for the first conditions")
    if holds(body, "Terminating"):
        return Health(P, "the definition is being deleted")
    for type_, bad in (("NamesAccepted", "False"), ("NonStructuralSchema", "True")):
        if holds(body, type_, bad):
            return Health(D, text(condition(body, type_), "message"))
    established = condition(body, "Established")
    if established is not None and established.get("status") == "True":
        return HEALTHY
    if text(established, "reason") == "Installing":
        return Health(P, text(established, "message"))
    return Health(D, text(established, "message") or "the definition is not established")


TABLE: Table = {
    ("apiregistration.k8s.io", "APIService"): _api_service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}
