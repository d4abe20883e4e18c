"""
Which files does a Helm chart need, and is it what it says it is?

Read before Helm starts: the chart's own declaration is checked, dependencies
are found in the repository or fetched by the caller under the caller's
policy, and every value file is located inside the snapshot or a declared ref.
Helm itself never has to look for anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.formats import semver, yaml
from moorage.model.errors import InvalidManifest, InvalidSpec, LimitExceeded, PathNotFound, SourceUnreachable
from moorage.model.manifest import Json
from moorage.render.options import HelmOptions
from moorage.render.paths import glob, join, parent, within
from moorage.render.reach import Reach
from moorage.render.request import Entry, FetchChart, RenderRequest

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_ALIAS = re.compile(r"[A-Za-z0-9_-]+")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_REF = re.compile(r"\$([A-Za-z0-9][A-Za-z0-9_-]*)(?:/(.*))?", re.DOTALL)
_GLOB = re.compile(r"[*?\[{]")
_VARIABLE = re.compile(r"\$(?:(ARGOCD_APP_[A-Z0-9_]+)|\{(ARGOCD_APP_[A-Z0-9_]+)\})")
_DEEPEST = 10
_MOST_DEPENDENCIES = 100


@dataclass(frozen=True, slots=True)
class Located:
    """Where a path of the options leads: the ref's name (empty for the source itself) and the path in its tree."""

    ref: str
    path: str

    @property
    def is_glob(self) -> bool:
        return bool(_GLOB.search(self.path))


def substitute(text: str, environment: tuple[tuple[str, str], ...]) -> str:
    """Return text with ``$ARGOCD_APP_…`` variables replaced; every other dollar stays."""
    known = dict(environment)
    return (
        _VARIABLE.sub(lambda match: known.get(match[1] or match[2], match[0]), text) if "$" in text else text
    )


def locate(folder: str, path: str, refs: Mapping[str, Any], where: str) -> Located:
    """
    Return where a value file or file parameter lies.

    Raises:
        PathEscapes: outside the repository.
        InvalidSpec: an address, or a ref that no source declares.
    """
    if match := _REF.fullmatch(path):
        if match[1] not in refs or not match[1]:
            raise InvalidSpec(f"{where}: no source of this application has ref: {match[1]}; add one")
        return Located(match[1], join("", match[2] or "", where))
    if _SCHEME.match(path):
        raise InvalidSpec(
            f"{where}: value files are read from Git only, not from an address; commit the file"
        )
    return Located("", join(folder, path, where))


def matches(located: Located, files: Mapping[str, Entry]) -> list[str]:
    """Return the paths a located glob means, in lexical order; or the path itself."""
    if not located.is_glob:
        return [located.path]
    pattern = glob(located.path)
    return sorted(name for name in files if pattern.fullmatch(name))


async def collect(
    reaches: Mapping[str, Reach],
    path: str,
    options: HelmOptions,
    request: RenderRequest,
    fetch_chart: FetchChart | None,
) -> dict[str, bytes]:
    """Read what the chart and its options need; return fetched archives by the path they belong at."""
    own = reaches[""]
    await own.take(path)
    archives: dict[str, bytes] = {}
    await _Dependencies(own, fetch_chart, archives).of(path, ())
    named = [(f"spec.source.helm.valueFiles[{i}]", file) for i, file in enumerate(options.value_files)]
    named += [
        (f"spec.source.helm.fileParameters[{i}].path", file)
        for i, (_, file) in enumerate(options.file_parameters)
    ]
    for where, file in named:
        found = locate(path, substitute(file, request.environment), reaches, where)
        start = parent(_GLOB.split(found.path)[0]) if found.is_glob else found.path
        await reaches[found.ref].take(start)
    return archives


def declaration(name: str, content: bytes | None) -> Json:
    """
    Return the checked content of a ``Chart.yaml``.

    Raises:
        PathNotFound: there is none.
        InvalidManifest: name, version or a dependency is not what Helm could safely use.
    """
    if content is None:
        raise PathNotFound(f"{name}: no such file; a Helm source must point at a chart's folder")
    body = yaml.load(content, origin=name, strict=False)
    if not isinstance(body, dict):
        raise InvalidManifest(f"{name}:1: must be a map with name and version")
    check_name(body.get("name"), f"{name}: name")
    version = body.get("version")
    if not isinstance(version, str) or semver.parse(version) is None:
        raise InvalidManifest(f"{name}: version is not a semantic version such as 1.2.3; quote it if it is")
    dependencies = body.get("dependencies") or []
    if not isinstance(dependencies, list) or len(dependencies) > _MOST_DEPENDENCIES:
        raise InvalidManifest(f"{name}: dependencies must be a list of at most {_MOST_DEPENDENCIES}")
    for index, dependency in enumerate(dependencies):
        _check_dependency(dependency, f"{name}: dependencies[{index}]")
    return body


