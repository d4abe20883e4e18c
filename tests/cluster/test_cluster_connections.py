"""What the connections to an API server promise: whose answer is whose, what is used again, and what is never sent twice."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from cluster_certificates import Authority, server_side

from moorage.cluster import connections
from moorage.cluster.connections import Connections, Exchanged, Garbled, Lost, Peer

SECONDS = 5.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"
GET = b"GET /x HTTP/1.1\r\nHost: here\r\n\r\n"


class Line:
    """One connection as the server sees it."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """Return the next request without a body; nothing when the caller has hung up."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            return await self._reader.readuntil(b"\r\n\r\n")
        return b""

    async def say(self, *pieces: bytes) -> None:
        """Send an answer piece by piece."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(0)

    def hang_up(self) -> None:
        self._writer.close()

    def cut(self) -> None:
        self._writer.transport.abort()


Script = Callable[[Line], Awaitable[None]]


@contextlib.asynccontextmanager
async def a_peer(
    script: Script, tls: ssl.SSLContext | None = None, trusts: ssl.SSLContext | None = None
) -> AsyncIterator[Connections]:
    """Give the connections to a server that does with each connection what a script says."""
    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.append(task)
        with contextlib.suppress(ConnectionError):
            await script(Line(len(served), reader, writer))
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    kept = Connections(Peer("127.0.0.1", server.sockets[0].getsockname()[1], trusts))
    try:
        yield kept
    finally:
        kept.close()
        server.close()
        await server.wait_closed()
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*served)


def always(*pieces: bytes, then: Callable[[Line], None] = lambda line: None) -> Script:
    """Return a script that gives the same answer to each request, and then does something with the line."""

    async def script(line: Line) -> None:
        while await line.request():
            await line.say(*pieces)
            then(line)

    return script


def counting(lines: list[int], answer: bytes = OK) -> Script:
    """Return a script that gives the same answer to each request, and notes over which connection it came."""

    async def script(line: Line) -> None:
        while await line.request():
            lines.append(line.number)
            await line.say(answer)

    return script


async def ask(kept: Connections, *, repeat: bool = True, seconds: float = SECONDS) -> Exchanged:
    return await kept.exchange(GET, seconds, repeat=repeat)


# --- what an answer is


@pytest.mark.parametrize(
    ("pieces", "then", "expected"),
    [
        pytest.param([OK], None, (200, b"fine"), id="by its length"),
        pytest.param([bytes([byte]) for byte in OK], None, (200, b"fine"), id="byte by byte"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nfi\r\n", b"2\r\nne\r\n0\r\n\r\n"],
            None,
            (200, b"fine"),
            id="in chunks",
        ),
        pytest.param([b"HTTP/1.1 204 No Content\r\n\r\n"], None, (204, b""), id="without a body"),
        pytest.param(
            [b"HTTP/1.0 200 OK\r\n\r\nfi", b"ne"],
            Line.hang_up,
            (200, b"fine"),
            id="up to the connection's end",
        ),
        pytest.param(
            [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", OK],
            None,
            (200, b"fine"),
            id="after information",
        ),
        pytest.param(
            [
                b"HTTP/1.1 409 Conflict\r\nContent-Encoding: gzip\r\nContent-Length: 24\r\n\r\n",
                gzip.compress(b"fine", mtime=0),
            ],
            None,
            (409, b"fine"),
            id="packed",
        ),
    ],
)
async def test_an_answer_ends_where_http_says(
    pieces: list[bytes], then: Callable[[Line], None] | None, expected: tuple[int, bytes]
) -> None:
    """
    However an answer tells its end, and however it is cut on the way, it comes out whole.
    """
    async with a_peer(always(*pieces, then=then or (lambda line: None))) as kept:
        for _ in range(2):
            status, _, body = await ask(kept)
            assert (status, body) == expected


async def test_header_names_may_be_asked_for_in_any_case() -> None:
    """
    Servers spell header names as they like.
    """
    async with a_peer(always(b"HTTP/1.1 429 Slow\r\nretry-AFTER: 7\r\nContent-Length: 0\r\n\r\n")) as kept:
        _, headers, _ = await ask(kept)
        assert headers.get("Retry-After") == "7"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\nfine", id="a length that is none"),
        pytest.param(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", id="an upgrade"),
        pytest.param(b"HTTP/1.1 007 Bond\r\nContent-Length: 0\r\n\r\n", id="a status there is not"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 300_000, id="a head without end"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nfine", id="packed otherwise"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nfine",
            id="not packed at all",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
            + gzip.compress(b"fine", mtime=0)[:20],
            id="packed by half",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\nfine",
            id="two ends, as smugglers send",
        ),
    ],
)
async def test_what_is_no_answer_is_refused(answer: bytes) -> None:
    """
    What is not HTTP/1.1, or not whole, is an error that is told, and its connection is not used again.
    """
    lines: set[int] = set()

    async def script(line: Line) -> None:
        lines.add(line.number)
        await line.request()
        await line.say(answer)
        await line.request()

    async with a_peer(script) as kept:
        for _ in range(2):
            with pytest.raises(Garbled):
                await ask(kept)
    assert lines == {1, 2}


async def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Nobody can fill this machine's memory by an answer, packed or not.
    """
    monkeypatch.setattr(connections, "_MOST_BYTES", 10_000)
    bomb = gzip.compress(b"0" * 1_000_000)
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(bomb), bomb)
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"0" * 100_000
    for answer in (packed, plain):
        async with a_peer(always(answer)) as kept:
            with pytest.raises(Garbled, match="without end"):
                await ask(kept)


