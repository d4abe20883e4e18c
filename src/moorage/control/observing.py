"""
What a pass must know before it decides: target state and live state.

Everything here is memory when nothing changed: the revision resolved last, the
manifests rendered last, the store of the cluster. What did change costs exactly
what changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from moorage.cluster.discovery import Kinds
from moorage.cluster.session import ClusterSession
from moorage.control.config import Config
from moorage.control.queue import Depth
from moorage.control.rules import SchemaOf
from moorage.control.statuses import encode_source
from moorage.engine.merge.schema import Schema, Schemas
from moorage.engine.permits import application_fault, destination_fault, resource_fault, source_fault
from moorage.engine.target import Placement, Scope, make_target
from moorage.model.application import Application
from moorage.model.errors import NotPermitted
from moorage.model.identity import GroupKind, ResourceKey
from moorage.model.manifest import Json, Manifest, digest
from moorage.model.project import Project
from moorage.model.states import Comparison, LiveState, TargetState
from moorage.model.words import REFRESH_ANNOTATION
from moorage.render.pool import RenderPool
from moorage.render.request import RenderRequest, RenderResult, Tree


class Sources(Protocol):
    """What passes ask of the sources room; `control.repositories` answers."""

    async def resolve(self, app: Application, *, fresh: bool) -> str:
        """Return the revision an application's ref stands for."""

    async def tree(self, app: Application, revision: str) -> tuple[Tree, str, str]:
        """Return the files of a revision, the path of the source in them, and what a chart's content is called."""

    async def fetch_chart(self, app: Application, url: str, name: str, version: str) -> bytes:
        """Return a chart archive that the source of an application depends on."""


@dataclass(slots=True)
class Notebook:
    """What the passes of one application remember in memory; losing it costs time only."""

    revision: str = ""
    source: str = ""
    kinds: Kinds | None = None
    targets: dict[tuple[str, str], TargetState] = field(default_factory=dict)
    compared: Comparison | None = None
    rules_of: str = ""
    applied: dict[ResourceKey, tuple[Manifest, str]] = field(default_factory=dict)
    reads: tuple[str, ...] | None = None
    failures: int = 0
    unknown_since: datetime | None = None
    unserved: tuple[GroupKind, ...] = ()
    asked: dict[ResourceKey, tuple[Manifest, str, str, int]] = field(default_factory=dict)
    pruning: tuple[str, int, datetime] | None = None
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Permitted:
    """The project and cluster of an application, after its project allowed source and destination."""

    project: Project
    server: str
    session: ClusterSession


class Observer:
    """Observes for one pass after another; holds no state of its own beside the rooms it asks."""

    def __init__(self, sources: Sources, renders: RenderPool) -> None:
        self._sources = sources
        self._renders = renders

    async def revision(self, app: Application, notes: Notebook, depth: Depth) -> str:
        """Return the revision the application's ref stands for, from memory unless Git may have moved."""
        source = digest(encode_source(app))
        if depth is Depth.LIVE and notes.revision and notes.source == source:
            return notes.revision
        if notes.source != source or depth is Depth.HARD:
            notes.targets.clear()
        # A person who asks for a refresh or a sync means what Git says now, not at the last poll.
        asked = app.operation is not None or REFRESH_ANNOTATION in app.annotations
        revision = await self._sources.resolve(app, fresh=asked or depth is Depth.HARD)
        notes.revision, notes.source = revision, source
        return revision

    async def target(
        self, app: Application, revision: str, config: Config, allowed: Permitted, notes: Notebook
    ) -> TargetState:
        """Return the target state at a revision: rendered, placed and permitted."""
        kinds = allowed.session.kinds
        placement = Placement(
            app.key,
            app.key.instance(config.namespace),
            app.destination.namespace,
            config.tracking,
            config.label_key,
            config.installation_id,
        )
        if notes.kinds is not kinds:
            notes.kinds = kinds
            notes.targets.clear()
        place = digest([repr(placement), digest_of(allowed.project), allowed.server])
        if (known := notes.targets.get((revision, place))) is not None:
            return known
        result = await self._render(app, revision, allowed)
        before = next((t for (_, p), t in notes.targets.items() if p == place), None)
        # Objects are named <tree>:<path>; the tree without a name is the source's own repository.
        notes.reads = tuple(name[1:] for name, _ in result.objects if name.startswith(":"))
        fingerprint = digest(
            [
                place,
                encode_source(app),
                [list(o) for o in result.objects],
                revision if not result.objects else "",
            ]
        )
        if before is not None and before.fingerprint == fingerprint:
            target = replace_revision(before, revision)
        else:
            scope = scope_of(allowed.session)
            target = make_target(
                result.manifests,
                placement,
                scope,
                revision=revision,
                source_type=result.source_type,
                warnings=result.warnings,
                fingerprint=fingerprint,
            )
            check_permits(target, allowed, scope, config.cluster(app.destination, allowed.project).name)
        if len(notes.targets) > 2:
            notes.targets.clear()
        notes.targets[revision, place] = target
        return target

    async def _render(self, app: Application, revision: str, allowed: Permitted) -> RenderResult:
        tree, path, content = await self._sources.tree(app, revision)
        session = allowed.session
        request = RenderRequest.of(
            {**encode_source(app), "path": path},
            app=app.key.name,
            project=app.project,
            namespace=app.destination.namespace,
            kube_version=session.version,
            api_versions=session.kinds.api_versions,
            environment=build_environment(app, revision),
            content=content,
        )

        async def fetch_chart(url: str, name: str, version: str) -> bytes:
            return await self._sources.fetch_chart(app, url, name, version)

        return await self._renders.render(request, tree, fetch_chart=fetch_chart)

    async def live(
        self,
        app: Application,
        target: TargetState,
        config: Config,
        session: ClusterSession,
        hooks: Iterable[Manifest] = (),
    ) -> LiveState:
        """
        Return what the cluster holds for an application, its target state and further hooks.

        The namespaces the manifests go to, and the destination's, are looked at
        as well, so that one that is missing is known before the first request.
        """
        targeted = {m.key: m.api_version for m in (*target.manifests, *target.hooks, *hooks)}
        if not session.access.namespaces:
            namespaces = {app.destination.namespace, *(key.namespace for key in targeted)} - {""}
            targeted |= dict.fromkeys(map(namespace_key, namespaces), "v1")
        return await session.live_state(app.key.instance(config.namespace), targeted)

    async def schemas(self, target: TargetState, session: ClusterSession) -> SchemaOf:
        """Return the schemas of a target state's kinds, as the cluster publishes them."""
        versions = {(m.key.group, m.api_version.rpartition("/")[2]) for m in target.manifests}
        known: dict[tuple[str, str], Schemas] = {}
        for group, version in sorted(versions):
            if (found := await session.schemas(group, version)) is not None:
                known[group, version] = found

        def schema_of(group: str, version: str, kind: str) -> Schema | None:
            found = known.get((group, version))
            return found.of(group, version, kind) if found is not None else None

        return schema_of


