"""
What would a folder of this machine render to?

For the command line: the same renderers, limits and refusals as for a commit,
over files as they are on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from moorage.model.errors import InvalidSpec
from moorage.model.manifest import Json
from moorage.render.pool import RenderPool, RenderSettings
from moorage.render.request import FetchChart, RenderRequest, RenderResult
from moorage.render.trees import FolderTree


async def render_folder(
    folder: Path,
    *,
    root: Path | None = None,
    source: Json | None = None,
    app: str = "",
    namespace: str = "default",
    kube_version: str = "",
    api_versions: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
    fetch_chart: FetchChart | None = None,
    settings: RenderSettings | None = None,
) -> RenderResult:
    """
    Return the manifests of a folder, rendered as an application's source would be.

    Args:
        folder: The folder to render, or one file.
        root: What no path may leave; by default the Git work folder it is in, else the folder itself.
        source: The application's source; its path is replaced by the folder's.
        app: The application's name; the folder's name when empty.
        namespace: The destination's namespace.
        kube_version: The destination's version, for Helm.
        api_versions: The destination's API versions, for Helm.
        environment: The build variables.
        fetch_chart: How to get chart dependencies.
        settings: How to run renderers.
    """
    folder = folder.resolve()
    root = root.resolve() if root is not None else repository_of(folder)
    path = folder.relative_to(root).as_posix()
    spec = {**(source or {}), "path": "" if path == "." else path}
    if spec.get("chart"):
        raise InvalidSpec(
            "spec.source.chart: a chart from a registry is not in this folder; render its unpacked folder"
        )
    request = RenderRequest.of(
        spec,
        app=app or folder.stem.lower(),
        namespace=namespace,
        kube_version=kube_version,
        api_versions=api_versions,
        environment=environment,
    )
    async with RenderPool(settings or RenderSettings(workers=1)) as pool:
        return await pool.render(request, FolderTree(root), fetch_chart=fetch_chart)


def repository_of(folder: Path) -> Path:
    """Return the root of the Git work folder something is in; outside of Git, the folder itself."""
    start = folder if folder.is_dir() else folder.parent
    return next((place for place in (start, *start.parents) if (place / ".git").exists()), start)
