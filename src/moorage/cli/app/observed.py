"""
Observes one application as a pass of the controller would, from the outside and once.

The same pieces decide here as there: the project's permissions, the renderers,
the rules of the comparison. Only the live state is read object by object, so
that a command needs no watches.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from moorage.cli.app.door import Where
from moorage.cli.cluster import Cluster, open_cluster
from moorage.cli.exits import Denied
from moorage.cli.places import within
from moorage.cli.terminal import clean
from moorage.cli.wanted import Wanted
from moorage.control.asking import asked
from moorage.control.config import Config, fold
from moorage.control.decode import decode_application
from moorage.control.home import ARGOPROJ, DEFAULT_PROJECT, PARTS
from moorage.control.observing import Notebook, build_environment, permit
from moorage.control.rules import rules_for
from moorage.control.statuses import encode_source
from moorage.engine.compare import Rules, compare
from moorage.engine.target import Placement, make_target
from moorage.engine.track import owner
from moorage.model.application import Application
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.manifest import Json
from moorage.model.states import Change, Comparison, LiveState, TargetState

if TYPE_CHECKING:
    from moorage.cluster.credentials import Access
    from moorage.cluster.http import Api
    from moorage.render.request import RenderResult


@dataclass(frozen=True, slots=True)
class Wish:
    """Which target is asked for: the application's own, another revision, or a folder of this machine."""

    revision: str = ""
    local: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """An application as target and live are now."""

    app: Application
    target: TargetState
    comparison: Comparison
    rules: Rules


async def observe(where: Where, body: Json, wish: Wish, api: Api) -> Observed:
    """
    Return an application observed now.

    Args:
        where: How the cluster that holds it is reached.
        body: The Application.
        wish: Which target to compare.
        api: That cluster.

    Raises:
        Error: Whatever would stop a pass; the message is the one of its condition.
    """
    app = decode_application(body)
    config = await read_config(api, where.namespace)
    _, server = permit(app, config)
    async with open_cluster(_destination(where.access(), config, server)) as cluster:
        target = await _target(app, config, cluster, wish)
        live = await _live(app, body, config, cluster, target)
        await cluster.learn((m.key.group, m.api_version.rpartition("/")[2]) for m in target.manifests)
        ruled = rules_for(app, config, cluster.schema_of)
        comparison = compare(target, live, ruled.rules)
        if any(difference.change is Change.UPDATE for difference in comparison.differences):
            comparison = await asked(comparison, app, ruled, await cluster.witness(), Notebook())
        return Observed(app, target, comparison, ruled.rules)


async def destination_of_body(where: Where, body: Json, api: Api) -> Access:
    """Return how the cluster is reached that an application goes to. Raises InvalidSpec or NotPermitted."""
    config = await read_config(api, where.namespace)
    _, server = permit(decode_application(body), config)
    return _destination(where.access(), config, server)


async def read_config(api: Api, namespace: str) -> Config:
    """Return the configuration of an installation; without the Secrets when those may not be read."""
    from moorage.cluster.answers import Forbidden, NotFound

    found: dict[str, list[Json]] = {}
    for kind, (prefix, plural) in PARTS.items():
        try:
            answer = await api.get(f"{prefix}/namespaces/{namespace}/{plural}", kind=kind)
        except NotFound:
            answer = {}
        except Forbidden as error:
            if kind == "AppProject":
                raise Denied(f"projects of namespace {namespace}: {error}") from error
            told = f"{kind}s of namespace {namespace} may not be read; going on without their credentials"
            click.echo(f"{click.style('Warning:', fg='yellow')} {told}", err=True)
            answer = {}
        version = "argoproj.io/v1alpha1" if prefix == ARGOPROJ else "v1"
        found[kind] = [{"apiVersion": version, "kind": kind, **item} for item in answer.get("items") or ()]
    if not any(project["metadata"]["name"] == "default" for project in found["AppProject"]):
        found["AppProject"].append(DEFAULT_PROJECT)
    return fold(namespace, found["AppProject"], found["Secret"], found["ConfigMap"])


