"""Starting programs without copying the process: the same on both kinds of event loop."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
import uvloop

from moorage.programs import Program

ENVIRONMENT = {"PATH": os.defpath}
RUNNERS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


def open_files() -> set[str]:
    return {os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _is_open(fd)}


def _is_open(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")


@RUNNERS
def test_a_program_reads_speaks_and_ends(run, tmp_path):
    """
    What a program is given, says and ends with goes through whole; no pipe of it stays open.
    """

    async def story():
        program = await Program.start(["sh", "-c", "cat; echo oh >&2; exit 3"], ENVIRONMENT, tmp_path)
        try:
            program.stdin.write(b"x" * 300_000)
            await_all = asyncio.gather(program.stdout.read(), program.stderr.read())
            await program.stdin.drain()
            program.stdin.close()
            said, warned = await await_all
            return said, warned, await program.wait()
        finally:
            await program.end()

    run(asyncio.sleep(0))  # an event loop keeps pipes of its own
    before = open_files()
    assert run(story()) == (b"x" * 300_000, b"oh\n", 3)
    assert not {name for name in open_files() - before if name.startswith("pipe:")}


@RUNNERS
def test_ending_a_program_ends_what_it_started(run, tmp_path):
    """
    A program that will not end is killed with its children, and waiting for it returns.
    """

    async def story():
        program = await Program.start(
            ["sh", "-c", "sleep 600 & echo $!; trap '' TERM; wait"], ENVIRONMENT, tmp_path
        )
        child = int(await program.stdout.readline())
        await program.end()
        async with asyncio.timeout(10):
            # The kernel buries it when it finds the time, and tells only its parent.
            while _runs(child):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return await program.wait()

    assert run(story()) == -9


@RUNNERS
def test_a_program_that_reads_nothing_is_no_fault(run, tmp_path):
    """
    Text for a program that has ended already is lost without an error, and its exit code is told.
    """

    async def story():
        program = await Program.start(["true"], ENVIRONMENT, tmp_path)
        try:
            await program.stdout.read()
            return await program.wait()
        finally:
            await program.end()

    assert run(story()) == 0


@RUNNERS
def test_a_program_that_ended_leaves_nothing_running(run, tmp_path):
    """
    What a program leaves running when it ends goes with it, and its exit code is told however often it is asked.
    """

    async def story():
        command = ["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!; exit 7"]
        program = await Program.start(command, ENVIRONMENT, tmp_path, feed=False, errors=False)
        child = int(await program.stdout.readline())
        codes = [await program.wait(), program.code]
        await program.end()
        async with asyncio.timeout(10):
            while _runs(child):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return [*codes, program.code, await program.wait()]

    assert run(story()) == [7, 7, 7, 7]


@RUNNERS
def test_a_program_can_be_buried_without_waiting(run, tmp_path):
    """
    Asking until a program is gone kills it, returns at once each time, and leaves no pipe and no entry in the kernel.
    """

    async def story():
        program = await Program.start(["sleep", "600"], ENVIRONMENT, tmp_path)
        async with asyncio.timeout(10):
            while not program.bury():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return program.code, os.path.exists(f"/proc/{program.pid}"), program.bury()

    run(asyncio.sleep(0))
    before = open_files()
    assert run(story()) == (-9, False, True)
    assert not {name for name in open_files() - before if name.startswith("pipe:")}


@RUNNERS
def test_a_kernel_that_buries_children_at_once_is_no_fault(run, tmp_path):
    """
    Where Moorage was started with SIGCHLD ignored, a program is read to its end and counts as having ended well.
    """

    async def story():
        program = await Program.start(["sh", "-c", "echo hello"], ENVIRONMENT, tmp_path)
        try:
            return await program.stdout.read(), await program.wait()
        finally:
            await program.end()

    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert run(story()) == (b"hello\n", 0)
    finally:
        signal.signal(signal.SIGCHLD, before)


@RUNNERS
def test_output_goes_where_it_is_wanted(run, tmp_path):
    """
    A protocol gets what a program prints as it comes, and hears of the end of it.
    """

    class Heard(asyncio.Protocol):
        def __init__(self):
            self.said = b""
            self.over = asyncio.Event()

        def data_received(self, data):
            self.said += data

        def connection_lost(self, exc):
            self.over.set()

    async def story():
        heard = Heard()
        program = await Program.start(["cat"], ENVIRONMENT, tmp_path, output=heard, errors=False)
        program.stdin.write(b"x" * 100_000)
        program.stdin.close()
        await heard.over.wait()
        code = await program.wait()
        await program.end()
        return len(heard.said), code

    assert run(story()) == (100_000, 0)


@RUNNERS
def test_a_program_that_is_not_there_leaves_nothing(run, tmp_path):
    """
    A program or folder that does not exist is an error at the start, and no pipe stays open.
    """
    run(asyncio.sleep(0))
    before = open_files()
    with pytest.raises(FileNotFoundError):
        run(Program.start(["/nowhere/git"], ENVIRONMENT, tmp_path))
    with pytest.raises(FileNotFoundError):
        run(Program.start(["true"], ENVIRONMENT, tmp_path / "nowhere"))
    assert not {name for name in open_files() - before if name.startswith("pipe:")}


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
