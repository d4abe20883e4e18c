"""
What does the API server add to an object of a built-in kind that does not say it?

Two ways in: `default` is pure and takes any body, for commands without a
cluster; `fill` changes a body it owns and that `shapes` already decoded, for the
sandbox's own writes. What depends on other objects (a cluster IP, a node, a
service account) belongs to `preparing` and the workloads.
"""

from __future__ import annotations

from collections.abc import Callable

from moorage.model.identity import group_of
from moorage.model.manifest import Json
from moorage.sandbox import kinds
from moorage.sandbox.defaults import extensions, networking, policy, storage, workloads
from moorage.sandbox.defaults.filling import with_status
from moorage.sandbox.defaults.policy import RBAC
from moorage.sandbox.eventforms import fill_parts
from moorage.sandbox.shapes import decoded, shape_of


def default(body: Json) -> Json:
    """Return `body` as the API server would store it: decoded, defaults filled in. Other kinds as they are."""
    shape = shape_of(body.get("apiVersion", ""), body.get("kind", ""))
    if shape is None:
        return body
    filled = decoded(body, shape)
    fill(filled)
    return filled


def fill(body: Json) -> None:
    """Add the defaults of a built-in kind to `body`, in place; it must be well-formed."""
    kind = group_of(body["apiVersion"]), body["kind"]
    if _is_new(body) and kind in _REPORTED:
        body.pop("status", None)
    rule = _RULES.get(kind)
    if rule is not None:
        rule(body)


def _is_new(body: Json) -> bool:
    """Return whether an API server is about to store this for the first time: it has a uid and no version yet."""
    metadata = body.get("metadata") or {}
    return "uid" in metadata and "resourceVersion" not in metadata


# Kinds whose status only their controllers write; what a client sends at creation is dropped.
_REPORTED = frozenset(
    (kind.group, kind.kind) for kind in kinds.BUILTIN if "status" in kind.subresources and kind.kind != "Node"
)


_RULES: dict[tuple[str, str], Callable[[Json], None]] = {
    ("", "Pod"): workloads.pod,
    ("", "PodTemplate"): workloads.pod_template,
    ("", "ReplicationController"): workloads.replication_controller,
    ("", "Service"): networking.service,
    ("", "Endpoints"): networking.endpoints,
    ("", "PersistentVolumeClaim"): storage.claim,
    ("", "PersistentVolume"): storage.volume,
    ("", "Secret"): storage.secret,
    ("", "Namespace"): storage.namespace,
    ("", "ServiceAccount"): storage.account,
    ("", "LimitRange"): storage.limit_range,
    ("", "ResourceQuota"): with_status,
    ("", "Node"): storage.node,
    ("", "Event"): fill_parts,
    ("events.k8s.io", "Event"): fill_parts,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "ReplicaSet"): workloads.replica_set,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("apps", "DaemonSet"): workloads.daemon_set,
    ("batch", "Job"): workloads.job,
    ("batch", "CronJob"): workloads.cron_job,
    ("networking.k8s.io", "Ingress"): networking.ingress,
    ("networking.k8s.io", "IngressClass"): networking.ingress_class,
    ("networking.k8s.io", "NetworkPolicy"): networking.network_policy,
    ("discovery.k8s.io", "EndpointSlice"): networking.endpoint_slice,
    ("storage.k8s.io", "StorageClass"): storage.storage_class,
    ("storage.k8s.io", "CSIDriver"): extensions.csi_driver,
    (RBAC, "Role"): policy.role,
    (RBAC, "ClusterRole"): policy.role,
    (RBAC, "RoleBinding"): policy.binding,
    (RBAC, "ClusterRoleBinding"): policy.binding,
    ("policy", "PodDisruptionBudget"): policy.budget,
    ("autoscaling", "HorizontalPodAutoscaler"): policy.autoscaler,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): extensions.custom_resource,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): extensions.webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): extensions.webhooks,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): extensions.admission_policy,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"): extensions.admission_binding,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"): extensions.admission_policy,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"): extensions.admission_binding,
    ("apiregistration.k8s.io", "APIService"): extensions.api_service,
    ("scheduling.k8s.io", "PriorityClass"): extensions.priority_class,
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): extensions.flow_schema,
}
