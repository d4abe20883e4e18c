"""
Exchanges requests for answers over connections that are kept.

This way goes every write, a thousand of them in a second where an application
is large, so nothing is done twice: a request is laid ready as bytes, httptools
reads its answer as it arrives, and a connection that was answered whole is
used again. With a general HTTP client a request costs twice the processor time
(docs/design/writes.md). Which request may be sent twice is the caller's to say.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import httptools
from aiohappyeyeballs import start_connection
from multidict import CIMultiDict

_KEPT_SECONDS = 60.0
_NEXT_ADDRESS_SECONDS = 0.25
_MOST_BYTES = 1 << 30
_MOST_HEAD_BYTES = 256 * 1024
_INFORMATION = range(100, 200)

Exchanged = tuple[int, Mapping[str, str], bytes]
"""An answer: status, headers (whose names may be asked for in any case) and body, unpacked."""


class Lost(ConnectionError):
    """The connection ended before the answer did. `unheard` says that nothing had come of it yet."""

    def __init__(self, words: str, *, unheard: bool) -> None:
        super().__init__(words)
        self.unheard = unheard


class Garbled(Exception):
    """What came is not an answer in HTTP/1.1, or larger than any answer may be."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom to connect to. `name` is what its certificate has to be for; without `tls` nothing is encrypted."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    name: str = ""


class Connections:
    """
    The connections to one peer, as many as there are requests at once.

    Closing lets what is under way come to its end; no connection is kept any more.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._idle: list[Connection] = []
        self._closed = False

    def close(self) -> None:
        """Keep no connection from now on."""
        self._closed = True
        for connection in self._idle:
            connection.abort()
        self._idle = []

    async def exchange(self, request: bytes, seconds: float, *, repeat: bool) -> Exchanged:
        """
        Return the answer to a request.

        Args:
            request: Head and body, as they go over the wire.
            seconds: How long to wait for a connection, and then for the answer.
            repeat: Whether the request may be sent again where a kept connection turns out to have ended:
                nobody knows whether the peer had read it.

        Raises:
            TimeoutError: It takes longer than `seconds`.
            OSError: Nobody answers at the address, or TLS fails (`ssl.SSLError`).
            Lost: The peer hung up.
            Garbled: It answered with something else.
        """
        while True:
            kept = self._kept()
            connection = kept or await self._connect(seconds)
            try:
                answer = await connection.ask(request, seconds)
            except Lost as lost:
                if kept is None or not lost.unheard or not repeat:
                    raise
                continue
            if connection.reusable and not self._closed:
                self._idle.append(connection)
            else:
                connection.abort()
            return answer

    def _kept(self) -> Connection | None:
        """Return the connection that was used last; those that lay idle for long may be dead and are let go of."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_fresh():
                return connection
            connection.abort()
        return None

    async def _connect(self, seconds: float) -> Connection:
        peer, loop = self._peer, asyncio.get_running_loop()
        name = (peer.name or peer.host) if peer.tls is not None else None
        async with asyncio.timeout(seconds):
            addresses = await loop.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)
            # Of several addresses one that is dead costs no more than this.
            reached = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS)
            _, connection = await loop.create_connection(
                lambda: Connection(loop), sock=reached, ssl=peer.tls, server_hostname=name
            )
        return connection


class Connection(asyncio.Protocol):
    """One connection: one request at a time, and the callbacks by which httptools tells of its answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.reusable = False
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiting: asyncio.Future[Exchanged] | None = None
        self._idle_since = 0.0
        self._ended = False
        self._begin()

    def _begin(self) -> None:
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._heard = False

    # --- what its owner asks

    def is_fresh(self) -> bool:
        return not self._ended and self._loop.time() - self._idle_since < _KEPT_SECONDS

    def abort(self) -> None:
        """End at once. A polite end would wait for the peer's own farewell, which TLS asks for."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    async def ask(self, request: bytes, seconds: float) -> Exchanged:
        """Send a request and return its answer; whoever stops waiting for it ends the connection."""
        if self._ended or self._transport is None:
            raise Lost("it closed the connection", unheard=True)
        self._begin()
        self._waiting = self._loop.create_future()
        # A timer of the loop costs a third of `asyncio.timeout`, and there is one for each request.
        deadline = self._loop.call_later(seconds, self._fail, TimeoutError())
        self._transport.write(request)
        try:
            return await self._waiting
        except BaseException:
            self.abort()
            raise
        finally:
            deadline.cancel()
            self._waiting = None

    # --- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's have the methods, not the base class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._waiting is None or self._waiting.done():
            # Nobody asked, so nobody would know whose answer it is.
            self.abort()
            return
        self._heard = True
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(Garbled("it does not answer in HTTP/1.1"), error)
            return
        if self._size > (_MOST_BYTES if self._status else _MOST_HEAD_BYTES):
            self._fail(Garbled("it answers without end"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        if self._waiting is None or self._waiting.done():
            return
        if exc is None and self._ends_with_connection():
            self.reusable = False
            self._tell()
        else:
            self._fail(Lost("it closed the connection", unheard=not self._heard), exc)

    def _ends_with_connection(self) -> bool:
        """Whether the answer under way has no length of its own, so that its end is the connection's (RFC 9112, 6.3)."""
        names = {name.lower() for name, _ in self._headers}
        return bool(self._status) and not names & {"content-length", "transfer-encoding"}

    # --- what httptools says

    def on_message_begin(self) -> None:
        if self._waiting is None or self._waiting.done():
            # More than was asked for: its end would be taken for the next one's answer.
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        if self._status in _INFORMATION:
            self._begin()
            return
        self.reusable = self._parser.should_keep_alive()
        self._idle_since = self._loop.time()
        self._tell()

    def _tell(self) -> None:
        assert self._waiting is not None
        if self._waiting.done():
            return
        if self._status < _INFORMATION.start:
            self._fail(Garbled("it answers with a status that HTTP does not have"))
            return
        headers = CIMultiDict(self._headers)
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        if headers.get("Content-Encoding"):
            try:
                body = _unpacked(body, headers["Content-Encoding"])
            except Garbled as error:
                self._fail(error)
                return
        self._waiting.set_result((self._status, headers, body))

    def _fail(self, error: Exception, cause: BaseException | None = None) -> None:
        error.__cause__ = cause
        self.reusable = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)
        self.abort()


def _unpacked(body: bytes, encoding: str) -> bytes:
    if encoding.lower() != "gzip":
        raise Garbled("it packs its answer in a way nobody asked for")
    unpacker = zlib.decompressobj(wbits=31)
    try:
        content = unpacker.decompress(body, _MOST_BYTES)
    except zlib.error as error:
        raise Garbled("it packs its answer wrongly") from error
    if not unpacker.eof:
        raise Garbled("it answers without end" if unpacker.unconsumed_tail else "it packs its answer wrongly")
    return content
