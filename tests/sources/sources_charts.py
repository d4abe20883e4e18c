"""Chart archives, and servers that hand them out: a Helm repository and an OCI registry."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import ssl
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import yaml
from aiohttp import web

CHART = {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "templates/app.yaml": "kind: Service\n"}


def archive(
    files: Mapping[str, str] | None = None, extra: Callable[[tarfile.TarFile], None] | None = None
) -> bytes:
    """Return a chart's archive; `extra` may add entries no honest packer makes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in (CHART if files is None else files).items():
            entry = tarfile.TarInfo(f"web/{name}")
            entry.size = len(content.encode())
            tar.addfile(entry, io.BytesIO(content.encode()))
        if extra is not None:
            extra(tar)
    return gzip.compress(raw.getvalue(), mtime=0)


def entry(name: str, kind: bytes, target: str = "") -> Callable[[tarfile.TarFile], None]:
    """Return what adds one odd entry."""

    def add(tar: tarfile.TarFile) -> None:
        made = tarfile.TarInfo(name)
        made.type = kind
        made.linkname = target
        tar.addfile(made)

    return add


@dataclass(frozen=True)
class Asked:
    """One request as a server saw it."""

    path: str
    authorization: str


@dataclass
class WebServer:
    """Something that answers HTTP on this machine and remembers what it was asked."""

    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    answer: Callable[[web.Request], web.StreamResponse] | None = None

    async def __aenter__(self):
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def credentials_at(self, path: str) -> set[str]:
        return {asked.authorization for asked in self.asked if asked.path.startswith(path)}

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked(request.path, request.headers.get("Authorization", "")))
        made = self.respond(request)
        return await made if hasattr(made, "__await__") else made

    def respond(self, request: web.Request):
        return self.answer(request) if self.answer else web.Response(status=404)


@dataclass
class HelmServer(WebServer):
    """
    A Helm repository of charts called ``web``.

    Args:
        charts: Archives by version.
        user: Name and password without which nothing is given.
        elsewhere: The address archives are said to be at, when not here.
    """

    charts: dict[str, bytes] = field(default_factory=lambda: {"1.0.0": archive()})
    user: tuple[str, str] | None = None
    elsewhere: str = ""
    digests: dict[str, str] = field(default_factory=dict)
    index: bytes | None = None
    etag: str = ""

    def respond(self, request: web.Request):
        if self.answer is not None and (given := self.answer(request)) is not None:
            return given
        if self.user and request.headers.get("Authorization") != basic(*self.user):
            return web.Response(status=401)
        if request.path == "/index.yaml":
            if self.etag and request.headers.get("If-None-Match") == self.etag:
                return web.Response(status=304)
            headers = {"ETag": self.etag} if self.etag else {}
            return web.Response(body=self.index or self._index(), headers=headers)
        version = request.path.removeprefix("/charts/web-").removesuffix(".tgz")
        if version in self.charts:
            return web.Response(body=self.charts[version])
        return web.Response(status=404)

    def _index(self) -> bytes:
        releases = [
            {
                "version": version,
                "urls": [f"{self.elsewhere + '/' if self.elsewhere else ''}charts/web-{version}.tgz"],
                "digest": self.digests.get(version, hashlib.sha256(content).hexdigest()),
            }
            for version, content in self.charts.items()
        ]
        return yaml.safe_dump({"apiVersion": "v1", "entries": {"web": releases}}).encode()


@dataclass
class RegistryServer(WebServer):
    """
    An OCI registry of charts at ``shop/web``.

    Args:
        user: Name and password that buy a token; without it everyone may read.
        realm: Where tokens are said to be sold; here by default.
        swapped: Blobs given in place of those that were asked for.
    """

    charts: dict[str, bytes] = field(default_factory=lambda: {"1.0.0": archive()})
    user: tuple[str, str] | None = None
    realm: str = ""
    page: int = 1000
    swapped: dict[str, bytes] = field(default_factory=dict)
    media: str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

    def respond(self, request: web.Request):
        if self.answer is not None and (given := self.answer(request)) is not None:
            return given
        if request.path == "/token":
            if self.user and request.headers.get("Authorization") != basic(*self.user):
                return web.Response(status=401)
            return web.json_response({"token": f"good-for-{request.query.get('scope', '')}"})
        if self.user and not request.headers.get("Authorization", "").startswith("Bearer good-for-"):
            realm = self.realm or f"{self.url}/token"
            told = f'Bearer realm="{realm}",service="registry",scope="repository:shop/web:pull"'
            return web.Response(status=401, headers={"WWW-Authenticate": told})
        return self._content(request)

    def _content(self, request: web.Request) -> web.Response:
        kind, _, name = request.path.removeprefix("/v2/shop/web/").partition("/")
        if kind == "tags":
            return self._tags(int(request.query.get("from", 0)))
        if kind == "manifests" and name.replace("_", "+") in self.charts:
            digest = f"sha256:{hashlib.sha256(self.charts[name.replace('_', '+')]).hexdigest()}"
            layers = [{"mediaType": self.media, "digest": digest, "size": 1}]
            return web.Response(body=json.dumps({"schemaVersion": 2, "layers": layers}).encode())
        for content in self.charts.values():
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            if kind == "blobs" and name == digest:
                return web.Response(body=self.swapped.get("blob", content))
        return web.Response(status=404)

    def _tags(self, begin: int) -> web.Response:
        tags = [version.replace("+", "_") for version in self.charts]
        end = begin + self.page
        link = f'</v2/shop/web/tags/list?from={end}>; rel="next"'
        headers = {"Link": link} if end < len(tags) else {}
        return web.json_response({"name": "shop/web", "tags": tags[begin:end]}, headers=headers)


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
