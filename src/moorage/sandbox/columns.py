"""
What does ``kubectl get`` show of a built-in kind?

The columns come from the server; they are data, recorded from a real one by
scripts/columns.py, those of ``-o wide`` with a priority of 1. The functions in
`cells` read them from an object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox import kinds
from moorage.sandbox.cells import administration, configuration, networking, words, workloads
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
    return age(cell.stamp, now) if isinstance(cell, words.Since) else cell


@cache
def columns_for(group: str, kind: str) -> Columns:
    """Return the columns of a built-in kind; Name and Age when it has none of its own."""
    known = _definitions()
    definitions = known.get(f"{group}/{kind}") or known["resource.k8s.io/DeviceClass"]
    # A kind without columns of its own tells when it was made; a few tell its age.
    usual = words.created if definitions[-1]["name"] == "Created At" else words.plain
    return Columns(definitions, _READERS.get((group, kind), usual))


@cache
def _definitions() -> Mapping[str, list[Json]]:
    return kinds.unpacked("columns")


_READERS: dict[tuple[str, str], Callable[[Json], list[Any]]] = {
    ("", "Pod"): workloads.pod,
    ("", "Service"): networking.service,
    ("", "ConfigMap"): configuration.config_map,
    ("", "Secret"): configuration.secret,
    ("", "ServiceAccount"): configuration.service_account,
    ("", "Namespace"): configuration.namespace,
    ("", "Node"): configuration.node,
    ("", "PersistentVolume"): configuration.volume,
    ("", "PersistentVolumeClaim"): configuration.claim,
    ("", "Endpoints"): networking.endpoints,
    ("", "Event"): configuration.event,
    ("", "ReplicationController"): workloads.replica_set,
    ("", "ResourceQuota"): configuration.quota,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("apps", "ControllerRevision"): workloads.controller_revision,
    ("batch", "Job"): workloads.job,
    ("batch", "CronJob"): workloads.cron_job,
    ("networking.k8s.io", "Ingress"): networking.ingress,
    ("networking.k8s.io", "IngressClass"): networking.ingress_class,
    ("networking.k8s.io", "NetworkPolicy"): networking.network_policy,
    ("discovery.k8s.io", "EndpointSlice"): networking.endpoint_slice,
    ("autoscaling", "HorizontalPodAutoscaler"): workloads.autoscaler,
    ("policy", "PodDisruptionBudget"): workloads.budget,
    ("rbac.authorization.k8s.io", "RoleBinding"): configuration.role_binding,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): configuration.role_binding,
    ("storage.k8s.io", "StorageClass"): configuration.storage_class,
    ("scheduling.k8s.io", "PriorityClass"): configuration.priority_class,
    ("coordination.k8s.io", "Lease"): configuration.lease,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): administration.definition,
    ("apiregistration.k8s.io", "APIService"): configuration.api_service,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): configuration.webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): configuration.webhooks,
    ("certificates.k8s.io", "CertificateSigningRequest"): configuration.signing_request,
    ("", "ComponentStatus"): administration.component,
    ("", "PodTemplate"): administration.pod_template,
    ("storage.k8s.io", "CSIDriver"): administration.driver,
    ("node.k8s.io", "RuntimeClass"): administration.runtime_class,
    ("storage.k8s.io", "VolumeAttachment"): administration.attachment,
    ("storage.k8s.io", "CSINode"): administration.storage_node,
    ("storage.k8s.io", "VolumeAttributesClass"): administration.attributes_class,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): administration.admission_policy,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"): administration.admission_policy,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"): administration.admission_binding,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"): administration.admission_binding,
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): administration.flow_schema,
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): administration.priority_level,
    ("resource.k8s.io", "ResourceClaim"): administration.resource_claim,
    ("resource.k8s.io", "ResourceSlice"): administration.resource_slice,
    ("networking.k8s.io", "ServiceCIDR"): administration.service_range,
    ("networking.k8s.io", "IPAddress"): administration.address,
    ("events.k8s.io", "Event"): configuration.fresh_event,
    ("certificates.k8s.io", "ClusterTrustBundle"): administration.trust_bundle,
    ("certificates.k8s.io", "PodCertificateRequest"): administration.pod_certificate,
    ("resource.k8s.io", "DeviceTaintRule"): administration.device_taint,
    ("storagemigration.k8s.io", "StorageVersionMigration"): administration.storage_migration,
}
