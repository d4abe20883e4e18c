"""
All simulated controllers of one sandbox, started and stopped together.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from moorage.model.manifest import Json
from moorage.sandbox.workloads.accounts import AccountSecrets, NamespaceFurnishing
from moorage.sandbox.workloads.apiservices import ApiServices
from moorage.sandbox.workloads.autoscalers import Autoscalers
from moorage.sandbox.workloads.budgets import Budgets
from moorage.sandbox.workloads.chronicle import Chronicle
from moorage.sandbox.workloads.claims import Claims
from moorage.sandbox.workloads.cronjobs import CronJobs
from moorage.sandbox.workloads.daemonsets import DaemonSets
from moorage.sandbox.workloads.deployments import Deployments
from moorage.sandbox.workloads.driver import Driver
from moorage.sandbox.workloads.garbage import Garbage
from moorage.sandbox.workloads.ingresses import Ingresses
from moorage.sandbox.workloads.jobs import Jobs
from moorage.sandbox.workloads.nodes import furnish
from moorage.sandbox.workloads.pods import Pods
from moorage.sandbox.workloads.ports import (
    API_SERVICES,
    AUTOSCALERS,
    BUDGETS,
    CLAIMS,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    INGRESSES,
    JOBS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    SECRETS,
    SERVICES,
    STATEFUL_SETS,
    VOLUMES,
    Clock,
    Cluster,
    Key,
    Ref,
    WallClock,
)
from moorage.sandbox.workloads.protection import Protection
from moorage.sandbox.workloads.replicasets import ReplicaSets
from moorage.sandbox.workloads.services import EndpointCleaning, Services
from moorage.sandbox.workloads.statefulsets import StatefulSets

_log = structlog.get_logger(__name__)


class Workloads:
    """
    The life in a sandbox.

    Made over a cluster, it follows changes from then on; `start` also takes up
    what was there before, as after a restart. `ready_after` is how long pods take
    that do not say it themselves.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        clock: Clock | None = None,
        ready_after: float = 1.0,
        authority: str = "",
        issue: Callable[[Json], str] = lambda account: "",
    ) -> None:
        self._cluster = cluster
        self.driver = Driver(clock or WallClock(), _report)
        driver = self.driver
        protection = Protection(cluster, driver)
        self.pods = Pods(cluster, driver, ready_after)
        self._looks: list[tuple[Ref, Callable[[Key], None]]] = [
            (NAMESPACES, NamespaceFurnishing(cluster, driver, authority).look),
            (SECRETS, AccountSecrets(cluster, driver, authority, issue).look),
            (PODS, self.pods.look),
            (REPLICA_SETS, ReplicaSets(cluster, driver).look),
            (DEPLOYMENTS, Deployments(cluster, driver).look),
            (STATEFUL_SETS, StatefulSets(cluster, driver).look),
            (DAEMON_SETS, DaemonSets(cluster, driver).look),
            (JOBS, Jobs(cluster, driver).look),
            (CRON_JOBS, CronJobs(cluster, driver).look),
            (SERVICES, Services(cluster, driver).look),
            (CLAIMS, Claims(cluster, driver).look),
            (CLAIMS, protection.look),
            (VOLUMES, protection.look),
            (INGRESSES, Ingresses(cluster, driver).look),
            (AUTOSCALERS, Autoscalers(cluster, driver).look),
            (BUDGETS, Budgets(cluster, driver).look),
            (API_SERVICES, ApiServices(cluster, driver).look),
        ]
        EndpointCleaning(cluster, driver)
        self._garbage = Garbage(cluster, driver)
        self._chronicle = Chronicle(cluster, driver.clock)

    def start(self) -> None:
        """Furnish an empty sandbox, look at everything there is, and begin to follow."""
        furnish(self._cluster, self.driver.clock.now())
        self._chronicle.start()
        for ref, look in self._looks:
            for body in self._cluster.every(ref):
                meta = body["metadata"]
                self.driver.soon(look, Key(ref, meta.get("namespace", ""), meta["name"]))
        for key in self._cluster.owned_or_leaving():
            self.driver.soon(self._garbage.look, key)
            self.driver.soon(self._garbage.look_at_owner, key)
        self.driver.start()

    async def stop(self) -> None:
        """Stop all controllers; what they were about to do is taken up at the next start."""
        await self.driver.stop()

    async def settled(self) -> None:
        """Wait until nothing is to be done before some time passes."""
        await self.driver.idle.wait()


def _report(key: Key, problem: Exception) -> None:
    _log.warning(
        "sandbox controller failed",
        resource=key.ref.plural,
        namespace=key.namespace,
        name=key.name,
        error=str(problem),
    )
