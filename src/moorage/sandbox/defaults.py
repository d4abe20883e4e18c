"""
What does the API server add to an object of a built-in kind that does not say it?

Two ways in: `default` is pure and takes any body, for commands without a
cluster; `fill` changes a body it owns and that `shapes` already decoded, for the
sandbox's own writes. What depends on other objects (a cluster IP, a node, a
service account) belongs to `preparing` and the workloads.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from moorage.model.identity import group_of
from moorage.model.manifest import Json
from moorage.sandbox import kinds
from moorage.sandbox.podspecs import fill_pod_spec, use_host_ports
from moorage.sandbox.preparing import TEMPLATE_GENERATION
from moorage.sandbox.shapes import decoded, shape_of

RBAC = "rbac.authorization.k8s.io"


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


def _spec(body: Json) -> Json:
    spec: Json = body.setdefault("spec", {})
    return spec


def _set(target: Json, **values: Any) -> None:
    for name, value in values.items():
        target.setdefault(name, value)


def _status(body: Json) -> None:
    body.setdefault("status", {})


# --- workloads -----------------------------------------------------------------------------------


def _template(spec: Json) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    fill_pod_spec(template.setdefault("spec", {}))


def _pod(body: Json) -> None:
    spec = _spec(body)
    fill_pod_spec(spec)
    _set(spec, enableServiceLinks=True)
    if spec.get("hostNetwork"):
        use_host_ports(spec)
    # Requests follow limits only for pods themselves; templates keep what was written.
    for container in [*spec.get("initContainers", ()), *spec.get("containers", ())]:
        resources = container["resources"]
        if limits := resources.get("limits"):
            resources["requests"] = {**limits, **resources.get("requests", {})}
    body.setdefault("status", {}).setdefault("phase", "Pending")
    body["status"].setdefault("qosClass", _quality(spec))


def _quality(spec: Json) -> str:
    containers = [*spec.get("initContainers", ()), *spec.get("containers", ())]
    resources = [container.get("resources", {}) for container in containers]
    if not any(each.get("requests") or each.get("limits") for each in resources):
        return "BestEffort"
    for each in resources:
        limits, requests = each.get("limits", {}), each.get("requests", {})
        if any(name not in limits or limits[name] != requests.get(name) for name in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"


def _pod_template(body: Json) -> None:
    _template(body)


def _deployment(body: Json) -> None:
    spec = _spec(body)
    _set(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), maxSurge="25%", maxUnavailable="25%")
    _template(spec)
    _status(body)


def _replica_set(body: Json) -> None:
    spec = _spec(body)
    _set(spec, replicas=1)
    _template(spec)
    body.setdefault("status", {}).setdefault("replicas", 0)


def _stateful_set(body: Json) -> None:
    spec = _spec(body)
    _set(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    _set(
        spec.setdefault("persistentVolumeClaimRetentionPolicy", {}), whenDeleted="Retain", whenScaled="Retain"
    )
    strategy = spec.setdefault("updateStrategy", {})
    if "type" not in strategy:
        strategy.setdefault("rollingUpdate", {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate" and "rollingUpdate" in strategy:
        _set(strategy["rollingUpdate"], partition=0, maxUnavailable=1)
    for claim in spec.get("volumeClaimTemplates", ()):
        _set(claim, apiVersion="v1", kind="PersistentVolumeClaim")
        claim.setdefault("metadata", {})
        _claim(claim)
    _template(spec)
    _set(body.setdefault("status", {}), replicas=0, availableReplicas=0)


def _daemon_set(body: Json) -> None:
    spec = _spec(body)
    if "uid" in body.get("metadata", {}):
        body["metadata"].setdefault("annotations", {}).setdefault(TEMPLATE_GENERATION, "0")
    _set(spec, revisionHistoryLimit=10)
    strategy = spec.setdefault("updateStrategy", {})
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(strategy.setdefault("rollingUpdate", {}), maxSurge=0, maxUnavailable=1)
    _template(spec)
    _set(
        body.setdefault("status", {}),
        currentNumberScheduled=0,
        numberMisscheduled=0,
        desiredNumberScheduled=0,
        numberReady=0,
    )


def _job(body: Json) -> None:
    _job_spec(_spec(body))
    metadata = body.setdefault("metadata", {})
    if not metadata.get("labels") and (labels := body["spec"]["template"]["metadata"].get("labels")):
        metadata["labels"] = dict(labels)
    _status(body)


def _job_spec(spec: Json) -> None:
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    per_index = "backoffLimitPerIndex" in spec
    _set(spec, parallelism=1, backoffLimit=2147483647 if per_index else 6, suspend=False)
    _set(spec, completionMode="NonIndexed", manualSelector=False)
    _set(spec, podReplacementPolicy="Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    _template(spec)


def _cron_job(body: Json) -> None:
    spec = _spec(body)
    _set(
        spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1
    )
    template = spec.setdefault("jobTemplate", {})
    template.setdefault("metadata", {})
    inner = template.setdefault("spec", {})
    # The template of a job is not a job: only its pod template has defaults.
    _template(inner)
    _status(body)


def _replication_controller(body: Json) -> None:
    spec = _spec(body)
    _set(spec, replicas=1)
    if spec.get("template"):
        _template(spec)
        labels = spec["template"]["metadata"].get("labels", {})
        if labels:
            _set(spec, selector=dict(labels))
            if not body.setdefault("metadata", {}).get("labels"):
                body["metadata"]["labels"] = dict(labels)
    body.setdefault("status", {}).setdefault("replicas", 0)


# --- networking ----------------------------------------------------------------------------------


def _service(body: Json) -> None:
    spec = _spec(body)
    _set(spec, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "ClientIP":
        _set(spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {}), timeoutSeconds=10800)
    for port in spec.get("ports", ()):
        _set(port, protocol="TCP")
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port")
    if spec["type"] == "ExternalName":
        body.setdefault("status", {}).setdefault("loadBalancer", {})
        return
    _set(spec, internalTrafficPolicy="Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _set(spec, externalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        _set(spec, allocateLoadBalancerNodePorts=True)
    body.setdefault("status", {}).setdefault("loadBalancer", {})


def _ingress(body: Json) -> None:
    _spec(body)
    body.setdefault("status", {}).setdefault("loadBalancer", {})


def _ingress_class(body: Json) -> None:
    if parameters := _spec(body).get("parameters"):
        _set(parameters, scope="Cluster")


def _network_policy(body: Json) -> None:
    spec = _spec(body)
    if "podSelector" not in spec:
        spec["podSelector"] = {}
    for rule in [*spec.get("ingress", ()), *spec.get("egress", ())]:
        for port in rule.get("ports", ()):
            _set(port, protocol="TCP")
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _endpoints(body: Json) -> None:
    for subset in body.get("subsets", ()):
        for port in subset.get("ports", ()):
            _set(port, protocol="TCP")


def _endpoint_slice(body: Json) -> None:
    for endpoint in body.get("endpoints") or ():
        _set(endpoint, conditions={})
    for port in body.get("ports") or ():
        _set(port, name="", protocol="TCP")


# --- storage and configuration -------------------------------------------------------------------


def _claim(body: Json) -> None:
    spec = _spec(body)
    _set(spec, volumeMode="Filesystem")
    _set(spec, resources={})
    body.setdefault("status", {}).setdefault("phase", "Pending")


def _volume(body: Json) -> None:
    _set(_spec(body), persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    if host := body["spec"].get("hostPath"):
        _set(host, type="")
    body.setdefault("status", {}).setdefault("phase", "Pending")


def _storage_class(body: Json) -> None:
    _set(body, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _secret(body: Json) -> None:
    if plain := body.pop("stringData", None):
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in plain.items()}
        body["data"] = {**body.get("data", {}), **encoded}
    _set(body, type="Opaque")


def _namespace(body: Json) -> None:
    metadata = body.setdefault("metadata", {})
    if name := metadata.get("name"):
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = name
    # A namespace that goes has lost its finalizer on purpose, once it is empty.
    if not metadata.get("deletionTimestamp"):
        _spec(body)
    body.setdefault("status", {}).setdefault("phase", "Active")


def _account(body: Json) -> None:
    # Of the secrets of an account only their names are kept.
    if secrets := body.get("secrets"):
        body["secrets"] = [{"name": each["name"]} if each.get("name") else {} for each in secrets]


def _limit_range(body: Json) -> None:
    for limit in _spec(body).get("limits", ()):
        if limit.get("type") == "Container":
            _set(limit.setdefault("default", {}), **limit.get("max", {}))
            _set(limit.setdefault("defaultRequest", {}), **{**limit.get("min", {}), **limit["default"]})


def _node(body: Json) -> None:
    _spec(body)
    _status(body)


# --- access and policy ---------------------------------------------------------------------------


def _role(body: Json) -> None:
    # Rules are written also when there are none.
    body["rules"] = body.get("rules") or None


def _binding(body: Json) -> None:
    _set(body.get("roleRef", {}), apiGroup=RBAC)
    for subject in body.get("subjects", ()):
        if subject.get("kind") in ("User", "Group"):
            _set(subject, apiGroup=RBAC)


def _budget(body: Json) -> None:
    _spec(body)
    _set(
        body.setdefault("status", {}),
        currentHealthy=0,
        desiredHealthy=0,
        disruptionsAllowed=0,
        expectedPods=0,
    )


def _autoscaler(body: Json) -> None:
    spec = _spec(body)
    _set(spec, minReplicas=1)
    version = body["apiVersion"].rpartition("/")[2]
    if version == "v2" and not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if version == "v1":
        _set(spec, targetCPUUtilizationPercentage=80)
    if behavior := spec.get("behavior"):
        _scaling_rules(behavior)
    _set(body.setdefault("status", {}), desiredReplicas=0)
    if version == "v1":
        _set(body["status"], currentReplicas=0)


def _scaling_rules(behavior: Json) -> None:
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    up = behavior.setdefault("scaleUp", {})
    _set(up, stabilizationWindowSeconds=0, selectPolicy="Max")
    _set(up, policies=[{"type": "Pods", "value": 4, "periodSeconds": 15}, percent])
    _set(behavior.setdefault("scaleDown", {}), selectPolicy="Max", policies=[dict(percent)])


# --- extension points ----------------------------------------------------------------------------


def _custom_resource(body: Json) -> None:
    spec = _spec(body)
    names = spec.setdefault("names", {})
    if kind := names.get("kind"):
        _set(names, singular=kind.lower(), listKind=f"{kind}List")
    conversion = spec.setdefault("conversion", {})
    _set(conversion, strategy="None")
    if client := (conversion.get("webhook") or {}).get("clientConfig", {}).get("service"):
        _set(client, port=443)


def _webhooks(body: Json) -> None:
    mutating = body["kind"].startswith("Mutating")
    for webhook in body.get("webhooks", ()):
        _set(webhook, failurePolicy="Fail", matchPolicy="Equivalent", timeoutSeconds=10)
        _set(webhook, namespaceSelector={}, objectSelector={})
        if mutating:
            _set(webhook, reinvocationPolicy="Never")
        for rule in webhook.get("rules", ()):
            _set(rule, scope="*")
        if service := webhook.get("clientConfig", {}).get("service"):
            _set(service, port=443)


def _admission_policy(body: Json) -> None:
    spec = _spec(body)
    _set(spec, failurePolicy="Fail")
    match = spec.setdefault("matchConstraints", {})
    _match_resources(match)


def _admission_binding(body: Json) -> None:
    if match := _spec(body).get("matchResources"):
        _match_resources(match)


def _match_resources(match: Json) -> None:
    _set(match, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
    for rule in [*match.get("resourceRules", ()), *match.get("excludeResourceRules", ())]:
        _set(rule, scope="*")


def _api_service(body: Json) -> None:
    if service := _spec(body).get("service"):
        _set(service, port=443)
    _status(body)


def _priority_class(body: Json) -> None:
    _set(body, preemptionPolicy="PreemptLowerPriority")


def _csi_driver(body: Json) -> None:
    spec = _spec(body)
    _set(spec, attachRequired=True, podInfoOnMount=False, storageCapacity=False, requiresRepublish=False)
    _set(spec, fsGroupPolicy="ReadWriteOnceWithFSType", seLinuxMount=False)
    _set(spec, preventPodSchedulingIfMissing=False)
    _set(spec, volumeLifecycleModes=["Persistent"])


def _flow_schema(body: Json) -> None:
    _set(_spec(body), matchingPrecedence=1000)
    _status(body)


_RULES: dict[tuple[str, str], Callable[[Json], None]] = {
    ("", "Pod"): _pod,
    ("", "PodTemplate"): _pod_template,
    ("", "ReplicationController"): _replication_controller,
    ("", "Service"): _service,
    ("", "Endpoints"): _endpoints,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "PersistentVolume"): _volume,
    ("", "Secret"): _secret,
    ("", "Namespace"): _namespace,
    ("", "ServiceAccount"): _account,
    ("", "LimitRange"): _limit_range,
    ("", "ResourceQuota"): _status,
    ("", "Node"): _node,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _cron_job,
    ("networking.k8s.io", "Ingress"): _ingress,
    ("networking.k8s.io", "IngressClass"): _ingress_class,
    ("networking.k8s.io", "NetworkPolicy"): _network_policy,
    ("discovery.k8s.io", "EndpointSlice"): _endpoint_slice,
    ("storage.k8s.io", "StorageClass"): _storage_class,
    ("storage.k8s.io", "CSIDriver"): _csi_driver,
    (RBAC, "Role"): _role,
    (RBAC, "ClusterRole"): _role,
    (RBAC, "RoleBinding"): _binding,
    (RBAC, "ClusterRoleBinding"): _binding,
    ("policy", "PodDisruptionBudget"): _budget,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _custom_resource,
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): _webhooks,
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): _webhooks,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): _admission_policy,
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"): _admission_binding,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"): _admission_policy,
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"): _admission_binding,
    ("apiregistration.k8s.io", "APIService"): _api_service,
    ("scheduling.k8s.io", "PriorityClass"): _priority_class,
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"): _flow_schema,
}
