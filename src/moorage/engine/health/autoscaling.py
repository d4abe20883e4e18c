"""How do autoscalers, disruption budgets and node pools do?"""

from __future__ import annotations

import orjson

from moorage.engine.health.language import (
    HEALTHY,
    D,
    H,
    P,
    S,
    Table,
    U,
    annotation,
    conditions,
    in_order_of_conditions,
    text,
)
from moorage.model.health import Health
from moorage.model.manifest import Json
from moorage.model.words import HPA_CONDITIONS_ANNOTATION

_FAILURES = {
    "AbleToScale": frozenset({"FailedGetScale", "FailedUpdateScale"}),
    "ScalingActive": frozenset(
        {
            "FailedGetResourceMetric",
            "FailedGetObjectMetric",
            "FailedGetPodsMetric",
            "FailedGetExternalMetric",
            "FailedComputeMetricsReplicas",
            "InvalidSelector",
        }
    ),
}
_WAITING = Health(P, "Waiting to Autoscale")


def _autoscaler(body: Json) -> Health:
    version = body.get("apiVersion")
    if version == "autoscaling/v2":
        return _by_conditions(conditions(body))
    if version == "autoscaling/v1":
        return _from_annotation(annotation(body, HPA_CONDITIONS_ANNOTATION))
    return Health(U, f"{version} is not a version whose health is known, only autoscaling/v1 and v2")


def _from_annotation(written: str) -> Health:
    if not written:
        return _WAITING
    try:
        found = orjson.loads(written)
    except orjson.JSONDecodeError:
        return Health(U, f"the annotation {HPA_CONDITIONS_ANNOTATION} is not JSON")
    return _by_conditions([c for c in found if isinstance(c, dict)] if isinstance(found, list) else [])


def _by_conditions(found: list[Json]) -> Health:
    for c in found:
        if text(c, "reason") in _FAILURES.get(text(c, "type"), ()):
            return Health(D, text(c, "message"))
    for c in found:
        if c.get("type") in ("AbleToScale", "ScalingLimited") and c.get("status") == "True":
            return Health(H, text(c, "message"))
    return _WAITING


def _disruption_budget(body: Json) -> Health:
    found = conditions(body)
    for c in found:
        if c.get("status") == "False" and c.get("reason") != "InsufficientPods":
            return Health(D, text(c, "message"))
    return HEALTHY if found else Health(P, "waiting for the first conditions")


def _scaled_object(body: Json) -> Health:
    return _scaled(body, degraded=(("Ready", "False"), ("Fallback", "True")))


def _scaled_job(body: Json) -> Health:
    return _scaled(body, degraded=(("Ready", "False"), ("Ready", "Unknown")))


def _scaled(body: Json, degraded: tuple[tuple[str, str], ...]) -> Health:
    found = [(text(c, "type"), text(c, "status"), text(c, "message")) for c in conditions(body)]
    for type_, status, message in found:
        if (type_, status) in degraded:
            return Health(D, message)
    ready = next((message for type_, status, message in found if (type_, status) == ("Ready", "True")), None)
    if ready is None:
        return Health(P, "waiting for Ready")
    paused = next(
        (message for type_, status, message in found if (type_, status) == ("Paused", "True")), None
    )
    return Health(H, ready) if paused is None else Health(S, paused)


_READY = in_order_of_conditions("Ready=False → Degraded, Ready=True → Healthy, else Progressing")
TABLE: Table = {
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("policy", "PodDisruptionBudget"): _disruption_budget,
    ("keda.sh", "ScaledObject"): _scaled_object,
    ("keda.sh", "ScaledJob"): _scaled_job,
    ("karpenter.sh", "NodePool"): _READY,
    ("karpenter.k8s.aws", "EC2NodeClass"): _READY,
}
