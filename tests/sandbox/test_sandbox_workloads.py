"""Simulated controllers: workloads come up, roll out, fail on demand, heal and go."""

from __future__ import annotations

import asyncio
import copy
from datetime import UTC, datetime, timedelta

import pytest

from moorage.sandbox import api
from moorage.sandbox.store import Store
from moorage.sandbox.workloads import StoreCluster, Workloads, logs
from moorage.sandbox.workloads.pods import FAIL, READY_AFTER
from moorage.sandbox.workloads.ports import (
    API_SERVICES,
    AUTOSCALERS,
    BUDGETS,
    CLAIMS,
    CONFIG_MAPS,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    ENDPOINTS,
    INGRESSES,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    SLICES,
    STATEFUL_SETS,
    VOLUMES,
    Key,
    stamp,
)

SPACE = "shop"


class HandClock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.time + timedelta(seconds=seconds), future))
        await future

    def turn(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        for due, future in self._sleepers:
            if due <= self.time and not future.done():
                future.set_result(None)
        self._sleepers = [each for each in self._sleepers if not each[1].done()]


class World:
    """A store with its controllers, and short words for what tests do with them."""

    def __init__(self, store: Store | None = None, clock: HandClock | None = None) -> None:
        self.clock = clock or HandClock()
        self.store = store or Store()
        self.writes = api.build(self.store, now=lambda: stamp(self.clock.now())).writes
        self.cluster = StoreCluster(self.store, self.writes.registry, self.writes)
        self.workloads = Workloads(self.cluster, clock=self.clock, ready_after=1.0)

    async def __aenter__(self) -> World:
        self.workloads.start()
        if self.cluster.get(NAMESPACES, "", SPACE) is None:
            self.cluster.create(NAMESPACES, {"metadata": {"name": SPACE}})
        await self.passes()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.workloads.stop()

    async def passes(self, seconds: float = 0) -> None:
        """Let time pass in quarters of a second, and everything happen that is due."""
        await self._settle()
        for _ in range(round(seconds * 4)):
            self.clock.turn(0.25)
            await self._settle()

    async def jumps(self, seconds: float) -> None:
        """Let time pass at once."""
        self.clock.turn(seconds)
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)
        await self.workloads.settled()

    def make(self, ref, name, spec=None, **metadata):
        body = {"metadata": {"name": name, "namespace": SPACE, **metadata}}
        return self.cluster.create(ref, body if spec is None else {**body, "spec": copy.deepcopy(spec)})

    def get(self, ref, name, namespace=SPACE):
        return self.cluster.get(ref, namespace, name)

    def status(self, ref, name):
        return self.get(ref, name)["status"]

    def all(self, ref):
        return list(self.cluster.every(ref, SPACE))

    def change(self, ref, name, **fields):
        held = self.get(ref, name)
        return self.cluster.change(held, {**held["spec"], **fields})

    def delete(self, ref, name, how="Background"):
        self.cluster.delete(Key(ref, SPACE, name), how)


@pytest.fixture
async def world():
    async with World() as made:
        yield made


def template(image="nginx:1", app="web", restart="Always", **annotations):
    marks = {"fail": FAIL, "ready_after": READY_AFTER}
    return {
        "metadata": {
            "labels": {"app": app},
            "annotations": {marks[name]: value for name, value in annotations.items()},
        },
        "spec": {
            "restartPolicy": restart,
            "containers": [{"name": "web", "image": image, "ports": [{"name": "http", "containerPort": 80}]}],
        },
    }


def selecting(app="web", **more):
    return {"selector": {"matchLabels": {"app": app}}, "template": template(app=app), **more}


def conditions(status):
    return {each["type"]: (each["status"], each.get("reason")) for each in status["conditions"]}


def names(bodies):
    return sorted(body["metadata"]["name"] for body in bodies)


