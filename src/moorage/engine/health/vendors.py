"""How do the kinds of dashboards, object stores, catalogues and other vendors' operators do?"""

from __future__ import annotations

from moorage.engine.health.language import (
    HEALTHY,
    D,
    H,
    P,
    Rule,
    Table,
    U,
    at,
    by_word,
    condition,
    conditions,
    holds,
    in_order_of_clauses,
    in_order_of_conditions,
    items,
    number,
    once_observed,
    text,
)
from moorage.model.health import Health
from moorage.model.manifest import Json


def _grafana(body: Json) -> Health:
    stage, status = text(body, "status", "stage"), text(body, "status", "stageStatus")
    if status == "failed":
        return Health(D, text(body, "status", "lastMessage") or f"stage {stage} failed")
    if stage == "complete" and status == "success":
        return HEALTHY
    return Health(P, f"stage is {stage or 'not set'}")


def _grafana_part(body: Json) -> Health:
    found = conditions(body)
    if bad := next((c for c in found if c.get("status") == "False"), None):
        return Health(D, text(bad, "message"))
    if good := next((c for c in found if c.get("status") == "True"), None):
        return Health(H, text(good, "message"))
    return Health(P, "waiting for the first conditions")


def _grafana_source(body: Json) -> Health:
    if at(body, "status", "NoMatchingInstances") is True:
        return Health(D, "no Grafana matches the selector")
    return HEALTHY if text(body, "status", "uid") else Health(P, "waiting for an id")


_MINIO_FAULTS = (
    "Not controlled by operator",
    "Another MinIO Tenant already exists in the namespace",
    "Tenant credentials are not set properly",
    "Different versions across MinIO Pools",
    "Pool Decommissioning Not Allowed",
)


def _minio_tenant(body: Json) -> Health:
    state = text(body, "status", "currentState")
    if state == "Initialized":
        return HEALTHY
    return Health(D if state in _MINIO_FAULTS else P, state or "waiting for a first status")


_PENDING = ("", "UpgradeAvailable", "UpgradePending")


def _subscription(body: Json) -> Health:
    found = conditions(body)
    if not found:
        return Health(P, "waiting for the first conditions")
    state = text(body, "status", "state")
    bad = [text(c, "message") for c in found if _is_degraded(c)]
    if bad or state == "UpgradeFailed":
        return Health(D, next((message for message in bad if message), "the upgrade failed"))
    plan = next((c for c in found if c.get("type") == "InstallPlanPending"), None)
    if _approved_by_hand(body, plan):
        return HEALTHY
    if text(plan, "status") == "True" or state in _PENDING:
        return Health(P, text(plan, "message") or f"state is {state or 'not set'}")
    return HEALTHY


def _is_degraded(found: Json) -> bool:
    if found.get("type") == "InstallPlanMissing":
        return found.get("status") == "True" and found.get("reason") != "ReferencedInstallPlanNotFound"
    failures = ("CatalogSourcesUnhealthy", "InstallPlanFailed", "ResolutionFailed")
    return found.get("type") in failures and found.get("status") == "True"


def _approved_by_hand(body: Json, plan: Json | None) -> bool:
    """Whether an installed operator only waits for a person to approve its next version."""
    return (
        text(body, "spec", "installPlanApproval") == "Manual"
        and text(plan, "status") == "True"
        and text(plan, "reason") == "RequiresApproval"
        and bool(text(body, "status", "installedCSV"))
    )


def _old_external_secret(body: Json) -> Health:
    status = text(body, "status", "status")
    if status == "SUCCESS":
        return HEALTHY
    return Health(D if status.startswith("ERROR") else P, status or "waiting for a first status")


def _connector(body: Json) -> Health:
    state, connector = text(body, "status", "state"), text(body, "status", "connectorState")
    failed = number(body, "status", "failedTasksCount")
    if state == "ERROR" or failed:
        return Health(D, f"{failed} tasks failed" if failed else "the connector failed")
    return HEALTHY if (state, connector) == ("CREATED", "RUNNING") else Health(P, f"state is {state}")


def _shoot(body: Json) -> Health:
    word = text(body, "metadata", "labels", "shoot.gardener.cloud/status")
    words = {"healthy": H, "progressing": P, "unhealthy": D}
    return Health(words.get(word, U), f"status is {word or 'not set'}")


def _zookeeper(body: Json) -> Health:
    ready, wanted = number(body, "status", "readyReplicas"), number(body, "spec", "replicas")
    if wanted and ready == wanted:
        return HEALTHY
    return Health(P, f"{ready} of {wanted} replicas are ready")


