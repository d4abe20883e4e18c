"""
How is a case sent to a server, and what came back?

A case is a list of requests in a namespace of its own. Strings in a request may
name what earlier answers said: ``{ns}`` is the namespace, ``{0.metadata.uid}``
is a field of the first answer.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import ssl
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import yaml

JSON = "application/json"
YAML = "application/yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
WATCH_SECONDS = 5
UNTIL_SECONDS = 15
_REFERENCE = re.compile(r"\{(ns|\d+(?:\.[\w\-/]+)*)\}")


@dataclass(frozen=True, slots=True)
class Request:
    """
    One request of a case.

    `path` is relative to nothing: it starts with ``/api`` or ``/apis`` and names
    its namespace as ``{ns}``. With `watch` the answer is that many events of the
    stream. With `until` the request is sent until the answer has that status.
    """

    method: str
    path: str
    body: Any = None
    content_type: str = JSON
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    watch: int = 0
    until: int = 0

    def __str__(self) -> str:
        query = "&".join(f"{name}={value}" for name, value in self.query.items())
        kind = self.content_type.removeprefix("application/") if self.body is not None else ""
        return f"{self.method} {self.path}{'?' if query else ''}{query} {kind}".strip()


@dataclass(frozen=True, slots=True)
class Case:
    """Requests that belong together, told by topic and name."""

    topic: str
    name: str
    requests: tuple[Request, ...]

    @property
    def id(self) -> str:
        return f"{self.topic}: {self.name}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said: its status code, the kind of its body, and the body (events, for a watch)."""

    status: int
    content_type: str
    body: Any


@dataclass(slots=True)
class Server:
    """A Kubernetes API one can ask, whoever stands behind it."""

    name: str
    session: aiohttp.ClientSession
    url: str = ""
    token: str = ""
    authority: bytes = b""

    async def ask(self, request: Request) -> Answer:
        """Send one request whose references are filled in, and return what came back."""
        if request.watch:
            return await self._stream(request)
        if request.until:
            return await self._repeat(request)
        async with self.session.request(request.method, request.path, **_arguments(request)) as response:
            return await _answer(response)

    async def play(self, case: Case, namespace: str) -> list[Answer]:
        """Send the requests of a case one after another into `namespace`, which exists."""
        answers: list[Answer] = []
        for request in case.requests:
            answers.append(await self.ask(_filled(request, namespace, answers)))
        return answers

    async def _repeat(self, request: Request) -> Answer:
        deadline = asyncio.get_running_loop().time() + UNTIL_SECONDS
        while True:
            answer = await self.ask(dataclasses.replace(request, until=0))
            # An answer that never comes is not the case's fault: the last one is compared.
            if answer.status == request.until or asyncio.get_running_loop().time() > deadline:
                return answer
            await asyncio.sleep(0.05)

    async def _stream(self, request: Request) -> Answer:
        events: list[Any] = []
        pending = b""
        async with self.session.request(request.method, request.path, **_arguments(request)) as response:
            if response.status != 200:
                return await _answer(response)
            try:
                async with asyncio.timeout(WATCH_SECONDS):
                    async for chunk in response.content.iter_any():
                        *lines, pending = (pending + chunk).split(b"\n")
                        events += [json.loads(line) for line in lines]
                        if len(events) >= request.watch:
                            break
            except TimeoutError:
                pass  # Fewer events than asked for are the answer.
            return Answer(response.status, _media_type(response), events[: request.watch])


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    raw = await response.read()
    kind = _media_type(response)
    if kind.split(";")[0] == JSON and raw:
        return Answer(response.status, kind, json.loads(raw))
    if kind.split(";")[0] == YAML and raw:
        return Answer(response.status, kind, yaml.safe_load(raw))
    return Answer(response.status, kind, raw.decode(errors="replace"))


def _media_type(response: aiohttp.ClientResponse) -> str:
    return response.headers.get("Content-Type", "").replace(", ", ",")


def _arguments(request: Request) -> dict[str, Any]:
    headers = dict(request.headers)
    data = request.body
    if data is not None:
        headers.setdefault("Content-Type", request.content_type)
        if not isinstance(data, str | bytes):
            data = json.dumps(data)
    return {"params": request.query, "headers": headers, "data": data}


def _filled(request: Request, namespace: str, answers: list[Answer]) -> Request:
    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return _REFERENCE.sub(lambda match: _reference(match[1], namespace, answers), value)
        if isinstance(value, dict):
            return {fill(key): fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item) for item in value]
        return value

    return dataclasses.replace(
        request,
        path=fill(request.path),
        body=fill(request.body),
        query=fill(request.query),
        headers=fill(request.headers),
    )


def _reference(word: str, namespace: str, answers: list[Answer]) -> str:
    if word == "ns":
        return namespace
    number, *path = word.split(".")
    value = answers[int(number)].body
    for part in path:
        value = value.get(part, "") if isinstance(value, dict) else ""
    return str(value)


def open_session(url: str, token: str, context: ssl.SSLContext | bool) -> aiohttp.ClientSession:
    """Return a session with the server at `url`; the caller closes it."""
    return aiohttp.ClientSession(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        connector=aiohttp.TCPConnector(ssl=context, limit=64),
        timeout=aiohttp.ClientTimeout(total=60),
    )
