"""A real SSH server on this machine that lets one key in and serves Git repositories."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

SSHD = "/usr/sbin/sshd"


@dataclass(frozen=True)
class Server:
    """Where the server listens, which host key it has, and the private key it lets in."""

    port: int
    host_key: str
    user: str
    key: str
    folder: Path
    log: Path

    @property
    def known_hosts(self) -> str:
        return f"[127.0.0.1]:{self.port} {self.host_key}\n"

    def url(self, repository: Path) -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{repository}"


def make_key(folder: Path, name: str) -> Path:
    """Return the file of a new private key; the public one lies beside it."""
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
    return path


@contextlib.asynccontextmanager
async def serving(folder: Path, host_key: Path | None = None, port: int = 0) -> AsyncIterator[Server]:
    """Yield a server that listens on a free port of this machine."""
    assert os.access(SSHD, os.X_OK), f"{SSHD} is missing; install openssh-server"
    folder.mkdir(parents=True, exist_ok=True)
    host_key = host_key or make_key(folder, "host")
    client = folder / "client" if (folder / "client").exists() else make_key(folder, "client")
    shutil.copy(client.with_suffix(".pub"), folder / "authorized")
    port = port or _free_port()
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": host_key,
        "AuthorizedKeysFile": folder / "authorized",
        "PidFile": folder / "pid",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PubkeyAuthentication": "yes",
        "StrictModes": "no",
        "UsePAM": "no",
        "PermitRootLogin": "yes",
        "AllowTcpForwarding": "no",
        "LogLevel": "VERBOSE",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        # A server of root wants the folder its children are locked into.
        Path("/run/sshd").mkdir(exist_ok=True)
    log = folder / "log"
    process = await asyncio.create_subprocess_exec(
        SSHD, "-D", "-e", "-f", str(folder / "config"), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        await _until_listening(process.stderr)
        reading = asyncio.create_task(_keep(process.stderr, log))
        yield Server(
            port,
            " ".join(host_key.with_suffix(".pub").read_text().split()[:2]),
            getpass.getuser(),
            client.read_text(),
            folder,
            log,
        )
    finally:
        process.terminate()
        await process.wait()
    await reading


async def _until_listening(said: asyncio.StreamReader) -> None:
    lines = []
    async with asyncio.timeout(20):
        while line := (await said.readline()).decode():
            lines.append(line)
            if "listening on" in line:
                return
    raise RuntimeError(f"sshd did not start: {''.join(lines)}")


async def _keep(said: asyncio.StreamReader, log: Path) -> None:
    with log.open("ab") as file:
        while line := await said.readline():
            file.write(line)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
