"""
The generic loop: wait for a key, run a pass, obey its answer.

What the keys mean is the pass's business. A pass that could not report for the
world's sake is tried again with backoff. One that raises something it did not
mean to is a bug: it is logged with its traceback as well. No other key suffers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from moorage.control.queue import Depth, Queue, QueueClosed
from moorage.model.errors import Error

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
        except Error as error:
            # The world kept the pass from telling what it saw; it looks again as it would have anyway.
            delay = self._count_failure(key)
            log.warning("A pass could not report", key=str(key), reason=error.reason, error=str(error))
            self._queue.add_after(delay, key, depth)
            return
        except Exception:
            delay = self._count_failure(key)
            log.exception("A pass failed unexpectedly", key=str(key), again_in_seconds=delay)
            self._queue.add_after(delay, key, depth)
            return
        self._failures.pop(key, None)
        if answer.after_seconds is not None:
            self._queue.add_after(answer.after_seconds, key, answer.depth)

    def _count_failure(self, key: K) -> float:
        """Return how long to wait after one more failure in a row."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        return min(FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 20), MOST_BACKOFF_SECONDS)
