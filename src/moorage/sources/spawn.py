"""
How is a program started without copying the process that starts it?

The event loop's own way forks, which costs the more the more memory Moorage
holds: 80 ms at 400 MB, in which nothing else runs. `subprocess` shares the
memory until the program is loaded, whatever its size. Here its pipes become
streams of the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from asyncio.streams import FlowControlMixin
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_FIRST_LOOK = 0.001
_LAST_LOOK = 0.05


class Program:
    """
    A running program in a process group of its own.

    `stdin` is written, `stdout` and `stderr` are read; `wait` returns its exit
    code, and `end` leaves nothing of it and of what it started.
    """

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._pipes: list[asyncio.BaseTransport] = []

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Program:
        """Start a program; nothing is inherited but the given environment."""
        process = subprocess.Popen(  # noqa: ASYNC220 it takes a millisecond
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd=folder,
            bufsize=0,
            start_new_session=True,
        )
        program = cls(process)
        try:
            await program._connect()
        except BaseException:
            await program.end()
            raise
        return program

    async def wait(self) -> int:
        """Return the exit code once the program has ended; to be asked when its output has."""
        # Whoever has closed its output is about to end, so there is little to wait for.
        delay = _FIRST_LOOK
        while (code := self._process.poll()) is None:
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LAST_LOOK)
        return code

    async def end(self) -> None:
        """End the program and everything it started, and wait until it is gone."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in self._pipes:
            if pipe.is_closing():
                continue
            pipe.abort() if isinstance(pipe, asyncio.WriteTransport) else pipe.close()
        # A pipe that no transport has taken over is still ours to close.
        taken = len(self._pipes)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr)[taken:]:
            if stream is not None:
                stream.close()
        await self.wait()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        given, printed, said = self._process.stdin, self._process.stdout, self._process.stderr
        assert given is not None
        assert printed is not None
        assert said is not None
        transport, protocol = await loop.connect_write_pipe(FlowControlMixin, given)
        self._pipes.append(transport)
        self.stdin = asyncio.StreamWriter(transport, protocol, None, loop)
        self.stdout = await self._reader(printed)
        self.stderr = await self._reader(said)

    async def _reader(self, pipe: IO[bytes]) -> asyncio.StreamReader:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        self._pipes.append(transport)
        return reader
