"""How do the kinds of common operators do? Most take a line each; those with a story have files of their own."""

from __future__ import annotations

from moorage.engine.health.language import (
    HEALTHY,
    D,
    P,
    S,
    Table,
    at,
    by_word,
    condition,
    conditions,
    in_order_of_clauses,
    in_order_of_conditions,
    number,
    observed,
    once_observed,
    text,
)
from moorage.model.health import Health
from moorage.model.manifest import Json


def _ready_like(type_: str = "Ready") -> str:
    return f"{type_}=False → Degraded, {type_}=True → Healthy, else Progressing"


_READY = in_order_of_conditions(_ready_like())

_PLAINLY_READY = (
    "cert-manager.io/ClusterIssuer cert-manager.io/Issuer certmanager.k8s.io/Certificate certmanager.k8s.io/Issuer"
    " external-secrets.io/ClusterSecretStore external-secrets.io/SecretStore external-secrets.io/ExternalSecret"
    " external-secrets.io/PushSecret camel.apache.org/Integration onepassword.com/OnePasswordItem"
    " astra.netapp.io/Application"
)


def _cluster_external_secret(body: Json) -> Health:
    last = conditions(body)[-1:]
    words = {"Ready": HEALTHY.status, "PartiallyReady": D, "NotReady": D}
    for c in last:
        if c.get("status") == "True" and text(c, "type") in words:
            return Health(words[text(c, "type")], text(c, "message"))
    return Health(P, "waiting for Ready")


def _prometheus(body: Json) -> Health:
    available = condition(body, "Available")
    if available is None:
        return Health(P, "waiting for the first conditions")
    if available.get("status") == "True":
        return HEALTHY
    return Health(P if available.get("reason") == "SomePodsNotReady" else D, text(available, "message"))


def _telemetry_collector(body: Json) -> Health:
    ready, sep, total = text(body, "status", "scale", "statusReplicas").partition("/")
    if not sep:
        sidecar = text(body, "spec", "mode") == "sidecar"
        return HEALTHY if sidecar else Health(P, "waiting for a first status")
    message = f"{ready} of {total} replicas are ready"
    if ready == total:
        return Health(HEALTHY.status, message)
    return Health(D if ready == "0" else P, message)


def _knative_service(body: Json) -> Health:
    found = {text(c, "type"): c for c in conditions(body)}
    for c in found.values():
        if c.get("status") == "False":
            return Health(D, text(c, "message"))
    waiting = [c for c in found.values() if c.get("status") == "Unknown"]
    if not waiting and {"ConfigurationsReady", "RoutesReady", "Ready"} <= found.keys():
        return HEALTHY
    return Health(P, next((text(c, "message") for c in waiting), "waiting for Ready"))


def _custom_cluster(body: Json) -> Health | None:
    """Return how a cluster of the Cluster API does; a failing Ready condition outweighs its phase."""
    if at(body, "spec", "paused") is True:
        return Health(S, "the cluster is paused")
    ready = condition(body, "Ready")
    if text(ready, "status") == "False" and text(ready, "severity") != "Info":
        return Health(D, text(ready, "message"))
    return _CLUSTER_PHASE(body)


def _node_claim(body: Json) -> Health | None:
    if number(body, "status", "observedGeneration") and not observed(body):
        return Health(P, "waiting for the controller to see the latest generation")
    return _NODE_CLAIM(body)


def _compliance(body: Json) -> Health:
    state = text(body, "status", "compliant")
    return (
        HEALTHY if state == "Compliant" else Health(D if state else P, f"compliant is {state or 'not set'}")
    )


_NODE_CLAIM = in_order_of_clauses(
    "Disrupting=True → Suspended, Ready=True → Healthy, Ready=False → Degraded, else Progressing"
)
_CLUSTER_PHASE = by_word("status.phase", "Provisioned → Healthy, Failed → Degraded, else Progressing")
_POLICY = in_order_of_clauses("Ready=True/Succeeded → Healthy, else Progressing")

