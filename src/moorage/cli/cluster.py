"""
Asks one cluster on behalf of a command: which kinds it has, what an object is, how kinds merge.

Nothing is watched and nothing kept: a command reads what it needs and ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from moorage.cli.exits import Denied
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.manifest import Json, Manifest

if TYPE_CHECKING:
    from moorage.cluster.admission import Admission
    from moorage.cluster.credentials import Access
    from moorage.cluster.discovery import Kinds
    from moorage.cluster.http import Api
    from moorage.engine.merge.schema import Schema, Schemas

F = TypeVar("F", bound=Callable[..., Any])


def cluster_options(command: F) -> F:
    """Add the options that say which cluster is meant."""
    command = click.option("--context", default="", help="The context of the kubeconfig to use.")(command)
    return click.option(
        "--kubeconfig",
        default="",
        help="The kubeconfig file.  [default: $KUBECONFIG, the pod's account, ~/.kube/config]",
    )(command)


def access_to(kubeconfig: str, context: str) -> Access:
    """Return how to reach the cluster the options mean. Raises InvalidConfiguration."""
    from moorage.cli.running import access_from

    return access_from(kubeconfig, context)


@dataclass(slots=True)
class Cluster:
    """One cluster, ready to be asked."""

    api: Api
    kinds: Kinds
    _known: dict[tuple[str, str], Schemas] = field(default_factory=dict)

    async def get(self, key: ResourceKey, api_version: str = "") -> Json | None:
        """Return a live object in the version that was named, if it is served; None when there is none."""
        from moorage.cluster.answers import Forbidden, NotFound

        entry = self.kinds.entry(key.group, key.kind)
        if entry is None:
            return None
        version = api_version.rpartition("/")[2]
        path = entry.path(key.namespace, key.name, version if version in entry.versions else "")
        try:
            body: Json = await self.api.get(path, kind=key.kind)
        except NotFound:
            return None
        except Forbidden as error:
            raise Denied(str(error)) from error
        return body

    async def get_all(self, wanted: Iterable[tuple[ResourceKey, str]]) -> list[Manifest]:
        """Return those of some objects that are there, each read in the version that was named."""
        bodies = await asyncio.gather(*(self.get(self.kinds.scoped(k), v) for k, v in wanted))
        return [Manifest.of(body) for body in bodies if body is not None]

    async def learn(self, versions: Iterable[tuple[str, str]]) -> None:
        """Read the schemas of some (group, version)."""
        from moorage.cluster.schemas import SchemaSource, Shelf
        from moorage.engine.merge.schema import Schemas

        source = SchemaSource(self.api, Shelf(Schemas))
        for group, version in sorted(set(versions) - self._known.keys()):
            if (found := await source.of(group, version)) is not None:
                self._known[group, version] = found

    async def witness(self) -> Witness:
        """Return who can say how an apply would end where webhooks and policies have their say."""
        from moorage.cluster import watch
        from moorage.cluster.admission import MUTATING, Admission
        from moorage.cluster.answers import Forbidden

        admission = Admission()
        for kind in MUTATING:
            if (entry := self.kinds.entry(kind.group, kind.kind)) is None:
                continue
            try:
                listed = await self.api.get(entry.path(), kind=kind.kind)
            except Forbidden:
                return Witness(self, None)
            for item in listed.get("items") or ():
                admission.saw(kind, watch.Put(msgspec.Raw(msgspec.json.encode(item))))
        return Witness(self, admission)

    def schema_of(self, group: str, version: str, kind: str) -> Schema | None:
        """Return the schema of a kind that was learned."""
        found = self.known(group, version)
        return found.of(group, version, kind) if found is not None else None

    def known(self, group: str, version: str) -> Schemas | None:
        """Return the schemas of a group version that was learned."""
        return self._known.get((group, version))


class Witness:
    """A cluster that can be asked how an apply would end. Without knowing its admission, it is asked about everything."""

    def __init__(self, cluster: Cluster, admission: Admission | None) -> None:
        from moorage.cluster.apply import Writer

        async def schemas_of(group: str, version: str) -> Schemas | None:
            await cluster.learn([(group, version)])
            return cluster.known(group, version)

        async def never(kind: GroupKind, version: str) -> bool:
            return False

        self.writer = Writer(cluster.api, lambda: cluster.kinds, schemas_of, never)
        self._kinds, self._admission = cluster.kinds, admission

    def admission_of(self, kind: GroupKind) -> int | None:
        """Return 0 when objects of a kind may be changed by admission, None when not."""
        entry = self._kinds.entry(kind.group, kind.kind)
        if entry is None:
            return None
        return 0 if self._admission is None or self._admission.covers(entry.group, entry.plural) else None


@asynccontextmanager
async def open_api(access: Access) -> AsyncIterator[Api]:
    """Open the API of a cluster for one command: a person waits, so faults are told soon."""
    from moorage.cluster.http import Api
    from moorage.cluster.settings import ClusterSettings

    api = Api(access, ClusterSettings(retries=2, timeout_seconds=30.0, user_agent="moor"))
    try:
        yield api
    finally:
        await api.close()


@asynccontextmanager
async def open_cluster(access: Access) -> AsyncIterator[Cluster]:
    """Open a cluster and read which kinds it has."""
    from moorage.cluster.discovery import discover

    async with open_api(access) as api:
        yield Cluster(api, await discover(api))
