"""
What does the server add to what says who may, how much and how many?
"""

from __future__ import annotations

from moorage.model.manifest import Json
from moorage.sandbox.defaults.filling import fill_in, spec_of

RBAC = "rbac.authorization.k8s.io"


def role(body: Json) -> None:
    # Rules are written also when there are none.
    body["rules"] = body.get("rules") or None


def binding(body: Json) -> None:
    fill_in(body.get("roleRef", {}), apiGroup=RBAC)
    for subject in body.get("subjects", ()):
        if subject.get("kind") in ("User", "Group"):
            fill_in(subject, apiGroup=RBAC)


def budget(body: Json) -> None:
    spec_of(body)
    fill_in(
        body.setdefault("status", {}),
        currentHealthy=0,
        desiredHealthy=0,
        disruptionsAllowed=0,
        expectedPods=0,
    )


def autoscaler(body: Json) -> None:
    spec = spec_of(body)
    fill_in(spec, minReplicas=1)
    version = body["apiVersion"].rpartition("/")[2]
    if version == "v2" and not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if version == "v1":
        fill_in(spec, targetCPUUtilizationPercentage=80)
    if behavior := spec.get("behavior"):
        _scaling_rules(behavior)
    fill_in(body.setdefault("status", {}), desiredReplicas=0)
    if version == "v1":
        fill_in(body["status"], currentReplicas=0)


def _scaling_rules(behavior: Json) -> None:
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    up = behavior.setdefault("scaleUp", {})
    fill_in(up, stabilizationWindowSeconds=0, selectPolicy="Max")
    fill_in(up, policies=[{"type": "Pods", "value": 4, "periodSeconds": 15}, percent])
    fill_in(behavior.setdefault("scaleDown", {}), selectPolicy="Max", policies=[dict(percent)])
