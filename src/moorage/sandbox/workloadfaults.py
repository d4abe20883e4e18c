"""
What is wrong with a workload: its selector, its template, its strategy?
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from moorage.model.manifest import Json
from moorage.sandbox import faults
from moorage.sandbox.answers import Cause
from moorage.sandbox.podfaults import pod_spec_faults
from moorage.sandbox.schedule import BadSchedule, parse_schedule
from moorage.sandbox.selection import selects


def pod(body: Json) -> Iterator[Cause]:
    yield from pod_spec_faults(body["spec"], "spec")


def deployment(body: Json) -> Iterator[Cause]:
    spec = body["spec"]
    yield from _replicated(body)
    yield from faults.one_of(spec["strategy"]["type"], ("Recreate", "RollingUpdate"), "spec.strategy.type")
    rolling = spec["strategy"].get("rollingUpdate")
    if spec["strategy"]["type"] == "Recreate" and rolling is not None:
        yield faults.forbidden(
            "spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'"
        )
    if rolling and _zero(rolling.get("maxUnavailable")) and _zero(rolling.get("maxSurge")):
        yield faults.invalid(
            "spec.strategy.rollingUpdate.maxUnavailable", 0, "may not be 0 when `maxSurge` is 0"
        )
    deadline, ready = spec["progressDeadlineSeconds"], spec.get("minReadySeconds", 0)
    if deadline <= ready:
        yield faults.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")


def _zero(value: Any) -> bool:
    return value in (0, "0", "0%")


def replica_set(body: Json) -> Iterator[Cause]:
    yield from _replicated(body)


def daemon_set(body: Json) -> Iterator[Cause]:
    yield from _selecting(body)


def stateful_set(body: Json) -> Iterator[Cause]:
    claims = body["spec"].get("volumeClaimTemplates", ())
    claimed = {claim["metadata"].get("name", "") for claim in claims}
    yield from _replicated(body, claimed=claimed)
    kinds = ("OnDelete", "RollingUpdate")
    yield from faults.one_of(body["spec"]["updateStrategy"]["type"], kinds, "spec.updateStrategy.type")
    yield from faults.one_of(
        body["spec"]["podManagementPolicy"], ("OrderedReady", "Parallel"), "spec.podManagementPolicy"
    )


def job(body: Json) -> Iterator[Cause]:
    yield from _job_spec(body["spec"], "spec")


def _job_spec(spec: Json, path: str) -> Iterator[Cause]:
    for name in (
        "parallelism",
        "completions",
        "backoffLimit",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
    ):
        yield from faults.not_negative(spec.get(name), f"{path}.{name}")
    if spec.get("completionMode") == "Indexed" and "completions" not in spec:
        yield faults.required(f"{path}.completions", "when completion mode is Indexed")
    template = spec["template"]
    allowed = ("OnFailure", "Never")
    yield from pod_spec_faults(template["spec"], f"{path}.template.spec", restart=allowed)


def cron_job(body: Json) -> Iterator[Cause]:
    spec = body["spec"]
    if not spec.get("schedule"):
        yield faults.required("spec.schedule")
    else:
        try:
            parse_schedule(spec["schedule"])
        except BadSchedule as wrong:
            yield faults.invalid("spec.schedule", spec["schedule"], str(wrong))
    yield from faults.one_of(
        spec.get("concurrencyPolicy"), ("Allow", "Forbid", "Replace"), "spec.concurrencyPolicy"
    )
    if len(body["metadata"]["name"]) > 52:
        yield faults.invalid("metadata.name", body["metadata"]["name"], "must be no more than 52 characters")
    yield from _job_spec(spec["jobTemplate"]["spec"], "spec.jobTemplate.spec")


def autoscaler(body: Json) -> Iterator[Cause]:
    spec = body["spec"]
    most, least = spec.get("maxReplicas", 0), spec.get("minReplicas", 1)
    if least < 1:
        yield faults.invalid("spec.minReplicas", least, "must be greater than or equal to 1")
    if most < least:
        yield faults.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    reference = spec.get("scaleTargetRef") or {}
    for name in ("kind", "name"):
        if not reference.get(name):
            yield faults.required(f"spec.scaleTargetRef.{name}")
    version = reference.get("apiVersion", "")
    if "/" not in version and reference.get("kind") != "ReplicationController":
        yield faults.invalid("spec.scaleTargetRef.apiVersion", version, "apiVersion must specify API group")
    if not most:
        yield faults.required("spec.maxReplicas")
    elif most < 0:
        yield faults.invalid("spec.maxReplicas", most, "must be greater than or equal to 1")


_PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
    "validation is '[0-9]+%')"
)


def budget(body: Json) -> Iterator[Cause]:
    for name in ("minAvailable", "maxUnavailable"):
        value = body["spec"].get(name)
        if isinstance(value, str) and not re.fullmatch("[0-9]+%", value):
            yield faults.invalid(f"spec.{name}", value, _PERCENT)
        elif isinstance(value, int) and value < 0:
            yield faults.invalid(f"spec.{name}", value, "must be greater than or equal to 0")
    if "minAvailable" in body["spec"] and "maxUnavailable" in body["spec"]:
        wrong = {name: body["spec"][name] for name in ("minAvailable", "maxUnavailable")}
        yield faults.invalid("spec", wrong, "minAvailable and maxUnavailable cannot be both set")


def _replicated(body: Json, claimed: set[str] | None = None) -> Iterator[Cause]:
    spec = body["spec"]
    yield from faults.not_negative(spec.get("replicas"), "spec.replicas")
    yield from faults.not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    yield from _selecting(body, claimed)


def _selecting(body: Json, claimed: set[str] | None = None) -> Iterator[Cause]:
    spec, kind = body["spec"], body["kind"].lower()
    selector, template = spec.get("selector"), spec["template"]
    labels = template.get("metadata", {}).get("labels") or {}
    if selector is None:
        yield faults.required("spec.selector")
        # No selector selects nothing, so it does not select the template either.
        why = "`selector` does not match template `labels`"
        yield faults.invalid("spec.template.metadata.labels", labels or None, why)
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield faults.invalid("spec.selector", selector, f"empty selector is invalid for {kind}")
    else:
        yield from faults.labels(selector.get("matchLabels"), "spec.selector.matchLabels")
        if not selects(selector, labels):
            why = "`selector` does not match template `labels`"
            yield faults.invalid("spec.template.metadata.labels", labels, why)
    yield from faults.labels(labels, "spec.template.metadata.labels")
    yield from pod_spec_faults(
        template["spec"], "spec.template.spec", restart=("Always",), claimed=claimed or ()
    )
