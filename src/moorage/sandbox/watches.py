"""
How a client follows a resource: what was, what happens, and when it must begin again.

A watch starts with the present, or with the changes since a version that is
still remembered, and goes on until its time is up. Selected objects that stop
matching are told as deleted. Encoded lines are kept on the change, so a
thousand watchers of one resource cost one encoding.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Callable

import orjson

from moorage.model.manifest import Json
from moorage.sandbox import answers, asking, reads, table
from moorage.sandbox.answers import Answer
from moorage.sandbox.requests import Request, Target
from moorage.sandbox.resources import Resource
from moorage.sandbox.selectors import Matches
from moorage.sandbox.store import Change, Collection, Entry, Store

_INITIAL_END = "k8s.io/initial-events-end"
_BATCH = 256 * 1024


class Watch:
    """One client's view of one resource, as a queue of lines ready to send."""

    def __init__(
        self, store: Store, resource: Resource, target: Target, request: Request, test: Matches | None
    ) -> None:
        self.store = store
        self.resource = resource
        self.collection: Collection = store.collection(*resource.place)
        self.namespace = target.namespace
        self.request = request
        self.test = test
        self.form = table.form_of(request.accept)
        self.bookmarks = request.flag("allowWatchBookmarks")
        self.lines: deque[bytes] = deque()
        self.ready = asyncio.Event()
        self.ended = False
        self.after = 0
        self._headed = False
        self.on_end: Callable[[Watch], None] = lambda _: None

    def begin(self) -> None:
        """Queue what the client is to see first and listen from now on."""
        told = self.request.query.get("resourceVersion", "")
        initial = self.request.query.get("sendInitialEvents", "")
        version = self.request.number("resourceVersion") or 0
        if initial in ("true", "1") or (initial == "" and told in ("", "0")):
            self._present()
            if initial and self.bookmarks:
                self.lines.append(self._bookmark({_INITIAL_END: "true"}))
        elif told not in ("", "0"):
            if version < self.collection.floor:
                self._expire(version)
                return
            self.after = version
            for change in self.collection.since(version):
                self.tell(change)
        self.collection.listeners.append(self.tell)
        if self.lines:
            self.ready.set()

    def end(self) -> None:
        """Stop listening and let the stream finish."""
        if self.tell in self.collection.listeners:
            self.collection.listeners.remove(self.tell)
        self.ended = True
        self.ready.set()
        self.on_end(self)

    def tell(self, change: Change) -> None:
        """Queue a change when the client is to see it; one that it says to have seen already is not told."""
        if change.version <= self.after or (self.namespace and change.key[0] != self.namespace):
            return
        kind = change.type
        entry = change.entry
        if self.test is not None:
            was = change.previous is not None and self.test(change.previous.body)
            now = kind != "DELETED" and self.test(entry.body)
            if not was and not now:
                return
            if was and not now and kind != "DELETED":
                entry = _last_seen(change)
                self.lines.append(self._line("DELETED", entry))
                self.ready.set()
                return
            kind = "DELETED" if not now else "MODIFIED" if was else "ADDED"
        if self.form is table.Form.OBJECT and kind == change.type:
            line = change.lines.get(self.resource.head)
            if line is None:
                line = change.lines[self.resource.head] = self._line(kind, entry)
        else:
            line = self._line(kind, entry)
        self.lines.append(line)
        self.ready.set()

    def _present(self) -> None:
        for _, entry in reads.matching(self.collection, self.namespace, self.test):
            self.lines.append(self._line("ADDED", entry))

    def _expire(self, version: int) -> None:
        failure = answers.expired(f"too old resource version: {version} ({self.collection.floor})")
        self.lines.append(orjson.dumps({"type": "ERROR", "object": failure.status()}) + b"\n")
        self.ended = True
        self.ready.set()

    def _line(self, kind: str, entry: Entry) -> bytes:
        if self.form is table.Form.OBJECT:
            return b"".join(
                (
                    b'{"type":"',
                    kind.encode(),
                    b'","object":',
                    self.resource.head,
                    self.resource.tail(entry),
                    b"}\n",
                )
            )
        body = self.resource.shown(entry.body)
        shown: Json
        if self.form is table.Form.METADATA:
            shown = table.partial(body)
        else:
            meta = {"resourceVersion": body["metadata"]["resourceVersion"]}
            shown = table.table(self.resource, [body], meta, self.request, headed=not self._headed)
            self._headed = True
        return orjson.dumps({"type": kind, "object": shown}) + b"\n"

    def _bookmark(self, annotations: dict[str, str] | None = None) -> bytes:
        meta: Json = {"resourceVersion": str(self.store.version), "creationTimestamp": None}
        if annotations:
            meta["annotations"] = annotations
        shown: Json = {"kind": self.resource.kind, "apiVersion": self.resource.api_version, "metadata": meta}
        if self.form is table.Form.METADATA:
            shown = table.partial(shown)
        elif self.form is table.Form.TABLE:
            row = {"cells": [], "object": table.partial(shown)}
            shown = {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": meta,
                "columnDefinitions": None,
                "rows": [row],
            }
        return orjson.dumps({"type": "BOOKMARK", "object": shown}) + b"\n"

    async def stream(self, seconds: float, every: float) -> AsyncIterator[bytes]:
        """Yield the lines as they come, with a bookmark now and then, until the time is up."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        try:
            while True:
                if self.lines:
                    yield self._batch()
                    continue
                if self.ended:
                    return
                self.ready.clear()
                left = end - loop.time()
                if left <= 0:
                    if self.bookmarks and self.store.version >= self.after:
                        yield self._bookmark()
                    return
                try:
                    await asyncio.wait_for(self.ready.wait(), min(left, every))
                except TimeoutError:
                    if self.bookmarks and left > every and self.store.version >= self.after:
                        yield self._bookmark()
        finally:
            self.end()

    def _batch(self) -> bytes:
        size, parts = 0, []
        while self.lines and size < _BATCH:
            line = self.lines.popleft()
            size += len(line)
            parts.append(line)
        return b"".join(parts)


def _last_seen(change: Change) -> Entry:
    # An object that stops matching is told as deleted in the state that matched,
    # under the version of the change, so that the client's version moves on.
    assert change.previous is not None
    body = change.previous.body
    meta = {**body["metadata"], "resourceVersion": str(change.version)}
    return Entry({**body, "metadata": meta}, change.version)


def watch(
    store: Store,
    resource: Resource,
    target: Target,
    request: Request,
    *,
    bookmark_seconds: float,
    open_watches: set[Watch],
) -> Answer:
    """Return a stream of what happens to a resource. Raises Failure (400, 422, 500)."""
    asking.check_watch(request)
    test = reads.selection(request, resource)
    if target.name:
        name = target.name
        test = _and_named(test, name)
    seconds = request.number("timeoutSeconds") or random.uniform(1800, 3600)  # noqa: S311 - spreads reconnects
    started = Watch(store, resource, target, request, test)
    started.begin()
    open_watches.add(started)
    started.on_end = open_watches.discard
    return Answer(200, stream=started.stream(seconds, bookmark_seconds))


def _and_named(test: Matches | None, name: str) -> Matches:
    return lambda body: body["metadata"]["name"] == name and (test is None or test(body))
