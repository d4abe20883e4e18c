"""
A mapping in a configuration file that knows where it stands, so that every fault names file and field.

`kubeconfig` reads files and Secrets through it. What a field holds is never told.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moorage.model.errors import InvalidConfiguration


@dataclass(frozen=True, slots=True)
class Part:
    """One mapping: the file it is in, its field there, and what it holds."""

    file: str
    field: str
    body: Mapping[str, Any]

    def fault(self, name: str, text: str) -> InvalidConfiguration:
        return InvalidConfiguration(f"{self.file}: {self.field}.{name} {text}")

    def text(self, name: str) -> str:
        value = self.body.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.fault(name, "must be a text; put it in quotes")
        return value

    def flag(self, name: str) -> bool:
        value = self.body.get(name)
        if value is not None and not isinstance(value, bool):
            raise self.fault(name, "must be true or false")
        return bool(value)

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.body.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fault(name, "must be a list of texts")
        return tuple(value)

    def inner(self, name: str) -> Part:
        value = self.body.get(name) or {}
        if not isinstance(value, dict):
            raise self.fault(name, "must be a mapping")
        return Part(self.file, f"{self.field}.{name}", value)

    def path(self, name: str) -> str:
        """Return a file the part names, relative to the file the part is in."""
        value = self.text(name)
        return str(Path(self.file).parent / value) if value else ""

    def content(self, name: str) -> bytes:
        """Return what ``<name>-data`` holds, else what the file called `name` holds, else nothing."""
        if inline := self.text(f"{name}-data"):
            return self.decoded(f"{name}-data", inline)
        if not (path := self.path(name)):
            return b""
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise self.fault(name, f"names {path}, which cannot be read: {error.strerror}") from error

    def decoded(self, name: str, inline: str) -> bytes:
        try:
            return base64.b64decode(inline, validate=True)
        except (binascii.Error, ValueError):
            raise self.fault(name, "is not base64; encode the PEM file with base64 -w0") from None
