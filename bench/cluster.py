"""
A plain client of a Kubernetes API: what anyone could send, as fast as it goes.

It shares nothing with Moorage's own client, so that it measures from outside.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import yaml

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
AT_ONCE = 32
T = TypeVar("T")
Json = dict[str, Any]


class Unexpected(Exception):
    """The API server answered with a status nobody asked for."""


class Cluster:
    """The cluster of a kubeconfig, entered while it is used."""

    def __init__(self, kubeconfig: Path) -> None:
        body = yaml.safe_load(kubeconfig.read_text())
        cluster, user = body["clusters"][0]["cluster"], body["users"][0]["user"]
        self.url: str = cluster["server"]
        self._headers = {"Authorization": f"Bearer {user['token']}"}
        authority = base64.b64decode(cluster.get("certificate-authority-data", "")).decode()
        self._tls: ssl.SSLContext | bool = ssl.create_default_context(cadata=authority) if authority else True

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            connector=aiohttp.TCPConnector(ssl=self._tls, limit=128),
            timeout=aiohttp.ClientTimeout(total=None, sock_read=600),
            read_bufsize=2**20,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def request(
        self, method: str, path: str, body: Json | None = None, kind: str = "application/json"
    ) -> Json:
        """Send one request and return the object it is answered with."""
        data = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": kind}
        async with self._session.request(method, self.url + path, data=data, headers=headers) as answer:
            content = await answer.read()
            if answer.status >= 300:
                raise Unexpected(f"{method} {path}: {answer.status} {content[:300]!r}")
            result: Json = json.loads(content)
            return result

    async def get(self, path: str) -> Json:
        """Return an object or list."""
        return await self.request("GET", path)

    async def apply(self, path: str, body: Json) -> Json:
        """Server-side apply an object."""
        return await self.request("PATCH", f"{path}?fieldManager=bench&force=true", body, APPLY)

    async def merge(self, path: str, patch: Json) -> Json:
        """Merge-patch an object."""
        return await self.request("PATCH", path, patch, MERGE)

    async def namespace(self, name: str) -> None:
        """Make a namespace."""
        body: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await self.apply(f"/api/v1/namespaces/{name}", body)

    async def version(self, path: str) -> str:
        """Return the version of a collection now, to watch from."""
        version: str = (await self.get(f"{path}?limit=1"))["metadata"]["resourceVersion"]
        return version

    async def watch(self, path: str, version: str, query: str = "") -> AsyncIterator[tuple[str, Json]]:
        """Yield what happens in a collection from a version on; a watch that is cut goes on where it was."""
        while True:
            target = f"{self.url}{path}?watch=1&resourceVersion={version}{query}"
            async with self._session.get(target) as answer:
                if answer.status != 200:
                    raise Unexpected(f"GET {path}: {answer.status} {await answer.text()}")
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise Unexpected(f"watch of {path}: {event['object'].get('message')}")
                    version = event["object"]["metadata"]["resourceVersion"]
                    yield event["type"], event["object"]

    @contextlib.asynccontextmanager
    async def until(
        self, path: str, holds: Callable[[str, Json], bool], *, query: str = "", within: float = 900
    ) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """
        Watch a collection from now on; the context's value returns once `holds` has said so.

        What happens inside the block is seen even when it happens before the value is awaited.
        """
        version = await self.version(path)

        async def look() -> None:
            async with asyncio.timeout(within):
                async with contextlib.aclosing(self.watch(path, version, query)) as events:
                    async for event, body in events:
                        if holds(event, body):
                            return

        looking = asyncio.create_task(look())

        async def wait() -> None:
            await looking

        try:
            yield wait
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


async def side_by_side(
    work: Callable[[T], Awaitable[Any]], values: Iterable[T], at_once: int = AT_ONCE
) -> None:
    """Do some work for each value, a bounded number at once."""
    waiting = iter(values)

    async def worker() -> None:
        for value in waiting:
            await work(value)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