# --- what is used again


async def test_a_connection_is_used_again() -> None:
    """
    One request after another goes over one connection; those at once have one each.
    """
    lines: list[int] = []

    async with a_peer(counting(lines)) as kept:
        for _ in range(3):
            await ask(kept)
        assert lines == [1, 1, 1]
        await asyncio.gather(*(ask(kept) for _ in range(3)))
        assert sorted(lines[3:]) == [1, 2, 3]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfine", id="said so"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfine", id="an old server"),
        pytest.param(OK + b"HTTP/1.1 200 OK\r\n", id="more than was asked for"),
    ],
)
async def test_a_connection_that_may_not_be_used_again_is_not(answer: bytes) -> None:
    """
    A server that closes, or says more than it was asked for, gets the next request over a new connection.
    """
    lines: list[int] = []

    async with a_peer(counting(lines, answer)) as kept:
        for _ in range(2):
            assert (await ask(kept))[2] == b"fine"
    assert lines == [1, 2]


async def test_what_nobody_asked_for_is_nobodys_answer() -> None:
    """
    Bytes that come while nothing is asked end the connection: they would be taken for the next one's answer.
    """
    said = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        await line.say(OK)
        await asked.wait()
        await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse")
        said.set()
        await line.request()
        if line.number > 1:
            await line.say(OK)

    asked = asyncio.Event()
    async with a_peer(script) as kept:
        await ask(kept)
        asked.set()
        await said.wait()
        assert (await ask(kept))[2] == b"fine"


