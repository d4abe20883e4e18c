"""
What does every namespace come with: a default service account and the cluster's authority; and tokens in secrets.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from moorage.model.manifest import Json
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.ports import (
    CONFIG_MAPS,
    NAMESPACES,
    SECRETS,
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


class AccountSecrets:
    """Fills secrets of the type that asks for the token of a service account."""

    def __init__(
        self, cluster: Cluster, driver: Driver, authority: str, issue: Callable[[Json], str]
    ) -> None:
        self._cluster = cluster
        self._driver = driver
        self._authority = authority
        self._issue = issue
        cluster.follow(SECRETS, self._told)
        cluster.follow(SERVICE_ACCOUNTS, self._account_told)

    def _told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event != "DELETED" and body.get("type") == _FILLED:
            self._driver.soon(self.look, key)

    def _account_told(self, event: Event, key: Key, body: Json, before: Json | None) -> None:
        if event == "ADDED" and key.name != "default":
            for secret in self._cluster.every(SECRETS, key.namespace):
                self._told("MODIFIED", Key(SECRETS, key.namespace, secret["metadata"]["name"]), secret, None)

    def look(self, key: Key) -> None:
        """Put a token into a secret whose account exists, once."""
        held = self._cluster.get(*key)
        if held is None or held.get("type") != _FILLED or (held.get("data") or {}).get("token"):
            return
        annotations = held["metadata"].get("annotations") or {}
        account = self._cluster.get(SERVICE_ACCOUNTS, key.namespace, annotations.get(_ACCOUNT_NAME, ""))
        if account is None:
            return
        told = {"ca.crt": self._authority, "namespace": key.namespace, "token": self._issue(account)}
        data = {name: base64.b64encode(text.encode()).decode() for name, text in told.items()}
        annotations = {**annotations, _ACCOUNT_UID: account["metadata"]["uid"]}
        metadata = {**held["metadata"], "annotations": annotations}
        self._cluster.replace(held, data={**(held.get("data") or {}), **data}, metadata=metadata)


_FILLED = "kubernetes.io/service-account-token"
_ACCOUNT_NAME = "kubernetes.io/service-account.name"
_ACCOUNT_UID = "kubernetes.io/service-account.uid"
