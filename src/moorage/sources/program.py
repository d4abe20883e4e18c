"""
How is git run, so that nothing in a repository or on this machine can bend it?

Every git process of Moorage starts here: by absolute path and argument list,
with an environment of its own, no configuration but ours, no hooks, no
prompts, a time limit and a cap on what it may say. When it must end, its
whole process group ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from moorage.model.errors import InvalidConfiguration, LimitExceeded, SourceUnreachable
from moorage.programs import Program

MINIMUM_GIT = (2, 36)

_STDERR_KEPT = 64 * 1024
_STDERR_CAP = 8 * 1024 * 1024

FIXED_CONFIG: tuple[tuple[str, str], ...] = (
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.askPass", ""),
    ("core.pager", "cat"),
    ("core.alternateRefsCommand", ""),
    ("credential.helper", ""),
    ("protocol.version", "2"),
    ("protocol.ext.allow", "never"),
    # A mirror is a copy: what a power cut spoils is fetched again.
    ("core.fsync", "none"),
    ("fetch.writeCommitGraph", "false"),
    ("fetch.showForcedUpdates", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("fetch.bundleURI", ""),
    ("transfer.bundleURI", "false"),
    ("core.packedGitLimit", "512m"),
    ("core.packedGitWindowSize", "32m"),
    ("gc.auto", "0"),
    ("gc.autoDetach", "false"),
    ("maintenance.auto", "false"),
    ("safe.directory", "*"),
    ("advice.detachedHead", "false"),
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code and what it said, neither interpreted nor scrubbed."""

    code: int
    stdout: bytes
    stderr: str


@dataclass(frozen=True, slots=True)
class Connection:
    """What one git command needs to reach its server: configuration and variables, secrets included."""

    config: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return "Connection(…)"


class Git:
    """
    The git program of this machine, checked once.

    `home` is an empty private folder that stands in for the user's own.
    """

    def __init__(self, home: Path, path: str = "", ssh: str = "") -> None:
        found = path or shutil.which("git") or ""
        if not os.path.isabs(found):
            raise InvalidConfiguration(
                "git is not installed (or not on PATH); Moorage needs it to read repositories"
            )
        self.path = found
        self.ssh = ssh or shutil.which("ssh") or ""
        self.prlimit = shutil.which("prlimit") or ""
        self.home = home
        self.runs = 0

    async def check_version(self) -> str:
        """Return git's version; refuse one that is too old to be safe."""
        ended = await self.run(["version"], limit=4096, timeout=10)
        words = ended.stdout.decode(errors="replace").strip()
        match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", words)
        if match is None or (int(match[1]), int(match[2])) < MINIMUM_GIT:
            wanted = ".".join(map(str, MINIMUM_GIT))
            raise InvalidConfiguration(
                f"{self.path} says {words or 'nothing'}; Moorage needs git {wanted} or newer"
            )
        return match[0]

    def environment(self, connection: Connection | None, schemes: frozenset[str]) -> dict[str, str]:
        """Return the whole environment of a git process: nothing is inherited."""
        config = FIXED_CONFIG + (connection.config if connection else ())
        fixed = {
            "PATH": os.pathsep.join((os.path.dirname(self.path), "/usr/bin", "/bin")),
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home),
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": ":".join(sorted(schemes)),
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_CONFIG_COUNT": str(len(config)),
        }
        for number, (key, value) in enumerate(config):
            fixed[f"GIT_CONFIG_KEY_{number}"] = key
            fixed[f"GIT_CONFIG_VALUE_{number}"] = value
        return fixed | (dict(connection.variables) if connection else {})

    async def run(
        self,
        arguments: Sequence[str],
        *,
        limit: int,
        timeout: float,
        folder: Path | None = None,
        connection: Connection | None = None,
        schemes: frozenset[str] = frozenset(),
        stdin: bytes = b"",
        file_bytes: int = 0,
        memory: int = 0,
        what: str = "git",
    ) -> Ended:
        """
        Return how one git command ended.

        Args:
            limit: The most bytes it may print before it is stopped.
            file_bytes: The largest file it and its children may write; unbounded by default.
            memory: The most address space each of them may use; unbounded by default.
            what: How errors name the command's subject.

        Raises:
            SourceUnreachable: when it takes longer than `timeout` seconds.
            LimitExceeded: when it prints more than `limit` bytes.
        """
        environment = self.environment(connection, schemes)
        command = [*self._limits(file_bytes, memory), self.path, *arguments]
        async with self._started(command, environment, folder or self.home) as process:
            try:
                async with asyncio.timeout(timeout):
                    return await _finish(process, stdin, limit, what)
            except TimeoutError as error:
                raise SourceUnreachable(f"{what}: git did not finish within {timeout:g} s") from error

    def _limits(self, file_bytes: int, memory: int) -> list[str]:
        # Limits set after the start would come too late for git's first child.
        if not self.prlimit or not (file_bytes or memory):
            return []
        limits = [f"--fsize={file_bytes}"] if file_bytes else []
        limits += [f"--as={memory}"] if memory else []
        return [self.prlimit, "--core=0", *limits, "--"]

    @contextlib.asynccontextmanager
    async def _started(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> AsyncIterator[Program]:
        self.runs += 1
        program = await Program.start(command, environment, folder)
        try:
            yield program
        finally:
            await program.end()


async def _finish(process: Program, stdin: bytes, limit: int, what: str) -> Ended:
    stdout, stderr, _ = await asyncio.gather(
        _read_all(process.stdout, limit, what), _read_words(process.stderr, what), _feed(process.stdin, stdin)
    )
    code = await process.wait()
    return Ended(code, stdout, stderr)


async def _feed(pipe: asyncio.StreamWriter, text: bytes) -> None:
    # A program may have ended already; uvloop refuses to write to what it has closed.
    if text and not pipe.is_closing():
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            pipe.write(text)
            await pipe.drain()
    pipe.close()


async def _read_all(pipe: asyncio.StreamReader, limit: int, what: str) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await pipe.read(65536):
        size += len(piece)
        if size > limit:
            raise LimitExceeded(f"{what}: the server sent more than {limit} bytes where fewer are allowed")
        pieces.append(piece)
    return b"".join(pieces)


async def _read_words(pipe: asyncio.StreamReader, what: str) -> str:
    kept = bytearray()
    size = 0
    while piece := await pipe.read(65536):
        size += len(piece)
        if size > _STDERR_CAP:
            raise LimitExceeded(f"{what}: the server sent messages without end")
        kept += piece
        del kept[:-_STDERR_KEPT]
    return kept.decode(errors="replace")
