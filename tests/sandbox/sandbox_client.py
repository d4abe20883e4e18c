"""A client of a sandbox in the same process: requests in, answers out, no network between."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import orjson

from moorage.sandbox import Sandbox, SandboxSettings

SPACE = "/api/v1/namespaces/shop"
MAPS = f"{SPACE}/configmaps"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Reply(NamedTuple):
    """What was answered."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def version(self) -> str:
        return self.body["metadata"]["resourceVersion"]

    @property
    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.body["items"]]


class Watched:
    """The events of a watch, one by one."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self._stream = stream
        self._lines: deque[bytes] = deque()

    async def next(self) -> tuple[str, Any]:
        """Return the type and the object of the next event."""
        while not self._lines:
            self._lines += (await anext(self._stream)).splitlines()
        event = orjson.loads(self._lines.popleft())
        return event["type"], event["object"]

    async def names(self, count: int) -> list[tuple[str, str]]:
        """Return type and name of the next events."""
        return [(kind, body["metadata"]["name"]) for kind, body in [await self.next() for _ in range(count)]]


class Client:
    """Asks a sandbox of its own, which has a namespace `shop` and no controllers unless told."""

    def __init__(self, **settings: Any) -> None:
        self.sandbox = Sandbox(SandboxSettings(**{"tls": False, "controllers": False, **settings}))

    async def __aenter__(self) -> Client:
        if self.sandbox.workloads is not None:
            self.sandbox.workloads.start()
        await self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.sandbox.stop()

    async def ask(self, method: str, path: str, body: Any = None, form: str = "", **query: str) -> Reply:
        """Send one request; `body` becomes JSON."""
        sent = body if isinstance(body, bytes) else orjson.dumps(body) if body is not None else b""
        headers = {"content-type": form or "application/json"}
        status, told, answer = await self.sandbox.handle(method, path, urlencode(query), headers, sent)
        assert isinstance(answer, bytes)
        shown = dict(told)
        is_json = shown.get("content-type") == "application/json" and answer.startswith((b"{", b"["))
        return Reply(status, orjson.loads(answer) if is_json else answer, shown)

    async def get(self, path: str, **query: str) -> Reply:
        return await self.ask("GET", path, **query)

    async def put_map(self, name: str, **data: str) -> Reply:
        """Apply a ConfigMap in `shop`."""
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
        return await self.ask("PATCH", f"{MAPS}/{name}", body, APPLY, fieldManager="test")

    async def make_map(self, name: str, **metadata: Any) -> Reply:
        """Create a ConfigMap in `shop`."""
        return await self.ask("POST", MAPS, {"metadata": {"name": name, **metadata}})

    @contextlib.asynccontextmanager
    async def watch(self, path: str, **query: str) -> AsyncIterator[Watched]:
        """Watch a path while entered."""
        status, _, stream = await self.sandbox.handle("GET", path, urlencode({"watch": "true", **query}))
        assert status == 200
        assert not isinstance(stream, bytes)
        try:
            yield Watched(stream)
        finally:
            await stream.aclose()
