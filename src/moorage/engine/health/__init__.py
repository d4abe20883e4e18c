"""
How does an object do, and how does an application do?

One table from group and kind to a rule; one file per family of kinds. A kind
without a rule has no health: nothing waits for it and nothing is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from moorage.engine.health import (
    apis,
    argoproj,
    autoscaling,
    batch,
    clouds,
    databases,
    flux,
    gateways,
    kruise,
    machines,
    network,
    operators,
    pods,
    serving,
    storage,
    vendors,
    workloads,
)
from moorage.engine.health.language import Rule, Table, annotation
from moorage.engine.order import is_hook
from moorage.model.health import Health, HealthStatus, worst
from moorage.model.identity import ResourceKey, group_of
from moorage.model.manifest import Json
from moorage.model.states import Difference
from moorage.model.words import HOOK_FINALIZER, IGNORE_HEALTHCHECK_ANNOTATION

FAMILIES: Final = (
    workloads,
    pods,
    batch,
    network,
    storage,
    autoscaling,
    apis,
    argoproj,
    flux,
    databases,
    clouds,
    operators,
    gateways,
    kruise,
    machines,
    serving,
    vendors,
)
RULES: Final[Table] = {kind: rule for family in FAMILIES for kind, rule in family.TABLE.items()}
"""The rule of each kind that has one of its own."""

_PATTERNS: Final = (
    *clouds.PATTERNS,
    (lambda group: group == "microgateway.airlock.com", vendors.AIRLOCK),
    (
        lambda group: group == "grafana-org-operator.kubitus-project.gitlab.io",
        vendors.GRAFANA_ORGANISATIONS,
    ),
    (lambda group: group == "core.humio.com", vendors.HUMIO),
)
_PENDING_DELETION = Health(HealthStatus.PROGRESSING, "Pending deletion")
_CAUSES_TOLD = 3


def assess(body: Json) -> Health | None:
    """
    Return how a live object does, or None when there is no rule for its kind.

    An object that is being deleted is Progressing, whatever its kind, unless it
    is a hook that is only kept until its result was read. An object too malformed
    for its rule is Unknown: it must not stop the others.
    """
    metadata = body.get("metadata")
    if isinstance(metadata, dict) and metadata.get("deletionTimestamp"):
        finalizers = metadata.get("finalizers")
        if not isinstance(finalizers, list) or HOOK_FINALIZER not in finalizers:
            return _PENDING_DELETION
    rule = rule_for(group_of(str(body.get("apiVersion"))), str(body.get("kind")))
    if rule is None:
        return None
    try:
        return rule(body)
    except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        return Health(HealthStatus.UNKNOWN, f"the object is malformed: {error}")


@lru_cache(maxsize=4096)
def rule_for(group: str, kind: str) -> Rule | None:
    """Return the rule of a kind: its own, else that of its group, else None."""
    if rule := RULES.get((group, kind)):
        return rule
    return next((rule for matches, rule in _PATTERNS if matches(group)), None)


def app_health(differences: Iterable[Difference], own: ResourceKey | None = None) -> Health:
    """
    Return how an application does: the worst of what it declares or tracks.

    Resources without health, hooks and those annotated to be left out do not
    count, nor does the application's own object (`own`) when it manages itself.
    Missing resources count only when nothing is there at all. Applications that
    are themselves Missing or Unknown are passed over. The message names up to
    three causes.
    """
    counted = [d for d in differences if d.key != own and not _left_out(d)]
    if counted and all(d.live is None for d in counted):
        return Health(HealthStatus.MISSING, _causes([(d.key, "") for d in counted]))
    present = [(d.key, d.health) for d in counted if d.live is not None and d.health and not _passed_over(d)]
    status = worst(health.status for _, health in present)
    if status is HealthStatus.HEALTHY:
        return Health(status)
    return Health(
        status, _causes([(key, health.message) for key, health in present if health.status is status])
    )


def _left_out(difference: Difference) -> bool:
    bodies = [difference.live, difference.target.body if difference.target else None]
    return any(
        is_hook(body) or annotation(body, IGNORE_HEALTHCHECK_ANNOTATION) == "true"
        for body in bodies
        if body is not None
    )


def _passed_over(difference: Difference) -> bool:
    return (
        difference.key.group == "argoproj.io"
        and difference.key.kind == "Application"
        and difference.health is not None
        and difference.health.status in (HealthStatus.MISSING, HealthStatus.UNKNOWN)
    )


def _causes(found: list[tuple[ResourceKey, str]]) -> str:
    told = [f"{key}: {message}" if message else str(key) for key, message in sorted(found)[:_CAUSES_TOLD]]
    more = f" and {len(found) - _CAUSES_TOLD} more" if len(found) > _CAUSES_TOLD else ""
    return f"Caused by {', '.join(told)}{more}"
