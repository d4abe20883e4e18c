"""
How is a program started without copying the process that starts it?

The event loop's own way forks, which costs the more the more memory Moorage
holds: 80 ms at 400 MB, in which nothing else runs. `subprocess` shares the
memory until the program is loaded, whatever its size. Here its pipes become
streams of the loop. Every program Moorage starts while it serves starts here.
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
        self._code: int | None = None

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path | None,
        *,
        output: asyncio.Protocol | None = None,
        feed: bool = True,
        errors: bool = True,
    ) -> Program:
        """
        Start a program; nothing is inherited but the given environment.

        Args:
            folder: Where it runs; None is where we do.
            output: Who gets what it prints as it comes; `stdout` is not there then.
            feed: Whether it has a `stdin`; otherwise it finds nothing there.
            errors: Whether there is a `stderr`; otherwise nobody hears it.
        """
        process = subprocess.Popen(  # noqa: ASYNC220 it takes a millisecond
            command,
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if errors else subprocess.DEVNULL,
            env=dict(environment),
            cwd=folder,
            bufsize=0,
            start_new_session=True,
        )
        program = cls(process)
        try:
            await program._connect(output)
        except BaseException:
            await program.end()
            raise
        return program

    @property
    def pid(self) -> int:
        """The program's process, and the group of all it started."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit code, or None while the program runs."""
        if self._code is None and self._process.returncode is None:
            # The process stays in the kernel's books, so that its group is still its own when it is killed.
            try:
                found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                # Who started us has told the kernel to bury children at once; nobody knows how this one ended.
                self._code = self._process.wait()
                return self._code
            if found is not None:
                self._code = found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        return self._code

    async def wait(self) -> int:
        """Return the exit code once the program has ended; to be asked when its output has."""
        # Whoever has closed its output is about to end, so there is little to wait for.
        delay = _FIRST_LOOK
        while (code := self.code) is None:
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LAST_LOOK)
        return code

    def kill(self) -> None:
        """Kill the program and everything it started."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        """End the program and everything it started, and wait until it is gone."""
        self.kill()
        self._close_pipes()
        await self.wait()
        self._process.wait()

    def bury(self) -> bool:
        """Do what `end` does without waiting; return whether nothing of it is left, to be called until so."""
        self.kill()
        self._close_pipes()
        return self.code is not None and self._process.wait() is not None

    def _close_pipes(self) -> None:
        for pipe in self._pipes:
            if pipe.is_closing():
                continue
            pipe.abort() if isinstance(pipe, asyncio.WriteTransport) else pipe.close()
        # A pipe that no transport has taken over is still ours to close.
        for stream in self._streams()[len(self._pipes) :]:
            stream.close()

    async def _connect(self, output: asyncio.Protocol | None) -> None:
        loop = asyncio.get_running_loop()
        given, printed, said = self._process.stdin, self._process.stdout, self._process.stderr
        if given is not None:
            transport, protocol = await loop.connect_write_pipe(FlowControlMixin, given)
            self._pipes.append(transport)
            self.stdin = asyncio.StreamWriter(transport, protocol, None, loop)
        assert printed is not None
        if output is not None:
            reading, _ = await loop.connect_read_pipe(lambda: output, printed)
            self._pipes.append(reading)
        else:
            self.stdout = await self._reader(printed)
        if said is not None:
            self.stderr = await self._reader(said)

    async def _reader(self, pipe: IO[bytes]) -> asyncio.StreamReader:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        self._pipes.append(transport)
        return reader

    def _streams(self) -> list[IO[bytes]]:
        process = self._process
        return [pipe for pipe in (process.stdin, process.stdout, process.stderr) if pipe is not None]