async def test_deployment_comes_up(world):
    """
    A deployment makes a replica set, that makes pods, and all report as they become ready.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=3))
    await world.passes()
    starting = world.status(DEPLOYMENTS, "web")
    await world.passes(2)

    status = world.status(DEPLOYMENTS, "web")

    assert starting["unavailableReplicas"] == 3
    assert [
        status.get(name)
        for name in ("observedGeneration", "replicas", "updatedReplicas", "availableReplicas")
    ] == [
        1,
        3,
        3,
        3,
    ]
    assert conditions(status) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert (
        world.get(DEPLOYMENTS, "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    )
    assert len(world.all(PODS)) == 3


async def test_rolling_update_keeps_enough_pods(world):
    """
    During a rollout the available pods never fall below the bound and never exceed the surge.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=4))
    await world.passes(2)
    world.change(DEPLOYMENTS, "web", template=template(image="nginx:2"))
    available, total = [], []
    for _ in range(24):
        await world.passes(0.25)
        status = world.status(DEPLOYMENTS, "web")
        available.append(status.get("availableReplicas", 0))
        total.append(len(world.all(PODS)))

    assert min(available) >= 3
    assert max(total) <= 5
    assert world.status(DEPLOYMENTS, "web")["updatedReplicas"] == 4
    assert {pod["spec"]["containers"][0]["image"] for pod in world.all(PODS)} == {"nginx:2"}


async def test_rollback_reuses_the_old_replica_set(world):
    """
    Going back to an earlier template brings its replica set back, as the newest revision.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=1))
    await world.passes(2)
    world.change(DEPLOYMENTS, "web", template=template(image="nginx:2"))
    await world.passes(3)
    world.change(DEPLOYMENTS, "web", template=template())
    await world.passes(3)

    sets = {
        each["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: each["spec"]["replicas"]
        for each in world.all(REPLICA_SETS)
    }

    assert sets == {"2": 0, "3": 1}


async def test_recreate_stops_the_old_pods_first(world):
    """
    With the Recreate strategy pods of two templates never live side by side.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=2, strategy={"type": "Recreate"}))
    await world.passes(2)
    world.change(DEPLOYMENTS, "web", template=template(image="nginx:2"))
    images = []
    for _ in range(12):
        await world.passes(0.25)
        images.append({pod["spec"]["containers"][0]["image"] for pod in world.all(PODS)})

    assert all(len(each) <= 1 for each in images)
    assert images[-1] == {"nginx:2"}


async def test_paused_deployment_waits(world):
    """
    A paused deployment scales and does not roll out.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=1))
    await world.passes(2)
    world.change(DEPLOYMENTS, "web", paused=True, replicas=2, template=template(image="nginx:2"))
    await world.passes(2)

    assert {pod["spec"]["containers"][0]["image"] for pod in world.all(PODS)} == {"nginx:1"}
    assert len(world.all(PODS)) == 2
    assert conditions(world.status(DEPLOYMENTS, "web"))["Progressing"] == ("Unknown", "DeploymentPaused")


@pytest.mark.parametrize(
    ("fail", "phase", "reason"),
    [
        ("image-pull", "Pending", "ImagePullBackOff"),
        ("crash-loop", "Running", "CrashLoopBackOff"),
        ("never-ready", "Running", None),
    ],
)
async def test_deployment_fails_on_demand_and_heals(world, fail, phase, reason):
    """
    A template annotated to fail never becomes available, exceeds its deadline, and heals without the annotation.
    """
    spec = selecting(replicas=1, progressDeadlineSeconds=30)
    world.make(DEPLOYMENTS, "web", {**spec, "template": template(fail=fail)})
    await world.passes(2)
    pod = world.all(PODS)[0]
    state = pod["status"]["containerStatuses"][0]["state"]
    await world.jumps(30)
    late = conditions(world.status(DEPLOYMENTS, "web"))["Progressing"]
    world.change(DEPLOYMENTS, "web", template=template())
    await world.passes(4)

    assert (pod["status"]["phase"], state.get("waiting", {}).get("reason")) == (phase, reason)
    assert late == ("False", "ProgressDeadlineExceeded")
    assert conditions(world.status(DEPLOYMENTS, "web"))["Progressing"] == ("True", "NewReplicaSetAvailable")


async def test_running_pod_breaks_and_heals_by_annotation(world):
    """
    The fate of a pod that runs follows its annotation at once.
    """
    world.make(PODS, "one", template()["spec"])
    await world.passes(2)
    ready = world.status(PODS, "one")
    pod = world.get(PODS, "one")
    world.cluster.replace(pod, metadata={**pod["metadata"], "annotations": {FAIL: "crash-loop"}})
    await world.passes()
    broken = world.status(PODS, "one")
    pod = world.get(PODS, "one")
    world.cluster.replace(pod, metadata={**pod["metadata"], "annotations": {}})
    await world.passes()

    assert conditions(ready)["Ready"][0] == "True"
    assert conditions(broken)["Ready"] == ("False", "ContainersNotReady")
    assert conditions(world.status(PODS, "one"))["Ready"][0] == "True"


async def test_pod_says_how_long_it_takes(world):
    """
    A pod becomes ready after the time its annotation says.
    """
    world.make(PODS, "slow", template()["spec"], annotations={READY_AFTER: "5s"})
    await world.passes(4)
    before = world.status(PODS, "slow")
    await world.passes(1)

    assert before["phase"] == "Pending"
    assert world.status(PODS, "slow")["phase"] == "Running"


async def test_deleted_pod_comes_back(world):
    """
    A replica set replaces a pod that is deleted.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=2))
    await world.passes(2)
    gone = names(world.all(PODS))[0]
    world.delete(PODS, gone)
    await world.passes(2)

    assert gone not in names(world.all(PODS))
    assert world.status(DEPLOYMENTS, "web")["availableReplicas"] == 2


