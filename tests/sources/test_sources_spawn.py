"""Starting programs without copying the process: the same on both kinds of event loop."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import uvloop

from moorage.sources.spawn import Program

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
