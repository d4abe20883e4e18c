"""Serve the bare repositories of a folder over HTTP: ``python -m bench.gitserver FOLDER PORT``."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from moorage.testing.gitserver import GitServer


async def main(folder: str, port: str) -> None:
    """Serve until told to end."""
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    async with GitServer(Path(folder), port=int(port)):
        with contextlib.suppress(asyncio.CancelledError):
            await end.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