STATEFUL = selecting(
    app="db",
    replicas=3,
    serviceName="db",
    volumeClaimTemplates=[
        {
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        }
    ],
)


async def test_stateful_set_comes_up_in_order(world):
    """
    The pods of a stateful set come one after the other, each with a claim that is bound.
    """
    world.make(STATEFUL_SETS, "db", STATEFUL)
    await world.passes()
    first = names(world.all(PODS))
    await world.passes(5)
    status = world.status(STATEFUL_SETS, "db")

    assert first == ["db-0"]
    assert names(world.all(PODS)) == ["db-0", "db-1", "db-2"]
    assert {each["status"]["phase"] for each in world.all(CLAIMS)} == {"Bound"}
    assert names(world.all(CLAIMS)) == ["data-db-0", "data-db-1", "data-db-2"]
    assert status["currentRevision"] == status["updateRevision"]
    assert (status["readyReplicas"], status["currentReplicas"], status["updatedReplicas"]) == (3, 3, 3)


async def test_stateful_set_updates_from_the_last_pod(world):
    """
    An update goes from the highest number down, one pod at a time, and stops at the partition.
    """
    world.make(STATEFUL_SETS, "db", STATEFUL)
    await world.passes(5)
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    world.change(STATEFUL_SETS, "db", template=template("nginx:2", "db"), updateStrategy=strategy)
    await world.passes(5)
    held_back = {pod["metadata"]["name"]: pod["spec"]["containers"][0]["image"] for pod in world.all(PODS)}
    world.change(
        STATEFUL_SETS, "db", updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    )
    await world.passes(3)
    status = world.status(STATEFUL_SETS, "db")

    assert held_back == {"db-0": "nginx:1", "db-1": "nginx:2", "db-2": "nginx:2"}
    assert status["currentRevision"] == status["updateRevision"]
    assert status["updatedReplicas"] == 3


async def test_stateful_set_scales_down_and_keeps_claims(world):
    """
    Scaling down removes the last pods and leaves their claims.
    """
    world.make(STATEFUL_SETS, "db", STATEFUL)
    await world.passes(5)
    world.change(STATEFUL_SETS, "db", replicas=1)
    await world.passes(2)

    assert names(world.all(PODS)) == ["db-0"]
    assert len(world.all(CLAIMS)) == 3


@pytest.mark.parametrize(
    ("selector", "count"), [({}, 1), ({"kubernetes.io/os": "linux"}, 1), ({"gpu": "yes"}, 0)]
)
async def test_daemon_set_runs_where_it_fits(world, selector, count):
    """
    A daemon set has one pod on the node, or none when the node does not fit.
    """
    spec = selecting(app="agent")
    spec["template"]["spec"]["nodeSelector"] = selector
    world.make(DAEMON_SETS, "agent", spec)
    await world.passes(2)
    status = world.status(DAEMON_SETS, "agent")

    assert len(world.all(PODS)) == count
    assert (status["desiredNumberScheduled"], status.get("numberAvailable", 0)) == (count, count)


