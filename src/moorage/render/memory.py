"""
What was rendered before, kept on disk by content and across restarts?

Results hold Secrets, so each is encrypted; the key lies in a file of its own,
readable by us alone, and away from the results. A result that was changed,
cut or moved under another name does not decrypt and counts as not there. The
least recently used are forgotten first.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
import zlib
from collections import OrderedDict
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
_KEY = 32


class Remembered(msgspec.Struct, frozen=True):
    """One result as kept: manifests with origins, warnings, type, and the objects it was made of."""

    encoded: tuple[tuple[bytes, str], ...] = ()
    warnings: tuple[str, ...] = ()
    source_type: str = ""
    objects: tuple[tuple[str, str], ...] = ()
    cluster: bool = True


class Memory:
    """
    A folder of encrypted results with a bound on its size.

    Safe to lose: everything in it can be rendered again. Several processes
    may share a folder; each file is written aside and moved into place.
    Threads may use it side by side.
    """

    def __init__(self, folder: Path, key_file: Path, limit: int) -> None:
        self._folder = folder
        self._limit = limit
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._cipher = AESGCM(_key(key_file))
        self._books = threading.Lock()
        self._sizes = self._found()
        self._total = sum(self._sizes.values())

    @property
    def size(self) -> int:
        """The bytes now kept."""
        return self._total

    def size_of(self, key: str) -> int:
        """Return the bytes kept under a key, 0 when nothing is."""
        return self._sizes.get(key, 0)

    def get(self, key: str) -> Remembered | None:
        """Return what was kept under a key, or None when it is not there or not as we wrote it."""
        try:
            sealed = (self._folder / key).read_bytes()
            packed = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], key.encode())
            found = msgspec.msgpack.decode(zlib.decompress(packed), type=Remembered)
        except FileNotFoundError:
            return None
        except (InvalidTag, ValueError, zlib.error, msgspec.DecodeError):
            with self._books:
                self._forget(key)
            return None
        with self._books:
            self._sizes[key] = self._sizes.pop(key, len(sealed))
        return found

    def put(self, key: str, result: Remembered) -> None:
        """Keep a result under a key, and forget the oldest beyond the limit."""
        nonce = secrets.token_bytes(_NONCE)
        packed = zlib.compress(msgspec.msgpack.encode(result), 1)
        sealed = nonce + self._cipher.encrypt(nonce, packed, key.encode())
        if len(sealed) > self._limit:
            return
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(sealed)
        with self._books:
            os.replace(name, self._folder / key)
            self._total += len(sealed) - self._sizes.pop(key, 0)
            self._sizes[key] = len(sealed)
            while self._total > self._limit:
                self._forget(next(iter(self._sizes)))

    def _forget(self, key: str) -> None:
        self._total -= self._sizes.pop(key, 0)
        (self._folder / key).unlink(missing_ok=True)

    def _found(self) -> OrderedDict[str, int]:
        stats = []
        for entry in os.scandir(self._folder):
            if entry.name.startswith(".new-"):
                Path(entry.path).unlink(missing_ok=True)
            else:
                stats.append((entry.stat().st_mtime, entry.name, entry.stat().st_size))
        return OrderedDict((name, size) for _, name, size in sorted(stats))


def _key(file: Path) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = file.read_bytes()
        if len(key) == _KEY:
            return key
        # Half-written or replaced: what it sealed is lost, and may be.
        file.unlink()
        return _key(file)
    key = secrets.token_bytes(_KEY)
    with os.fdopen(handle, "wb") as opened:
        opened.write(key)
    return key
