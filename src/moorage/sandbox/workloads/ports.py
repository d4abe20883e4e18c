"""
What may a simulated controller ask of the cluster and of time?

The controllers know these two protocols alone. `storeside.StoreCluster` answers
the first from the sandbox's store, `WallClock` the second from the machine; the
tests bring a clock they turn by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol

from moorage.model.manifest import Json

Event = Literal["ADDED", "MODIFIED", "DELETED"]


class Ref(NamedTuple):
    """A resource: group and plural, as ``apps`` and ``deployments``."""

    group: str
    plural: str


class Key(NamedTuple):
    """One object of a resource."""

    ref: Ref
    namespace: str
    name: str


Listener = Callable[[Event, Key, Json, "Json | None"], None]
"""Told of each change: what happened, to what, the body now (the last one when deleted) and before."""


class Cluster(Protocol):
    """The cluster as a controller sees it. Bodies are read-only; what is passed in is the cluster's to keep."""

    def get(self, ref: Ref, namespace: str, name: str) -> Json | None: ...

    def every(self, ref: Ref, namespace: str = "") -> Iterable[Json]: ...

    def owned(self, uid: str, ref: Ref) -> list[Json]:
        """Return the objects of `ref` that the object of that uid controls."""
        ...

    def create(self, ref: Ref, body: Json) -> Json | None:
        """Create an object; None when it exists or is refused."""
        ...

    def note(self, ref: Ref, body: Json) -> bool:
        """Store a body that is complete but for what the server adds; False when its namespace goes or is gone."""
        ...

    def replace(self, body: Json, **parts: Any) -> Json | None:
        """Store `body` with its top-level `parts` replaced, if it is still there; unchanged parts cost nothing."""
        ...

    def change(self, body: Json, spec: Json) -> Json | None:
        """Store a new spec the way a client would: it counts as a generation."""
        ...

    def delete(self, key: Key, propagation: str = "Background") -> None: ...

    def finalize(self, body: Json) -> None:
        """Store `body` as what is left of an object being deleted, or remove it when nothing holds it."""
        ...

    def resolve(self, api_version: str, kind: str) -> tuple[Ref, bool] | None:
        """Return the resource of a kind and whether it is namespaced; None when nothing serves it."""
        ...

    def dependents(self, uid: str) -> list[Key]:
        """Return the keys of the objects that name this uid among their owners."""
        ...

    def owned_or_leaving(self) -> Iterable[Key]:
        """Return the keys of all objects that have owners or wait to be gone."""
        ...

    def follow(self, ref: Ref | None, listener: Listener) -> None:
        """Call `listener` after every change of `ref`, or of everything when None."""
        ...


class Clock(Protocol):
    """Time, so that tests can turn it."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class WallClock:
    """The machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def stamp(moment: datetime) -> str:
    """Return a time as Kubernetes writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """Return the time a Kubernetes time stamp means."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


CONFIG_MAPS = Ref("", "configmaps")
CLAIMS = Ref("", "persistentvolumeclaims")
ENDPOINTS = Ref("", "endpoints")
EVENTS = Ref("", "events")
NAMESPACES = Ref("", "namespaces")
NODES = Ref("", "nodes")
PODS = Ref("", "pods")
SECRETS = Ref("", "secrets")
SERVICES = Ref("", "services")
SERVICE_ACCOUNTS = Ref("", "serviceaccounts")
VOLUMES = Ref("", "persistentvolumes")
DAEMON_SETS = Ref("apps", "daemonsets")
DEPLOYMENTS = Ref("apps", "deployments")
REPLICA_SETS = Ref("apps", "replicasets")
REVISIONS = Ref("apps", "controllerrevisions")
STATEFUL_SETS = Ref("apps", "statefulsets")
CRON_JOBS = Ref("batch", "cronjobs")
JOBS = Ref("batch", "jobs")
API_SERVICES = Ref("apiregistration.k8s.io", "apiservices")
AUTOSCALERS = Ref("autoscaling", "horizontalpodautoscalers")
BUDGETS = Ref("policy", "poddisruptionbudgets")
INGRESSES = Ref("networking.k8s.io", "ingresses")
SLICES = Ref("discovery.k8s.io", "endpointslices")
STORAGE_CLASSES = Ref("storage.k8s.io", "storageclasses")
