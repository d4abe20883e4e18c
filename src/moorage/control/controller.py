"""
The generic loop: wait for a key, run a pass, obey its answer.

What the keys mean is the pass's business. A pass that raises something it did
not mean to is a bug: it is logged with its traceback, counted, and tried again
with backoff, and no other key suffers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from moorage.control.queue import Depth, Queue, QueueClosed

K = TypeVar("K", bound=Hashable)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Next:
    """What a pass wants: nothing (look when something changes), or another look after some seconds."""

    after_seconds: float | None = None
    depth: Depth = Depth.LIVE


FORGET = Next()
FIRST_BACKOFF_SECONDS = 1.0
MOST_BACKOFF_SECONDS = 180.0


class Controller(Generic[K]):
    """
    Runs passes for keys, a limited number at once.

    `reconcile` is called with a key and how deep to look and returns `Next`.
    """

    def __init__(
        self, queue: Queue[K], reconcile: Callable[[K, Depth], Awaitable[Next]], *, passes: int
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._passes = passes
        self._failures: dict[K, int] = {}

    async def run(self) -> None:
        """Work until the queue is closed."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._passes):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            try:
                key, depth = await self._queue.get()
            except QueueClosed:
                return
            try:
                await self._one_pass(key, depth)
            finally:
                self._queue.done(key)

    async def _one_pass(self, key: K, depth: Depth) -> None:
        try:
            answer = await self._reconcile(key, depth)
        except Exception:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            delay = min(FIRST_BACKOFF_SECONDS * 2 ** (failures - 1), MOST_BACKOFF_SECONDS)
            log.exception("A pass failed unexpectedly", key=str(key), again_in_seconds=delay)
            self._queue.add_after(delay, key, depth)
            return
        self._failures.pop(key, None)
        if answer.after_seconds is not None:
            self._queue.add_after(answer.after_seconds, key, answer.depth)