async def test_a_connection_that_lay_idle_for_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What lies between may have forgotten an old connection without telling, so a request would wait for ever.
    """
    lines: list[int] = []

    monkeypatch.setattr(connections, "_KEPT_SECONDS", 0.0)
    async with a_peer(counting(lines)) as kept:
        await ask(kept)
        await ask(kept)
    assert lines == [1, 2]


# --- what is sent twice


@pytest.mark.parametrize("repeat", [True, False])
async def test_only_what_may_be_sent_twice_is_when_a_kept_connection_has_ended(repeat: bool) -> None:
    """
    A server that closes an idle connection in the moment it is used again gets the request anew, if it may.
    """
    heard: list[int] = []

    async def script(line: Line) -> None:
        await line.request()
        heard.append(line.number)
        await line.say(OK)
        if await line.request():
            heard.append(line.number)
            if line.number == 1:
                line.cut()
            else:
                await line.say(OK)

    async with a_peer(script) as kept:
        await ask(kept)
        if repeat:
            assert (await ask(kept, repeat=True))[2] == b"fine"
        else:
            with pytest.raises(Lost) as caught:
                await ask(kept, repeat=False)
            assert caught.value.unheard
    assert heard == ([1, 1, 2] if repeat else [1, 1])


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi"])
async def test_a_request_that_was_cut_off_is_told_and_not_sent_again(said: bytes) -> None:
    """
    A new connection that ends before the answer, or any in the middle of one, is no reason to ask twice.
    """
    lines: list[int] = []

    async def script(line: Line) -> None:
        lines.append(line.number)
        await line.request()
        await line.say(said)
        line.cut()

    async with a_peer(script) as kept:
        with pytest.raises(Lost) as caught:
            await ask(kept, repeat=True)
    assert caught.value.unheard is (said == b"")
    assert lines == [1]


@pytest.mark.parametrize("how", ["in time", "by its caller"])
async def test_a_late_answer_is_nobody_elses(how: str) -> None:
    """
    A request that is no longer waited for takes its connection with it, so that its answer cannot be another's.
    """
    arrived, late = asyncio.Event(), asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        if line.number == 1:
            arrived.set()
            await late.wait()
            await line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        else:
            await line.say(OK)

    async with a_peer(script) as kept:
        if how == "in time":
            with pytest.raises(TimeoutError):
                await ask(kept, seconds=0.05)
        else:
            asking = asyncio.create_task(ask(kept))
            await arrived.wait()
            asking.cancel()
            await asyncio.wait([asking])
            assert asking.cancelled()
        late.set()
        assert (await ask(kept))[2] == b"fine"


async def test_closing_lets_requests_under_way_come_to_their_end() -> None:
    """
    Credentials are renewed while requests run: these are answered, and what is asked after them is asked elsewhere.
    """
    arrived, go_on = asyncio.Event(), asyncio.Event()
    ended = asyncio.Event()

    async def script(line: Line) -> None:
        await line.request()
        arrived.set()
        await go_on.wait()
        await line.say(OK)
        assert await line.request() == b""
        ended.set()

    async with a_peer(script) as kept:
        asking = asyncio.create_task(ask(kept))
        await arrived.wait()
        kept.close()
        go_on.set()
        assert (await asking)[2] == b"fine"
        async with asyncio.timeout(SECONDS):
            await ended.wait()


# --- addresses


async def test_an_address_that_is_dead_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A name that stands for several addresses is reached by one that answers; the others cost a moment.
    """
    loop = asyncio.get_running_loop()
    async with a_peer(always(OK)) as kept:
        port = kept._peer.port
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            dead = closed.getsockname()

        async def both(*_: object, **__: object) -> list[tuple[object, ...]]:
            stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*stream, dead), (*stream, ("127.0.0.1", port))]

        monkeypatch.setattr(loop, "getaddrinfo", both)
        assert (await ask(kept))[2] == b"fine"


async def test_nobody_at_an_address_is_told_as_the_system_tells_it() -> None:
    """
    A refused connection comes with the system's own number, from which messages are made.
    """
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(ConnectionRefusedError) as caught:
        await ask(Connections(Peer("127.0.0.1", port)))
    assert caught.value.errno


# --- TLS and the loop of production


def test_the_loop_of_production_does_the_same(tmp_path: Path) -> None:
    """
    With TLS on uvloop, as `moor serve` runs, answers come, connections are kept and an unknown authority is refused.
    """
    authority = Authority()
    tls = server_side(tmp_path, *authority.issue("127.0.0.1"))
    lines: list[int] = []

    async def story() -> None:
        trusts = ssl.create_default_context(cadata=authority.pem.decode())
        async with a_peer(counting(lines), tls, trusts) as kept:
            assert (await ask(kept))[2] == b"fine"
            assert (await ask(kept))[2] == b"fine"
        async with a_peer(counting(lines), tls, ssl.create_default_context()) as kept:
            with pytest.raises(ssl.SSLCertVerificationError):
                await ask(kept)

    uvloop.run(story())
    assert lines == [1, 1]
