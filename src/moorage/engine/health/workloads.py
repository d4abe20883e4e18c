"""How do Deployments, ReplicaSets, StatefulSets and DaemonSets do?"""

from __future__ import annotations

from moorage.engine.health.language import (
    HEALTHY,
    D,
    H,
    P,
    Rule,
    S,
    Table,
    U,
    at,
    condition,
    fields,
    holds,
    number,
    observed,
    text,
)
from moorage.model.health import Health
from moorage.model.manifest import Json

_UNOBSERVED = Health(P, "waiting for the controller to see the latest generation")


def _deployment(body: Json) -> Health:
    if at(body, "spec", "paused") is True:
        return Health(S, "Deployment is paused")
    if not observed(body):
        return _UNOBSERVED
    progressing = condition(body, "Progressing")
    if progressing is not None and progressing.get("reason") == "ProgressDeadlineExceeded":
        return Health(D, "the Deployment exceeded its progress deadline")
    updated = number(body, "status", "updatedReplicas")
    total = number(body, "status", "replicas")
    available = number(body, "status", "availableReplicas")
    if at(body, "spec", "replicas") is not None and updated < (wanted := number(body, "spec", "replicas")):
        return Health(P, f"{updated} of {wanted} replicas are updated")
    if total > updated:
        return Health(P, f"{total - updated} old replicas are still there")
    if available < updated:
        return Health(P, f"{available} of {updated} updated replicas are available")
    return HEALTHY


def _replica_set(body: Json) -> Health:
    if not observed(body):
        return _UNOBSERVED
    if holds(body, "ReplicaFailure"):
        return Health(D, text(condition(body, "ReplicaFailure"), "message"))
    wanted, available = number(body, "spec", "replicas"), number(body, "status", "availableReplicas")
    if at(body, "spec", "replicas") is not None and available < wanted:
        return Health(P, f"{available} of {wanted} replicas are available")
    return HEALTHY


def _stateful_set(body: Json) -> Health:
    if number(body, "status", "observedGeneration") == 0 or not observed(body):
        return _UNOBSERVED
    wanted, ready = number(body, "spec", "replicas"), number(body, "status", "readyReplicas")
    if at(body, "spec", "replicas") is not None and ready < wanted:
        return Health(P, f"{ready} of {wanted} replicas are ready")
    strategy = fields(body, "spec", "updateStrategy")
    if strategy.get("type") == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        return _partitioned(body, strategy)
    if strategy.get("type") == "OnDelete":
        return Health(H, f"StatefulSet has {ready} ready replicas")
    if at(body, "status", "updateRevision") != at(body, "status", "currentRevision"):
        return Health(P, f"waiting for the roll-out of {at(body, 'status', 'updateRevision')}")
    return HEALTHY


def _partitioned(body: Json, strategy: Json) -> Health:
    # With a rollingUpdate block revisions are not compared, as in Argo CD.
    if at(strategy, "rollingUpdate", "partition") is not None and at(body, "spec", "replicas") is not None:
        due = number(body, "spec", "replicas") - number(strategy, "rollingUpdate", "partition")
        updated = number(body, "status", "updatedReplicas")
        if updated < due:
            return Health(P, f"{updated} of {due} replicas of the partition are updated")
    return HEALTHY


def _daemon_set(body: Json) -> Health:
    if not observed(body):
        return _UNOBSERVED
    if at(body, "spec", "updateStrategy", "type") == "OnDelete":
        return HEALTHY
    desired = number(body, "status", "desiredNumberScheduled")
    updated = number(body, "status", "updatedNumberScheduled")
    available = number(body, "status", "numberAvailable")
    if updated < desired:
        return Health(P, f"{updated} of {desired} pods are updated")
    if available < desired:
        return Health(P, f"{available} of {desired} pods are available")
    return HEALTHY


def _of_version_one(rule: Rule) -> Rule:
    def assess(body: Json) -> Health | None:
        version = body.get("apiVersion")
        if version != "apps/v1":
            return Health(U, f"{version} is not a version whose health is known, only apps/v1")
        return rule(body)

    return assess


def _deployment_config(body: Json) -> Health:
    available = holds(body, "Available")
    progressed = any(
        c.get("reason") == "NewReplicationControllerAvailable"
        for c in (condition(body, "Progressing"),)
        if c is not None and c.get("status") == "True"
    )
    if not fields(body, "status").get("conditions"):
        return Health(P, "waiting for the first conditions")
    if (available and progressed) or at(body, "spec", "replicas") == 0:
        return HEALTHY
    if available or progressed:
        return Health(P, "a new replication controller is rolled out")
    return Health(D, "the DeploymentConfig is neither available nor progressing")


TABLE: Table = {
    ("apps", "Deployment"): _of_version_one(_deployment),
    ("apps", "ReplicaSet"): _of_version_one(_replica_set),
    ("apps", "StatefulSet"): _of_version_one(_stateful_set),
    ("apps", "DaemonSet"): _of_version_one(_daemon_set),
    ("apps.openshift.io", "DeploymentConfig"): _deployment_config,
}