def check_name(value: Any, where: str) -> None:
    """Refuse a chart name that could become another path."""
    if not isinstance(value, str) or not _NAME.fullmatch(value) or len(value) > 250:
        raise InvalidManifest(f"{where} is not a chart name; use letters, digits, dots and dashes")


def _check_dependency(dependency: Any, where: str) -> None:
    if not isinstance(dependency, dict):
        raise InvalidManifest(f"{where} must be a map with name, version and repository")
    check_name(dependency.get("name"), f"{where}.name")
    alias = dependency.get("alias")
    if alias and not (isinstance(alias, str) and _ALIAS.fullmatch(alias)):
        raise InvalidManifest(f"{where}.alias may hold letters, digits, dashes and underscores only")
    version = dependency.get("version") or ""
    if not isinstance(version, str) or (
        version and not (semver.parse(version) or semver.is_constraint(version))
    ):
        raise InvalidManifest(f"{where}.version is not a version or constraint")
    if not isinstance(dependency.get("repository") or "", str):
        raise InvalidManifest(f"{where}.repository must be text")


class _Dependencies:
    """Finds each declared dependency: in ``charts/``, elsewhere in the repository, or fetched."""

    def __init__(self, reach: Reach, fetch_chart: FetchChart | None, archives: dict[str, bytes]) -> None:
        self._reach = reach
        self._fetch = fetch_chart
        self._archives = archives

    async def of(self, folder: str, way: tuple[str, ...]) -> None:
        if folder in way:
            raise InvalidManifest(
                f"{' → '.join((*way, folder))}: these charts depend on each other; break the circle"
            )
        if len(way) >= _DEEPEST:
            raise LimitExceeded(f"{folder}: chart dependencies are nested deeper than {_DEEPEST}")
        name = join(folder, "Chart.yaml", "Chart.yaml")
        body = declaration(name, await self._reach.take_file(name))
        locked = await self._locked(folder)
        for index, dependency in enumerate(body.get("dependencies") or []):
            where = f"{name}: dependencies[{index}] ({dependency['name']})"
            if not self._bundled(folder, dependency):
                await self._add(folder, dependency, locked.get(dependency["name"], ""), where, (*way, folder))

    async def _locked(self, folder: str) -> dict[str, str]:
        name = join(folder, "Chart.lock", "Chart.lock")
        content = await self._reach.take_file(name)
        body = yaml.load(content, origin=name, strict=False) if content else None
        entries = body.get("dependencies") if isinstance(body, dict) else None
        return {
            entry["name"]: entry["version"]
            for entry in entries or []
            if isinstance(entry, dict)
            and isinstance(entry.get("name"), str)
            and isinstance(entry.get("version"), str)
            and semver.parse(entry["version"])
        }

    def _bundled(self, folder: str, dependency: Json) -> bool:
        charts = join(folder, "charts", "charts")
        name = dependency["name"]
        for path, entry in self._reach.files.items():
            if not within(path, charts) or path == charts:
                continue
            inner = path[len(charts) + 1 :]
            if (
                inner.endswith(".tgz")
                and "/" not in inner
                and re.fullmatch(rf"{re.escape(name)}-v?\d.*\.tgz", inner)
            ):
                return True
            if inner.count("/") == 1 and inner.endswith("/Chart.yaml") and _is_named(entry.content, name):
                return True
        return False

    async def _add(
        self, folder: str, dependency: Json, locked: str, where: str, way: tuple[str, ...]
    ) -> None:
        repository = dependency.get("repository") or ""
        if repository.startswith("file://"):
            target = join(folder, repository.removeprefix("file://"), f"{where}.repository")
            if not await self._reach.take(target):
                raise PathNotFound(
                    f"{where}: {target or '.'} is not in the repository; correct its file:// path"
                )
            await self.of(target, way)
            return
        if not repository.startswith(("https://", "http://", "oci://")):
            raise InvalidSpec(
                f"{where}: not in charts/ and its repository is no https://, oci:// or file:// address; give one or commit the chart"
            )
        if self._fetch is None:
            raise SourceUnreachable(f"{where}: charts cannot be fetched here; commit it to charts/")
        archive = await self._fetch(
            repository, dependency["name"], locked or dependency.get("version") or "*"
        )
        self._archives[join(folder, f"charts/{dependency['name']}-{len(self._archives)}.tgz", where)] = (
            archive
        )


def _is_named(content: bytes, name: str) -> bool:
    body = yaml.load(content, strict=False)
    return isinstance(body, dict) and body.get("name") == name
