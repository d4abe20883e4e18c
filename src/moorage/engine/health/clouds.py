"""
How do the resources of clouds do, whose operators serve hundreds of kinds?

These rules are found by a pattern over the group, after the rules by kind.
"""

from __future__ import annotations

from collections.abc import Callable

from moorage.engine.health.language import (
    HEALTHY,
    D,
    H,
    P,
    Rule,
    S,
    Table,
    at,
    condition,
    conditions,
    in_order_of_conditions,
    number,
    text,
)
from moorage.model.health import Health
from moorage.model.manifest import Json


def _crossplane(stateless: frozenset[str], good: frozenset[str]) -> Rule:
    def assess(body: Json) -> Health:
        status = body.get("status")
        if status is None or (status == {} and body.get("kind") in stateless):
            return HEALTHY
        found = conditions(body)
        if not found:
            if body.get("kind") in ("ProviderConfig", "ClusterProviderConfig") and at(
                body, "status", "users"
            ):
                return HEALTHY
            return Health(P, "waiting for the first conditions")
        healthy: Health | None = None
        for c in found:
            type_, state = c.get("type"), c.get("status")
            if type_ in ("LastAsyncOperation", "Synced") and state == "False":
                return Health(D, text(c, "message"))
            if type_ in good and state == "True":
                healthy = Health(H, text(c, "message"))
        return healthy or Health(P, "waiting for Ready")

    return assess


def _config_connector(body: Json) -> Health:
    seen = at(body, "status", "observedGeneration")
    if seen is not None and number(body, "status", "observedGeneration") != number(
        body, "metadata", "generation"
    ):
        return Health(P, "Update in progress")
    if body.get("kind") in ("ConfigConnector", "ConfigConnectorContext"):
        healthy = at(body, "status", "healthy")
        if isinstance(healthy, bool):
            return Health(H if healthy else D)
    for c in conditions(body):
        reason, message = c.get("reason"), text(c, "message")
        if reason == "UpToDate" and c.get("status") == "True":
            return Health(H, message)
        if reason in ("UpdateFailed", "DependencyNotFound"):
            return Health(D, message)
        if reason == "DependencyNotReady":
            return Health(S, message)
    return Health(P, "Update in progress")


def _victoria(body: Json) -> Health:
    if not body.get("status"):
        return Health(P, "waiting for a first status")
    if number(body, "status", "observedGeneration") != number(body, "metadata", "generation"):
        return Health(P, "waiting for the operator to see the latest generation")
    words = {"operational": H, "expanding": P, "paused": S, "failed": D}
    return Health(words.get(text(body, "status", "updateStatus"), P), text(body, "status", "reason"))


def _managed_by_aws(body: Json) -> Health:
    found = conditions(body)
    if not found:
        return Health(P, "waiting for the first conditions")
    ready, synced = text(condition(body, "Ready"), "status"), text(condition(body, "Synced"), "status")
    if ready == "True" and synced == "True":
        return HEALTHY
    if synced == "False" and text(condition(body, "Synced"), "reason") == "ReconcilePaused":
        return Health(S, text(condition(body, "Synced"), "message"))
    message = text(condition(body, "Ready"), "message") or text(condition(body, "Synced"), "message")
    return Health(P if (ready, synced) == ("False", "True") else D, message)


def _package(body: Json) -> Health:
    installed, healthy = condition(body, "Installed"), condition(body, "Healthy")
    if installed is None and healthy is None:
        return Health(P, "waiting to be installed")
    if text(installed, "status") == "True" and text(healthy, "status") == "True":
        return HEALTHY
    return Health(D, text(healthy, "message") or text(installed, "message"))


_CONFIGURATIONS = frozenset({"ClusterProviderConfig", "ProviderConfig", "ProviderConfigUsage"})
_CROSSPLANE = _crossplane(
    _CONFIGURATIONS | {"Composition", "CompositionRevision", "DeploymentRuntimeConfig", "ControllerConfig"},
    frozenset({"Ready", "Healthy", "Offered", "Established", "ValidPipeline", "RevisionHealthy"}),
)
_UPBOUND = _crossplane(_CONFIGURATIONS, frozenset({"Ready"}))
_ACK = in_order_of_conditions(
    "ACK.Terminal=True → Degraded, Ready=False → Progressing, Ready=True → Healthy, else Progressing"
)

_AWS_KINDS = (
    "cloudfront/Distribution iam/Policy iam/Role iam/RolePolicyAttachment rds/DBCluster rds/DBInstance"
    " route53/ResourceRecordSet s3/Bucket"
)
TABLE: Table = {
    ("pkg.crossplane.io", "Provider"): _package,
    **{
        (f"{service}.aws.crossplane.io", kind): _managed_by_aws
        for service, _, kind in (name.partition("/") for name in _AWS_KINDS.split(" "))
    },
}

PATTERNS: tuple[tuple[Callable[[str], bool], Rule], ...] = (
    (lambda group: group.endswith(".cnrm.cloud.google.com"), _config_connector),
    (lambda group: group.endswith(".crossplane.io"), _CROSSPLANE),
    (lambda group: group.endswith(".upbound.io"), _UPBOUND),
    (lambda group: group.endswith(".services.k8s.aws"), _ACK),
    (lambda group: group == "operator.victoriametrics.com", _victoria),
)
"""What is asked of a group, and the rule for all of its kinds when the answer is yes."""
