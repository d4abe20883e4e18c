"""
How answers become bytes on a connection, and bodies are read from one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from moorage.sandbox.answers import Answer
from moorage.sandbox.api import BODY_LIMIT
from moorage.sandbox.mishaps import Cut


class Corked:
    """
    A transport that sends what one turn of the loop writes in one piece.

    Head and body of an answer come one after the other; over TLS each write
    is a record and a system call of its own.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send at the end of this turn."""
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        """Close once all is sent."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            whole = b"".join(self._held)
            self._held.clear()
            # The client may have left since; uvloop does not take that lightly.
            if not self._transport.is_closing():
                self._transport.write(whole)


class Protocol(HttpToolsProtocol):
    """Uvicorn's protocol over a corked transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = Corked(transport, self.loop)  # type: ignore[assignment]


def headers_of(answer: Answer) -> list[tuple[str, str]]:
    """Return the headers of an answer, its warnings among them."""
    told = list(answer.headers)
    for warning in answer.warnings:
        text = warning.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        told.append(("warning", f'299 - "{text}"'))
    return told


async def read_body(receive: Any) -> bytes | None:
    """Return the body of a request, None when it is too large."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= BODY_LIMIT else None
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size <= BODY_LIMIT:
            parts.append(part)
    return b"".join(parts) if size <= BODY_LIMIT else None


def _encoded(answer: Answer) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("utf-8")) for name, value in headers_of(answer)]


async def send_whole(send: Any, answer: Answer) -> None:
    """Send an answer that is complete."""
    headers = _encoded(answer)
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def send_stream(receive: Any, send: Any, answer: Answer) -> None:
    """Send a stream until it ends or its reader leaves."""
    assert answer.stream is not None
    await send({"type": "http.response.start", "status": answer.status, "headers": _encoded(answer)})
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    sending = asyncio.ensure_future(_pump(send, answer.stream))
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not sending.done():
            sending.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)
    if sending.done() and not sending.cancelled() and isinstance(sending.exception(), Cut):
        raise Cut


async def _pump(send: Any, stream: AsyncIterator[bytes]) -> None:
    try:
        async for part in stream:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
