"""
An event loop whose time passes only when nothing else is to do.

Sleeping costs nothing and takes exactly as long as it says. Tasks that are
ready at one moment run in an order drawn from the seed, so that no result
depends on who was created first. What belongs to one process of the world can be
paused as a whole, while the others go on.
"""

from __future__ import annotations

import asyncio
import heapq
import random
import selectors
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
BEGINNING = datetime(2031, 5, 1, 12, 0, 0, tzinfo=UTC)
_STEPS = frozenset({"TaskStepMethWrapper", "TaskWakeupMethWrapper"})


class Standstill(RuntimeError):
    """Nothing is ready and nothing is due: the world would wait for ever."""


class Endless(RuntimeError):
    """The world goes round in a circle: far more happens than any history needs."""


MOST_ROUNDS = 400_000
PROCESS: ContextVar[int] = ContextVar("PROCESS", default=0)
"""Which process of the world is running; 0 is the world itself: people, the network and the cluster."""


class _Clock(selectors.SelectSelector):
    """A selector to which nothing ever comes from outside: waiting is moving the clock."""

    loop: Clockwork

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Standstill("nothing is due any more")
        self.loop.pass_time(timeout)
        return []


class Clockwork(asyncio.SelectorEventLoop):
    """An event loop with its own time and a drawn order."""

    def __init__(self, seed: int) -> None:
        self._now = 0.0
        self._rounds = 0
        self._order = random.Random(seed)
        self._paused: dict[int, list[asyncio.Handle]] = {}
        clock = _Clock()
        clock.loop = self
        super().__init__(clock)
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._now

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        if seconds > 0:
            self._now += seconds

    def now(self) -> datetime:
        """Return the world's date and time."""
        return BEGINNING + timedelta(seconds=self._now)

    def forget_rounds(self) -> None:
        """Begin to count rounds anew."""
        self._rounds = 0

    def pause(self, process: int) -> None:
        """Let nothing of a process run any more, as SIGSTOP does."""
        held = self._paused.setdefault(process, [])
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        held += [timer for timer in timers if _process_of(timer) == process]
        timers[:] = [timer for timer in timers if _process_of(timer) != process]
        heapq.heapify(timers)

    def resume(self, process: int) -> None:
        """Let a process go on where it was paused; what was due meanwhile is due now."""
        for handle in self._paused.pop(process, []):
            if isinstance(handle, asyncio.TimerHandle):
                heapq.heappush(self._scheduled, handle)  # type: ignore[attr-defined]
            else:
                self._ready.append(handle)  # type: ignore[attr-defined]

    def _hold_back(self) -> None:
        ready = self._ready  # type: ignore[attr-defined]
        for handle in [handle for handle in ready if _process_of(handle) in self._paused]:
            ready.remove(handle)
            self._paused[_process_of(handle)].append(handle)

    def _run_once(self) -> None:
        if self._paused:
            self._hold_back()
        self._rounds += 1
        if self._rounds == MOST_ROUNDS:
            raise Endless(f"{MOST_ROUNDS} rounds of the loop, and no end")
        ready = self._ready  # type: ignore[attr-defined]
        if len(ready) > 1:
            # Only steps of tasks change places: what is called back keeps its order, as asyncio promises.
            places = [i for i, handle in enumerate(ready) if type(handle._callback).__name__ in _STEPS]
            steps = [ready[i] for i in places]
            self._order.shuffle(steps)
            for place, handle in zip(places, steps, strict=True):
                ready[place] = handle
        super()._run_once()  # type: ignore[misc]


def _process_of(handle: asyncio.Handle) -> int:
    return handle._context.get(PROCESS, 0)


def run(make: Callable[[Clockwork], Awaitable[T]], seed: int) -> T:
    """Run something to its end on a clockwork of its own; everything that asks `random` draws from the seed."""
    state = random.getstate()
    random.seed(seed)
    loop = Clockwork(seed)
    try:
        return loop.run_until_complete(make(loop))
    finally:
        _cancel_rest(loop)
        loop.close()
        random.setstate(state)


def _cancel_rest(loop: Clockwork) -> None:
    loop.forget_rounds()
    for process in tuple(loop._paused):
        loop.resume(process)
    while rest := asyncio.all_tasks(loop):
        # What is cancelled may ask for something in its last moment, with tasks of its own.
        for task in rest:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())


class WorldClock:
    """The clock of the sandbox's pretended workloads."""

    def __init__(self, loop: Clockwork) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return self._loop.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
