"""
What is fuzzed, as values: a reader, the inputs it starts from, and how it may refuse.

A reader gets bytes, always, so that every input can be kept in a file, shrunk
and tried again, whatever its shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import orjson

from moorage.model.errors import Error

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Target:
    """
    One reader of what others wrote.

    `shape` says how inputs are changed: as bytes, or as the JSON value they
    are. `words` are pieces that mean something to the reader; half of an
    input's luck is to hold them. `share` is the part of the asked-for inputs
    that is tried, for readers too slow for all of them. A refusal may not be
    longer than `longest_message`. `always_refuses` is for readers that turn
    complaints into errors. `finish` mends what a
    change breaks and no attacker would leave broken, such as a checksum.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    refusals: tuple[type[Exception], ...] = (Error,)
    shape: Literal["bytes", "json"] = "bytes"
    share: float = 1.0
    longest_message: int = 10_000
    always_refuses: bool = False
    longest: int = 65_536
    finish: Callable[[bytes], bytes] | None = None

    def kept(self) -> list[Path]:
        """Return the files of the corpus: inputs that once were read wrongly, or nearly."""
        return sorted(path for path in (CORPUS / self.name).glob("*") if path.is_file())


def json_bytes(*values: object) -> tuple[bytes, ...]:
    """Return JSON values as the seeds of a target."""
    return tuple(orjson.dumps(value) for value in values)


@cache
def starts(target: Target) -> tuple[bytes, ...]:
    """Return what changes begin from: the target's seeds and the smaller files of its corpus."""
    kept = (path.read_bytes() for path in target.kept())
    return (*target.seeds, *(content for content in kept if len(content) <= 4096))
