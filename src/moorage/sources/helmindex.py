"""
Asks a Helm repository over HTTP: which versions are there, and give me one.

The index is the repository's own word about its charts. It is read as YAML
with bounds, and kept by its ETag so that asking again costs little.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin

from moorage.formats import yaml
from moorage.model.errors import (
    CredentialsRefused,
    InvalidManifest,
    LimitExceeded,
    RevisionNotFound,
    SourceUnreachable,
)
from moorage.sources.credentials import Repository
from moorage.sources.outward import Outward, Reply, http_url
from moorage.sources.settings import GitSettings

_LIMITS = yaml.Limits(size=1 << 30, nodes=20_000_000, depth=50, documents=1)
_HEX = re.compile(r"[0-9a-f]{64}")

Kept = Callable[[str], bytes | None]
"""Returns the archive of a digest, when it is here already."""


@dataclass(frozen=True, slots=True)
class _Release:
    url: str
    digest: str
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class _Index:
    etag: str
    charts: dict[str, dict[str, _Release]]


class HelmIndex:
    """The indexes of Helm repositories, as asked last."""

    def __init__(self, settings: GitSettings) -> None:
        self._settings = settings
        self._known: dict[str, _Index] = {}

    async def versions(self, repository: Repository, name: str, wanted: str) -> list[str]:
        """
        Return the versions of a chart in the index's order.

        Raises:
            RevisionNotFound: The repository has no such chart.
        """
        index = await self._read(repository)
        if name not in index.charts:
            raise RevisionNotFound(f"repository {repository}: has no chart {name!r}; check spec.source.chart")
        return list(index.charts[name])

    async def download(
        self, repository: Repository, name: str, version: str, limit: int, kept: Kept
    ) -> bytes:
        """Return a chart's archive, whose digest is the one the index names; `kept` may have it."""
        release = self._known[repository.key].charts[name][version]
        if release.doubtful:
            raise SourceUnreachable(
                f"repository {repository}: its index.yaml has two different {name} {version}; publish one of them"
            )
        if _HEX.fullmatch(release.digest) and (archive := kept(release.digest)) is not None:
            return archive
        url = urljoin(f"{http_url(repository)}/", release.url)
        async with Outward(self._settings, repository) as outward:
            reply = await outward.get(url, limit)
        _check(reply, repository)
        if release.digest and hashlib.sha256(reply.body).hexdigest() != release.digest:
            raise SourceUnreachable(
                f"repository {repository}: the archive of {name} {version} is not the one its index names "
                "(other SHA-256); publish the chart again"
            )
        return reply.body

    async def _read(self, repository: Repository) -> _Index:
        known = self._known.get(repository.key)
        headers = {"If-None-Match": known.etag} if known and known.etag else {}
        async with Outward(self._settings, repository) as outward:
            reply = await outward.get(
                f"{http_url(repository)}/index.yaml", self._settings.index_bytes, headers=headers
            )
        if reply.status == 304 and known is not None:
            return known
        _check(reply, repository)
        charts = await asyncio.to_thread(parse_index, reply.body, str(repository))
        index = self._known[repository.key] = _Index(reply.headers.get("ETag", ""), charts)
        return index


def _check(reply: Reply, repository: Repository) -> None:
    if reply.status in (401, 403):
        raise CredentialsRefused(
            f"repository {repository}: refused the credentials (HTTP {reply.status}); check its Secret"
        )
    if reply.status == 404:
        raise SourceUnreachable(
            f"repository {repository}: HTTP 404; is the address that of a Helm repository (with an index.yaml)?"
        )
    if reply.status != 200:
        raise SourceUnreachable(f"repository {repository}: HTTP {reply.status}")


def parse_index(body: bytes, name: str) -> dict[str, dict[str, _Release]]:
    """
    Return the releases of each chart in an index, by version.

    Raises:
        SourceUnreachable: for what is no index, is too deep, or names a key twice.
    """
    try:
        content: Any = yaml.load(body, origin="index.yaml", limits=_LIMITS)
    except (InvalidManifest, LimitExceeded) as error:
        raise SourceUnreachable(f"repository {name}: its index.yaml cannot be read ({error})") from error
    entries = content.get("entries") if isinstance(content, dict) else None
    if not isinstance(entries, dict):
        raise SourceUnreachable(f"repository {name}: its index.yaml lists no entries")
    return {chart: _releases(releases) for chart, releases in entries.items() if isinstance(releases, list)}


def _releases(listed: list[Any]) -> dict[str, _Release]:
    """Return what can be understood of a chart's releases; one listed twice with two contents is doubtful."""
    found: dict[str, _Release] = {}
    for entry in listed:
        urls = entry.get("urls") if isinstance(entry, dict) else None
        if not isinstance(urls, list) or not urls or not isinstance(entry.get("version"), str):
            continue
        digest = str(entry.get("digest") or "").removeprefix("sha256:").lower()
        release = _Release(str(urls[0]), digest)
        known = found.setdefault(entry["version"], release)
        if known != release:
            found[entry["version"]] = replace(known, doubtful=True)
    return found
