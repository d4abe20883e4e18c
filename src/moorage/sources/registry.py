"""
Asks an OCI registry for charts: which tags are there, and give me one.

Everything fetched by digest is checked against it. A registry may ask for a
token; the credentials that buy it go to the registry's own host, or to the one
token host that is known to belong to it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import quote, urlencode, urljoin, urlsplit

import orjson

from moorage.model.errors import CredentialsRefused, RevisionNotFound, SourceUnreachable
from moorage.sources.connections import authorization
from moorage.sources.credentials import Repository
from moorage.sources.helmindex import Kept
from moorage.sources.outward import Outward, Reply, http_url, origin
from moorage.sources.settings import GitSettings

_MANIFESTS = "application/vnd.oci.image.manifest.v1+json"
_CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_SMALL = 4 * 1024 * 1024
_MOST_PAGES = 50
_TOKEN_HOSTS = {"registry-1.docker.io": "auth.docker.io"}
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_FULL_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+].*)?")


class Registry:
    """OCI registries, spoken to by the distribution specification."""

    def __init__(self, settings: GitSettings) -> None:
        self._settings = settings

    async def versions(self, repository: Repository, name: str, wanted: str) -> list[str]:
        """Return the versions of a chart: the one that is wanted when it is full, else those of all tags."""
        if _FULL_VERSION.fullmatch(wanted):
            return [wanted]
        async with Outward(self._settings, repository) as outward:
            visit = _Visit(outward, repository, name)
            return await visit.tags()

    async def download(
        self, repository: Repository, name: str, version: str, limit: int, kept: Kept
    ) -> bytes:
        """Return a chart's archive, whose digest is the one the registry names; `kept` may have it."""
        async with Outward(self._settings, repository) as outward:
            visit = _Visit(outward, repository, name)
            return await visit.chart(version, limit, kept)


class _Visit:
    """One conversation with a registry about one chart."""

    def __init__(self, outward: Outward, repository: Repository, name: str) -> None:
        self._outward = outward
        self._repository = repository
        parts = urlsplit(http_url(repository))
        self._root = f"{parts.scheme}://{parts.netloc}"
        path = "/".join(part for part in (parts.path.strip("/"), name) if part)
        self._base = f"{self._root}/v2/{quote(path)}"
        self._path = path
        self._token = ""

    async def tags(self) -> list[str]:
        url = f"{self._base}/tags/list"
        found: list[str] = []
        for _ in range(_MOST_PAGES):
            reply = self._checked(await self._get(url, _SMALL), "tags")
            tags = _json(reply, self._repository).get("tags") or []
            found += [str(tag).replace("_", "+") for tag in tags]
            following = re.match(r'<([^>]+)>;\s*rel="?next"?', reply.headers.get("Link", ""))
            if following is None:
                break
            url = urljoin(url, following[1])
            if origin(url) != origin(self._base):
                break
        return found

    async def chart(self, version: str, limit: int, kept: Kept) -> bytes:
        tag = version.replace("+", "_")
        reply = self._checked(
            await self._get(f"{self._base}/manifests/{quote(tag)}", _SMALL, accept=_MANIFESTS), version
        )
        layers = _json(reply, self._repository).get("layers")
        digests = [
            str(layer.get("digest", ""))
            for layer in (layers if isinstance(layers, list) else ())
            if isinstance(layer, dict) and layer.get("mediaType") == _CHART_LAYER
        ]
        match = _DIGEST.fullmatch(digests[0]) if digests else None
        if match is None:
            raise SourceUnreachable(f"repository {self._repository}: {self._path}:{tag} is not a Helm chart")
        if (archive := kept(match[1])) is not None:
            return archive
        blob = self._checked(await self._get(f"{self._base}/blobs/{digests[0]}", limit), version)
        if hashlib.sha256(blob.body).hexdigest() != match[1]:
            raise SourceUnreachable(
                f"repository {self._repository}: the registry gave another content than {self._path}:{tag} names"
            )
        return blob.body

    async def _get(self, url: str, limit: int, *, accept: str = "*/*") -> Reply:
        headers = {"Accept": accept}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        reply = await self._outward.get(url, limit, headers=headers)
        challenge = reply.headers.get("WWW-Authenticate", "")
        if reply.status == 401 and challenge.lower().startswith("bearer ") and not self._token:
            self._token = await self._buy_token(challenge)
            return await self._get(url, limit, accept=accept)
        return reply

    async def _buy_token(self, challenge: str) -> str:
        told = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = told.pop("realm", "")
        query = {name: told[name] for name in ("service", "scope") if name in told}
        headers = {}
        credentials = self._repository.credentials
        try:
            seller = urlsplit(realm)
        except ValueError:
            raise SourceUnreachable(
                f"repository {self._repository}: the registry names no address that sells tokens"
            ) from None
        own, host = urlsplit(self._root).hostname or "", seller.hostname or ""
        if host in (own, _TOKEN_HOSTS.get(own)) and (seller.scheme == urlsplit(self._root).scheme):
            if credentials.username and credentials.password:
                pair = f"{credentials.username}:{credentials.password.reveal()}".encode()
                headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
            elif header := authorization(credentials):
                headers["Authorization"] = header
        separator = "&" if "?" in realm else "?"
        reply = await self._outward.get(
            f"{realm}{separator}{urlencode(query)}", _SMALL, headers=headers, signed=False
        )
        self._checked(reply, "a token")
        answer = _json(reply, self._repository)
        return str(answer.get("token") or answer.get("access_token") or "")

    def _checked(self, reply: Reply, what: str) -> Reply:
        if reply.status in (401, 403):
            raise CredentialsRefused(
                f"repository {self._repository}: the registry refused the credentials (HTTP {reply.status}); "
                "check its Secret"
            )
        if reply.status == 404:
            raise RevisionNotFound(
                f"repository {self._repository}: the registry has no {self._path} with version {what!r}"
            )
        if reply.status != 200:
            raise SourceUnreachable(f"repository {self._repository}: HTTP {reply.status} for {what}")
        return reply


def _json(reply: Reply, repository: Repository) -> dict[str, Any]:
    try:
        answer = orjson.loads(reply.body)
    except orjson.JSONDecodeError as error:
        raise SourceUnreachable(f"repository {repository}: the registry's answer is not JSON") from error
    if not isinstance(answer, dict):
        raise SourceUnreachable(f"repository {repository}: the registry's answer is not an object")
    return answer
