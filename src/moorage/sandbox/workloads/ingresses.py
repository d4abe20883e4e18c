"""
What address does an ingress get?
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.ports import INGRESSES, Cluster, Event, Key
from moorage.sandbox.workloads.services import LOAD_BALANCER


class Ingresses:
    """Gives every ingress the address of this machine."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        cluster.follow(INGRESSES, self._told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "ADDED":
            self._driver.soon(self.look, key)

    def look(self, key: Key) -> None:
        """Write the address into the status."""
        held = self._cluster.get(*key)
        if held is not None:
            self._cluster.replace(held, status={"loadBalancer": {"ingress": [{"ip": LOAD_BALANCER}]}})
