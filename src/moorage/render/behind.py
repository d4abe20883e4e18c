"""
How is a result kept on disk without whoever renders waiting for the disk?

What is put is found at once and written soon after, by one thread. A disk that
is full or gone costs later renderings their time, and fails none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import structlog

from moorage.render.memory import Memory, Remembered

_READ_AT_ONCE = 128 * 1024

_log = structlog.get_logger(__name__)


class WrittenBehind:
    """A `Memory` for one event loop that never waits for the disk to write; `close` does."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._thread = ThreadPoolExecutor(1, "render-memory")
        self._unwritten: dict[str, Remembered] = {}
        self._writing: set[asyncio.Future[None]] = set()

    async def get(self, key: str) -> Remembered | None:
        """Return what was kept under a key, or None."""
        if (found := self._unwritten.get(key)) is not None:
            return found
        if self._memory.size_of(key) <= _READ_AT_ONCE:
            return self._memory.get(key)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._memory.get, key)

    def put(self, results: Mapping[str, Remembered]) -> None:
        """Keep results under their keys."""
        self._unwritten |= results
        writing = asyncio.get_running_loop().run_in_executor(self._thread, self._write, dict(results))
        self._writing.add(writing)
        writing.add_done_callback(self._written)
        writing.add_done_callback(lambda _: self._forget(results))

    async def close(self) -> None:
        """Return once everything is written."""
        await asyncio.gather(*self._writing, return_exceptions=True)
        self._thread.shutdown(wait=False)

    def _write(self, results: Mapping[str, Remembered]) -> None:
        for key, result in results.items():
            self._memory.put(key, result)

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing.discard(writing)
        if not writing.cancelled() and (error := writing.exception()) is not None:
            _log.warning("a rendering cannot be kept on disk", error=str(error))

    def _forget(self, results: Mapping[str, Remembered]) -> None:
        for key, result in results.items():
            # Put again meanwhile, it has its own writing.
            if self._unwritten.get(key) is result:
                del self._unwritten[key]
