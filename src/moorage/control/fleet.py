"""
The destination clusters: one session each, started when configured, ended when not.

A session that goes bad restarts by itself and its applications become Unknown;
the others, and the service, stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from moorage.cluster.credentials import Access
from moorage.cluster.secret import access_of_secret
from moorage.cluster.session import ClusterSession
from moorage.cluster.settings import ClusterSettings
from moorage.control.config import Cluster
from moorage.model.errors import ClusterUnreachable, Error
from moorage.model.identity import IN_CLUSTER

log = structlog.get_logger()

Open = Callable[[Cluster, Access], ClusterSession]


@dataclass(slots=True)
class _Member:
    cluster: Cluster
    session: ClusterSession
    task: asyncio.Task[None]


class Fleet:
    """
    All cluster sessions, by server address.

    `open_session` builds one; `own` is the access to the own cluster, and
    `environment` what programs that sign in to others may see of this process.
    """

    def __init__(
        self, own: Access, settings: ClusterSettings, open_session: Open, environment: Mapping[str, str]
    ) -> None:
        self._own = own
        self._environment = environment
        self._settings = settings
        self._open = open_session
        self._members: dict[str, _Member] = {}
        self._wanted: dict[str, Cluster] = {}
        self._faults: dict[str, Error] = {}
        self._changed = asyncio.Event()
        self._anew = False

    def want(self, clusters: dict[str, Cluster], *, anew: bool = False) -> None:
        """Say which clusters are configured now; sessions follow. With `anew` all of them start again."""
        self._wanted = dict(clusters)
        self._anew = self._anew or anew
        self._changed.set()

    def session(self, server: str) -> ClusterSession:
        """Return the session of a cluster. Raises the fault of its configuration, or ClusterUnreachable."""
        if (member := self._members.get(server)) is not None:
            return member.session
        if (fault := self._faults.get(server)) is not None:
            raise fault
        raise ClusterUnreachable(f"cluster {server}: not connected yet")

    @property
    def sessions(self) -> dict[str, ClusterSession]:
        return {server: member.session for server, member in self._members.items()}

    async def run(self) -> None:
        """Keep the sessions that are wanted alive, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._changed.clear()
                self._reconcile(group)
                await self._changed.wait()

    def _reconcile(self, group: asyncio.TaskGroup) -> None:
        for server, member in list(self._members.items()):
            if self._anew or self._wanted.get(server) != member.cluster:
                member.task.cancel()
                del self._members[server]
        self._anew = False
        for server, cluster in self._wanted.items():
            if server in self._members:
                continue
            self._faults.pop(server, None)
            try:
                access = self._access(cluster)
                session = self._open(cluster, access)
            except Error as error:
                self._faults[server] = error
                log.warning("A cluster cannot be used", cluster=server, reason=error.reason, error=str(error))
                continue
            self._members[server] = _Member(cluster, session, group.create_task(_kept(session.run(), server)))

    def _access(self, cluster: Cluster) -> Access:
        if cluster.data is None or cluster.server == IN_CLUSTER:
            return self._own
        return access_of_secret(cluster.data, self._settings, environment=self._environment)


async def _kept(running: object, server: str) -> None:
    """Run a session; its failure is told and stays its own."""
    try:
        await running  # type: ignore[misc]
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("A cluster session ended unexpectedly", cluster=server)
