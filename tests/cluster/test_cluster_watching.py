"""How a watch ends, however the connection under it does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping

import pytest
from cluster_kit import quick

from moorage.cluster.credentials import Access
from moorage.cluster.http import Api
from moorage.cluster.watching import Watch
from moorage.model.errors import ClusterUnreachable


class Breaking(Api):
    """A client whose streams are silent, and break in the moment they are left."""

    def __init__(self) -> None:
        super().__init__(Access("https://cluster.example"), quick())
        self.reading = asyncio.Event()

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], *, idle_seconds: float, kind: str = ""
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        try:
            yield self._pieces()
        except asyncio.CancelledError:
            raise ClusterUnreachable("the connection broke") from None

    async def _pieces(self) -> AsyncIterator[bytes]:
        self.reading.set()
        await asyncio.Event().wait()
        yield b""


async def test_a_watch_that_is_cancelled_ends() -> None:
    """
    A connection that breaks while a watch is being cancelled does not keep the watch alive.
    """
    api = Breaking()
    watch = Watch(api, "/api/v1/pods", kind="Pod", on_change=lambda _: None, on_state=lambda _: None)
    running = asyncio.create_task(watch.run())
    await api.reading.wait()

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    await api.close()
