"""
Keys in, one worker per key out: merged, delayed, prioritised.

An event never reaches a pass; only its key does, with how deep to look. Two
events for one key are one pass, the deeper reason wins. A key that is being
worked on is given out again only after `done`, so passes need no locks.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from enum import IntEnum
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Depth(IntEnum):
    """How much of what is known a pass must look at anew; the deeper of two reasons wins."""

    LIVE = 1
    """The live state changed: compare with the revision resolved last."""
    REVISION = 2
    """Git may have moved: resolve the ref."""
    HARD = 3
    """Use no memory: resolve at the source and render again."""


class Queue(Generic[K]):
    """
    A queue of keys for concurrent workers.

    `add` wakes a worker; `get` gives each key to one worker at a time; `done`
    gives the key back. Urgent keys go before the others. Closing lets workers
    end: `get` then raises `asyncio.CancelledError`-free `QueueClosed`.
    """

    def __init__(self) -> None:
        self._urgent: OrderedDict[K, Depth] = OrderedDict()
        self._normal: OrderedDict[K, Depth] = OrderedDict()
        self._again: dict[K, tuple[Depth, bool]] = {}
        self._active: set[K] = set()
        self._timers: dict[K, tuple[float, Depth, asyncio.TimerHandle]] = {}
        self._wake: list[asyncio.Future[None]] = []
        self._closed = False

    def __len__(self) -> int:
        """How many keys are ready to be worked on."""
        return len(self._urgent) + len(self._normal)

    @property
    def active(self) -> int:
        return len(self._active)

    def add(self, key: K, depth: Depth = Depth.LIVE, *, urgent: bool = False) -> None:
        """Ask for a pass over `key`; merged with what is asked already."""
        if self._closed:
            return
        if key in self._active:
            before, was_urgent = self._again.get(key, (depth, False))
            self._again[key] = (max(before, depth), urgent or was_urgent)
            return
        waiting = self._urgent if key in self._urgent else self._normal
        depth = max(depth, waiting.pop(key, depth))
        (self._urgent if urgent or waiting is self._urgent else self._normal)[key] = depth
        self._wake_one()

    def add_after(self, seconds: float, key: K, depth: Depth = Depth.LIVE) -> None:
        """Ask for a pass after a delay; an earlier one that is asked for already stays, the deeper reason wins."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + max(seconds, 0.0)
        if (timer := self._timers.pop(key, None)) is not None:
            timer[2].cancel()
            due, depth = min(due, timer[0]), max(depth, timer[1])
        self._timers[key] = (due, depth, loop.call_at(due, self._ring, key, depth))

    def forget(self, key: K) -> None:
        """Drop what is asked for a key that no longer exists."""
        self._urgent.pop(key, None)
        self._normal.pop(key, None)
        self._again.pop(key, None)
        if (timer := self._timers.pop(key, None)) is not None:
            timer[2].cancel()

    async def get(self) -> tuple[K, Depth]:
        """Return the next key and how deep to look, waiting for one. Raises QueueClosed when closed."""
        while not self._urgent and not self._normal:
            if self._closed:
                raise QueueClosed
            waiter = asyncio.get_running_loop().create_future()
            self._wake.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter in self._wake:
                    self._wake.remove(waiter)
                else:
                    self._wake_one()
                raise
        key, depth = (self._urgent or self._normal).popitem(last=False)
        self._active.add(key)
        return key, depth

    def done(self, key: K) -> None:
        """Give a key back; it is given out again at once when it was asked for meanwhile."""
        self._active.discard(key)
        if (again := self._again.pop(key, None)) is not None:
            self.add(key, again[0], urgent=again[1])

    def close(self) -> None:
        """Take no more keys and let idle workers end."""
        self._closed = True
        for _, _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._urgent.clear()
        self._normal.clear()
        while self._wake:
            self._wake_one()

    def _ring(self, key: K, depth: Depth) -> None:
        self._timers.pop(key, None)
        self.add(key, depth)

    def _wake_one(self) -> None:
        while self._wake:
            waiter = self._wake.pop(0)
            if not waiter.done():
                waiter.set_result(None)
                return


class QueueClosed(Exception):
    """The queue takes and gives no more keys."""