def _keycloak(body: Json) -> Health:
    latest = sorted(conditions(body), key=lambda c: text(c, "lastTransitionTime"), reverse=True)
    for c in latest:
        if (c.get("type"), c.get("status")) == ("Ready", "True"):
            return HEALTHY
        if (c.get("type"), c.get("status")) == ("HasErrors", "True"):
            return Health(D, text(c, "message"))
    return Health(P, "waiting for Ready")


def _sap(body: Json) -> Health:
    for type_, bad in (("Succeeded", "False"), ("Failed", "True")):
        if holds(body, type_, bad):
            return Health(D, text(condition(body, type_), "message"))
    return HEALTHY


def _configuration_policy(body: Json) -> Health:
    if number(body, "status", "lastEvaluatedGeneration") != number(body, "metadata", "generation"):
        return Health(P, "waiting for the latest generation to be evaluated")
    return _COMPLIANT(body) or HEALTHY


def _policy(body: Json) -> Health:
    if at(body, "spec", "disabled") is True:
        return Health(H, "the policy is disabled")
    state = text(body, "status", "compliant")
    if not state:
        placed = at(body, "status", "placement")
        return Health(H, "no cluster is selected") if placed else Health(P, "waiting for a first status")
    return HEALTHY if state == "Compliant" else Health(D, f"compliant is {state}")


def _airlock(body: Json) -> Health:
    if not text(body, "kind").endswith("Policy"):
        return HEALTHY
    found = _of_ancestors(body)
    generation = number(body, "metadata", "generation")
    if not found or any(number(c, "observedGeneration") != generation for c in found):
        return Health(P, "waiting for the controller to see the latest generation")
    for c in found:
        if c.get("type") in ("Accepted", "ResolvedRefs") and c.get("status") != "True":
            return Health(D, text(c, "message"))
    accepted = any(c.get("type") == "Accepted" for c in found)
    return HEALTHY if accepted else Health(D, "no ancestor accepts the policy")


def _of_ancestors(body: Json) -> list[Json]:
    ancestors = at(body, "status", "ancestors")
    every = ancestors if isinstance(ancestors, list) else []
    return [c for ancestor in every for c in conditions({"status": ancestor})]


def _numaflow(body: Json) -> Health:
    failed = next((c for c in conditions(body) if c.get("status") == "False"), None)
    phase = text(body, "status", "phase")
    label = text(body, "metadata", "labels", "numaplane.numaproj.io/progressive-result-state")
    if failed is not None or phase == "Failed" or label == "failed":
        return Health(D, text(failed, "message") or text(body, "status", "message"))
    good = phase in ("Running", "Paused", "Pausing", "Deleting")
    return Health(H if good else P, f"phase is {phase or 'not set'}")


def _karmada_binding(body: Json) -> Health:
    found, wanted = items(body, "status", "aggregatedStatus"), items(body, "spec", "clusters")
    if not found or len(found) < len(wanted):
        return Health(P, f"{len(found)} of {len(wanted)} clusters have told their status")
    for cluster in found:
        health, name = text(cluster, "health"), text(cluster, "clusterName")
        if health == "Unhealthy" or (health == "Unknown" and cluster.get("applied") is not True):
            return Health(D, text(cluster, "appliedMessage") or f"cluster {name} is {health}")
    return HEALTHY


def _solr_cloud(body: Json) -> Health:
    nodes = items(body, "status", "solrNodes")
    ready = sum(1 for node in nodes if node.get("ready") is True)
    if nodes and ready == len(nodes):
        return HEALTHY
    return Health(P, f"{ready} of {len(nodes)} nodes are ready")


def _promoted(body: Json) -> Health:
    ready = condition(body, "Ready")
    if ready is None:
        return Health(P, "waiting for Ready")
    if number(ready, "observedGeneration") != number(body, "metadata", "generation"):
        return Health(P, "waiting for the controller to see the latest generation")
    if ready.get("status") == "True":
        return HEALTHY
    return Health(D if ready.get("status") == "False" else P, text(ready, "message"))


_PROMOTED = (
    "ArgoCDCommitStatus ChangeTransferPolicy ClusterScmProvider CommitStatus GitCommitStatus GitRepository"
    " PromotionStrategy PullRequest ScmProvider TimedCommitStatus WebRequestCommitStatus"
)
AIRLOCK: Rule = _airlock
_COMPLIANT = by_word("status.compliant", "Compliant → Healthy, else Degraded")
_COMPLETED = by_word("status.state", "Completed → Healthy, Running → Progressing, else Degraded")
_KEPTN = by_word("status.status", "Succeeded → Healthy, Failed → Degraded, else Progressing")
_KEPTN_OVERALL = by_word("status.overallStatus", "Succeeded → Healthy, Failed → Degraded, else Progressing")
_READY = in_order_of_conditions("Ready=False → Degraded, Ready=True → Healthy, else Progressing")
_ATLAS = in_order_of_conditions(
    "Ready=True → Healthy, Ready=False/Reconciling → Progressing, Ready=False/GettingDevDB → Progressing,"
    " Ready=False → Degraded, else Progressing"
)
_HUMIO = by_word("status.state", "Exists → Healthy, NotFound → Missing, ConfigError → Degraded, else Unknown")
GRAFANA_ORGANISATIONS: Rule = _READY
HUMIO: Rule = _HUMIO

