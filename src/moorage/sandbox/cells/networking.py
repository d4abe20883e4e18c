"""
Which words does ``kubectl get`` show of services, and of what leads to them?
"""

from __future__ import annotations

from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox.cells.words import NONE, UNSET, age, joined, labels, meta, name, part, selector


def service(body: Json) -> list[Any]:
    spec, status = part(body, "spec"), part(body, "status")
    ports = [
        f"{p['port']}{':' + str(p['nodePort']) if p.get('nodePort') else ''}/{p.get('protocol', 'TCP')}"
        for p in spec.get("ports") or ()
    ]
    return [
        name(body),
        spec.get("type", "ClusterIP"),
        spec.get("clusterIP") or NONE,
        _external(spec, status),
        joined(ports),
        age(body),
        labels(spec.get("selector")),
    ]


def _external(spec: Json, status: Json) -> str:
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", NONE))
    addresses = list(spec.get("externalIPs") or ())
    if spec.get("type") == "LoadBalancer":
        given = _balanced(status)
        return joined([*given, *addresses], "<pending>")
    return joined(addresses)


def _balanced(status: Json) -> list[str]:
    ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
    return [each.get("ip") or each.get("hostname", "") for each in ingress]


def ingress(body: Json) -> list[Any]:
    spec = part(body, "spec")
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    return [
        name(body),
        spec.get("ingressClassName") or NONE,
        joined(hosts, "*"),
        joined(_balanced(part(body, "status")), ""),
        "80, 443" if spec.get("tls") else "80",
        age(body),
    ]


def ingress_class(body: Json) -> list[Any]:
    spec = part(body, "spec")
    parameters = spec.get("parameters") or {}
    group = parameters.get("apiGroup")
    shown = (
        f"{parameters.get('kind')}{'.' + group if group else ''}/{parameters.get('name')}"
        if parameters
        else NONE
    )
    marked = (meta(body).get("annotations") or {}).get("ingressclass.kubernetes.io/is-default-class")
    named = f"{name(body)} (default)" if marked == "true" else name(body)
    return [named, spec.get("controller", ""), shown, age(body)]


def network_policy(body: Json) -> list[Any]:
    return [name(body), selector(part(body, "spec").get("podSelector")), age(body)]


def endpoints(body: Json) -> list[Any]:
    found: list[str] = []
    for subset in body.get("subsets") or ():
        for port in subset.get("ports") or [{}]:
            suffix = f":{port['port']}" if port.get("port") else ""
            found += [f"{address['ip']}{suffix}" for address in subset.get("addresses") or ()]
    return [name(body), _several(found), age(body)]


def _several(values: list[str]) -> str:
    shown = ",".join(values[:3])
    return f"{shown} + {len(values) - 3} more..." if len(values) > 3 else shown or NONE


def endpoint_slice(body: Json) -> list[Any]:
    ports = [str(port.get("port", "*")) for port in body.get("ports") or ()]
    addresses = [address for each in body.get("endpoints") or () for address in each.get("addresses") or ()]
    return [
        name(body),
        body.get("addressType", ""),
        _several(ports) if ports else UNSET,
        _several(addresses),
        age(body),
    ]
