"""
Which pods stand behind a service, and what address does a load balancer get?
"""

from __future__ import annotations

from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.labelled import Labelled, Pair
from moorage.sandbox.workloads.nodes import NODE
from moorage.sandbox.workloads.pods import is_ready
from moorage.sandbox.workloads.ports import ENDPOINTS, PODS, SERVICES, SLICES, Cluster, Event, Key
from moorage.sandbox.workloads.templates import fingerprint, owner_of

LOAD_BALANCER = "127.0.0.1"


class Services:
    """Keeps endpoints and load balancers of services."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        self._pods_by_label = Labelled()
        self._services_by_label = Labelled()
        for pod in cluster.every(PODS):
            self._pods_by_label.file(*_place(pod), _labels(pod))
        for service in cluster.every(SERVICES):
            self._services_by_label.file(*_place(service), _first(service))
        cluster.follow(SERVICES, self._told)
        cluster.follow(PODS, self._pod_told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if before is not None:
            self._services_by_label.drop(*_place(before), _first(before))
        if event != "DELETED":
            self._services_by_label.file(*_place(body), _first(body))
        if event == "ADDED" or (before is not None and before["spec"] is not body["spec"]):
            self._driver.soon(self.look, key)

    def _pod_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if before is not None and event == "MODIFIED" and _standing(before) == _standing(body):
            return
        if before is not None:
            self._pods_by_label.drop(key.namespace, key.name, _labels(before))
        if event != "DELETED":
            self._pods_by_label.file(key.namespace, key.name, _labels(body))
        for pair in {*_labels(body), *(_labels(before) if before is not None else ())}:
            for name in self._services_by_label.under(key.namespace, pair):
                self._driver.soon(self.look, Key(SERVICES, key.namespace, name))

    def look(self, key: Key) -> None:
        """Write the endpoints of a service and the address of its load balancer."""
        held = self._cluster.get(*key)
        if held is None or held["metadata"].get("deletionTimestamp"):
            return
        balanced = held["spec"].get("type") == "LoadBalancer" and not held["spec"].get("loadBalancerClass")
        address = {"ingress": [{"ip": LOAD_BALANCER, "ipMode": "VIP"}]} if balanced else {}
        self._cluster.replace(held, status={**held["status"], "loadBalancer": address})
        if held["spec"].get("selector") and held["spec"].get("type") != "ExternalName":
            pods = self._pods(held)
            self._write_endpoints(held, pods)
            self._write_slice(held, pods)

    def _pods(self, held: Json) -> list[Json]:
        selector, namespace = held["spec"]["selector"], held["metadata"]["namespace"]
        names = self._pods_by_label.candidates(namespace, selector)
        pods = (self._cluster.get(PODS, namespace, name) for name in names)
        found = [
            pod
            for pod in pods
            if pod is not None
            and selector.items() <= (pod["metadata"].get("labels") or {}).items()
            and pod["status"].get("podIP")
            and pod["status"].get("phase") == "Running"
        ]
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    def _write_endpoints(self, held: Json, pods: list[Json]) -> None:
        meta = held["metadata"]
        early = bool(held["spec"].get("publishNotReadyAddresses"))
        ready = [_address(pod) for pod in pods if is_ready(pod) or early]
        unready = [_address(pod) for pod in pods if not (is_ready(pod) or early)]
        subset: Json = {}
        if ready:
            subset["addresses"] = ready
        if unready:
            subset["notReadyAddresses"] = unready
        if ports := _ports(held, pods):
            subset["ports"] = ports
        subsets = [subset] if pods else []
        labels = {**meta.get("labels", {}), "endpoints.kubernetes.io/managed-by": "endpoint-controller"}
        known = self._cluster.get(ENDPOINTS, meta["namespace"], meta["name"])
        if known is None:
            metadata = {"name": meta["name"], "namespace": meta["namespace"], "labels": labels}
            self._cluster.create(
                ENDPOINTS, {"metadata": metadata, **({"subsets": subsets} if subsets else {})}
            )
        elif (known.get("subsets") or []) != subsets:
            self._cluster.replace(known, subsets=subsets)

    def _write_slice(self, held: Json, pods: list[Json]) -> None:
        meta = held["metadata"]
        early = bool(held["spec"].get("publishNotReadyAddresses"))
        endpoints: list[Any] = [
            {
                "addresses": [pod["status"]["podIP"]],
                "conditions": {
                    "ready": is_ready(pod) or early,
                    "serving": is_ready(pod),
                    "terminating": False,
                },
                "nodeName": NODE,
                "targetRef": _target(pod),
            }
            for pod in pods
        ]
        name = f"{meta['name']}-{fingerprint(meta['uid'], 5)}"
        ports = _ports(held, pods)
        known = self._cluster.get(SLICES, meta["namespace"], name)
        if known is None:
            labels = {
                **meta.get("labels", {}),
                "kubernetes.io/service-name": meta["name"],
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            }
            owned = {
                "name": name,
                "namespace": meta["namespace"],
                "labels": labels,
                "ownerReferences": [owner_of(held)],
            }
            self._cluster.create(
                SLICES, {"metadata": owned, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}
            )
        else:
            self._cluster.replace(known, endpoints=endpoints, ports=ports)


class EndpointCleaning:
    """Removes the endpoints of a service that is gone: they have no owner to go with."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        cluster.follow(SERVICES, self._told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "DELETED":
            self._driver.soon(self.look, Key(ENDPOINTS, key.namespace, key.name))

    def look(self, key: Key) -> None:
        """Remove endpoints unless the service is there again."""
        if (
            self._cluster.get(SERVICES, key.namespace, key.name) is None
            and self._cluster.get(*key) is not None
        ):
            self._cluster.delete(key)


def _place(body: Json) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]


def _labels(pod: Json) -> list[Pair]:
    return list((pod["metadata"].get("labels") or {}).items())


def _first(service: Json) -> list[Pair]:
    # One label is enough to find a service by: the pods it selects bear them all.
    return sorted((service["spec"].get("selector") or {}).items())[:1]


def _standing(pod: Json) -> tuple[Any, ...]:
    status, meta = pod["status"], pod["metadata"]
    return is_ready(pod), status.get("podIP"), status.get("phase"), meta.get("labels")


def _target(pod: Json) -> Json:
    meta = pod["metadata"]
    return {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}


def _address(pod: Json) -> Json:
    return {"ip": pod["status"]["podIP"], "nodeName": NODE, "targetRef": _target(pod)}


def _ports(held: Json, pods: list[Json]) -> list[Json]:
    ports = []
    for port in held["spec"].get("ports", ()):
        number = (
            port["targetPort"] if isinstance(port["targetPort"], int) else _named(port["targetPort"], pods)
        )
        if number is not None:
            ports.append({"name": port.get("name", ""), "port": number, "protocol": port["protocol"]})
            if port.get("appProtocol"):
                ports[-1]["appProtocol"] = port["appProtocol"]
    return ports


def _named(name: str, pods: list[Json]) -> int | None:
    for pod in pods:
        for container in pod["spec"].get("containers", ()):
            for port in container.get("ports", ()):
                if port.get("name") == name:
                    return int(port["containerPort"])
    return None
