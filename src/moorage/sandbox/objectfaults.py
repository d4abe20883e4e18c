"""
What is wrong with a service, an ingress, a claim, a secret and the other objects around workloads?
"""

from __future__ import annotations

from collections.abc import Iterator

from moorage.model.manifest import Json
from moorage.sandbox import faults
from moorage.sandbox.answers import Cause

_SERVICE_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_SECRET_KEYS = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
_LONGEST_LABEL = 63
_NODE_PORTS = range(30000, 32768)


def service(body: Json) -> Iterator[Cause]:
    spec = body["spec"]
    # Names of services become host names; what is wrong with them beyond that is told for all kinds.
    name = body["metadata"]["name"]
    if len(name) > _LONGEST_LABEL:
        yield faults.invalid("metadata.name", name, "must be no more than 63 characters")
    elif faults.is_subdomain(name):
        yield from faults.dns_label(name, "metadata.name")
    yield from faults.one_of(spec["type"], _SERVICE_TYPES, "spec.type")
    headless = spec.get("clusterIP") == "None"
    if spec["type"] == "ExternalName":
        if not spec.get("externalName"):
            yield faults.required("spec.externalName")
    elif not spec.get("ports") and not headless:
        yield faults.required("spec.ports")
    if headless and spec["type"] not in ("ClusterIP", "ExternalName"):
        why = f"may not be set to 'None' for {spec['type']} services"
        yield faults.invalid("spec.clusterIPs[0]", "None", why)
    yield from faults.labels(spec.get("selector"), "spec.selector")
    yield from _service_ports(spec)


def _service_ports(spec: Json) -> Iterator[Cause]:
    names: set[str] = set()
    pairs: set[tuple[int, str]] = set()
    ports = spec.get("ports", ())
    for index, port in enumerate(ports):
        here = f"spec.ports[{index}]"
        name = port.get("name", "")
        if not name and len(ports) > 1:
            yield faults.required(f"{here}.name")
        elif name:
            yield from faults.dns_label(name, f"{here}.name")
            if name in names:
                yield faults.duplicate(f"{here}.name", name)
        names.add(name)
        yield from faults.port_number(port.get("port"), f"{here}.port")
        yield from faults.one_of(port.get("protocol"), _PROTOCOLS, f"{here}.protocol")
        if port.get("targetPort") is not None:
            yield from faults.port(port["targetPort"], f"{here}.targetPort")
        if port.get("nodePort") and port["nodePort"] not in _NODE_PORTS:
            why = "provided port is not in the valid range. The range of valid ports is 30000-32767"
            yield faults.invalid(f"{here}.nodePort", port["nodePort"], why)
        pair = (port.get("port", 0), port.get("protocol", "TCP"))
        if pair in pairs:
            yield faults.duplicate(here, {"port": pair[0], "protocol": pair[1]})
        pairs.add(pair)


def ingress(body: Json) -> Iterator[Cause]:
    spec = body["spec"]
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield faults.invalid("spec", None, "either `defaultBackend` or `rules` must be specified")
    if backend := spec.get("defaultBackend"):
        yield from _backend(backend, "spec.defaultBackend")
    for index, rule in enumerate(spec.get("rules", ())):
        host = rule.get("host", "")
        if host and not faults.is_subdomain(host.removeprefix("*.")):
            yield faults.invalid(f"spec.rules[{index}].host", host, "must be a lowercase RFC 1123 subdomain")
        for number, path in enumerate((rule.get("http") or {}).get("paths", ())):
            yield from _path(path, f"spec.rules[{index}].http.paths[{number}]")


def _path(path: Json, here: str) -> Iterator[Cause]:
    kind = path.get("pathType")
    if kind is None:
        yield faults.required(f"{here}.pathType", "pathType must be specified")
    yield from faults.one_of(kind, _PATH_TYPES, f"{here}.pathType")
    text = path.get("path", "")
    if kind in ("Exact", "Prefix") and not text.startswith("/"):
        yield faults.invalid(f"{here}.path", text, "must be an absolute path")
    yield from _backend(path.get("backend") or {}, f"{here}.backend")


def _backend(backend: Json, here: str) -> Iterator[Cause]:
    target = backend.get("service")
    if target is None:
        if "resource" not in backend:
            yield faults.required(here, "port name or number is required")
        return
    if not target.get("name"):
        yield faults.required(f"{here}.service.name")
    if not target.get("port"):
        yield faults.required(f"{here}.service", "port name or number is required")
    elif "number" in target["port"]:
        yield from faults.port_number(target["port"]["number"], f"{here}.service.port.number")


def config_map(body: Json) -> Iterator[Cause]:
    binary = body.get("binaryData") or {}
    for key in body.get("data") or {}:
        yield from faults.config_key(key, f"data[{key}]")
        if key in binary:
            yield faults.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    for key in binary:
        yield from faults.config_key(key, f"binaryData[{key}]")


def secret(body: Json) -> Iterator[Cause]:
    held = body.get("data") or {}
    for key in held:
        yield from faults.config_key(key, f"data[{key}]")
    for key in _SECRET_KEYS.get(body["type"], ()):
        if key not in held:
            yield faults.required(f"data[{key}]")
    if body["type"] == "kubernetes.io/basic-auth" and not {"username", "password"} & held.keys():
        yield faults.required("data[username]")
        yield faults.required("data[password]")


def claim(body: Json) -> Iterator[Cause]:
    spec = body["spec"]
    if not spec.get("accessModes"):
        yield faults.required("spec.accessModes", "at least 1 access mode is required")
    for mode in spec.get("accessModes", ()):
        yield from faults.one_of(mode, _ACCESS_MODES, "spec.accessModes")
    if "storage" not in (spec.get("resources") or {}).get("requests", {}):
        yield faults.required("spec.resources[storage]")


def volume(body: Json) -> Iterator[Cause]:
    spec = body["spec"]
    if not spec.get("accessModes"):
        yield faults.required("spec.accessModes")
    if not spec.get("capacity"):
        yield faults.required("spec.capacity")


def role(body: Json) -> Iterator[Cause]:
    for index, rule in enumerate(body.get("rules") or ()):
        here = f"rules[{index}]"
        if not rule.get("verbs"):
            yield faults.required(f"{here}.verbs", "verbs must contain at least one value")
        if not rule.get("nonResourceURLs"):
            if "apiGroups" not in rule:
                yield faults.required(
                    f"{here}.apiGroups", "resource rules must supply at least one api group"
                )
            if not rule.get("resources"):
                yield faults.required(f"{here}.resources", "resource rules must supply at least one resource")


def role_binding(body: Json) -> Iterator[Cause]:
    reference = body.get("roleRef") or {}
    known = ("ClusterRole",) if body["kind"] == "ClusterRoleBinding" else ("Role", "ClusterRole")
    yield from faults.one_of(reference.get("kind", ""), known, "roleRef.kind")
    if not reference.get("name"):
        yield faults.required("roleRef.name")
    for index, subject in enumerate(body.get("subjects") or ()):
        here = f"subjects[{index}]"
        if not subject.get("name"):
            yield faults.required(f"{here}.name")
        yield from faults.one_of(subject.get("kind", ""), ("Group", "ServiceAccount", "User"), f"{here}.kind")
        if subject.get("kind") == "ServiceAccount" and not subject.get("namespace"):
            yield faults.required(f"{here}.namespace")
