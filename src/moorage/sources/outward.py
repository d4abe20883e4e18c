"""
Asks servers outside over HTTP, on behalf of one repository.

Hosts are judged as resolved, answers are bounded in size and time, redirects
are followed by our own hand, and a credential goes to the repository's own
scheme, host and port and nowhere else.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDictProxy

from moorage.model.errors import Error, InvalidConfiguration, LimitExceeded, SourceRefused, SourceUnreachable
from moorage.sources.connections import authorization
from moorage.sources.credentials import Repository
from moorage.sources.network import check_ip, look_up
from moorage.sources.settings import GitSettings

_MOST_REDIRECTS = 5
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered. `url` is where it was found in the end."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    url: str


class Outward:
    """A way to the servers of one repository; use it as an asynchronous context."""

    def __init__(self, settings: GitSettings, repository: Repository) -> None:
        self._settings = settings
        self._repository = repository
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=_Judging(self._settings.allow_private),
            ssl=await asyncio.to_thread(_tls, self._repository, self._settings),
            use_dns_cache=False,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._settings.ask_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "moorage"},
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(
        self, method: str, url: str, limit: int, *, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Return status and body of one request that carries these headers and nothing of the repository."""
        reply = await self._once(method, url, limit, dict(headers or {}))
        return reply.status, reply.body

    async def get(
        self, url: str, limit: int, *, headers: Mapping[str, str] | None = None, signed: bool = True
    ) -> Reply:
        """
        Return the answer to a GET, with redirects followed.

        Args:
            url: Where to begin.
            limit: Bytes the body may have.
            headers: Sent to the first server only.
            signed: Whether the repository's own credentials go along, to the repository's own server.

        Raises:
            SourceUnreachable: No answer came, or there were too many redirects.
            SourceRefused: An address is not one Moorage connects to.
            LimitExceeded: The body is larger than allowed.
        """
        first = origin(url)
        for _ in range(_MOST_REDIRECTS + 1):
            sent = dict(headers or {}) if origin(url) == first else {}
            if signed and "Authorization" not in sent and self._may_sign(url):
                header = authorization(self._repository.credentials)
                if header:
                    sent["Authorization"] = header
            reply = await self._once("GET", url, limit, sent)
            if reply.status not in (301, 302, 303, 307, 308) or "Location" not in reply.headers:
                return reply
            target = urljoin(url, reply.headers["Location"])
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
                raise SourceRefused(f"{place(url)}: redirects from https to another scheme are not followed")
            url = target
        raise SourceUnreachable(f"{place(url)}: more than {_MOST_REDIRECTS} redirects")

    def _may_sign(self, url: str) -> bool:
        return self._repository.pass_credentials or origin(url) == origin(http_url(self._repository))

    async def _once(self, method: str, url: str, limit: int, headers: dict[str, str]) -> Reply:
        assert self._session is not None
        check_url(url, self._settings.allow_private)
        where = place(url)
        try:
            async with self._session.request(
                method, url, headers=headers, allow_redirects=False, proxy=self._proxy(url)
            ) as answer:
                body = bytearray()
                async for piece in answer.content.iter_chunked(_CHUNK):
                    body += piece
                    if len(body) > limit:
                        raise LimitExceeded(f"{where}: the answer is larger than {limit} bytes")
                return Reply(answer.status, answer.headers, bytes(body), str(answer.url))
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            raise SourceUnreachable(
                f"{where}: its certificate is not trusted; add the authority to argocd-tls-certs-cm"
            ) from error
        except TimeoutError as error:
            raise SourceUnreachable(f"{where}: no answer in {self._settings.ask_timeout:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if (judged := _judgement(error)) is not None:
                raise judged from error
            raise SourceUnreachable(f"{where}: cannot be reached ({type(error).__name__})") from error

    def _proxy(self, url: str) -> str | None:
        proxy = self._repository.proxy or self._settings.proxy
        exempt = (self._repository.no_proxy or self._settings.no_proxy).split(",")
        host = (urlsplit(url).hostname or "").lower()
        if any(_covers(part.strip().lower().lstrip("*").lstrip("."), host) for part in exempt):
            return None
        return proxy or None


def _covers(domain: str, host: str) -> bool:
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


class _Judging(AbstractResolver):
    """Looks names up and lets only addresses through that may be connected to."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            found = await look_up(host, port, allow_private=self._allow_private)
        except (SourceRefused, SourceUnreachable) as error:
            raise OSError(str(error)) from error
        return [
            ResolveResult(
                hostname=host,
                host=ip,
                port=port,
                family=socket.AF_INET6 if ":" in ip else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for ip in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _judgement(error: BaseException | None) -> Error | None:
    """Return what `_Judging` said, however deep the client has wrapped it."""
    while error is not None and not isinstance(error, Error):
        error = error.__cause__
    return error


def check_url(url: str, allow_private: bool) -> None:
    """
    Refuse an address that is not http or https, or names a place nobody may go.

    Raises:
        SourceRefused: for those, and for addresses with control characters or a password in them.
    """
    parts = urlsplit(url)
    if not url.isprintable() or parts.scheme not in ("http", "https") or not parts.hostname:
        raise SourceRefused("an address that is not http or https is not opened")
    if parts.username or parts.password:
        raise SourceRefused(f"{place(url)}: an address with a user name or password in it is not opened")
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET, parts.hostname)
    except OSError:
        return
    check_ip(parts.hostname, parts.hostname, allow_private=allow_private)


def http_url(repository: Repository) -> str:
    """Return the HTTP address of a chart repository or OCI registry, without a slash at its end."""
    url = repository.url.rstrip("/")
    if url.startswith("oci://"):
        scheme = "http" if repository.insecure_http else "https"
        return f"{scheme}://{url.removeprefix('oci://')}"
    if "://" not in url:
        return f"{'http' if repository.insecure_http else 'https'}://{url}"
    return url


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address: where a credential may go."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def place(url: str) -> str:
    """Return an address as messages may name it: without query or login."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _tls(repository: Repository, settings: GitSettings) -> ssl.SSLContext:
    credentials = repository.credentials
    host = urlsplit(http_url(repository)).hostname or ""
    authorities = credentials.ca or settings.extra_ca.get(host) or None
    try:
        context = ssl.create_default_context(cadata=authorities)
    except ssl.SSLError as error:
        raise InvalidConfiguration(
            f"repository {repository}: its certificate authority is not PEM"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if credentials.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if credentials.tls_cert and credentials.tls_key:
        _load_client_certificate(context, credentials.tls_cert, credentials.tls_key.reveal(), str(repository))
    return context


def _load_client_certificate(context: ssl.SSLContext, certificate: str, key: str, name: str) -> None:
    # The standard library reads certificates from files only.
    handle, path = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{certificate}\n{key}\n")
        context.load_cert_chain(path)
    except (ssl.SSLError, OSError) as error:
        raise InvalidConfiguration(
            f"repository {name}: tlsClientCertData and tlsClientCertKey are not a PEM pair"
        ) from error
    finally:
        os.unlink(path)
