"""
Runs one watch: asks, reads, steps the state machine, comes back after every fault.

`watch` says what events mean; this module makes them happen. It ends only when
cancelled, or when the kind is gone or forbidden, which it tells by raising.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable

from moorage.cluster import watch
from moorage.cluster.answers import Expired, Forbidden, NotFound, ObjectRefused
from moorage.cluster.http import Api
from moorage.cluster.watch import Empty, LineSplitter, Listing, State, StreamingList, Watching, watch_step
from moorage.model.errors import Error

_IDLE_SECONDS = 130.0
"""
A server sends a bookmark about once a minute, so a stream that is silent for longer is dead, or asked for a
version that is not there: a server restored from a backup is silent until it has counted that far again.
"""

_LIST_SILENCE_SECONDS = 10.0
"""A streaming list that is silent for so long is not one: the server does not know how to end it."""

_QUICK_SECONDS = 1.0
_QUICK_LIMIT_SECONDS = 2.0


class Watch:
    """
    The watch of one collection.

    `on_change` is told each change, `on_state` each new state; both are called
    from `run` and must not block. `failing_since` is the loop time of the first
    fault since the last success, or nothing while all is well.
    """

    def __init__(
        self,
        api: Api,
        path: str,
        *,
        kind: str,
        on_change: Callable[[watch.Change], None],
        on_state: Callable[[State], None],
        label_selector: str = "",
        field_selector: str = "",
        lists: asyncio.Semaphore | None = None,
        streaming: bool = True,
    ) -> None:
        self._api = api
        self._path = path
        self._kind = kind
        self._on_change = on_change
        self._on_state = on_state
        self._selectors = {
            name: text
            for name, text in (("labelSelector", label_selector), ("fieldSelector", field_selector))
            if text
        }
        self._lists = lists or asyncio.Semaphore(1)
        self._streaming = streaming
        self.state: State = Empty()
        self._holds_slot = False
        self._quick = 0
        self.failing_since: float | None = None
        self.fault: Error | None = None

    async def run(self) -> None:
        """Watch until cancelled. Raises NotFound or Forbidden when there is nothing to watch for us."""
        failures = 0
        while True:
            try:
                await self._advance()
            except (NotFound, Forbidden):
                raise
            except Error as fault:
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    # A connection that breaks while it is being left hides why it is left.
                    raise asyncio.CancelledError from fault
                # Credentials come and go like everything else; only cancelling ends a watch.
                refused = isinstance(fault, ObjectRefused)
                self._step(watch.TooOld() if refused else watch.Cut())
                failures += 1
                self._failed(fault)
                await asyncio.sleep(self._api.settings.backoff(failures))
            else:
                failures = 0
                self._worked()
            finally:
                self._release()

    async def _advance(self) -> None:
        """Make the request the state asks for, and take its answer."""
        match self.state:
            case Watching(version):
                await self._read_stream({"resourceVersion": version}, self._timeout())
                self._step(watch.Cut())
            case Empty() | Listing() | StreamingList():
                await self._list()

    async def _list(self) -> None:
        await self._lists.acquire()
        self._holds_slot = True
        if self._streaming:
            try:
                await self._stream_list()
                return
            except (NotFound, Forbidden):
                raise
            except ObjectRefused:
                # The server does not know streaming lists.
                self._streaming = False
                self._step(watch.Cut())
        await self._read_page("")
        while isinstance(self.state, Listing):
            await self._read_page(self.state.token)

    async def _stream_list(self) -> None:
        self._step(watch.StreamAsked())
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        await self._read_stream(query, self._timeout())
        if isinstance(self.state, StreamingList):
            # Not every server behind an aggregated API knows how such a list ends. Pages always work.
            self._streaming = False
        self._step(watch.Cut())

    async def _read_page(self, token: str) -> None:
        query = {"limit": str(self._api.settings.page_size), **self._selectors}
        if token:
            query["continue"] = token
        try:
            answer = await self._api.request("GET", self._path, query=query, kind=self._kind)
        except Expired:
            self._step(watch.TooOld())
            await self._pause(quick=True)
            return
        self._step(watch.read_page(answer.body))

    async def _read_stream(self, query: dict[str, str], seconds: int) -> None:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
            **query,
            **self._selectors,
        }
        splitter = LineSplitter(self._api.settings.line_limit)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with self._api.stream(
                self._path, query, idle_seconds=seconds + 30.0, kind=self._kind
            ) as pieces:
                self._worked()
                await self._read_pieces(pieces, splitter)
        except Expired:
            self._step(watch.TooOld())
        self._release()
        await self._pause(quick=loop.time() - began < _QUICK_SECONDS)

    async def _pause(self, *, quick: bool) -> None:
        """Wait a little when a server ends everything at once: it must not be asked in a tight circle."""
        self._quick = self._quick + 1 if quick else 0
        if self._quick:
            await asyncio.sleep(min(_QUICK_LIMIT_SECONDS, self._api.settings.backoff(self._quick)))

    async def _read_pieces(self, pieces: AsyncIterator[bytes], splitter: LineSplitter) -> None:
        while True:
            silence = _LIST_SILENCE_SECONDS if isinstance(self.state, StreamingList) else _IDLE_SECONDS
            try:
                async with asyncio.timeout(silence):
                    piece = await anext(pieces, b"")
            except TimeoutError:
                if isinstance(self.state, Watching):
                    self._step(watch.TooOld())
                return
            if not piece:
                return
            for line in splitter.feed(piece):
                self._step(line)
                if isinstance(self.state, Empty):
                    return

    def _step(self, event: watch.Event) -> None:
        state, changes = watch_step(self.state, event)
        for change in changes:
            self._on_change(change)
        if state is not self.state:
            self.state = state
            self._on_state(state)
            if isinstance(state, Watching):
                self._release()

    def _release(self) -> None:
        if self._holds_slot:
            self._holds_slot = False
            self._lists.release()

    def _failed(self, fault: Error) -> None:
        self.fault = fault
        if self.failing_since is None:
            self.failing_since = asyncio.get_running_loop().time()
            self._on_state(self.state)

    def _worked(self) -> None:
        if self.failing_since is not None:
            self.failing_since = self.fault = None
            self._on_state(self.state)

    def _timeout(self) -> int:
        return random.randint(*self._api.settings.watch_seconds)  # noqa: S311 spreads reconnects, no secret
