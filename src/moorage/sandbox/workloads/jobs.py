"""
When is a job done, when has it failed, and how many pods does it take?
"""

from __future__ import annotations

from datetime import datetime

from moorage.model.manifest import Json
from moorage.sandbox.workloads.conditions import condition, holds, put
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.following import look_with_owned
from moorage.sandbox.workloads.pods import is_ready
from moorage.sandbox.workloads.ports import JOBS, PODS, Cluster, Key, moment, stamp
from moorage.sandbox.workloads.templates import nonzero, pod_from


class Jobs:
    """Runs the pods of jobs to their end."""

    def __init__(self, cluster: Cluster, driver: Driver) -> None:
        self._cluster = cluster
        self._driver = driver
        look_with_owned(cluster, driver, JOBS, "Job", PODS, self.look)

    def look(self, key: Key) -> None:
        """Start the pods a job still needs, or end it; remove it when its time after the end is over."""
        held = self._cluster.get(*key)
        if held is None or held["metadata"].get("deletionTimestamp"):
            return
        now = self._driver.clock.now()
        if over(held):
            self._expire(held, key, now)
            return
        pods = self._pods(held)
        if held["spec"].get("suspend"):
            self._suspend(held, pods, now)
            return
        succeeded = sum(pod["status"].get("phase") == "Succeeded" for pod in pods)
        failed = sum(pod["status"].get("phase") == "Failed" for pod in pods)
        status: Json = {**held["status"], "startTime": held["status"].get("startTime") or stamp(now)}
        if reason := self._failure(held, status, failed, now):
            self._stop(pods)
            self._finish(held, status, "Failed", reason, succeeded, failed, now)
        elif succeeded >= _completions(held, pods):
            self._stop(pods)
            reason = ("CompletionsReached", "Reached expected number of succeeded pods")
            self._finish(held, status, "Complete", reason, succeeded, failed, now)
        else:
            pods = self._start(held, pods, succeeded)
            self._report(held, status, pods, succeeded, failed, now)
            self._await_deadline(held, status, key, now)

    def _pods(self, held: Json) -> list[Json]:
        return self._cluster.owned(held["metadata"]["uid"], PODS)

    def _failure(self, held: Json, status: Json, failed: int, now: datetime) -> tuple[str, str] | None:
        limit = held["spec"].get("activeDeadlineSeconds")
        if limit is not None and (now - moment(status["startTime"])).total_seconds() >= limit:
            return "DeadlineExceeded", "Job was active longer than specified deadline"
        if failed > held["spec"]["backoffLimit"]:
            return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        return None

    def _start(self, held: Json, pods: list[Json], succeeded: int) -> list[Json]:
        spec = held["spec"]
        active = [pod for pod in pods if _active(pod)]
        left = (spec["completions"] - succeeded) if "completions" in spec else spec["parallelism"]
        if "completions" not in spec and succeeded:
            left = len(active)
        wanted = min(spec["parallelism"], left)
        for pod in active[max(0, wanted) :]:
            self._cluster.delete(_key(pod))
            active.remove(pod)
        for index in self._free_indexes(held, pods)[: max(0, wanted - len(active))]:
            made = self._cluster.create(PODS, self._pod(held, index))
            if made is not None:
                active.append(made)
        return active

    def _free_indexes(self, held: Json, pods: list[Json]) -> list[int]:
        spec = held["spec"]
        if spec.get("completionMode") != "Indexed":
            return list(range(spec["parallelism"]))
        taken = {
            int((pod["metadata"].get("annotations") or {}).get(_INDEX, "-1"))
            for pod in pods
            if pod["status"].get("phase") != "Failed"
        }
        return [index for index in range(spec["completions"]) if index not in taken]

    def _pod(self, held: Json, index: int) -> Json:
        if held["spec"].get("completionMode") != "Indexed":
            return pod_from(held["spec"]["template"], held)
        pod = pod_from(held["spec"]["template"], held, labels={_INDEX: str(index)})
        pod["metadata"]["generateName"] = f"{held['metadata']['name']}-{index}-"
        pod["metadata"]["annotations"] = {**pod["metadata"].get("annotations", {}), _INDEX: str(index)}
        return pod

    def _stop(self, pods: list[Json]) -> None:
        for pod in pods:
            if _active(pod):
                self._cluster.delete(_key(pod))

    def _suspend(self, held: Json, pods: list[Json], now: datetime) -> None:
        self._stop(pods)
        told = condition("Suspended", True, "JobSuspended", "Job suspended")
        status = {
            name: value
            for name, value in held["status"].items()
            if name not in ("active", "ready", "startTime")
        }
        status["conditions"] = put(held["status"].get("conditions"), [told], now)
        self._cluster.replace(held, status=status)

    def _report(
        self, held: Json, status: Json, active: list[Json], succeeded: int, failed: int, now: datetime
    ) -> None:
        if holds(held, "Suspended"):
            resumed = condition("Suspended", False, "JobResumed", "Job resumed")
            status["conditions"] = put(status.get("conditions"), [resumed], now)
        counts = nonzero({"active": len(active), "succeeded": succeeded, "failed": failed})
        kept = {
            name: value for name, value in status.items() if name not in ("active", "succeeded", "failed")
        }
        ready = sum(is_ready(pod) or pod["status"].get("phase") == "Running" for pod in active)
        report: Json = {**kept, **counts, "ready": ready, "terminating": 0, "uncountedTerminatedPods": {}}
        self._cluster.replace(held, status=report)

    def _finish(
        self,
        held: Json,
        status: Json,
        how: str,
        why: tuple[str, str],
        succeeded: int,
        failed: int,
        now: datetime,
    ) -> None:
        before = "SuccessCriteriaMet" if how == "Complete" else "FailureTarget"
        told = [condition(before, True, *why), condition(how, True, *why)]
        ended: Json = {"completionTime": stamp(now)} if how == "Complete" else {}
        counts = nonzero({"succeeded": succeeded, "failed": failed})
        kept: Json = {name: status[name] for name in ("startTime", "conditions") if name in status}
        final: Json = {**kept, **ended, **counts, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}
        moments = [{**each, "lastProbeTime": stamp(now)} for each in put(status.get("conditions"), told, now)]
        written = self._cluster.replace(held, status={**final, "conditions": moments})
        if written is not None:
            key = Key(JOBS, held["metadata"]["namespace"], held["metadata"]["name"])
            self._expire(written, key, now)

    def _expire(self, held: Json, key: Key, now: datetime) -> None:
        keep = held["spec"].get("ttlSecondsAfterFinished")
        if keep is None:
            return
        ended = [
            c["lastTransitionTime"]
            for c in held["status"]["conditions"]
            if c["type"] in ("Complete", "Failed")
        ]
        left = max(keep, AT_LEAST) - (now - moment(ended[0])).total_seconds()
        if left <= 0:
            self._cluster.delete(key, "Foreground")
        else:
            self._driver.later(left, self.look, key)

    def _await_deadline(self, held: Json, status: Json, key: Key, now: datetime) -> None:
        limit = held["spec"].get("activeDeadlineSeconds")
        if limit is not None:
            self._driver.later(limit - (now - moment(status["startTime"])).total_seconds(), self.look, key)


AT_LEAST = 2
"""Seconds a job that is to go at once stays: who waits for it (Helm does) must see that it ended."""

_INDEX = "batch.kubernetes.io/job-completion-index"


def over(job: Json) -> bool:
    """Return whether a job has ended, well or not."""
    return holds(job, "Complete") or holds(job, "Failed")


def _completions(held: Json, pods: list[Json]) -> int:
    spec = held["spec"]
    if "completions" in spec:
        return int(spec["completions"])
    # Without a number, the first success counts for all once no pod is left at work.
    return 1 if not any(_active(pod) for pod in pods) else len(pods) + 1


def _active(pod: Json) -> bool:
    return pod["status"].get("phase") not in ("Succeeded", "Failed") and not pod["metadata"].get(
        "deletionTimestamp"
    )


def _key(pod: Json) -> Key:
    return Key(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
