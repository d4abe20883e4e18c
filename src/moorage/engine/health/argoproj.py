"""How do Rollouts, analysis runs, workflows and ApplicationSets do?"""

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
    annotation,
    at,
    by_word,
    condition,
    in_order_of_clauses,
    number,
    text,
)
from moorage.model.health import Health, HealthStatus
from moorage.model.manifest import Json

_UNOBSERVED = Health(P, "waiting for the controller to see the latest spec")


def _rollout(body: Json) -> Health:
    if not _rollout_observed(body):
        return _UNOBSERVED
    message = text(body, "status", "message")
    phase = text(body, "status", "phase")
    if phase == "Paused":
        return Health(S, message)
    if phase:
        return Health(HealthStatus(phase) if phase in tuple(HealthStatus) else U, message)
    return _rollout_without_phase(body)


def _rollout_observed(body: Json) -> bool:
    """Return whether the controller saw the spec; it writes generations as text, older ones as hashes."""
    for seen, latest in (
        (at(body, "status", "observedGeneration"), at(body, "metadata", "generation")),
        (
            at(body, "status", "workloadObservedGeneration"),
            annotation(body, "rollout.argoproj.io/workload-generation"),
        ),
    ):
        if _is_number(seen) and _is_number(latest) and int(str(seen)) < int(str(latest)):
            return False
    return True


def _is_number(value: object) -> bool:
    written = str(value)
    return written.isascii() and written.isdigit() and len(written) < 20


def _rollout_without_phase(body: Json) -> Health:
    if invalid := condition(body, "InvalidSpec"):
        return Health(D, text(invalid, "message"))
    progressing = condition(body, "Progressing")
    if text(progressing, "reason") in ("RolloutAborted", "ProgressDeadlineExceeded"):
        return Health(D, text(progressing, "message"))
    if at(body, "status", "pauseConditions") or at(body, "spec", "paused") is True:
        return Health(S, "the Rollout is paused")
    current = at(body, "status", "currentPodHash")
    if current is None:
        return Health(P, "waiting for the roll-out to begin")
    updated = number(body, "status", "updatedReplicas")
    if updated < number(body, "spec", "replicas"):
        return Health(P, "waiting for replicas to be updated")
    if number(body, "status", "availableReplicas") < updated:
        return Health(P, "waiting for updated replicas to be available")
    return _strategy_done(body, current, updated)


def _strategy_done(body: Json, current: object, updated: float) -> Health:
    if at(body, "spec", "strategy", "blueGreen") is not None:
        if at(body, "status", "blueGreen", "activeSelector") != current:
            return Health(P, "waiting for the active service to move")
    elif number(body, "status", "replicas") > updated:
        return Health(P, "waiting for old replicas to end")
    stable = at(body, "status", "stableRS")
    strategy = at(body, "spec", "strategy", "canary") or at(body, "spec", "strategy", "blueGreen")
    if strategy is not None and stable != current:
        return Health(P, "waiting for the new replicas to become the stable ones")
    return HEALTHY


def _unless_no_status(rule: Rule) -> Rule:
    def assess(body: Json) -> Health | None:
        return rule(body) if body.get("status") else Health(P, "waiting for a first status")

    return assess


def _cron_workflow(body: Json) -> Health:
    for type_ in ("SpecError", "SubmissionError"):
        found = condition(body, type_)
        if text(found, "status") == "True":
            return Health(D, text(found, "message"))
    return Health(H)


TABLE: Table = {
    ("argoproj.io", "Rollout"): _rollout,
    ("argoproj.io", "CronWorkflow"): _cron_workflow,
    ("argoproj.io", "AnalysisRun"): _unless_no_status(
        by_word(
            "status.phase",
            "Pending|Running → Progressing, Successful → Healthy, Failed|Error → Degraded,"
            " Inconclusive → Unknown, else Progressing",
            "status.message",
        )
    ),
    ("argoproj.io", "Experiment"): _unless_no_status(
        by_word(
            "status.phase",
            "Pending|Running → Progressing, Successful → Healthy, Failed|Error → Degraded, else Progressing",
            "status.message",
        )
    ),
    ("argoproj.io", "Workflow"): by_word(
        "status.phase",
        "|Pending|Running → Progressing, Succeeded → Healthy, Failed|Error → Degraded, else Unknown",
        "status.message",
    ),
    ("argoproj.io", "ApplicationSet"): in_order_of_clauses(
        "ErrorOccurred=True → Degraded, ResourcesUpToDate=False → Degraded,"
        " RolloutProgressing=True → Progressing, ResourcesUpToDate=True → Healthy, else Progressing"
    ),
}
