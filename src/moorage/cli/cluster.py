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

from moorage.cli.exits import Denied
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json, Manifest

if TYPE_CHECKING:
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

    def schema_of(self, group: str, version: str, kind: str) -> Schema | None:
        """Return the schema of a kind that was learned."""
        found = self._known.get((group, version))
        return found.of(group, version, kind) if found is not None else None


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
