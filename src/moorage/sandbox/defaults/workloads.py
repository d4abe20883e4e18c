"""
What does the server add to pods and to what makes pods?
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.defaults import storage
from moorage.sandbox.defaults.filling import fill_in, spec_of, with_status
from moorage.sandbox.podspecs import fill_pod_spec, use_host_ports
from moorage.sandbox.preparing import TEMPLATE_GENERATION


def _template(spec: Json) -> None:
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    fill_pod_spec(template.setdefault("spec", {}))


def pod(body: Json) -> None:
    spec = spec_of(body)
    fill_pod_spec(spec)
    fill_in(spec, enableServiceLinks=True)
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


def pod_template(body: Json) -> None:
    _template(body)


def deployment(body: Json) -> None:
    spec = spec_of(body)
    fill_in(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {})
    fill_in(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill_in(strategy.setdefault("rollingUpdate", {}), maxSurge="25%", maxUnavailable="25%")
    _template(spec)
    with_status(body)


def replica_set(body: Json) -> None:
    spec = spec_of(body)
    fill_in(spec, replicas=1)
    _template(spec)
    body.setdefault("status", {}).setdefault("replicas", 0)


def stateful_set(body: Json) -> None:
    spec = spec_of(body)
    fill_in(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    fill_in(
        spec.setdefault("persistentVolumeClaimRetentionPolicy", {}), whenDeleted="Retain", whenScaled="Retain"
    )
    strategy = spec.setdefault("updateStrategy", {})
    if "type" not in strategy:
        strategy.setdefault("rollingUpdate", {})
    fill_in(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate" and "rollingUpdate" in strategy:
        fill_in(strategy["rollingUpdate"], partition=0, maxUnavailable=1)
    for claim in spec.get("volumeClaimTemplates", ()):
        fill_in(claim, apiVersion="v1", kind="PersistentVolumeClaim")
        claim.setdefault("metadata", {})
        storage.claim(claim)
    _template(spec)
    fill_in(body.setdefault("status", {}), replicas=0, availableReplicas=0)


def daemon_set(body: Json) -> None:
    spec = spec_of(body)
    if "uid" in body.get("metadata", {}):
        body["metadata"].setdefault("annotations", {}).setdefault(TEMPLATE_GENERATION, "0")
    fill_in(spec, revisionHistoryLimit=10)
    strategy = spec.setdefault("updateStrategy", {})
    fill_in(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill_in(strategy.setdefault("rollingUpdate", {}), maxSurge=0, maxUnavailable=1)
    _template(spec)
    fill_in(
        body.setdefault("status", {}),
        currentNumberScheduled=0,
        numberMisscheduled=0,
        desiredNumberScheduled=0,
        numberReady=0,
    )


def job(body: Json) -> None:
    _job_spec(spec_of(body))
    metadata = body.setdefault("metadata", {})
    if not metadata.get("labels") and (labels := body["spec"]["template"]["metadata"].get("labels")):
        metadata["labels"] = dict(labels)
    with_status(body)


def _job_spec(spec: Json) -> None:
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    per_index = "backoffLimitPerIndex" in spec
    fill_in(spec, parallelism=1, backoffLimit=2147483647 if per_index else 6, suspend=False)
    fill_in(spec, completionMode="NonIndexed", manualSelector=False)
    fill_in(spec, podReplacementPolicy="Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed")
    _template(spec)


def cron_job(body: Json) -> None:
    spec = spec_of(body)
    fill_in(
        spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1
    )
    template = spec.setdefault("jobTemplate", {})
    template.setdefault("metadata", {})
    inner = template.setdefault("spec", {})
    # The template of a job is not a job: only its pod template has defaults.
    _template(inner)
    with_status(body)


def replication_controller(body: Json) -> None:
    spec = spec_of(body)
    fill_in(spec, replicas=1)
    if spec.get("template"):
        _template(spec)
        labels = spec["template"]["metadata"].get("labels", {})
        if labels:
            fill_in(spec, selector=dict(labels))
            if not body.setdefault("metadata", {}).get("labels"):
                body["metadata"]["labels"] = dict(labels)
    body.setdefault("status", {}).setdefault("replicas", 0)
