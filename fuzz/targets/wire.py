"""What an API server, or what stands between, says on the wire: whole answers, halves of them, and none."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any, cast

from fuzz.target import Target
from moorage.cluster.connections import Connection, Exchanged, Garbled, Lost


class _Line:
    """The transport of a connection that nobody is at the other end of."""

    def __init__(self) -> None:
        self.open = True

    def write(self, data: bytes) -> None:
        assert self.open, "written to after its end"

    def abort(self) -> None:
        self.open = False


class _Clock:
    """The part of a loop that a connection uses, without one."""

    def create_future(self) -> asyncio.Future[Exchanged]:
        return cast("asyncio.Future[Exchanged]", _Told())

    def call_later(self, seconds: float, what: Any, *told: Any) -> _Clock:
        return self

    def cancel(self) -> None: ...

    def time(self) -> float:
        return 0.0


class _Told:
    """A future that is asked as soon as it is done, and only once told."""

    def __init__(self) -> None:
        self.result: Exchanged | None = None
        self.error: Exception | None = None

    def done(self) -> bool:
        return self.result is not None or self.error is not None

    def set_result(self, result: Exchanged) -> None:
        assert not self.done(), "told twice"
        self.result = result

    def set_exception(self, error: Exception) -> None:
        assert not self.done(), "told twice"
        self.error = error

    def __await__(self) -> Any:
        yield self
        if self.error is not None:
            raise self.error
        return self.result


def read_answer(data: bytes) -> Exchanged:
    """Read what follows a request, in two pieces, until the connection ends; then it may not be used again."""
    line, connection = _Line(), Connection(cast(asyncio.AbstractEventLoop, _Clock()))
    connection.connection_made(cast(asyncio.BaseTransport, line))
    asking = connection.ask(b"GET /x HTTP/1.1\r\n\r\n", 1.0)
    told = asking.send(None)
    middle = len(data) // 2
    for piece in (data[:middle], data[middle:]):
        if piece and line.open:
            connection.data_received(piece)
    connection.connection_lost(None)
    assert told.done(), "waits for ever"
    assert not connection.is_fresh(), "used again after its end"
    try:
        asking.send(None)
    except StopIteration as answer:
        status, headers, body = cast(Exchanged, answer.value)
        assert 200 <= status <= 999
        assert isinstance(body, bytes)
        headers.get("Retry-After")
        return status, headers, body
    raise AssertionError("goes on after its answer")


_PACKED = gzip.compress(b'{"kind":"Pod"}', mtime=0)
_ANSWERS = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"kind":"Pod"}',
    b'HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"kind"\r\n7\r\n:"Pod"}\r\n0\r\n\r\n',
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(_PACKED), _PACKED),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 503 Gone\r\nConnection: close\r\n\r\n<html>",
    b"HTTP/1.1 204 No Content\r\n\r\n",
)
_WORDS = (
    *(b"HTTP/1.1 ", b"HTTP/1.0 ", b"HTTP/2 ", b"200 ", b"101 ", b"099 ", b"\r\n", b"\n", b"\r", b":", b" "),
    *(b"Content-Length: ", b"Transfer-Encoding: ", b"Content-Encoding: ", b"Connection: ", b"Upgrade: x"),
    *(
        b"chunked",
        b"gzip",
        b"identity",
        b"close",
        b"keep-alive",
        b"upgrade",
        b"0\r\n\r\n",
        b"ffffffffffffffff",
    ),
    *(b"-1", b"+1", b"18446744073709551616", b"\x00", b"\xff", b";a=b", b"Trailer: x", _PACKED),
)

TARGETS = (Target("answers", read_answer, _ANSWERS, _WORDS, refusals=(Lost, Garbled)),)