def namespace_key(name: str) -> ResourceKey:
    """Return the key of a namespace."""
    return ResourceKey("", "Namespace", "", name)


def permit(app: Application, config: Config) -> tuple[Project, str]:
    """
    Return the project and the server of an application.

    Raises:
        InvalidSpec: There is no such project or cluster.
        NotPermitted: The project forbids the namespace, source or destination.
    """
    project = config.project(app.project)
    cluster = config.cluster(app.destination, project)
    fault = (
        application_fault(app.key, project, config.namespace)
        or source_fault(app.source.repo_url, project)
        # Rules speak of clusters by name too, however the application names its own.
        or destination_fault(replace(app.destination, name=cluster.name), cluster.server, project)
    )
    if fault:
        raise NotPermitted(fault)
    return project, cluster.server


def check_permits(target: TargetState, allowed: Permitted, scope: Scope, cluster_name: str) -> None:
    """Check every resource against the project. Raises NotPermitted naming the first few."""
    faults = []
    for manifest in (*target.manifests, *target.hooks):
        namespaced = scope(manifest.key.group_kind)
        fault = resource_fault(
            manifest.key,
            allowed.project,
            namespaced=bool(manifest.key.namespace) if namespaced is None else namespaced,
            server=allowed.server,
            name=cluster_name,
        )
        if fault:
            faults.append(fault)
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise NotPermitted("; ".join(faults[:3]) + more)


def scope_of(session: ClusterSession) -> Scope:
    """Return the function that says whether a kind of this cluster lives in a namespace."""
    kinds = session.kinds

    def scope(kind: GroupKind) -> bool | None:
        entry = kinds.entry(kind.group, kind.kind)
        return entry.namespaced if entry is not None else None

    return scope


def digest_of(project: Project) -> str:
    """Return a digest of a project, so that a change of its rules is a change of what depends on them."""
    return digest(repr(project))


def replace_revision(target: TargetState, revision: str) -> TargetState:
    """Return the same target state at another revision that renders to the same."""
    return TargetState(
        target.app,
        revision,
        target.manifests,
        target.hooks,
        target.source_type,
        target.warnings,
        target.fingerprint,
    )


def build_environment(app: Application, revision: str) -> Mapping[str, str]:
    """Return the ``ARGOCD_APP_*`` variables of Argo CD's build environment."""
    return {
        "ARGOCD_APP_NAME": app.key.name,
        "ARGOCD_APP_NAMESPACE": app.destination.namespace,
        "ARGOCD_APP_PROJECT_NAME": app.project,
        "ARGOCD_APP_REVISION": revision,
        "ARGOCD_APP_REVISION_SHORT": revision[:7],
        "ARGOCD_APP_REVISION_SHORT_8": revision[:8],
        "ARGOCD_APP_SOURCE_REPO_URL": app.source.repo_url,
        "ARGOCD_APP_SOURCE_PATH": app.source.path,
        "ARGOCD_APP_SOURCE_TARGET_REVISION": app.source.target_revision,
    }


def tracked_bodies(live: LiveState) -> dict[ResourceKey, Json]:
    """Return the live objects an application tracks and no longer declares."""
    return {key: live.objects[key] for key in live.tracked}
