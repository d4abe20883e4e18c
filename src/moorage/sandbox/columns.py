"""
What does ``kubectl get`` show of a built-in kind?

The columns come from the server. A row of the table below names the columns of
a kind; those after ``|`` are shown only with ``-o wide``. The functions in
`cells` read them from an object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox import cells
from moorage.sandbox.durations import age

_DESCRIPTIONS = {
    "Name": "Name must be unique within a namespace.",
    "Age": "CreationTimestamp is the time at which the object was created.",
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a kind and the way from an object to its cells."""

    definitions: Sequence[Json]
    read: Callable[[Json], list[Any]]

    def cells(self, body: Json, now: datetime | None = None) -> list[Any]:
        """Return one cell a column; ages are told as of `now`, the present when absent."""
        return [_aged(cell, now) for cell in self.read(body)]


def _aged(cell: Any, now: datetime | None) -> Any:
    return age(cell.stamp, now) if isinstance(cell, cells.Since) else cell


@cache
def columns_for(group: str, kind: str) -> Columns:
    """Return the columns of a built-in kind; Name and Age when it has none of its own."""
    text, read = _KINDS.get((group, kind), ("Name, Age", cells.plain))
    narrow, _, wide = text.partition("|")
    definitions = [_definition(name, 0) for name in _names(narrow)]
    definitions += [_definition(name, 1) for name in _names(wide)]
    return Columns(definitions, read)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _definition(text: str, priority: int) -> Json:
    name, _, kind = text.partition(":")
    return {
        "name": name,
        "type": kind or "string",
        "format": "name" if name == "Name" else "",
        "description": _DESCRIPTIONS.get(name, f"{name} of the object."),
        "priority": priority,
    }


_WORKLOAD = "Containers, Images, Selector"
_KINDS: dict[tuple[str, str], tuple[str, Callable[[Json], list[Any]]]] = {
    ("", "Pod"): (
        "Name, Ready, Status, Restarts, Age | IP, Node, Nominated Node, Readiness Gates",
        cells.pod,
    ),
    ("", "Service"): ("Name, Type, Cluster-IP, External-IP, Port(s), Age | Selector", cells.service),
    ("", "ConfigMap"): ("Name, Data:integer, Age", cells.config_map),
    ("", "Secret"): ("Name, Type, Data:integer, Age", cells.secret),
    ("", "ServiceAccount"): ("Name, Secrets:integer, Age", cells.service_account),
    ("", "Namespace"): ("Name, Status, Age", cells.namespace),
    ("", "Node"): (
        "Name, Status, Roles, Age, Version | Internal-IP, External-IP, OS-Image, Kernel-Version, Container-Runtime",
        cells.node,
    ),
    ("", "PersistentVolume"): (
        "Name, Capacity, Access Modes, Reclaim Policy, Status, Claim, StorageClass, VolumeAttributesClass, Reason, Age"
        " | VolumeMode",
        cells.volume,
    ),
    ("", "PersistentVolumeClaim"): (
        "Name, Status, Volume, Capacity, Access Modes, StorageClass, VolumeAttributesClass, Age | VolumeMode",
        cells.claim,
    ),
    ("", "Endpoints"): ("Name, Endpoints, Age", cells.endpoints),
    ("", "Event"): (
        "Last Seen, Type, Reason, Object, Message | Subobject, Source, First Seen, Count:integer, Name",
        cells.event,
    ),
    ("", "ReplicationController"): (
        "Name, Desired:integer, Current:integer, Ready:integer, Age | Containers, Images, Selector",
        cells.replica_set,
    ),
    ("", "LimitRange"): ("Name, Created At", cells.created),
    ("", "ResourceQuota"): ("Name, Age, Request, Limit", cells.quota),
    ("apps", "Deployment"): (
        f"Name, Ready, Up-to-date:integer, Available:integer, Age | {_WORKLOAD}",
        cells.deployment,
    ),
    ("apps", "ReplicaSet"): (
        f"Name, Desired:integer, Current:integer, Ready:integer, Age | {_WORKLOAD}",
        cells.replica_set,
    ),
    ("apps", "StatefulSet"): ("Name, Ready, Age | Containers, Images", cells.stateful_set),
    ("apps", "DaemonSet"): (
        "Name, Desired:integer, Current:integer, Ready:integer, Up-to-date:integer, Available:integer, Node Selector,"
        f" Age | {_WORKLOAD}",
        cells.daemon_set,
    ),
    ("apps", "ControllerRevision"): ("Name, Controller, Revision:integer, Age", cells.controller_revision),
    ("batch", "Job"): (f"Name, Status, Completions, Duration, Age | {_WORKLOAD}", cells.job),
    ("batch", "CronJob"): (
        f"Name, Schedule, Timezone, Suspend, Active:integer, Last Schedule, Age | {_WORKLOAD}",
        cells.cron_job,
    ),
    ("networking.k8s.io", "Ingress"): ("Name, Class, Hosts, Address, Ports, Age", cells.ingress),
    ("networking.k8s.io", "IngressClass"): ("Name, Controller, Parameters, Age", cells.ingress_class),
    ("networking.k8s.io", "NetworkPolicy"): ("Name, Pod-Selector, Age", cells.network_policy),
    ("discovery.k8s.io", "EndpointSlice"): ("Name, AddressType, Ports, Endpoints, Age", cells.endpoint_slice),
    ("autoscaling", "HorizontalPodAutoscaler"): (
        "Name, Reference, Targets, MinPods, MaxPods, Replicas:integer, Age",
        cells.autoscaler,
    ),
    ("policy", "PodDisruptionBudget"): (
        "Name, Min Available, Max Unavailable, Allowed Disruptions:integer, Age",
        cells.budget,
    ),
    ("rbac.authorization.k8s.io", "Role"): ("Name, Created At", cells.created),
    ("rbac.authorization.k8s.io", "ClusterRole"): ("Name, Created At", cells.created),
    ("rbac.authorization.k8s.io", "RoleBinding"): (
        "Name, Role, Age | Users, Groups, ServiceAccounts",
        cells.role_binding,
    ),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): (
        "Name, Role, Age | Users, Groups, ServiceAccounts",
        cells.role_binding,
    ),
    ("storage.k8s.io", "StorageClass"): (
        "Name, Provisioner, ReclaimPolicy, VolumeBindingMode, AllowVolumeExpansion, Age",
        cells.storage_class,
    ),
    ("scheduling.k8s.io", "PriorityClass"): (
        "Name, Value:integer, Global-Default, Age, PreemptionPolicy",
        cells.priority_class,
    ),
    ("coordination.k8s.io", "Lease"): ("Name, Holder, Age", cells.lease),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): ("Name, Created At", cells.created),
    ("apiregistration.k8s.io", "APIService"): ("Name, Service, Available, Age", cells.api_service),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): (
        "Name, Webhooks:integer, Age",
        cells.webhooks,
    ),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): (
        "Name, Webhooks:integer, Age",
        cells.webhooks,
    ),
    ("certificates.k8s.io", "CertificateSigningRequest"): (
        "Name, Age, SignerName, Requestor, RequestedDuration, Condition",
        cells.signing_request,
    ),
}