TABLE: Table = {
    ("grafana.integreatly.org", "Grafana"): _grafana,
    ("grafana.integreatly.org", "GrafanaDashboard"): _grafana_part,
    ("grafana.integreatly.org", "GrafanaFolder"): _grafana_part,
    ("grafana.integreatly.org", "GrafanaDatasource"): _grafana_source,
    ("minio.min.io", "Tenant"): _minio_tenant,
    ("operators.coreos.com", "Subscription"): _subscription,
    ("kubernetes-client.io", "ExternalSecret"): _old_external_secret,
    ("platform.confluent.io", "Connector"): _connector,
    ("core.gardener.cloud", "Shoot"): _shoot,
    ("zookeeper.pravega.io", "ZookeeperCluster"): _zookeeper,
    ("k8s.keycloak.org", "Keycloak"): _keycloak,
    ("services.cloud.sap.com", "ServiceInstance"): _sap,
    ("services.cloud.sap.com", "ServiceBinding"): _sap,
    ("policy.open-cluster-management.io", "ConfigurationPolicy"): _configuration_policy,
    ("policy.open-cluster-management.io", "Policy"): _policy,
    ("policy.open-cluster-management.io", "OperatorPolicy"): once_observed(_COMPLIANT),
    ("trident.netapp.io", "TridentBackendConfig"): by_word(
        "status.lastOperationStatus",
        "Success → Healthy, Failed → Degraded, else Progressing",
        "status.message",
    ),
    ("astra.netapp.io", "AppVault"): by_word(
        "status.state", "available|Available → Healthy, failed|Failed → Degraded, else Progressing"
    ),
    **{
        ("astra.netapp.io", kind): _COMPLETED
        for kind in ("Backup", "Snapshot", "ExecHooksRun", "ResourceBackup", "ResticVolumeBackup")
    },
    **{
        ("lifecycle.keptn.sh", kind): rule
        for kind, rule in (
            ("KeptnAppVersion", _KEPTN),
            ("KeptnTask", _KEPTN),
            ("KeptnWorkloadVersion", _KEPTN),
            ("KeptnEvaluation", _KEPTN_OVERALL),
        )
    },
    ("db.atlasgo.io", "AtlasSchema"): _ATLAS,
    ("db.atlasgo.io", "AtlasMigration"): _ATLAS,
    ("iammanager.keikoproj.io", "Iamrole"): by_word(
        "status.state",
        "Ready → Healthy, Error|RolesMaxLimitReached|PolicyNotAllowed|RoleNameNotAvailable → Degraded,"
        " else Progressing",
    ),
    ("core.humio.com", "HumioCluster"): by_word(
        "status.state",
        "Running → Healthy, Restarting|Upgrading|Pending → Progressing, ConfigError → Degraded, else Unknown",
    ),
    ("nmstate.io", "NodeNetworkConfigurationPolicy"): in_order_of_conditions(
        "Available=True → Healthy, Degraded=True → Degraded, Progressing=True → Progressing,"
        " Ignored=True → Suspended, else Progressing"
    ),
    ("spot.io", "SpotDeployment"): in_order_of_clauses(
        "InvalidSpec=* → Degraded, Progressing=*/RolloutAborted → Degraded,"
        " Progressing=*/ProgressDeadlineExceeded → Degraded, Paused=True → Suspended, else Healthy"
    ),
    **{
        ("numaflow.numaproj.io", kind): once_observed(_numaflow)
        for kind in ("Pipeline", "MonoVertex", "InterStepBufferService", "Vertex")
    },
    ("work.karmada.io", "ResourceBinding"): _karmada_binding,
    ("work.karmada.io", "ClusterResourceBinding"): _karmada_binding,
    ("solr.apache.org", "SolrCloud"): _solr_cloud,
    **{("promoter.argoproj.io", kind): _promoted for kind in _PROMOTED.split(" ")},
    ("k8s.mariadb.com", "SqlJob"): in_order_of_clauses(
        "JobComplete=True → Healthy, JobFailed=True → Degraded, else Progressing"
    ),
}
