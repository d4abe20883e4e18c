"""
When does a cron job start its next job, and which old ones does it keep?
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from moorage.model.manifest import Json
from moorage.sandbox.schedule import BadSchedule, parse_schedule
from moorage.sandbox.workloads.conditions import holds
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.following import look_with_owned
from moorage.sandbox.workloads.jobs import over
from moorage.sandbox.workloads.ports import CRON_JOBS, JOBS, Cluster, Key, moment, stamp
from moorage.sandbox.workloads.templates import owner_of


class CronJobs:
    """Starts jobs on time."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        look_with_owned(cluster, driver, CRON_JOBS, "CronJob", JOBS, self.look)

    def look(self, key: Key) -> None:
        """Start what is due, forget old jobs, say which are active and come back in time."""
        held = self._cluster.get(*key)
        if held is None or held["metadata"].get("deletionTimestamp"):
            return
        now = self._driver.clock.now()
        jobs = self._cluster.owned(held["metadata"]["uid"], JOBS)
        status = dict(held["status"])
        if not held["spec"].get("suspend") and (due := self._due(held, now)) is not None:
            jobs = self._start(held, jobs, due, status)
        self._report(held, jobs, status)
        self._forget(held, jobs)
        self._come_back(held, key, now)

    def _due(self, held: Json, now: datetime) -> datetime | None:
        last = held["status"].get("lastScheduleTime") or held["metadata"]["creationTimestamp"]
        found, due = self._next(held, moment(last)), None
        while found is not None and found <= now:
            due, found = found, self._next(held, found)
        late = held["spec"].get("startingDeadlineSeconds")
        if due is not None and late is not None and (now - due).total_seconds() > late:
            return None
        return due

    def _next(self, held: Json, after: datetime) -> datetime | None:
        zone: tzinfo = ZoneInfo(held["spec"]["timeZone"]) if held["spec"].get("timeZone") else UTC
        try:
            found = parse_schedule(held["spec"]["schedule"]).after(after.astimezone(zone))
        except BadSchedule:
            return None
        return found.astimezone(UTC) if found else None

    def _start(self, held: Json, jobs: list[Json], due: datetime, status: Json) -> list[Json]:
        active = [job for job in jobs if not over(job)]
        policy = held["spec"]["concurrencyPolicy"]
        if policy == "Forbid" and active:
            return jobs
        if policy == "Replace":
            for job in active:
                self._cluster.delete(_key(job))
            jobs = [job for job in jobs if job not in active]
        template = held["spec"]["jobTemplate"]
        metadata: Json = {
            "name": f"{held['metadata']['name']}-{int(due.timestamp()) // 60}",
            "namespace": held["metadata"]["namespace"],
            "labels": dict(template["metadata"].get("labels", {})),
            "annotations": {
                **template["metadata"].get("annotations", {}),
                "batch.kubernetes.io/cronjob-scheduled-timestamp": stamp(due),
            },
            "ownerReferences": [owner_of(held)],
        }
        made = self._cluster.create(JOBS, {"metadata": metadata, "spec": template["spec"]})
        status["lastScheduleTime"] = stamp(due)
        return [*jobs, made] if made is not None else jobs

    def _report(self, held: Json, jobs: list[Json], status: Json) -> None:
        status.pop("active", None)
        if active := [_reference(job) for job in jobs if not over(job)]:
            status["active"] = active
        ended = [job["status"]["completionTime"] for job in jobs if holds(job, "Complete")]
        if ended:
            status["lastSuccessfulTime"] = max([*ended, status.get("lastSuccessfulTime", "")])
        self._cluster.replace(held, status=status)

    def _forget(self, held: Json, jobs: list[Json]) -> None:
        spec = held["spec"]
        for kind, keep in (
            ("Complete", spec["successfulJobsHistoryLimit"]),
            ("Failed", spec["failedJobsHistoryLimit"]),
        ):
            ended = sorted((job for job in jobs if holds(job, kind)), key=_started)
            for job in ended[: max(0, len(ended) - keep)]:
                self._cluster.delete(_key(job))

    def _come_back(self, held: Json, key: Key, now: datetime) -> None:
        following = self._next(held, now)
        if following is not None and not held["spec"].get("suspend"):
            self._driver.later((following - now).total_seconds(), self.look, key)


def _started(job: Json) -> str:
    return str(job["status"].get("startTime", ""))


def _key(job: Json) -> Key:
    return Key(JOBS, job["metadata"]["namespace"], job["metadata"]["name"])


def _reference(job: Json) -> Json:
    meta = job["metadata"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
    }
