"""How do served functions, models and computations do?"""

from __future__ import annotations

from moorage.engine.health.language import (
    HEALTHY,
    D,
    H,
    M,
    P,
    S,
    Table,
    condition,
    conditions,
    fields,
    holds,
    number,
    text,
)
from moorage.model.health import Health
from moorage.model.manifest import Json


def _knative_serving(body: Json) -> Health:
    return _installed(body, ("Ready", "InstallSucceeded", "DependenciesInstalled", "DeploymentsAvailable"))


def _knative_eventing(body: Json) -> Health:
    return _installed(body, ("Ready", "InstallSucceeded"))


def _installed(body: Json, wanted: tuple[str, ...]) -> Health:
    found = conditions(body)
    if not found:
        return Health(P, "waiting for the first conditions")
    if all(holds(body, type_) for type_ in wanted):
        return HEALTHY
    for c in found:
        waits = c.get("status") == "Unknown" or (
            c.get("type") in ("Ready", "DeploymentsAvailable") and c.get("status") == "False"
        )
        if waits:
            return Health(P, text(c, "message"))
    bad = next((c for c in found if c.get("status") == "False"), None)
    return Health(D, text(bad, "message"))


def _inference_service(body: Json) -> Health:
    if holds(body, "Stopped"):
        return Health(S, text(condition(body, "Stopped"), "message"))
    transition = text(body, "status", "modelStatus", "transitionStatus")
    if transition == "InProgress":
        return Health(P, "the model is being loaded")
    found = [c for c in conditions(body) if c.get("type") != "Stopped"]
    if not found:
        return Health(P, "waiting for the first conditions")
    bad = [c for c in found if c.get("status") in ("False", "Unknown")]
    blocked = transition not in ("", "UpToDate")
    failed = blocked or any(c.get("status") == "False" for c in bad)
    if not bad and not failed:
        return HEALTHY
    message = f"{text(bad[0], 'type')}: {text(bad[0], 'message')}" if bad else f"the model is {transition}"
    return Health(D if failed else P, message)


def _spark_application(body: Json) -> Health:
    state = text(body, "status", "applicationState", "state")
    message = text(body, "status", "applicationState", "errorMessage")
    if state == "RUNNING":
        return _executors(body)
    words = {"COMPLETED": H, "FAILED": D, "SUBMISSION_FAILED": D, "FAILING": D, "INVALIDATING": M}
    return Health(words.get(state, P), message or f"state is {state or 'not set'}")


def _executors(body: Json) -> Health:
    states = fields(body, "status", "executorState")
    running = sum(1 for state in states.values() if state == "RUNNING")
    least, most = _wanted_executors(body)
    if least <= running <= most:
        return Health(H, f"{running} executors are running")
    return Health(P, f"{running} executors are running")


def _wanted_executors(body: Json) -> tuple[float, float]:
    """Return between which numbers of executors an application does well."""
    dynamic, conf = fields(body, "spec", "dynamicAllocation"), fields(body, "spec", "sparkConf")
    if dynamic.get("enabled") is True:
        most = number(dynamic, "maxExecutors")
        return number(dynamic, "minExecutors"), most if most else float("inf")
    if text(conf, "spark.dynamicAllocation.enabled") == "true":
        least, most_text = (text(conf, f"spark.dynamicAllocation.{end}Executors") for end in ("min", "max"))
        most = float(most_text) if most_text.isdecimal() else float("inf")
        return float(least) if least.isdecimal() else 0, most
    if wanted := number(body, "spec", "executor", "instances"):
        return wanted, wanted
    return 1, float("inf")


def _flink_deployment(body: Json) -> Health:
    reconciled = fields(body, "status", "reconciliationStatus")
    if reconciled.get("success") is True or reconciled.get("state") == "DEPLOYED":
        return HEALTHY
    job_manager = text(body, "status", "jobManagerDeploymentStatus")
    if job_manager == "ERROR":
        return Health(D, text(reconciled, "error") or "the job manager failed")
    return Health(P, f"the job manager is {job_manager or 'not deployed'}")


def _function(body: Json) -> Health:
    for type_, bad in (("Ready", "False"), ("Stalled", "True")):
        if holds(body, type_, bad):
            return Health(D, text(condition(body, type_), "message"))
    if not holds(body, "Ready"):
        return Health(P, "waiting for Ready")
    return HEALTHY if number(body, "status", "replicas") else Health(S, "the function has no replicas")


def _spin_app(body: Json) -> Health:
    progressing = condition(body, "Progressing")
    if text(progressing, "status") == "False":
        return Health(D, text(progressing, "message"))
    available = condition(body, "Available")
    if available is not None and available.get("status") != "True":
        return Health(D, text(available, "message"))
    ready, wanted = number(body, "status", "readyReplicas"), number(body, "spec", "replicas")
    if available is None or ready < wanted:
        return Health(P, f"{ready} of {wanted} replicas are ready")
    return HEALTHY


TABLE: Table = {
    ("operator.knative.dev", "KnativeServing"): _knative_serving,
    ("operator.knative.dev", "KnativeEventing"): _knative_eventing,
    ("serving.kserve.io", "InferenceService"): _inference_service,
    ("sparkoperator.k8s.io", "SparkApplication"): _spark_application,
    ("flink.apache.org", "FlinkDeployment"): _flink_deployment,
    ("openfaas.com", "Function"): _function,
    ("core.spinkube.dev", "SpinApp"): _spin_app,
}
