"""
Speaks HTTP to one API server: one request, one answer, or a stream of lines.

Everything the room sends goes through `Api`. It signs requests, limits how
many run at once, repeats those that may be repeated, and turns every failure
into one of our errors. Redirects are not followed: a credential goes to the
server it was given for and nowhere else. Streams, and whatever goes through a
proxy, are aiohttp's; requests go the short way of `connections`.
"""

from __future__ import annotations

import asyncio
import os
import random
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import orjson
from multidict import CIMultiDict
from yarl import URL

from moorage.cluster.answers import Answer, ServerFault, SignInRefused, error_of, printable
from moorage.cluster.connections import Connections, Exchanged, Garbled, Lost, Peer
from moorage.cluster.credentials import Access
from moorage.cluster.settings import ClusterSettings
from moorage.cluster.signin import SignIn, repeated_headers
from moorage.model.errors import ApiFailed, ClusterUnreachable, Error, InvalidConfiguration

Observe = Callable[[str, str, int], None]
"""Called once a request with its verb, the kind it is about (may be empty), and the code (0: no answer)."""

APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE"))
_OVERLOADED = frozenset((429, 503))


class Api:
    """
    One API server, ready to be asked. Close it when done.

    At most `settings.requests` requests run at once; streams do not count.
    `permit` is asked before anything is sent that writes; it raises when the
    process may not.
    """

    def __init__(self, access: Access, settings: ClusterSettings, observe: Observe | None = None) -> None:
        self.access = access
        self.settings = settings
        self.permit: Callable[[], None] = lambda: None
        self._observe = observe or (lambda verb, kind, code: None)
        self._slots = asyncio.Semaphore(settings.requests)
        self._sign_in = SignIn(access, settings.exec_seconds)
        self._generation = 0
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._head = b""
        self._origin_length = len(access.server) - len(urlsplit(access.server).path)
        self._tls: ssl.SSLContext | None = None
        self._connections: Connections | None = None
        self._session: aiohttp.ClientSession | None = None
        self._retired: list[aiohttp.ClientSession] = []

    async def close(self) -> None:
        """Close all connections."""
        sessions = [*self._retired, *([self._session] if self._session else [])]
        self._session, self._retired = None, []
        if self._connections is not None:
            self._connections.close()
            self._connections = None
            # Their sockets are closed in the loop's next turn.
            await asyncio.sleep(0)
        for session in sessions:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, Any] | list[Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        kind: str = "",
        timeout: float = 0.0,
        headers: Mapping[str, str] | None = None,
        repeat: bool | None = None,
    ) -> Answer:
        """
        Return the answer to one request, whose status is below 300.

        Args:
            method: The HTTP verb.
            path: The path below the server address, escaped where needed.
            query: Parameters, not yet escaped.
            body: Bytes as they are, or a JSON value.
            content_type: What the body is; says which patch a PATCH is.
            accept: What the answer shall be.
            kind: For `observe` only.
            timeout: Seconds; the settings' when zero.
            headers: Further headers.
            repeat: Whether the request may be sent twice. By default GET,
                PUT, DELETE and server-side apply may, all others not.

        Raises an error of `answers` when the server says no, and
        ClusterUnreachable when there is no answer.
        """
        address = self._address(path, query)
        payload = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        if repeat is None:
            repeat = method in _IDEMPOTENT or content_type == APPLY_PATCH
        extra = {"Accept": accept, **(headers or {})}
        if payload is not None:
            extra["Content-Type"] = content_type
        async with self._slots:
            return await self._repeated(method, address, payload, extra, kind, timeout, repeat)

    async def get(self, path: str, query: Mapping[str, str] | None = None, **more: Any) -> Any:
        """Return the decoded answer to a GET."""
        return (await self.request("GET", path, query=query, **more)).json()

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], *, idle_seconds: float, kind: str = ""
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """
        Open a GET whose answer goes on, and give its pieces as they come, cut anywhere.

        Raises the same errors as `request`; within the block, ClusterUnreachable when the stream breaks.
        """
        url = self.url(path, query)
        for attempt in (1, 2):
            await self._sign()
            session, generation = self._streams(), self._generation
            timeout = aiohttp.ClientTimeout(
                total=None, sock_connect=self.settings.timeout_seconds, sock_read=idle_seconds
            )
            try:
                async with session.get(
                    url,
                    headers=self._merged({"Accept": "application/json"}),
                    timeout=timeout,
                    **self._options(),
                ) as response:
                    self._observe("WATCH", kind, response.status)
                    if response.status == 200:
                        try:
                            yield response.content.iter_any()
                        finally:
                            _hang_up(response)
                        return
                    error = error_of(response.status, await response.read(), f"GET {url.path}")
            except (aiohttp.ClientError, TimeoutError, OSError) as cause:
                raise await self._unreachable(cause) from cause
            if not (isinstance(error, SignInRefused) and attempt == 1 and self._sign_in.renewable):
                raise error
            await self._sign_in.renew(generation)

    def url(self, path: str, query: Mapping[str, str] | None = None) -> URL:
        """Return the full address of a path. Control characters, and what would lead elsewhere, are refused."""
        return URL(self._address(path, query), encoded=True)

    def _address(self, path: str, query: Mapping[str, str] | None) -> str:
        if not path.startswith("/"):
            # Paths come from the server too; "@elsewhere" behind its address would be another host.
            raise ApiFailed(
                f"{self.access.server} named {printable(path)[:80]!r}, which is no path of its own"
            )
        text = self.access.server + path
        if query:
            text += "?" + "&".join(f"{quote(k, safe='')}={quote(str(v), safe='')}" for k, v in query.items())
        if not text.isascii() or not text.isprintable() or " " in text:
            raise InvalidConfiguration(f"{self.access.server}: a path holds characters that are not escaped")
        return text

    async def _repeated(
        self,
        method: str,
        address: str,
        payload: bytes | None,
        extra: Mapping[str, str],
        kind: str,
        timeout: float,
        repeat: bool,
    ) -> Answer:
        failures, renewed = 0, False
        while True:
            if method != "GET":
                self.permit()
            try:
                status, headers, body = await self._once(method, address, payload, extra, timeout)
            except ClusterUnreachable:
                self._observe(method, kind, 0)
                if not repeat or failures >= min(2, self.settings.retries):
                    raise
                failures += 1
                await asyncio.sleep(self._delay(failures, 0.0))
                continue
            self._observe(method, kind, status)
            if status < 300:
                return Answer(status, headers, body)
            error = error_of(status, body, f"{method} {urlsplit(address).path}")
            if isinstance(error, SignInRefused) and not renewed and self._sign_in.renewable:
                renewed = True
                await self._sign_in.renew(self._generation)
                continue
            if not self._may_repeat(error, status, repeat) or failures >= self.settings.retries:
                raise error
            failures += 1
            await asyncio.sleep(self._delay(failures, _seconds(headers.get("Retry-After", ""))))

    @staticmethod
    def _may_repeat(error: Error, status: int, repeat: bool) -> bool:
        # A server that answers 429 or 503 has not begun the request, so even a
        # POST may be sent again.
        return isinstance(error, ServerFault) and (status in _OVERLOADED or (repeat and status != 410))

    def _delay(self, failures: int, asked: float) -> float:
        limit = self.settings.retry_limit_seconds
        grown = min(limit, self.settings.retry_seconds * 2.0 ** (failures - 1))
        seconds = max(min(asked, limit * 3), grown)
        return seconds * random.uniform(0.8, 1.2)  # noqa: S311 jitter, no secret

    async def _once(
        self, method: str, address: str, payload: bytes | None, extra: Mapping[str, str], timeout: float
    ) -> Exchanged:
        await self._sign()
        seconds = timeout or self.settings.timeout_seconds
        try:
            if self.access.proxy_url:
                async with asyncio.timeout(seconds):
                    return await self._through_proxy(method, address, payload, extra)
            request = self._laid_ready(method, address, payload, extra)
            return await self._kept().exchange(request, seconds, repeat=method in _IDEMPOTENT)
        except TimeoutError as error:
            raise ClusterUnreachable(f"{self.access.server} did not answer within {seconds:g} s") from error
        except (aiohttp.ClientError, OSError, Garbled) as error:
            raise await self._unreachable(error) from error

    async def _through_proxy(
        self, method: str, address: str, payload: bytes | None, extra: Mapping[str, str]
    ) -> Exchanged:
        url, headers = URL(address, encoded=True), self._merged(extra)
        async with self._streams().request(
            method, url, data=payload, headers=headers, **self._options()
        ) as answer:
            return answer.status, answer.headers, await answer.read()

    def _laid_ready(
        self, method: str, address: str, payload: bytes | None, extra: Mapping[str, str]
    ) -> bytes:
        lines = [f"{method} {address[self._origin_length :]} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in extra.items()]
        if payload is not None or method != "GET":
            lines.append(f"Content-Length: {len(payload or b'')}")
        return b"".join(("\r\n".join(lines).encode(), self._head, payload or b""))

    def _merged(self, extra: Mapping[str, str]) -> CIMultiDict[str]:
        headers = self._headers.copy()
        headers.extend(extra)
        return headers

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"allow_redirects": False}
        if self.access.tls_server_name:
            options["server_hostname"] = self.access.tls_server_name
        if self.access.proxy_url:
            options["proxy"] = str(self.access.proxy_url)
        return options

    async def _sign(self) -> None:
        """Have the headers and connections be those of the credentials as they are now."""
        sign_in = self._sign_in
        if not sign_in.is_fresh():
            await sign_in.refresh()
        if self._generation == sign_in.generation:
            return
        self._headers = CIMultiDict(sign_in.headers)
        self._headers.extend(repeated_headers(self.access))
        self._headers["User-Agent"] = self.settings.user_agent
        self._headers["Accept-Encoding"] = "gzip" if self.access.packed else "identity"
        self._head = self._fixed_head()
        self._generation = sign_in.generation
        if self._tls is sign_in.tls:
            return
        # Requests under way keep their connections; those of streams are closed with the rest.
        if self._connections is not None:
            self._connections.close()
        if self._session is not None:
            self._retired.append(self._session)
        self._tls, self._connections, self._session = sign_in.tls, None, None

    def _fixed_head(self) -> bytes:
        """Return the end of every request's head, the same for all of them."""
        own = URL(self.access.server)
        lines = [f"Host: {own.raw_authority}"]
        lines += [f"{name}: {value}" for name, value in self._headers.items()]
        if not all(line.isprintable() for line in lines):
            raise InvalidConfiguration(
                f"{self.access.server}: the credentials hold control characters; no header can carry them"
            )
        return ("\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode()

    def _kept(self) -> Connections:
        """Return the connections of requests."""
        if self._connections is None:
            own = URL(self.access.server)
            self._connections = Connections(
                Peer(str(own.host), int(own.port or 0), self._tls, self.access.tls_server_name)
            )
        return self._connections

    def _streams(self) -> aiohttp.ClientSession:
        """Return the session of streams, and of all that goes through a proxy."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    ssl=self._tls if self._tls is not None else True,
                    keepalive_timeout=60,
                    ttl_dns_cache=30,
                ),
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=True,
                read_bufsize=256 * 1024,
            )
        return self._session

    async def _unreachable(self, error: BaseException) -> ClusterUnreachable:
        if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
            await self._sign_in.trust_anew()
        return ClusterUnreachable(f"{self.access.server} cannot be reached: {_why(error)}")


def _hang_up(response: aiohttp.ClientResponse) -> None:
    # A stream that is left early still has a sender. A polite close would wait for the sender's
    # own farewell, which TLS asks for, and outlive the loop when the process ends.
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()


def _why(error: BaseException) -> str:
    # aiohttp wraps what the loop raises; it is the same below.
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return "the proxy does not answer"
    if isinstance(error, aiohttp.ClientConnectorError):
        error = error.os_error
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message or 'it does not verify'}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.strerror or 'handshake'}"
    if isinstance(error, TimeoutError):
        return "it fell silent"
    if isinstance(error, Lost | Garbled):
        return str(error)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection"
    if isinstance(error, OSError):
        # The event loop names the address where the system names the reason; name resolution has codes of its own.
        code = error.errno or 0
        return os.strerror(code) if code > 0 else str(error.strerror or error)
    return type(error).__name__


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0