async def test_daemon_set_updates(world):
    """
    A new template replaces the pod.
    """
    world.make(DAEMON_SETS, "agent", selecting(app="agent"))
    await world.passes(2)
    world.change(DAEMON_SETS, "agent", template=template("nginx:2", "agent"))
    await world.passes(3)

    assert [pod["spec"]["containers"][0]["image"] for pod in world.all(PODS)] == ["nginx:2"]
    assert world.status(DAEMON_SETS, "agent")["updatedNumberScheduled"] == 1


async def test_job_completes(world):
    """
    A job runs as many pods as it needs, a few at a time, and says when it is complete.
    """
    spec = {"completions": 3, "parallelism": 2, "template": template(restart="Never")}
    world.make(JOBS, "work", spec)
    await world.passes(0.5)
    side_by_side = len(world.all(PODS))
    await world.passes(3)
    status = world.status(JOBS, "work")

    assert side_by_side == 2
    assert status["succeeded"] == 3
    assert conditions(status)["Complete"] == ("True", "CompletionsReached")


async def test_job_fails_after_its_retries_and_goes_in_time(world):
    """
    A job whose pods fail is tried again up to its limit, then is Failed, and is removed when its time is over.
    """
    spec = {
        "backoffLimit": 1,
        "ttlSecondsAfterFinished": 60,
        "template": template(restart="Never", fail="job-failed"),
    }
    world.make(JOBS, "work", spec)
    await world.passes(4)
    status = world.status(JOBS, "work")
    await world.jumps(60)

    assert status["failed"] == 2
    assert conditions(status)["Failed"] == ("True", "BackoffLimitExceeded")
    assert world.get(JOBS, "work") is None
    await world.passes()
    assert world.all(PODS) == []


async def test_suspended_job_waits(world):
    """
    A suspended job runs nothing until it is resumed.
    """
    world.make(JOBS, "work", {"suspend": True, "template": template(restart="Never")})
    await world.passes(2)
    waiting, pods = conditions(world.status(JOBS, "work")), len(world.all(PODS))
    world.change(JOBS, "work", suspend=False)
    await world.passes(2)

    assert (waiting["Suspended"], pods) == (("True", "JobSuspended"), 0)
    assert conditions(world.status(JOBS, "work"))["Complete"][0] == "True"


async def test_cron_job_starts_jobs_on_time(world):
    """
    A cron job starts a job each time it is due, and keeps as many ended ones as it is told to.
    """
    inner = {"template": template(restart="Never")}
    world.make(
        CRON_JOBS,
        "tick",
        {"schedule": "* * * * *", "successfulJobsHistoryLimit": 1, "jobTemplate": {"spec": inner}},
    )
    await world.passes()
    for _ in range(3):
        await world.jumps(60)
        await world.passes(2)
    status = world.status(CRON_JOBS, "tick")

    assert status["lastScheduleTime"] == "2026-01-01T00:03:00Z"
    assert status["lastSuccessfulTime"].startswith("2026-01-01T00:03:")
    assert len(world.all(JOBS)) == 1
    assert "active" not in status


async def test_service_has_the_endpoints_of_its_ready_pods(world):
    """
    Endpoints and slices hold the ready pods a service selects, with named ports resolved, and go with it.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=2))
    world.make(
        SERVICES,
        "web",
        {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 8080, "targetPort": "http"}]},
    )
    await world.passes()
    empty = world.get(ENDPOINTS, "web").get("subsets")
    await world.passes(2)
    full = world.get(ENDPOINTS, "web")["subsets"]
    slices = world.all(SLICES)
    status = world.status(SERVICES, "web")
    world.delete(SERVICES, "web")
    await world.passes()

    assert not empty
    assert len(full[0]["addresses"]) == 2
    assert full[0]["ports"] == [{"name": "", "port": 80, "protocol": "TCP"}]
    assert len(slices[0]["endpoints"]) == 2
    assert status["loadBalancer"]["ingress"][0]["ip"] == "127.0.0.1"
    assert world.all(ENDPOINTS) == world.all(SLICES) == []


async def test_ingress_gets_an_address(world):
    """
    An ingress has an address to be reached at.
    """
    world.make(INGRESSES, "web", {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}})
    await world.passes()

    assert world.status(INGRESSES, "web")["loadBalancer"]["ingress"]


async def test_autoscaler_keeps_its_bounds_and_reports(world):
    """
    An autoscaler brings its target within the bounds and says that it can.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=1))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    world.make(AUTOSCALERS, "web", {"minReplicas": 2, "maxReplicas": 5, "scaleTargetRef": target})
    await world.passes(3)
    status = world.status(AUTOSCALERS, "web")

    assert world.get(DEPLOYMENTS, "web")["spec"]["replicas"] == 2
    assert (status["currentReplicas"], status["desiredReplicas"]) == (2, 2)
    assert conditions(status)["AbleToScale"][0] == "True"


