"""
Requests to the sandbox without a network, and what goes wrong with them.

`WireApi` is the real client with another last step: instead of a socket it asks
the `Wire` of its process. Every request has a number; a fault is set for a
number. A wire that is dead answers nobody and lets nothing through any more,
which is how a killed process looks from outside. What a paused process has sent
arrives all the same: the network is not paused.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import orjson
from yarl import URL

from moorage.cluster.answers import error_of
from moorage.cluster.credentials import Access
from moorage.cluster.http import Api, Observe
from moorage.cluster.settings import ClusterSettings
from moorage.model.errors import ClusterUnreachable
from moorage.sandbox import Sandbox
from moorage.sandbox.requests import parse_target
from moorage.sandbox.store import Entry, Key


class What(StrEnum):
    """What may happen to a request."""

    ERROR = "500"
    BUSY = "503"
    OVERLOADED = "429"
    CONFLICT = "409"
    ERROR_AFTER = "500 after it took effect"
    CUT_BEFORE = "cut before it took effect"
    CUT_AFTER = "cut after it took effect"
    SILENT = "no answer, after it took effect"
    SLOW = "slow"
    LATE_ANSWER = "answered late"
    KILL_BEFORE = "killed before it took effect"
    KILL_AFTER = "killed after it took effect"
    # of watches
    LATE = "a watch whose events come late"
    SHORT = "a watch that is cut soon"
    PAST = "a list from the past, caught up with later"
    EXPIRED = "410 in a watch"


STATUS = {What.ERROR: 500, What.BUSY: 503, What.OVERLOADED: 429, What.CONFLICT: 409, What.ERROR_AFTER: 500}
KILLS = frozenset({What.KILL_BEFORE, What.KILL_AFTER})
OF_WATCHES = frozenset({What.LATE, What.SHORT, What.PAST, What.EXPIRED})


class Fault(NamedTuple):
    """What happens to the request of a number; `amount` is seconds, or versions to go back."""

    what: What
    amount: float = 0.0

    def __str__(self) -> str:
        return f"{self.what.value} ({self.amount:g})" if self.amount else self.what.value


Exchanged = tuple[int, Mapping[str, str], bytes]


class Asked(NamedTuple):
    """One request that reached the sandbox, in order."""

    number: int
    method: str
    path: str
    content_type: str
    status: int
    query: str = ""
    process: int = 0

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def of_a_watch(self) -> bool:
        """Whether a watch read its kind anew in pages, which nobody asked it to."""
        return self.method == "GET" and "limit=" in self.query


@dataclass(slots=True)
class Traffic:
    """All requests of a world, numbered over all lives of the process."""

    sandbox: Sandbox
    faults: Mapping[int, Fault]
    latency: Callable[[], float]
    note: Callable[[str], None]
    killed: asyncio.Event
    count: int = 0
    quiet: bool = False
    asked: list[Asked] = field(default_factory=list)
    effect: Callable[[str, str], None] = lambda method, path: None
    rule: Callable[[str], Fault | None] = lambda what: None

    def next(self, what: str, *, watch: bool) -> tuple[int, Fault | None]:
        """Return the number of the next request and its fault."""
        self.count += 1
        fault = None if self.quiet else self.faults.get(self.count) or self.rule(what)
        if fault is not None and fault.what in OF_WATCHES and not watch:
            fault = None
        if fault is not None:
            self.note(f"request {self.count} ({what}): {fault}")
        return self.count, fault


@dataclass(slots=True)
class Wire:
    """The way out of one process, as long as that lives."""

    traffic: Traffic
    network: contextvars.Context | None = None
    process: int = 0
    alive: bool = True
    buried: bool = False

    def die(self) -> None:
        """Let nothing through any more."""
        self.alive = False

    def bury(self) -> None:
        """Let whoever is left of the process go: nothing it asks for is waited for."""
        self.alive, self.buried = False, True

    async def exchange(
        self, method: str, url: URL, headers: Mapping[str, str], payload: bytes | None, seconds: float
    ) -> Exchanged:
        """Return status, headers and body of one request."""
        if self.buried:
            raise ClusterUnreachable("this process is dead")
        number, fault = self.traffic.next(f"{method} {url.path}", watch=False)
        way = self._exchange(number, fault, method, url, headers, payload, seconds)
        if self.network is None:
            return await way
        return await asyncio.get_running_loop().create_task(way, context=self.network)

    async def _exchange(
        self,
        number: int,
        fault: Fault | None,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        payload: bytes | None,
        seconds: float,
    ) -> Exchanged:
        traffic = self.traffic
        what = fault.what if fault else None
        await self._on_the_way(fault.amount if fault and what is What.SLOW else 0.0)
        if what is What.CUT_BEFORE:
            raise ClusterUnreachable("the connection was cut")
        if what is What.KILL_BEFORE:
            await self._kill()
        if fault is not None and what in STATUS and what is not What.ERROR_AFTER:
            return STATUS[fault.what], {}, _status(STATUS[fault.what])
        traffic.effect(method, url.path)
        status, told, body = await traffic.sandbox.handle(
            method, url.path, url.raw_query_string, headers, payload or b""
        )
        traffic.effect("", "")
        assert isinstance(body, bytes)
        kind = headers.get("content-type", "")
        query = url.raw_query_string
        traffic.asked.append(Asked(number, method, url.path, kind, status, query, self.process))
        if what is What.KILL_AFTER:
            await self._kill()
        await self._on_the_way(fault.amount if fault and what is What.LATE_ANSWER else 0.0)
        if what is What.CUT_AFTER:
            raise ClusterUnreachable("the connection was cut")
        if what is What.SILENT:
            await asyncio.sleep(seconds)
            await self._on_the_way()
            raise ClusterUnreachable(f"no answer within {seconds:g} s")
        if what is What.ERROR_AFTER:
            return 500, {}, _status(500)
        return status, dict(told), body

    @asynccontextmanager
    async def stream(
        self, url: URL, headers: Mapping[str, str], idle_seconds: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Give the pieces of a stream."""
        _, fault = self.traffic.next(f"WATCH {url.path}?{url.raw_query_string[:60]}", watch=True)
        what = fault.what if fault else None
        await self._on_the_way()
        if what in KILLS:
            await self._kill()
        if fault is not None and what in STATUS:
            status = STATUS[fault.what]
            raise error_of(status, _status(status), f"GET {url.path}")
        if what in (What.CUT_BEFORE, What.CUT_AFTER, What.SILENT):
            raise ClusterUnreachable("the connection was cut")
        first = b""
        query: Any = url.raw_query_string
        if fault is not None and what is What.PAST and url.query.get("sendInitialEvents"):
            version, first = self._past(url.path, int(fault.amount))
            query = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": str(version)}
        status, _, body = await self.traffic.sandbox.handle("GET", url.path, query, headers)
        if status != 200 or isinstance(body, bytes):
            assert isinstance(body, bytes)
            raise error_of(status, body, f"GET {url.path}")
        pieces = self._pieces(body, first, fault, idle_seconds)
        try:
            yield pieces
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]
            await body.aclose()  # type: ignore[attr-defined]

    async def _pieces(
        self, body: AsyncIterator[bytes], first: bytes, fault: Fault | None, idle: float
    ) -> AsyncIterator[bytes]:
        what, amount = (fault.what, fault.amount) if fault else (None, 0.0)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        if first:
            yield first
            await self._on_the_way(amount)
        while True:
            limit = min(idle, max(0.0, begun + amount - loop.time())) if what is What.SHORT else idle
            try:
                async with asyncio.timeout(limit):
                    piece = await anext(body, b"")
            except TimeoutError:
                raise ClusterUnreachable("the stream was cut") from None
            await self._on_the_way(amount if what is What.LATE and not self.traffic.quiet else 0.0)
            yield piece
            if not piece:
                return
            if what is What.EXPIRED:
                yield orjson.dumps({"type": "ERROR", "object": orjson.loads(_status(410))}) + b"\n"
                return

    def _past(self, path: str, back: int) -> tuple[int, bytes]:
        """Return an earlier state of a collection as a streaming list, and its version."""
        target = parse_target(path)
        assert target is not None
        store = self.traffic.sandbox.store
        version = max(1, store.version - back)
        collection = store.collection(target.group, target.plural)
        version = max(version, collection.floor)
        then: dict[Key, Entry] = dict(collection.objects)
        kind = self.traffic.sandbox.api.registry.find(target.group, target.version, target.plural)
        for change in reversed(list(collection.since(version))):
            if change.previous is None:
                then.pop(change.key, None)
            else:
                then[change.key] = change.previous
        lines = [
            orjson.dumps({"type": "ADDED", "object": entry.body})
            for key, entry in sorted(then.items())
            if not target.namespace or key[0] == target.namespace
        ]
        assert kind is not None
        end = {
            "kind": kind.kind,
            "apiVersion": kind.api_version,
            "metadata": {
                "resourceVersion": str(version),
                "annotations": {"k8s.io/initial-events-end": "true"},
            },
        }
        lines.append(orjson.dumps({"type": "BOOKMARK", "object": end}))
        return version, b"\n".join(lines) + b"\n"

    async def _on_the_way(self, more: float = 0.0) -> None:
        await asyncio.sleep(self.traffic.latency() + more)
        if not self.alive:
            await asyncio.Event().wait()

    async def _kill(self) -> None:
        self.die()
        self.traffic.killed.set()
        await asyncio.Event().wait()


