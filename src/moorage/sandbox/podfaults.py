"""
What is wrong with a pod spec, in a pod or in the template of a workload?
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from moorage.model.manifest import Json
from moorage.sandbox import faults, quantities
from moorage.sandbox.answers import Cause

_PULL = ("Always", "IfNotPresent", "Never")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_RESTART = ("Always", "OnFailure", "Never")
_DNS = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def pod_spec_faults(
    spec: Json, path: str, *, restart: Collection[str] = (), claimed: Collection[str] = ()
) -> Iterator[Cause]:
    """
    Yield what is wrong with a pod spec.

    Args:
        spec: The spec, with its defaults.
        path: Where it stands, for the fields of the causes.
        restart: The restart policies the owner allows; empty for all.
        claimed: Names of volumes that the owner adds by itself.
    """
    volumes: set[str] = set(claimed)
    for index, volume in enumerate(spec.get("volumes", ())):
        yield from _volume(volume, f"{path}.volumes[{index}]", volumes)
    if not spec.get("containers"):
        yield faults.required(f"{path}.containers")
    names: set[str] = set()
    for kind in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(kind, ())):
            yield from _container(container, f"{path}.{kind}[{index}]", names, volumes)
    policy = spec.get("restartPolicy")
    if restart and "Always" not in restart and policy == "Always":
        words = ", ".join(f'"{word}"' for word in restart)
        yield faults.required(f"{path}.restartPolicy", f"valid values: {words}")
    else:
        yield from faults.one_of(policy, tuple(restart) or _RESTART, f"{path}.restartPolicy")
    yield from faults.one_of(spec.get("dnsPolicy"), _DNS, f"{path}.dnsPolicy")
    yield from faults.not_negative(
        spec.get("terminationGracePeriodSeconds"), f"{path}.terminationGracePeriodSeconds"
    )
    yield from faults.labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    if (account := spec.get("serviceAccountName")) and not faults.is_subdomain(account):
        yield faults.invalid(f"{path}.serviceAccountName", account, "must be a lowercase RFC 1123 subdomain")


def _volume(volume: Json, path: str, names: set[str]) -> Iterator[Cause]:
    name = volume.get("name", "")
    found = faults.dns_label(name, f"{path}.name")
    if name in names:
        found.append(faults.duplicate(f"{path}.name", name))
    sources = sorted(key for key in volume if key != "name")
    found += [
        faults.forbidden(f"{path}.{extra}", "may not specify more than 1 volume type")
        for extra in sources[1:]
    ]
    yield from found
    # What is wrong cannot be mounted either.
    if not found:
        names.add(name)


def _container(container: Json, path: str, names: set[str], volumes: set[str]) -> Iterator[Cause]:
    name = container.get("name", "")
    yield from faults.dns_label(name, f"{path}.name")
    if name in names:
        yield faults.duplicate(f"{path}.name", name)
    names.add(name)
    image = container.get("image", "")
    if not image:
        yield faults.required(f"{path}.image")
    elif image != image.strip():
        yield faults.invalid(f"{path}.image", image, "must not have leading or trailing whitespace")
    yield from faults.one_of(container.get("imagePullPolicy"), _PULL, f"{path}.imagePullPolicy")
    yield from _ports(container, path)
    yield from _environment(container, path)
    yield from _mounts(container, path, volumes)
    yield from _resources(container.get("resources") or {}, f"{path}.resources")
    for probe in _PROBES:
        if probe in container:
            yield from _probe(container[probe], f"{path}.{probe}", probe)


def _ports(container: Json, path: str) -> Iterator[Cause]:
    names: set[str] = set()
    for index, port in enumerate(container.get("ports", ())):
        here = f"{path}.ports[{index}]"
        if name := port.get("name"):
            yield from faults.port_name(name, f"{here}.name")
            if name in names:
                yield faults.duplicate(f"{here}.name", name)
            names.add(name)
        if not port.get("containerPort"):
            yield faults.required(f"{here}.containerPort")
        else:
            yield from faults.port_number(port["containerPort"], f"{here}.containerPort")
        if port.get("hostPort"):
            yield from faults.port_number(port["hostPort"], f"{here}.hostPort")
        yield from faults.one_of(port.get("protocol"), _PROTOCOLS, f"{here}.protocol")


def _environment(container: Json, path: str) -> Iterator[Cause]:
    for index, variable in enumerate(container.get("env", ())):
        here = f"{path}.env[{index}]"
        if not variable.get("name"):
            yield faults.required(f"{here}.name")
        source = variable.get("valueFrom")
        if source is not None and variable.get("value"):
            yield faults.invalid(f"{here}.valueFrom", "", "may not be specified when `value` is not empty")
        if source is not None and not source:
            yield faults.invalid(
                f"{here}.valueFrom",
                "",
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
            )


def _mounts(container: Json, path: str, volumes: set[str]) -> Iterator[Cause]:
    paths: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts", ())):
        here = f"{path}.volumeMounts[{index}]"
        if not mount.get("name"):
            yield faults.required(f"{here}.name")
        elif mount["name"] not in volumes:
            yield faults.not_found(f"{here}.name", mount["name"])
        where = mount.get("mountPath", "")
        if not where:
            yield faults.required(f"{here}.mountPath")
        elif where in paths:
            yield faults.invalid(f"{here}.mountPath", where, "must be unique")
        paths.add(where)


def _resources(resources: Json, path: str) -> Iterator[Cause]:
    limits = resources.get("limits") or {}
    for name, value in (resources.get("requests") or {}).items():
        limit = limits.get(name)
        if quantities.amount(value) < 0:
            yield faults.invalid(f"{path}.requests[{name}]", value, "must be greater than or equal to 0")
        if limit is not None and quantities.amount(value) > quantities.amount(limit):
            yield faults.invalid(
                f"{path}.requests", value, f"must be less than or equal to {name} limit of {limit}"
            )
    for name, value in limits.items():
        if quantities.amount(value) < 0:
            yield faults.invalid(f"{path}.limits[{name}]", value, "must be greater than or equal to 0")


def _probe(probe: Json, path: str, kind: str) -> Iterator[Cause]:
    handlers = [name for name in _HANDLERS if name in probe]
    if not handlers:
        yield faults.required(path, "must specify a handler type")
    for extra in handlers[1:]:
        yield faults.forbidden(f"{path}.{extra}", "may not specify more than 1 handler type")
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "failureThreshold"):
        yield from faults.not_negative(probe.get(name), f"{path}.{name}")
    if kind != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        yield faults.invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")
    for name in ("httpGet", "tcpSocket"):
        if name in probe and "port" in probe[name]:
            yield from faults.port(probe[name]["port"], f"{path}.{name}.port")