async def test_autoscaler_without_target_says_so(world):
    """
    An autoscaler whose target is not there says which, and recovers when it comes.
    """
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    world.make(AUTOSCALERS, "web", {"maxReplicas": 5, "scaleTargetRef": target})
    await world.passes()
    missing = conditions(world.status(AUTOSCALERS, "web"))
    world.make(DEPLOYMENTS, "web", selecting())
    await world.passes(2)

    assert missing["AbleToScale"] == ("False", "FailedGetScale")
    assert conditions(world.status(AUTOSCALERS, "web"))["AbleToScale"][0] == "True"


async def test_budget_counts_healthy_pods(world):
    """
    A disruption budget says how many pods can be spared.
    """
    world.make(BUDGETS, "web", {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}})
    world.make(DEPLOYMENTS, "web", selecting(replicas=3))
    await world.passes(2)
    status = world.status(BUDGETS, "web")

    assert (status["expectedPods"], status["currentHealthy"], status["disruptionsAllowed"]) == (3, 3, 2)
    assert conditions(status)["DisruptionAllowed"] == ("True", "SufficientPods")


async def test_api_service_waits_for_its_service(world):
    """
    An APIService is available when the service it names is there.
    """
    world.cluster.create(
        API_SERVICES,
        {
            "metadata": {"name": "v1.metrics"},
            "spec": {
                "group": "metrics",
                "version": "v1",
                "groupPriorityMinimum": 1,
                "versionPriority": 1,
                "service": {"name": "metrics", "namespace": SPACE},
            },
        },
    )
    await world.passes()
    missing = conditions(world.get(API_SERVICES, "v1.metrics", "")["status"])
    world.make(SERVICES, "metrics", {"ports": [{"port": 443}]})
    await world.passes()

    assert missing["Available"] == ("False", "ServiceNotFound")
    assert conditions(world.get(API_SERVICES, "v1.metrics", "")["status"])["Available"] == ("True", "Passed")


async def test_claim_prefers_a_volume_made_by_hand(world):
    """
    A claim takes a fitting volume before one is made for it; its volume is freed with it.
    """
    volume = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": "5Gi"},
        "hostPath": {"path": "/x"},
        "storageClassName": "manual",
    }
    world.cluster.create(VOLUMES, {"metadata": {"name": "mine"}, "spec": volume})
    await world.passes()
    free = world.get(VOLUMES, "mine", "")["status"]["phase"]
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    world.make(CLAIMS, "data", {**spec, "storageClassName": "manual"})
    await world.passes()
    bound = world.get(CLAIMS, "data")
    world.delete(CLAIMS, "data")
    await world.passes()

    assert free == "Available"
    assert (bound["spec"]["volumeName"], bound["status"]["phase"]) == ("mine", "Bound")
    assert world.get(VOLUMES, "mine", "")["status"]["phase"] == "Released"


async def test_claim_of_no_class_waits(world):
    """
    A claim of the empty class is pending until somebody makes a volume.
    """
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "",
    }
    world.make(CLAIMS, "data", spec)
    await world.passes(2)

    assert world.status(CLAIMS, "data")["phase"] == "Pending"


async def test_namespace_comes_furnished(world):
    """
    A namespace has a default service account and the cluster's authority, put back when deleted.
    """
    world.delete(SERVICE_ACCOUNTS, "default")
    await world.passes()

    assert names(world.all(SERVICE_ACCOUNTS)) == ["default"]
    assert names(world.all(CONFIG_MAPS)) == ["kube-root-ca.crt"]


