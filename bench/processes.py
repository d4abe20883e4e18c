"""
The processes of a run: started, watched from outside, ended.

What a process used is read from ``/proc`` for it and its descendants, so that
Git and the render workers count as Moorage's own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MOOR = [sys.executable, "-m", "moorage"]
_TICK = os.sysconf("SC_CLK_TCK")
_GRACE_SECONDS = 15
_PR_SET_PDEATHSIG = 1


class Ended(Exception):
    """A process that should run has ended; the message holds the last lines it wrote."""


class Process:
    """One running program; `log` is the file that has what it says."""

    def __init__(
        self, name: str, argv: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as out:
            self._popen = subprocess.Popen(
                argv,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=os.environ | dict(environment or {}),
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def check(self) -> None:
        """Raise when the process has ended by itself."""
        if (code := self._popen.poll()) is not None:
            raise Ended(f"{self.name} ended with {code}\n{self.tail()}")

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of what it said."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """Ask the process to end, and make it end when it does not."""
        self._popen.terminate()
        try:
            self._popen.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()

    def cpu(self) -> float:
        """Return the seconds of processor time it and all its children have used."""
        return sum(_cpu(pid) for pid in tree(self.pid))

    def memory(self) -> float:
        """Return the MiB that it and its children hold, shared pages divided by who shares them."""
        return sum(_proportional(pid) for pid in tree(self.pid)) / 1024

    def resident(self) -> float:
        """Return the MiB resident in the process itself."""
        return _field(Path(f"/proc/{self.pid}/status"), "VmRSS:") / 1024


def _end_with_parent() -> None:
    """Have the kernel end this process when the bench is gone, however it went."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def tree(pid: int) -> list[int]:
    """Return a process and its living descendants."""
    children: dict[int, list[int]] = {}
    for child, stat in _stats():
        children.setdefault(int(stat[1]), []).append(child)
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def _stats() -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (stat := _stat(int(folder.name))):
            yield int(folder.name), stat


def _stat(pid: int) -> list[str]:
    """Return what comes after the name in ``/proc/PID/stat``; nothing when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu(pid: int) -> float:
    stat = _stat(pid)
    # Own and reaped children's time, user and system.
    return sum(map(int, stat[11:15])) / _TICK if stat else 0.0


def _proportional(pid: int) -> float:
    return _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss:")


def _field(file: Path, name: str) -> float:
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith(name):
                return float(line.split()[1])
    return 0.0


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
