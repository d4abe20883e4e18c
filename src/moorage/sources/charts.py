"""
A chart's name and version become its archive and its files.

Versions come from a Helm repository's index or a registry's tags, archives are
kept by their SHA-256, and what a digest names never changes, so a chart is
downloaded once.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from moorage.formats.semver import highest, parse, parse_constraint
from moorage.formats.tgz import Budget, unpack
from moorage.model.errors import RevisionNotFound, SourceRefused, SourceUnreachable
from moorage.sources.addresses import shown
from moorage.sources.credentials import Repository
from moorage.sources.helmindex import HelmIndex
from moorage.sources.registry import Registry
from moorage.sources.settings import GitSettings
from moorage.sources.snapshot import File, KeptFiles, Snapshot
from moorage.sources.store import Store

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(?:/[A-Za-z0-9][A-Za-z0-9._+-]*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}")


@dataclass(frozen=True, slots=True)
class _Found:
    """A chart that was looked for: its version, its archive's digest and when that was asked."""

    version: str
    digest: str
    asked: float


class ChartShelf:
    """All charts of this process: who asks twice within the interval gets what is known."""

    def __init__(self, settings: GitSettings, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._limit = settings.archive_bytes
        self._index = HelmIndex(settings)
        self._registry = Registry(settings)
        self._known: dict[tuple[str, str, str], _Found] = {}
        self._asking: dict[tuple[str, str, str], asyncio.Lock] = {}

    async def snapshot(self, repository: Repository, name: str, version: str, *, within: float) -> Snapshot:
        """
        Return the files of a chart; its revision is the version that was chosen.

        Args:
            within: Seconds an earlier answer is good for; a full version never changes.
        """
        found, archive = await self._fetch(repository, name, version, within)
        files = await asyncio.to_thread(_files, archive, f"{name}-{found.version}.tgz")
        where = f"{repository}/{name}" if name else str(repository)
        return Snapshot(where, found.version, "", found.digest, found.digest, KeptFiles(files))

    async def archive(self, repository: Repository, name: str, version: str, *, within: float) -> bytes:
        """Return the archive of a chart."""
        return (await self._fetch(repository, name, version, within))[1]

    async def _fetch(
        self, repository: Repository, name: str, version: str, within: float
    ) -> tuple[_Found, bytes]:
        check_names(repository, name, version)
        key = (repository.key, name, version)
        async with self._asking.setdefault(key, asyncio.Lock()):
            known = self._known.get(key)
            fresh = known is not None and (self._clock() - known.asked < within or not _movable(version))
            if known is not None and fresh and (kept := self._store.find_chart(known.digest)) is not None:
                return known, kept
            source = self._registry if is_registry(repository) else self._index
            chosen = choose(await source.versions(repository, name, version), version, name, str(repository))
            archive = await source.download(repository, name, chosen, self._limit, self._store.find_chart)
            digest = hashlib.sha256(archive).hexdigest()
            await asyncio.to_thread(self._store.keep_chart, digest, archive)
            found = self._known[key] = _Found(chosen, digest, self._clock())
            return found, archive


def choose(versions: Iterable[str], wanted: str, name: str, repository: str) -> str:
    """
    Return the version to use: the very one that is named, or the highest a constraint allows.

    Raises:
        RevisionNotFound: There is none; the message names what there is.
    """
    available = list(versions)
    for candidate in (wanted, wanted.removeprefix("v"), f"v{wanted}"):
        if wanted and candidate in available:
            return candidate
    constraint = None if parse(wanted) else parse_constraint(wanted or "*")
    if constraint is not None and (best := highest(constraint, available)) is not None:
        return best
    newest = ", ".join(available[:5]) or "none at all"
    raise RevisionNotFound(
        f"repository {repository}: chart {name!r} has no version {wanted or '*'!r}; there are {newest}"
    )


def check_names(repository: Repository, name: str, version: str) -> None:
    """
    Refuse a chart's name or version that could be more than that in a URL.

    Raises:
        SourceRefused: before anything is asked.
    """
    # The address of a registry may name the chart whole.
    if not _NAME.fullmatch(name) and not (name == "" and is_registry(repository)):
        raise SourceRefused(f"repository {repository}: {shown(ascii(name))} is not the name of a chart")
    constraint = version.isprintable() and parse_constraint(version) is not None
    if version and not constraint and not _TAG.fullmatch(version):
        raise SourceRefused(
            f"repository {repository}: {shown(ascii(version))} is not a version or constraint of one"
        )


def _movable(version: str) -> bool:
    return not version or parse(version) is None


def is_registry(repository: Repository) -> bool:
    """Return whether charts of this repository come from an OCI registry."""
    return repository.type == "oci" or repository.enable_oci or repository.url.startswith("oci://")


def _files(archive: bytes, name: str) -> Mapping[str, File]:
    files = {path: File(content) for path, content in unpack(io.BytesIO(archive), name, Budget())}
    if "Chart.yaml" not in files:
        raise SourceUnreachable(f"{name}: the archive holds no chart (Chart.yaml is missing)")
    return files
