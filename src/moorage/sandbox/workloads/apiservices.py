"""
Is the server behind an APIService there?

Local ones always are. One that names a service counts as available as soon as
the service exists: nothing is called in the sandbox.
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.workloads.conditions import condition, put
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.ports import API_SERVICES, SERVICES, Cluster, Event, Key


class ApiServices:
    """Says which APIServices are available."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        cluster.follow(API_SERVICES, self._told)
        cluster.follow(SERVICES, self._service_told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "ADDED" or (before is not None and before["spec"] is not body["spec"]):
            self._driver.soon(self.look, key)

    def _service_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "MODIFIED":
            return
        for each in self._cluster.every(API_SERVICES):
            backend = each["spec"].get("service") or {}
            if (backend.get("namespace"), backend.get("name")) == (key.namespace, key.name):
                self._driver.soon(self.look, Key(API_SERVICES, "", each["metadata"]["name"]))

    def look(self, key: Key) -> None:
        """Write whether an APIService is available."""
        held = self._cluster.get(*key)
        if held is None:
            return
        backend = held["spec"].get("service")
        if not backend:
            told = condition("Available", True, "Local", "Local APIServices are always available")
        elif self._cluster.get(SERVICES, backend["namespace"], backend["name"]) is not None:
            told = condition("Available", True, "Passed", "all checks passed")
        else:
            message = f'service/{backend["name"]} in "{backend["namespace"]}" is not present'
            told = condition("Available", False, "ServiceNotFound", message)
        conditions = put(held["status"].get("conditions"), [told], self._driver.clock.now())
        self._cluster.replace(held, status={"conditions": conditions})
