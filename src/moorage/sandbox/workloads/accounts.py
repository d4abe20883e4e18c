"""
What does every namespace come with: a default service account and the cluster's authority.
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.ports import (
    CONFIG_MAPS,
    NAMESPACES,
    SERVICE_ACCOUNTS,
    Cluster,
    Event,
    Key,
    Ref,
)

AUTHORITY = "kube-root-ca.crt"
_COMING_WITH = {(SERVICE_ACCOUNTS, "default"), (CONFIG_MAPS, AUTHORITY)}


class NamespaceFurnishing:
    """Puts into each namespace what a real cluster puts there, and puts it back when it is deleted."""

    def __init__(self, cluster: Cluster, driver: Driver, authority: str) -> None:
        self._cluster = cluster
        self._driver = driver
        self._authority = authority
        cluster.follow(NAMESPACES, self._told)
        for ref, _ in _COMING_WITH:
            cluster.follow(ref, self._content_told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "ADDED":
            self._driver.soon(self.look, key)

    def _content_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "DELETED" and (key.ref, key.name) in _COMING_WITH:
            self._driver.soon(self.look, Key(NAMESPACES, "", key.namespace))

    def look(self, key: Key) -> None:
        """Create what is missing in a namespace that stays."""
        held = self._cluster.get(*key)
        if held is None or held["metadata"].get("deletionTimestamp"):
            return
        description = {
            "kubernetes.io/description": "Contains a CA bundle that can be used to verify the API server."
        }
        self._make(SERVICE_ACCOUNTS, key.name, {"metadata": {"name": "default"}})
        self._make(
            CONFIG_MAPS,
            key.name,
            {
                "metadata": {"name": AUTHORITY, "annotations": description},
                "data": {"ca.crt": self._authority},
            },
        )

    def _make(self, ref: Ref, namespace: str, body: Json) -> None:
        if self._cluster.get(ref, namespace, body["metadata"]["name"]) is None:
            self._cluster.create(ref, {**body, "metadata": {**body["metadata"], "namespace": namespace}})