TABLE: Table = {
    **{
        (group, kind): _READY
        for group, _, kind in (name.partition("/") for name in _PLAINLY_READY.split(" "))
    },
    ("cert-manager.io", "Certificate"): in_order_of_clauses(
        "Issuing=True → Progressing, Ready=False → Degraded, Ready=True → Healthy, else Progressing"
    ),
    ("external-secrets.io", "ClusterExternalSecret"): _cluster_external_secret,
    ("bitnami.com", "SealedSecret"): in_order_of_conditions(_ready_like("Synced")),
    ("addons.cluster.x-k8s.io", "ClusterResourceSet"): in_order_of_conditions(
        _ready_like("ResourcesApplied")
    ),
    ("coralogix.com", "Alert"): in_order_of_conditions(_ready_like("RemoteSynced")),
    ("coralogix.com", "RecordingRuleGroupSet"): in_order_of_conditions(_ready_like("RemoteSynced")),
    ("argoproj.io", "EventBus"): in_order_of_conditions(_ready_like("Deployed")),
    ("monitoring.coreos.com", "Prometheus"): _prometheus,
    ("opentelemetry.io", "OpenTelemetryCollector"): _telemetry_collector,
    ("serving.knative.dev", "Service"): _knative_service,
    ("ocs.openshift.io", "StorageCluster"): in_order_of_clauses(
        "Degraded=True → Degraded, Progressing=True → Progressing, Available=True → Healthy, else Unknown"
    ),
    ("kiali.io", "Kiali"): in_order_of_clauses(
        "Failure=True → Degraded, Successful=True → Healthy, else Progressing"
    ),
    ("jaegertracing.io", "Jaeger"): by_word(
        "status.phase", "Running → Healthy, Failed → Degraded, else Progressing"
    ),
    ("install.istio.io", "IstioOperator"): by_word(
        "status.status",
        "0|NONE → Unknown, 1|UPDATING|2|RECONCILING → Progressing, 3|HEALTHY → Healthy,"
        " 4|ERROR → Degraded, else Progressing",
    ),
    ("cluster.x-k8s.io", "Cluster"): _custom_cluster,
    ("cluster.x-k8s.io", "Machine"): by_word(
        "status.phase", "Running → Healthy, Failed → Degraded, else Progressing"
    ),
    ("cluster.x-k8s.io", "MachinePool"): by_word(
        "status.phase", "Running|Scaling → Healthy, Failed|Unknown → Degraded, else Progressing"
    ),
    ("karpenter.sh", "NodeClaim"): _node_claim,
    ("flagger.app", "Canary"): by_word(
        "status.phase",
        "Failed → Degraded, Progressing|Finalising|Promoting → Progressing,"
        " Succeeded|Initialized → Healthy, else Unknown",
    ),
    ("kyverno.io", "Policy"): _POLICY,
    ("kyverno.io", "ClusterPolicy"): _POLICY,
    ("datadoghq.com", "DatadogMetric"): in_order_of_clauses(
        "Error=True → Degraded, Valid=False → Degraded, else Healthy"
    ),
    ("pulumi.com", "Stack"): once_observed(
        in_order_of_clauses(
            "Stalled=True → Degraded, Reconciling=True → Progressing, Ready=True → Healthy, else Progressing"
        )
    ),
    ("tower.ansible.com", "AnsibleJob"): by_word(
        "status.ansibleJobResult.status",
        "successful → Healthy, failed|error|canceled → Degraded, else Progressing",
    ),
    ("cdi.kubevirt.io", "DataVolume"): by_word(
        "status.phase",
        "Succeeded → Healthy, Failed|Unknown → Degraded, Paused → Suspended, else Progressing",
    ),
    ("policy.open-cluster-management.io", "CertificatePolicy"): _compliance,
    ("stacks.crossplane.io", "ClusterStackInstall"): in_order_of_conditions(_ready_like()),
}
