"""How do Services, Ingresses and routes do, also those of the Gateway API?"""

from __future__ import annotations

from moorage.engine.health.language import (
    HEALTHY,
    D,
    P,
    Table,
    at,
    conditions,
    in_order_of_clauses,
    items,
    number,
    text,
)
from moorage.model.health import Health
from moorage.model.manifest import Json


def _service(body: Json) -> Health:
    return _ingress(body) if at(body, "spec", "type") == "LoadBalancer" else HEALTHY


def _ingress(body: Json) -> Health:
    if at(body, "status", "loadBalancer", "ingress"):
        return HEALTHY
    return Health(P, "waiting for an address of the load balancer")


def _route(body: Json) -> Health:
    admitted = [
        c
        for entry in items(body, "status", "ingress")
        for c in items(entry, "conditions")
        if c.get("type") == "Admitted"
    ]
    refused = next((c for c in admitted if c.get("status") == "False"), None)
    if refused is not None:
        return Health(D, text(refused, "message"))
    entries = items(body, "status", "ingress")
    if entries and len(admitted) >= len(entries) and all(c.get("status") == "True" for c in admitted):
        return HEALTHY
    return Health(P, "waiting for the router to admit the route")


def _programmed(found: list[Json], where: str) -> Health | None:
    """Return what is wrong with a gateway, listener or parent; None when nothing is."""
    for type_ in ("ResolvedRefs", "Accepted"):
        for c in found:
            if c.get("type") == type_ and c.get("status") == "False":
                return Health(D, f"{where}: {text(c, 'message')}")
    for c in found:
        if c.get("type") == "Programmed" and c.get("status") != "True":
            return Health(P, f"{where}: {text(c, 'message')}")
    return None


def _gateway(body: Json) -> Health:
    groups = [("Gateway", conditions(body))]
    groups += [
        (f"listener {text(i, 'name')}", items(i, "conditions")) for i in items(body, "status", "listeners")
    ]
    for where, found in groups:
        if wrong := _programmed(found, where):
            return wrong
    if any(found for _, found in groups):
        return HEALTHY
    return Health(P, "waiting for the gateway's controller")


def _attached(body: Json, *, same_generation: bool) -> Health:
    generation, seen = number(body, "metadata", "generation"), False
    for parent in items(body, "status", "parents"):
        found = items(parent, "conditions")
        if same_generation and any(number(c, "observedGeneration") != generation for c in found):
            continue
        if wrong := _programmed(found, f"parent {text(parent, 'parentRef', 'name')}"):
            return wrong
        seen = seen or bool(found)
    return HEALTHY if seen else Health(P, "waiting for a gateway to accept the route")


def _http_route(body: Json) -> Health:
    return _attached(body, same_generation=True)


def _grpc_route(body: Json) -> Health:
    return _attached(body, same_generation=False)


def _gateway_class(body: Json) -> Health:
    generation = number(body, "metadata", "generation")
    for c in conditions(body):
        if c.get("type") == "Accepted" and number(c, "observedGeneration") == generation:
            if c.get("status") == "True":
                return HEALTHY
            return Health(D if c.get("status") == "False" else P, text(c, "message"))
    return Health(P, "waiting for a controller to accept the class")


def _backend_policy(body: Json) -> Health:
    found = [c for ancestor in items(body, "status", "ancestors") for c in items(ancestor, "conditions")]
    generation = number(body, "metadata", "generation")
    if any(number(c, "observedGeneration") != generation for c in found):
        return Health(P, "waiting for the controller to see the latest generation")
    for type_ in ("Accepted", "ResolvedRefs"):
        for c in found:
            if c.get("type") == type_ and c.get("status") != "True":
                return Health(D, text(c, "message"))
    if any(c.get("type") == "Accepted" for c in found):
        return HEALTHY
    return Health(P, "waiting for a gateway to accept the policy")


_GATEWAY = "gateway.networking.k8s.io"
TABLE: Table = {
    ("", "Service"): _service,
    ("extensions", "Ingress"): _ingress,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("route.openshift.io", "Route"): _route,
    (_GATEWAY, "Gateway"): _gateway,
    (_GATEWAY, "GatewayClass"): _gateway_class,
    (_GATEWAY, "HTTPRoute"): _http_route,
    (_GATEWAY, "GRPCRoute"): _grpc_route,
    (_GATEWAY, "BackendTLSPolicy"): _backend_policy,
    ("operator.openshift.io", "IngressController"): in_order_of_clauses(
        "Degraded=True → Degraded, DeploymentReplicasAllAvailable=False → Progressing,"
        " Progressing=True → Progressing, Available=True → Healthy, else Progressing"
    ),
}
