"""
Which files may one rendering open, and what are their ids?

A renderer gets exactly these files and no more. Their ids make the cache key,
so a commit that touches none of them costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from moorage.model.errors import InvalidSpec, PathNotFound
from moorage.render import chart, kustomization
from moorage.render.detect import settle
from moorage.render.job import Job, options_of
from moorage.render.options import DirectoryOptions, HelmOptions, KustomizeOptions
from moorage.render.paths import join
from moorage.render.reach import Reach
from moorage.render.request import FetchChart, RenderLimits, RenderRequest, Tree

Objects = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Gathered:
    """A job ready to run, with what makes its key: `cluster` says whether the destination's versions count."""

    job: Job
    objects: Objects
    source_type: str
    warnings: tuple[str, ...]
    cluster: bool
    memorable: bool


def path_of(request: RenderRequest) -> str:
    """Return the folder of a request's source, from the root of its tree."""
    path = request.spec.get("path") or ""
    if not isinstance(path, str):
        raise InvalidSpec("spec.source.path: must be a string")
    return join("", path.lstrip("/") if path == "/" else path, "spec.source.path")


async def identify(trees: Mapping[str, Tree], names: Iterable[str]) -> Objects:
    """Return the ids of objects named ``<tree>:<path>``; one that is absent has the empty id."""
    objects = []
    for name in names:
        tree, _, path = name.partition(":")
        found = await trees[tree].object_id(path) if tree in trees else None
        objects.append((name, found or ""))
    return tuple(objects)


async def gather(
    request: RenderRequest, trees: Mapping[str, Tree], fetch_chart: FetchChart | None, limits: RenderLimits
) -> Gathered:
    """
    Return the job of a request with every file it needs.

    Raises:
        PathNotFound: the source's folder is not there.
        PathEscapes: something it refers to is outside its repository.
    """
    path = path_of(request)
    reaches = {name: Reach(tree, limits.source, name) for name, tree in trees.items()}
    reach = reaches[""]
    top = await reach.tree.read(path, recurse=False)
    source, decoded = settle(request, path, top)
    options = decoded.options
    assert options is not None
    if not top and not await reach.take(path):
        raise PathNotFound(f"{path or '.'}: no such folder in the repository at this revision")
    extra: dict[str, Any] = {}
    warnings = decoded.warnings
    if isinstance(options, DirectoryOptions):
        await reach.take(path, recurse=options.recurse)
    elif isinstance(options, KustomizeOptions):
        warnings += await kustomization.collect(reach, path, options)
    else:
        extra["charts"] = await chart.collect(reaches, path, options, request, fetch_chart)
    names = {f":{path}", *(f"{name}:{p}" for name, reach in reaches.items() for p in reach.paths)}
    job = Job(
        path=path,
        app=request.app,
        namespace=request.namespace,
        limits=limits,
        files=reach.files,
        refs={name: other.files for name, other in reaches.items() if name},
        kube_version=request.kube_version,
        api_versions=request.api_versions,
        environment=request.environment,
        **options_of(options),  # type: ignore[arg-type]
        **extra,
    )
    return Gathered(
        job,
        await identify(trees, sorted(names)),
        options.source_type,
        warnings,
        cluster=isinstance(options, HelmOptions) and _asks_cluster(job, request),
        memorable=request.mentions_environment or b"ARGOCD_" not in orjson.dumps(source),
    )


def _asks_cluster(job: Job, request: RenderRequest) -> bool:
    # An archive may hold anything; of plain files one can tell that no version is asked for.
    if job.charts or b"Capabilities" in request.source:
        return True
    trees = [job.files, *job.refs.values()]
    return any(
        name.endswith(".tgz") or b"Capabilities" in entry.content or b"kubeVersion" in entry.content
        for tree in trees
        for name, entry in tree.items()
    )
