"""
Which files does a kustomization lead to, and are all of them inside?

Before Kustomize runs, its files are walked: every path that leaves the
repository, every address elsewhere, every program it would start and every
circle of bases is refused, naming file and field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from moorage.formats import yaml
from moorage.model.errors import InvalidManifest, InvalidSpec, LimitExceeded, PathEscapes, PathNotFound
from moorage.model.manifest import Json
from moorage.render.detect import KUSTOMIZATIONS
from moorage.render.options import KustomizeOptions
from moorage.render.paths import join
from moorage.render.reach import Reach

_REMOTE = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*::|[A-Za-z][A-Za-z0-9+.-]*://|[^/\s]+@[^/\s]+:|(github|gitlab|bitbucket)\.[a-z]+[:/]|.*\?ref=|.*\.git(/|$)",
    re.IGNORECASE,
)
_FOLDERS = ("resources", "bases", "components")
_PLUGINS = ("generators", "transformers", "validators")
_FILES = ("crds", "configurations", "patchesStrategicMerge")
_HELM = ("helmCharts", "helmChartInflationGenerator", "helmGlobals")
_MOST = 500


def find(reach: Reach, folder: str) -> str | None:
    """Return the kustomization file of a folder among the files read, or None."""
    prefix = f"{folder}/" if folder else ""
    found = [prefix + name for name in KUSTOMIZATIONS if prefix + name in reach.files]
    if len(found) > 1:
        raise InvalidManifest(f"{folder or '.'}: holds both {found[0]} and {found[1]}; keep one of them")
    return found[0] if found else None


async def collect(reach: Reach, path: str, options: KustomizeOptions) -> tuple[str, ...]:
    """Read every file a kustomization needs; return warnings about options that have no effect."""
    await reach.take(path)
    if find(reach, path) is None:
        raise PathNotFound(f"{path or '.'}: no kustomization.yaml in this folder")
    walk = _Walk(reach)
    await walk.folder(path, ())
    for component in options.components:
        where = "spec.source.kustomize.components"
        if await reach.take(walk.inside(path, component, where)):
            await walk.folder(join(path, component, where), (path,))
        elif not options.ignore_missing_components:
            raise PathNotFound(
                f"{where}: {component} is not in the repository; set ignoreMissingComponents to go on"
            )
    for patch in options.patches:
        if patch.path:
            await walk.file(path, patch.path, "spec.source.kustomize.patches")
    given = {
        "version": options.version,
        "kubeVersion": options.kube_version,
        "apiVersions": options.api_versions,
    }
    return tuple(
        f"spec.source.kustomize.{name}: has no effect, the built-in Kustomize is used without Helm charts"
        for name, value in given.items()
        if value
    )


class _Walk:
    """Visits folders once each and knows the way it came, so that a circle is seen."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._visited: set[str] = set()

    def inside(self, folder: str, path: str, where: str) -> str:
        if _REMOTE.match(path) or "\n" in path:
            raise InvalidSpec(
                f"{where}: remote bases and files are not allowed; copy them into the repository"
            )
        if path.startswith("/"):
            raise PathEscapes(f"{where}: the path is absolute; make it relative and inside the repository")
        return join(folder, path, where)

    async def file(self, folder: str, path: str, where: str) -> str:
        target = self.inside(folder, path, where)
        await self._reach.take(target)
        return target

    async def folder(self, path: str, way: tuple[str, ...]) -> None:
        if path in way:
            raise InvalidManifest(
                f"{' → '.join((*way, path))}: these kustomizations include each other; break the circle"
            )
        if path in self._visited:
            return
        self._visited.add(path)
        if len(self._visited) > _MOST:
            raise LimitExceeded(f"{path}: more than {_MOST} kustomizations are included; include fewer")
        await self._reach.take(path)
        name = find(self._reach, path)
        if name is None:
            return
        body = await self._load(name)
        for field in _HELM:
            if body.get(field):
                raise InvalidSpec(
                    f"{name}: {field}: charts inside Kustomize are not supported; use a Helm source"
                )
        for where, inner in self._folders(name, body):
            target = await self.file(path, inner, where)
            if target not in self._reach.files:
                await self.folder(target, (*way, path))
        for where, inner in _files(name, body):
            await self.file(path, inner, where)
        for field in _PLUGINS:
            await self._plugins(path, name, field, body)
        openapi = body.get("openapi")
        if isinstance(openapi, dict) and isinstance(openapi.get("path"), str):
            await self.file(path, openapi["path"], f"{name}: openapi.path")

    async def _load(self, name: str) -> Json:
        content = await self._reach.take_file(name)
        body = yaml.load(content or b"", origin=name)
        if body is None:
            return {}
        if not isinstance(body, dict):
            raise InvalidManifest(f"{name}:1: must be a map such as `resources: [app.yaml]`")
        return body

    def _folders(self, name: str, body: Json) -> Iterator[tuple[str, str]]:
        for field in _FOLDERS:
            for index, item in enumerate(_list(body.get(field))):
                if isinstance(item, str) and "\n" not in item:
                    yield f"{name}: {field}[{index}]", item

    async def _plugins(self, folder: str, name: str, field: str, body: Json) -> None:
        for index, item in enumerate(_list(body.get(field))):
            if not isinstance(item, str):
                continue
            where = f"{name}: {field}[{index}]"
            if "\n" in item:
                _refuse_programs(yaml.load_all(item, origin=where), where)
                continue
            target = await self.file(folder, item, where)
            if target in self._reach.files:
                content = await self._reach.take_file(target)
                _refuse_programs(yaml.load_all(content or b"", origin=target), where)
            else:
                await self.folder(target, (folder,))


def _files(name: str, body: Json) -> Iterator[tuple[str, str]]:
    for field in _FILES:
        for index, item in enumerate(_list(body.get(field))):
            if isinstance(item, str) and "\n" not in item:
                yield f"{name}: {field}[{index}]", item
    for field in ("patches", "patchesJson6902", "replacements"):
        for index, item in enumerate(_list(body.get(field))):
            if isinstance(item, dict) and isinstance(item.get("path"), str):
                yield f"{name}: {field}[{index}].path", item["path"]
    for field in ("configMapGenerator", "secretGenerator"):
        for index, item in enumerate(_list(body.get(field))):
            if isinstance(item, dict):
                yield from _generated(f"{name}: {field}[{index}]", item)


def _generated(where: str, item: Json) -> Iterator[tuple[str, str]]:
    for field in ("files", "envs"):
        for entry in _list(item.get(field)):
            if isinstance(entry, str):
                # A file may be given another key in front: key=path.
                yield (
                    f"{where}.{field}",
                    entry.partition("=")[2] if field == "files" and "=" in entry else entry,
                )
    if isinstance(item.get("env"), str):
        yield f"{where}.env", item["env"]


def _refuse_programs(documents: list[yaml.Document], where: str) -> None:
    for document in documents:
        value: Any = document.value
        metadata = value.get("metadata") if isinstance(value, dict) else None
        notes = metadata.get("annotations") if isinstance(metadata, dict) else None
        builtin = isinstance(value, dict) and value.get("apiVersion") == "builtin"
        helm = builtin and value.get("kind") == "HelmChartInflationGenerator"
        if (
            helm
            or (isinstance(notes, dict) and "config.kubernetes.io/function" in notes)
            or (value and not builtin)
        ):
            raise InvalidSpec(
                f"{where}: generators and transformers that run programs are not allowed; use builtin ones"
            )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
