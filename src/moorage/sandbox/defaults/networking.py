"""
What does the server add to services, and to what leads to them?
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.defaults.filling import fill_in, spec_of


def service(body: Json) -> None:
    spec = spec_of(body)
    fill_in(spec, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "ClientIP":
        fill_in(spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {}), timeoutSeconds=10800)
    for port in spec.get("ports", ()):
        fill_in(port, protocol="TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port")
    if spec["type"] == "ExternalName":
        body.setdefault("status", {}).setdefault("loadBalancer", {})
        return
    fill_in(spec, internalTrafficPolicy="Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        fill_in(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill_in(spec, allocateLoadBalancerNodePorts=True)
    body.setdefault("status", {}).setdefault("loadBalancer", {})


def ingress(body: Json) -> None:
    spec_of(body)
    body.setdefault("status", {}).setdefault("loadBalancer", {})


def ingress_class(body: Json) -> None:
    if parameters := spec_of(body).get("parameters"):
        fill_in(parameters, scope="Cluster")


def network_policy(body: Json) -> None:
    spec = spec_of(body)
    if "podSelector" not in spec:
        spec["podSelector"] = {}
    for rule in [*spec.get("ingress", ()), *spec.get("egress", ())]:
        for port in rule.get("ports", ()):
            fill_in(port, protocol="TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def endpoints(body: Json) -> None:
    for subset in body.get("subsets", ()):
        for port in subset.get("ports", ()):
            fill_in(port, protocol="TCP")


def endpoint_slice(body: Json) -> None:
    for endpoint in body.get("endpoints") or ():
        fill_in(endpoint, conditions={})
    for port in body.get("ports") or ():
        fill_in(port, name="", protocol="TCP")