class WireApi(Api):
    """The real client over a wire: signing, slots and repeating are its own."""

    def __init__(self, access: Access, settings: ClusterSettings, observe: Observe, wire: Wire) -> None:
        super().__init__(access, settings, observe)
        self._wire = wire

    async def _once(
        self, method: str, address: str, payload: bytes | None, extra: Mapping[str, str], timeout: float
    ) -> Exchanged:
        seconds = timeout or self.settings.timeout_seconds
        url = URL(address, encoded=True)
        return await self._wire.exchange(method, url, self._told(extra), payload, seconds)

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], *, idle_seconds: float, kind: str = ""
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        headers = self._told({"Accept": "application/json"})
        async with self._wire.stream(self.url(path, query), headers, idle_seconds) as pieces:
            yield pieces

    def _told(self, extra: Mapping[str, str]) -> dict[str, str]:
        return {
            "user-agent": self.settings.user_agent,
            **{name.lower(): value for name, value in extra.items()},
        }


def _status(code: int) -> bytes:
    reasons = {
        500: "InternalError",
        503: "ServiceUnavailable",
        429: "TooManyRequests",
        409: "Conflict",
        410: "Expired",
    }
    return orjson.dumps(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": code,
            "reason": reasons[code],
            "message": f"made up: {code}",
        }
    )
