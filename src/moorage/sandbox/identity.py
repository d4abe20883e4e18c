"""
By what do clients know a sandbox again after a restart: its token and its certificates.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import orjson

from moorage.sandbox import tls


@dataclass(frozen=True, slots=True)
class Identity:
    """What a sandbox shows, and asks for."""

    token: str
    certificates: tls.Certificates | None


def identity(state: Path | None, *, token: str, host: str, secure: bool) -> Identity:
    """Return token and certificates: those of the state folder, or new ones that are kept there."""
    file = state / "identity.json" if state else None
    held = orjson.loads(file.read_bytes()) if file and file.exists() else {}
    token = token or held.get("token") or secrets.token_urlsafe(24)
    certificates = None
    if secure:
        if held.get("chain"):
            certificates = tls.Certificates(*(held[name].encode() for name in ("authority", "chain", "key")))
        else:
            certificates = tls.make(tuple(dict.fromkeys(("localhost", "127.0.0.1", "::1", host))))
    if state and file:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        told = {"token": token}
        if certificates:
            told |= {name: getattr(certificates, name).decode() for name in ("authority", "chain", "key")}
        write_private(file, orjson.dumps(told))
    return Identity(token, certificates)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, replacing what was there in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