async def test_node_is_ready(world):
    """
    The sandbox has one node, ready from the start.
    """
    node = world.cluster.get(NODES, "", "sandbox")

    assert conditions(node["status"])["Ready"][0] == "True"


async def test_background_deletion_takes_dependents_after(world):
    """
    Deleting a deployment in the background removes it at once, and all that it owns soon after.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=2))
    await world.passes(2)
    world.delete(DEPLOYMENTS, "web")
    gone = world.get(DEPLOYMENTS, "web")
    await world.passes()

    assert gone is None
    assert world.all(REPLICA_SETS) == world.all(PODS) == []


async def test_foreground_deletion_waits_for_dependents(world):
    """
    In the foreground the owner stays, marked, until what blocks it is gone.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=1))
    await world.passes(2)
    pod = world.all(PODS)[0]
    world.cluster.replace(pod, metadata={**pod["metadata"], "finalizers": ["example.org/hold"]})
    world.delete(DEPLOYMENTS, "web", "Foreground")
    await world.passes(1)
    held = world.get(DEPLOYMENTS, "web")
    pod = world.all(PODS)[0]
    world.cluster.finalize({**pod, "metadata": {**pod["metadata"], "finalizers": []}})
    await world.passes(1)

    assert held["metadata"]["deletionTimestamp"]
    assert world.all(PODS) == world.all(REPLICA_SETS) == world.all(DEPLOYMENTS) == []


async def test_orphaned_dependents_stay_and_are_adopted(world):
    """
    Orphaned replica sets keep running without owner; a deployment made again takes them over.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=1))
    await world.passes(2)
    pods = names(world.all(PODS))
    world.delete(DEPLOYMENTS, "web", "Orphan")
    await world.passes()
    orphan = world.all(REPLICA_SETS)[0]
    world.make(DEPLOYMENTS, "web", selecting(replicas=1))
    await world.passes(2)

    assert "ownerReferences" not in orphan["metadata"]
    assert names(world.all(PODS)) == pods
    assert len(world.all(REPLICA_SETS)) == 1


async def test_object_of_an_absent_owner_goes(world):
    """
    An object that names an owner that does not exist is garbage.
    """
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "never", "uid": "0000"}
    world.make(CONFIG_MAPS, "lost", ownerReferences=[owner])
    world.make(
        CONFIG_MAPS, "kept", ownerReferences=[{**owner, "apiVersion": "example.org/v1", "kind": "Unserved"}]
    )
    await world.passes()

    assert world.get(CONFIG_MAPS, "lost") is None
    assert world.get(CONFIG_MAPS, "kept") is not None


async def test_restart_takes_up_what_was_under_way():
    """
    Controllers started over a store with work half done bring it to its end.
    """
    async with World() as first:
        first.make(DEPLOYMENTS, "web", selecting(replicas=2))
        await first.passes()
    async with World(first.store, first.clock) as second:
        await second.passes(2)

        assert second.status(DEPLOYMENTS, "web")["availableReplicas"] == 2


async def test_settled_cluster_writes_nothing(world):
    """
    Once everything is as it should be, controllers write no more, however long it lasts.
    """
    world.make(DEPLOYMENTS, "web", selecting(replicas=2))
    world.make(STATEFUL_SETS, "db", STATEFUL)
    world.make(SERVICES, "web", {"selector": {"app": "web"}, "ports": [{"port": 80}]})
    world.make(JOBS, "work", {"template": template(restart="Never")})
    await world.passes(6)
    version = world.store.version
    await world.jumps(3600)
    await world.passes(1)

    assert world.store.version == version


async def test_config_maps_cost_controllers_nothing(world):
    """
    Objects no controller looks after cause no turns.
    """
    turns = []
    world.workloads.driver.soon = lambda look, key: turns.append(key)

    for number in range(100):
        world.make(CONFIG_MAPS, f"config-{number}")

    assert turns == []


async def test_logs_tell_what_the_pod_would_say(world):
    """
    The pretended logs name image and fate, and differ once the pod is ready.
    """
    world.make(PODS, "one", template()["spec"])
    await world.passes()
    before = logs(world.get(PODS, "one"))
    await world.passes(2)

    assert "nginx:1" in before
    assert logs(world.get(PODS, "one")).endswith("ready\n")
