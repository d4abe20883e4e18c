"""
Answers HTTP on one address for as long as somebody wants it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from moorage.model.errors import InvalidConfiguration

_LOOK_SECONDS = 1.0
_TICKS_A_LOOK = 10
"""As uvicorn counts them: what it does once a second, it does at every tenth."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers, for the process has its own, and without ten looks a second for its end."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Answer what was begun, and nothing more."""
        self.should_exit = True
        self._stopping.set()

    def capture_signals(self) -> Any:
        return contextlib.nullcontext()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += _TICKS_A_LOOK
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._stopping.wait()


@contextlib.asynccontextmanager
async def listening(where: str, app: Any) -> AsyncIterator[Address]:
    """Answer on an address (``host:port``) as long as the context lasts."""
    host, _, port = where.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.create_server((host, int(port)), family=family)
    except (OSError, ValueError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else "write host:port"
        raise InvalidConfiguration(
            f"serve.listen: cannot listen on {where}: {why}; choose another with --listen"
        ) from error
    config = uvicorn.Config(
        app, loop="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield Address(host, bound.getsockname()[1])
    finally:
        server.stop()
        await serving
