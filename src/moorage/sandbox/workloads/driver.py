"""
Who looks after which object next, now or at a later time?

A controller asks for an object to be looked at (`soon`, `later`); asking twice
before its turn is asking once. One task takes the turns, one keeps the time. A
controller works between two awaits, so what it reads cannot change meanwhile.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count

from moorage.sandbox.workloads.ports import Clock, Key

Turn = tuple[Callable[[Key], None], Key]

BATCH = 50
"""Turns taken before others on the loop are let in."""


class Driver:
    """The queue of all controllers."""

    def __init__(self, clock: Clock, report: Callable[[Key, Exception], None]) -> None:
        self.clock = clock
        self.idle = asyncio.Event()
        """Set while nothing is to be done before some time passes."""
        self.idle.set()
        self._report = report
        self._queue: dict[Turn, None] = {}
        self._wake = asyncio.Event()
        self._due: list[tuple[datetime, int, Turn]] = []
        self._numbers = count()
        self._earlier = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def soon(self, look: Callable[[Key], None], key: Key) -> None:
        """Have `look` called with `key` at the next turn."""
        self._queue[look, key] = None
        self.idle.clear()
        self._wake.set()

    def later(self, seconds: float, look: Callable[[Key], None], key: Key) -> None:
        """Have `look` called with `key` after some time, or soon when there is none to wait."""
        if seconds <= 0:
            self.soon(look, key)
            return
        due = self.clock.now() + timedelta(seconds=seconds)
        heapq.heappush(self._due, (due, next(self._numbers), (look, key)))
        if self._due[0][0] == due:
            self._earlier.set()

    def start(self) -> None:
        """Begin to take turns."""
        self._tasks = [asyncio.create_task(self._take_turns()), asyncio.create_task(self._keep_time())]

    async def stop(self) -> None:
        """Take no more turns."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    async def _take_turns(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            taken = 0
            while self._queue:
                turn = next(iter(self._queue))
                del self._queue[turn]
                self._take(turn)
                taken += 1
                if taken % BATCH == 0:
                    await asyncio.sleep(0)
            self.idle.set()

    def _take(self, turn: Turn) -> None:
        look, key = turn
        try:
            look(key)
        except Exception as problem:  # one broken object must not stop the others
            self._report(key, problem)

    async def _keep_time(self) -> None:
        while True:
            self._earlier.clear()
            now = self.clock.now()
            while self._due and self._due[0][0] <= now:
                self.soon(*heapq.heappop(self._due)[2])
            if not self._due:
                await self._earlier.wait()
                continue
            wait = (self._due[0][0] - now).total_seconds()
            sleeping = asyncio.ensure_future(self.clock.sleep(wait))
            told = asyncio.ensure_future(self._earlier.wait())
            try:
                await asyncio.wait((sleeping, told), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleeping.cancel()
                told.cancel()
