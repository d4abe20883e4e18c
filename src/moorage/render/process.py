"""
How is one worker process started, asked, stopped when it takes too long, and buried?

A `Worker` is killed with its whole process group whenever a job does not end
as it should; it is never asked again after a failure of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import struct
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from moorage.model.errors import LimitExceeded, RenderInterrupted
from moorage.programs import Program
from moorage.render.job import Answer, Job
from moorage.render.request import RenderLimits

_HEADER = struct.Struct(">Q")
# Nothing of ours is inherited; programs get a home in the job's scratch folder.
_ENVIRONMENT = {
    "PATH": os.defpath,
    "LANG": "C.UTF-8",
    "HOME": "/nonexistent",
    "GOMAXPROCS": "2",
    "PYTHONNOUSERSITE": "1",
}
_DECODER = msgspec.msgpack.Decoder(Answer)
_TIME_IS_UP = {-signal.SIGXCPU, -signal.SIGALRM}
_STOPPED = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, 0}


class Worker:
    """One process that renders; `done` counts the jobs it has answered."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.done = 0

    @classmethod
    async def start(cls) -> Worker:
        """Return a new worker; it is ready as soon as it reads its first job."""
        command = [sys.executable, "-P", "-m", "moorage.render.worker"]
        return cls(await Program.start(command, _ENVIRONMENT, Path("/"), errors=False))

    @property
    def pid(self) -> int:
        return self._program.pid

    @property
    def alive(self) -> bool:
        return self._program.code is None

    async def perform(self, job: Job) -> Answer:
        """
        Return the answer to a job.

        Raises:
            LimitExceeded: the job took more time, memory or output than it may.
            RenderInterrupted: the process was stopped by somebody else.
        """
        try:
            async with asyncio.timeout(job.limits.seconds):
                answer = await self._exchange(job)
        except TimeoutError:
            raise LimitExceeded(
                f"rendering took longer than {job.limits.seconds:g} s and was stopped; look for a loop, or split the application"
            ) from None
        finally:
            self.done += 1
        return answer

    async def _exchange(self, job: Job) -> Answer:
        stdin, stdout = self._program.stdin, self._program.stdout
        content = msgspec.msgpack.encode(job)
        try:
            stdin.write(_HEADER.pack(len(content)))
            stdin.write(content)
            await stdin.drain()
            (length,) = _HEADER.unpack(await stdout.readexactly(_HEADER.size))
            if length > _largest(job.limits):
                raise LimitExceeded(
                    f"more than {job.limits.output} bytes were rendered; split the application"
                )
            return _DECODER.decode(await stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise self._ended(await self._program.wait(), job.limits) from None

    def _ended(self, code: int, limits: RenderLimits) -> LimitExceeded | RenderInterrupted:
        if code in _TIME_IS_UP:
            return LimitExceeded(
                f"rendering took more than {limits.seconds:g} s of processor time and was stopped"
            )
        if code in _STOPPED:
            return RenderInterrupted("the render worker was stopped from outside; it is tried again")
        # A Go runtime out of memory ends its process with code 2, the C library with SIGABRT.
        return LimitExceeded(
            f"the renderer ended by itself (exit {code}), most likely out of its {limits.memory} bytes of memory; "
            "split the application"
        )

    def bury(self) -> bool:
        """Kill the process and everything it started; return whether it is gone already."""
        return self._program.bury()

    async def close(self) -> None:
        """Kill the process and everything it started, and wait until they and the pipes are gone."""
        await self._program.end()


@contextlib.asynccontextmanager
async def scratch_folder(parent: Path | None) -> AsyncIterator[Path]:
    """Yield a folder with a random name, private to one job, that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="render-", dir=parent))
    try:
        yield folder
    finally:
        # A chart with all its files takes longer to remove than the loop may stand still.
        await asyncio.shield(asyncio.to_thread(remove, folder))


def remove(folder: Path) -> None:
    """Remove a folder whatever modes its entries were given."""
    for root, folders, _ in os.walk(folder):
        for name in folders:
            path = os.path.join(root, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _largest(limits: RenderLimits) -> int:
    return limits.output + limits.output // 4 + (1 << 20)
