"""
Renders what lies in a repository or registry, for commands that run on a person's own machine.

Mirrors are kept in the cache folder between calls, so a second look is quick;
when another ``moor`` uses that folder, this one works in a scratch folder.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from moorage.cli.wanted import Remote, Rendered, Wanted
from moorage.model.errors import InvalidConfiguration
from moorage.model.manifest import Json

if TYPE_CHECKING:
    from moorage.render.request import Tree
    from moorage.sources.door import Sources


def cache_folder() -> Path:
    """Return the folder of things that may be lost."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "moorage"


@asynccontextmanager
async def open_sources() -> AsyncIterator[Sources]:
    """Open the sources of this command; files of this machine are allowed, it is the person's own."""
    from moorage.sources.door import Sources
    from moorage.sources.settings import GitSettings

    schemes = frozenset({"https", "http", "ssh", "file"})
    with tempfile.TemporaryDirectory(prefix="moor-") as scratch:
        sources = Sources(GitSettings(root=cache_folder() / "sources", schemes=schemes))
        try:
            await sources.start()
        except InvalidConfiguration:
            sources = Sources(GitSettings(root=Path(scratch) / "sources", schemes=schemes))
            await sources.start()
        try:
            yield sources
        finally:
            await sources.close()


async def render_repository(remote: Remote, wanted: Wanted) -> Rendered:
    """Return the manifests of a path in a repository, or of the chart the source names."""
    async with open_sources() as sources:
        chart = str(wanted.source.get("chart") or "")
        if chart:
            kind = "oci" if remote.url.startswith("oci://") else "helm"
            found = await sources.chart(
                sources.repository(remote.url, "", kind), chart, remote.ref, fresh=True
            )
            return await _render(
                sources, {**wanted.source, "path": ""}, cast("Tree", found), wanted, found.tree_id
            )
        repository = sources.repository(remote.url)
        revision = await sources.resolve(repository, remote.ref, fresh=True)
        snapshot = await sources.snapshot(repository, revision, remote.path)
        source = {**wanted.source, "repoURL": remote.url, "path": remote.path}
        return await _render(sources, source, cast("Tree", snapshot), wanted)


async def _render(sources: Sources, source: Json, tree: Tree, wanted: Wanted, content: str = "") -> Rendered:
    from moorage.render.pool import RenderPool, RenderSettings
    from moorage.render.request import RenderRequest

    async def fetch(url: str, name: str, version: str) -> bytes:
        kind = "oci" if url.startswith("oci://") else "helm"
        return await sources.chart_archive(sources.repository(url, "", kind), name, version)

    request = RenderRequest.of(
        source,
        app=wanted.name or Path(str(source.get("path") or "app")).stem.lower() or "app",
        namespace=wanted.namespace or "default",
        kube_version=wanted.kube_version,
        api_versions=wanted.api_versions,
        content=content,
    )
    async with RenderPool(RenderSettings(workers=1)) as pool:
        result = await pool.render(request, tree, fetch_chart=fetch)
    return Rendered(result.manifests, result.warnings, True)


async def fetch_chart(url: str, name: str, version: str) -> bytes:
    """Return a chart's archive from a registry."""
    async with open_sources() as sources:
        kind = "oci" if url.startswith("oci://") else "helm"
        return await sources.chart_archive(sources.repository(url, "", kind), name, version)
