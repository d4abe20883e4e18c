"""
Where the demo keeps what, and which demo is running there.

One folder holds everything, so that removing it removes the demo.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from moorage.model.errors import InvalidConfiguration


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and files of a demo."""

    root: Path

    @property
    def cluster(self) -> Path:
        return self.root / "cluster"

    @property
    def repositories(self) -> Path:
        return self.root / "git"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def data(self) -> Path:
        return self.root / "moorage"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def log(self) -> Path:
        return self.root / "moor.log"

    @property
    def facts(self) -> Path:
        return self.root / "demo.json"


@dataclass(frozen=True, slots=True)
class Facts:
    """What must be the same at the next start: addresses are written in Git and in the cluster."""

    cluster_port: int
    git_port: int
    listen_port: int
    webhook_secret: str


@contextmanager
def held(places: Places) -> Iterator[None]:
    """Keep a second demo out of the folder. Raises InvalidConfiguration when one runs there."""
    places.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (places.root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InvalidConfiguration(
                f"{places.root}: a demo is running there; end it, or name another folder with --dir"
            ) from error
        yield


def empty(places: Places) -> None:
    """Forget an earlier demo."""
    for path in places.root.iterdir():
        if path.name == ".lock":
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def recall(places: Places) -> Facts:
    """
    Return the facts of the demo in this folder; those of a new one are made up and kept.

    Raises:
        InvalidConfiguration: A port of the earlier demo is taken by another program.
    """
    if places.facts.exists():
        facts = Facts(**orjson.loads(places.facts.read_bytes()))
        for port in (facts.cluster_port, facts.git_port, facts.listen_port):
            _check_free(port)
        return facts
    cluster, git, listen = _free_ports(3)
    facts = Facts(cluster, git, listen, secrets.token_urlsafe(24))
    descriptor = os.open(places.facts, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps({name: getattr(facts, name) for name in facts.__dataclass_fields__}))
    return facts


def _free_ports(count: int) -> list[int]:
    bound = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in bound]
    for one in bound:
        one.close()
    return ports


def _check_free(port: int) -> None:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError as error:
        raise InvalidConfiguration(
            f"port {port}, which the demo used before, is taken by another program; "
            "end that program, or start afresh with --fresh (make demo FRESH=1)"
        ) from error
