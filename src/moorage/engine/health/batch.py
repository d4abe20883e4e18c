"""How do Jobs and CronJobs do?"""

from __future__ import annotations

from moorage.engine.health.language import HEALTHY, D, H, P, S, Table, at, conditions, fields, text
from moorage.model.health import Health
from moorage.model.manifest import Json


def _job(body: Json) -> Health:
    # Only the types count. A Suspended condition with status False, which a
    # resumed job keeps, counts as finished: Argo CD's rule, kept as it is.
    found = {str(c.get("type")): c for c in conditions(body)}
    failed, complete, suspended = found.get("Failed"), found.get("Complete"), found.get("Suspended")
    if failed is not None:
        return Health(D, text(failed, "message"))
    if suspended is not None and suspended.get("status") == "True":
        return Health(S, text(suspended, "message"))
    if complete is not None or suspended is not None:
        return Health(H, text(complete or suspended, "message"))
    return Health(P, "the Job has not finished")


def _cron_job(body: Json) -> Health:
    if at(body, "spec", "suspend") is True:
        return Health(H, "CronJob is Suspended")
    status = fields(body, "status")
    if "status" not in body:
        return Health(P, "waiting for the first schedule")
    scheduled, succeeded = text(status, "lastScheduleTime"), text(status, "lastSuccessfulTime")
    if not scheduled:
        return Health(H, "the CronJob has not been scheduled yet")
    if not succeeded:
        return Health(H, "the CronJob has not succeeded yet")
    if status.get("active"):
        return Health(H, "a Job is running")
    # Both are UTC times in one format, so their order as text is their order in time.
    if succeeded < scheduled:
        return Health(D, "the last Job did not succeed")
    return HEALTHY


TABLE: Table = {
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _cron_job,
}