def _destination(own: Access, config: Config, server: str) -> Access:
    from moorage.cluster.secret import access_of_secret
    from moorage.cluster.settings import ClusterSettings

    cluster = config.clusters[server]
    return (
        own
        if cluster.data is None
        else access_of_secret(cluster.data, ClusterSettings(), environment=os.environ)
    )


async def _target(app: Application, config: Config, cluster: Cluster, wish: Wish) -> TargetState:
    revision, result = await _rendered(app, config, cluster, wish)
    for warning in result.warnings:
        click.echo(f"{click.style('Warning:', fg='yellow')} {clean(warning)}", err=True)
    placement = Placement(
        app.key,
        app.key.instance(config.namespace),
        app.destination.namespace,
        config.tracking,
        config.label_key,
        config.installation_id,
    )
    return make_target(
        result.manifests, placement, _scope(cluster), revision=revision, source_type=result.source_type
    )


def _scope(cluster: Cluster) -> _Scope:
    return _Scope({kind: entry.namespaced for kind, entry in cluster.kinds.entries.items()})


@dataclass(frozen=True, slots=True)
class _Scope:
    """Says whether a kind lives in a namespace; None when the cluster does not serve it."""

    namespaced: Mapping[GroupKind, bool]

    def __call__(self, kind: GroupKind) -> bool | None:
        return self.namespaced.get(kind)


async def _rendered(
    app: Application, config: Config, cluster: Cluster, wish: Wish
) -> tuple[str, RenderResult]:
    if wish.local:
        return "local", await _render_local(app, cluster, wish.local)
    from moorage.cli.repositories import open_sources
    from moorage.control.repositories import Repositories
    from moorage.render.pool import RenderPool, RenderSettings
    from moorage.render.request import RenderRequest

    async with open_sources() as sources, RenderPool(RenderSettings(workers=1)) as pool:
        repositories = Repositories(sources, lambda key, depth: None)
        repositories.configure(config)
        if wish.revision:
            app = replace(app, source=replace(app.source, target_revision=wish.revision))
        revision = await repositories.resolve(app, fresh=True)
        tree, path, content = await repositories.tree(app, revision)
        request = RenderRequest.of(
            {**encode_source(app), "path": path},
            app=app.key.name,
            project=app.project,
            namespace=app.destination.namespace,
            kube_version=cluster.kinds.version,
            api_versions=cluster.kinds.api_versions,
            environment=build_environment(app, revision),
            content=content,
        )

        async def fetch(url: str, name: str, version: str) -> bytes:
            return await repositories.fetch_chart(app, url, name, version)

        return revision, await pool.render(request, tree, fetch_chart=fetch)


async def _render_local(app: Application, cluster: Cluster, folder: str) -> RenderResult:
    from moorage.render.local import render_folder

    root, path = within(Path(folder), Wanted(encode_source(app)))
    return await render_folder(
        path,
        root=root,
        source={k: v for k, v in encode_source(app).items() if k != "chart"},
        app=app.key.name,
        namespace=app.destination.namespace,
        kube_version=cluster.kinds.version,
        api_versions=cluster.kinds.api_versions,
        environment=build_environment(app, "local"),
    )


async def _live(
    app: Application, body: Json, config: Config, cluster: Cluster, target: TargetState
) -> LiveState:
    """Return the live objects of the target and those that the last pass saw as the application's."""
    wanted: dict[ResourceKey, str] = {m.key: m.api_version for m in target.manifests}
    for resource in (body.get("status") or {}).get("resources") or ():
        group, version = resource.get("group") or "", resource.get("version") or ""
        key = ResourceKey(group, resource["kind"], resource.get("namespace") or "", resource["name"])
        wanted.setdefault(key, f"{group}/{version}" if group else version)
    objects = {m.key: m.body for m in await cluster.get_all(wanted.items())}
    instance = app.key.instance(config.namespace)
    tracked = frozenset(
        key
        for key, found in objects.items()
        if owner(found, config.tracking, config.label_key, config.installation_id) == instance
    )
    unserved = frozenset(k.group_kind for k in wanted if cluster.kinds.entry(k.group, k.kind) is None)
    return LiveState(objects, tracked, unserved=unserved)
