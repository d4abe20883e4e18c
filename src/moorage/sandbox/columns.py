"""
What does ``kubectl get`` show of a built-in kind?

The columns come from the server; they are data, recorded from a real one by
scripts/columns.py, those of ``-o wide`` with a priority of 1. The functions in
`cells` and `clustercells` read them from an object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox import cells, clustercells, kinds
from moorage.sandbox.durations import age


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
    known = _definitions()
    definitions = known.get(f"{group}/{kind}") or known["resource.k8s.io/DeviceClass"]
    # A kind without columns of its own tells when it was made; a few tell its age.
    usual = cells.created if definitions[-1]["name"] == "Created At" else cells.plain
    return Columns(definitions, _READERS.get((group, kind), usual))


@cache
def _definitions() -> Mapping[str, list[Json]]:
    return kinds.unpacked("columns")


_READERS: dict[tuple[str, str], Callable[[Json], list[Any]]] = {
    ("", "Pod"): cells.pod,
    ("", "Service"): cells.service,
    ("", "ConfigMap"): cells.config_map,
    ("", "Secret"): cells.secret,
    ("", "ServiceAccount"): cells.service_account,
    ("", "Namespace"): cells.namespace,
    ("", "Node"): cells.node,
    ("", "PersistentVolume"): cells.volume,
    ("", "PersistentVolumeClaim"): cells.claim,
    ("", "Endpoints"): cells.endpoints,
    ("", "Event"): cells.event,
    ("", "ReplicationController"): cells.replica_set,
    ("", "ResourceQuota"): cells.quota,
    ("apps", "Deployment"): cells.deployment,
    ("apps", "ReplicaSet"): cells.replica_set,
    ("apps", "StatefulSet"): cells.stateful_set,
    ("apps", "DaemonSet"): cells.daemon_set,
    ("apps", "ControllerRevision"): cells.controller_revision,
    ("batch", "Job"): cells.job,
    ("batch", "CronJob"): cells.cron_job,
    ("networking.k8s.io", "Ingress"): cells.ingress,
    ("networking.k8s.io", "IngressClass"): cells.ingress_class,
    ("networking.k8s.io", "NetworkPolicy"): cells.network_policy,
    ("discovery.k8s.io", "EndpointSlice"): cells.endpoint_slice,
    ("autoscaling", "HorizontalPodAutoscaler"): cells.autoscaler,
    ("policy", "PodDisruptionBudget"): cells.budget,
    ("rbac.authorization.k8s.io", "RoleBinding"): cells.role_binding,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): cells.role_binding,
    ("storage.k8s.io", "StorageClass"): cells.storage_class,
    ("scheduling.k8s.io", "PriorityClass"): cells.priority_class,
    ("coordination.k8s.io", "Lease"): cells.lease,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): clustercells.definition,
    ("apiregistration.k8s.io", "APIService"): cells.api_service,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): cells.webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): cells.webhooks,
    ("certificates.k8s.io", "CertificateSigningRequest"): cells.signing_request,
    ("", "ComponentStatus"): clustercells.component,
    ("", "PodTemplate"): clustercells.pod_template,
    ("storage.k8s.io", "CSIDriver"): clustercells.driver,
    ("node.k8s.io", "RuntimeClass"): clustercells.runtime_class,
    ("storage.k8s.io", "VolumeAttachment"): clustercells.attachment,
    ("storage.k8s.io", "CSINode"): clustercells.storage_node,
    ("storage.k8s.io", "VolumeAttributesClass"): clustercells.attributes_class,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): clustercells.admission_policy,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"): clustercells.admission_policy,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"): clustercells.admission_binding,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"): clustercells.admission_binding,
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): clustercells.flow_schema,
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): clustercells.priority_level,
    ("resource.k8s.io", "ResourceClaim"): clustercells.resource_claim,
    ("resource.k8s.io", "ResourceSlice"): clustercells.resource_slice,
    ("networking.k8s.io", "ServiceCIDR"): clustercells.service_range,
    ("networking.k8s.io", "IPAddress"): clustercells.address,
    ("events.k8s.io", "Event"): cells.event,
    ("certificates.k8s.io", "ClusterTrustBundle"): clustercells.trust_bundle,
    ("certificates.k8s.io", "PodCertificateRequest"): clustercells.pod_certificate,
    ("resource.k8s.io", "DeviceTaintRule"): clustercells.device_taint,
    ("storagemigration.k8s.io", "StorageVersionMigration"): clustercells.storage_migration,
}
