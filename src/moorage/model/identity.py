"""
Names things: applications, clusters, kinds and resources.

Keys are named tuples: hashable, sortable and cheap. How they print is how users
see them in messages, so it is decided here and nowhere else.
"""

from __future__ import annotations

from typing import NamedTuple

IN_CLUSTER = "https://kubernetes.default.svc"
"""The server address that means "the cluster Moorage itself runs on", as in Argo CD."""


class AppKey(NamedTuple):
    """An application: its namespace and name. Prints as ``argocd/shop``."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def instance(self, control_namespace: str) -> str:
        """Return the instance name used in tracking ids: the bare name at home, ``<ns>_<name>`` elsewhere."""
        return self.name if self.namespace == control_namespace else f"{self.namespace}_{self.name}"

    @classmethod
    def from_instance(cls, instance: str, control_namespace: str) -> AppKey:
        """Return the key an instance name stands for (the inverse of `instance`)."""
        namespace, sep, name = instance.partition("_")
        return cls(namespace, name) if sep else cls(control_namespace, instance)


class ClusterKey(NamedTuple):
    """A destination cluster, known by its server address."""

    server: str

    def __str__(self) -> str:
        return self.server


class GroupKind(NamedTuple):
    """A kind within its API group; the core group is the empty string. Prints as ``Deployment.apps``."""

    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


class ResourceKey(NamedTuple):
    """One object in a cluster, whatever version it is read in. Prints as ``Job/shop/migrate``."""

    group: str
    kind: str
    namespace: str
    name: str

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


def group_of(api_version: str) -> str:
    """Return the group of an ``apiVersion``: ``apps/v1`` → ``apps``, ``v1`` → the empty string."""
    group, sep, _ = api_version.rpartition("/")
    return group if sep else ""
