"""
What does the API server add to a pod spec, in a pod or in the template of a workload?

Changes the spec it is given, which `shapes` decoded before.
"""

from __future__ import annotations

import re
from typing import Any

from moorage.model.manifest import Json

_TAGGED = re.compile(r":([\w][\w.-]{0,127})$", re.ASCII)
_MODES = {"configMap": 0o644, "secret": 0o644, "downwardAPI": 0o644, "projected": 0o644}
_TOKEN_SECONDS = 3600


def fill_pod_spec(spec: Json) -> None:
    """Add the defaults of a pod spec, in place."""
    _set(
        spec,
        dnsPolicy="ClusterFirst",
        restartPolicy="Always",
        schedulerName="default-scheduler",
        securityContext={},
        terminationGracePeriodSeconds=30,
    )
    # The older name of the field is written beside the newer, whichever was given.
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for name in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(name, ()):
            _container(container)
    for volume in spec.get("volumes", ()):
        _volume(volume)


def use_host_ports(spec: Json) -> None:
    """Give each container port of a pod on the host's network the same port of the host."""
    for container in [*spec.get("initContainers", ()), *spec.get("containers", ())]:
        for port in container.get("ports", ()):
            if not port.get("hostPort"):
                port["hostPort"] = port.get("containerPort")


def _set(target: Json, **values: Any) -> None:
    for name, value in values.items():
        target.setdefault(name, value)


def _container(container: Json) -> None:
    _set(
        container,
        imagePullPolicy=_pull_policy(container.get("image", "")),
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    for port in container.get("ports", ()):
        _set(port, protocol="TCP")
    for variable in container.get("env", ()):
        source = variable.get("valueFrom") or {}
        if "fieldRef" in source:
            _set(source["fieldRef"], apiVersion="v1")
        if "resourceFieldRef" in source:
            _set(source["resourceFieldRef"], divisor="0")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            _probe(container[name])
    for handler in (container.get("lifecycle") or {}).values():
        if isinstance(handler, dict) and "httpGet" in handler:
            _set(handler["httpGet"], path="/", scheme="HTTP")


def _pull_policy(image: str) -> str:
    if "@" in image:
        return "IfNotPresent"
    tag = _TAGGED.search(image)
    return "Always" if tag is None or tag[1] == "latest" else "IfNotPresent"


def _probe(probe: Json) -> None:
    for name, value in (
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ):
        if not probe.get(name):
            probe[name] = value
    if "httpGet" in probe:
        _set(probe["httpGet"], path="/", scheme="HTTP")
    if "grpc" in probe:
        _set(probe["grpc"], service="")


def _volume(volume: Json) -> None:
    sources = [name for name in volume if name != "name"]
    if not sources:
        volume["emptyDir"] = {}
        return
    for name, mode in _MODES.items():
        if name in volume:
            _set(volume[name], defaultMode=mode)
    if "hostPath" in volume:
        _set(volume["hostPath"], type="")
    if "iscsi" in volume:
        _set(volume["iscsi"], iscsiInterface="default")
    if "rbd" in volume:
        _set(volume["rbd"], pool="rbd", user="admin", keyring="/etc/ceph/keyring")
    if "ephemeral" in volume:
        template = volume["ephemeral"].get("volumeClaimTemplate") or {}
        _set(template.setdefault("spec", {}), volumeMode="Filesystem")
        template.setdefault("metadata", {})
        template["spec"].setdefault("resources", {})
    for item in (volume.get("downwardAPI") or {}).get("items", ()):
        _downward(item)
    for source in (volume.get("projected") or {}).get("sources", ()):
        if "serviceAccountToken" in source:
            _set(source["serviceAccountToken"], expirationSeconds=_TOKEN_SECONDS)
        for item in (source.get("downwardAPI") or {}).get("items", ()):
            _downward(item)


def _downward(item: Json) -> None:
    if "fieldRef" in item:
        _set(item["fieldRef"], apiVersion="v1")
    if "resourceFieldRef" in item:
        _set(item["resourceFieldRef"], divisor="0")
