"""
Is one input read as it should be? And if not, what is the smallest one that is read so?

An input is read or refused; anything else that happens, or more than a second
of it, is a failure. A failure is recognised by its kind and the line it comes
from, so that shrinking does not wander off to another one.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import orjson

from fuzz.target import Target

SLOW_SECONDS = 1.0
_SHRINKING_SECONDS = 20.0


class Verdict(Enum):
    """What became of an input that was treated as it should be."""

    READ = "read"
    REFUSED = "refused"


@dataclass(frozen=True)
class Failure:
    """What went wrong: `what` is one line that stays the same while the input shrinks."""

    what: str
    detail: str = ""


Attempt = Callable[[Target, bytes], "Verdict | Failure"]


class Hung(BaseException):
    """Raised from a timer into a reader that does not come back."""


def attempt(target: Target, data: bytes) -> Verdict | Failure:
    """Return what became of one input."""
    # Processor time: what else the machine does makes no input slow.
    begun = time.process_time()
    outcome = _attempt(target, data)
    if time.process_time() - begun <= SLOW_SECONDS:
        return outcome
    # The first run may have paid for what is loaded once: only a second slow run counts.
    begun = time.process_time()
    _attempt(target, data)
    spent = time.process_time() - begun
    return Failure("slow", f"{spent:.1f} s for {len(data)} bytes") if spent > SLOW_SECONDS else outcome


def _attempt(target: Target, data: bytes) -> Verdict | Failure:
    try:
        target.read(data)
    except target.refusals as refusal:
        return _checked_words(refusal, target.longest_message)
    except Hung:
        return Failure("slow", f"it did not come back, with {len(data)} bytes")
    except Exception as error:
        return Failure(_where(error), "".join(traceback.format_exception(error)))
    return Verdict.READ


def _checked_words(refusal: Exception, longest: int) -> Verdict | Failure:
    """A refusal is shown to people and stored in a status: it must be text, and not a book."""
    words = str(refusal)
    if not words or len(words) > longest:
        return Failure(f"a refusal of {len(words)} characters at {_where(refusal)}", words[:500])
    try:
        words.encode()
    except UnicodeEncodeError:
        return Failure(f"a refusal that cannot be written as UTF-8 at {_where(refusal)}", ascii(words[:500]))
    return Verdict.REFUSED


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/moorage/" in frame.filename] or frames
    last = ours[-1]
    return f"{type(error).__name__} in {last.filename.rpartition('/src/')[2]}:{last.lineno} ({last.name})"


def shrink(target: Target, data: bytes, what: str, tried: Attempt = attempt) -> bytes:
    """Return the smallest input found that fails in the same way, trying each with `tried`."""
    until = time.monotonic() + _SHRINKING_SECONDS
    smallest, found = data, True
    while found:
        found = False
        for candidate in _smaller(smallest, target.shape):
            if time.monotonic() > until:
                return smallest
            if len(candidate) >= len(smallest):
                continue
            outcome = tried(target, candidate)
            if isinstance(outcome, Failure) and outcome.what == what:
                smallest, found = candidate, True
                break
    return smallest


def _smaller(data: bytes, shape: str) -> Iterator[bytes]:
    if shape == "json":
        try:
            yield from _less_json(orjson.loads(data))
        except orjson.JSONDecodeError:
            shape = "bytes"
    if shape == "json":
        return
    size = max(1, len(data) // 2)
    while size:
        for begin in range(0, len(data), size):
            yield data[:begin] + data[begin + size :]
        size //= 2


def _less_json(value: Any) -> Iterator[bytes]:
    for path in list(_paths(value, ())):
        for smaller in (None, 0, ""):
            yield _without(value, path, smaller)


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in list(inner):
        yield (*path, name)
        yield from _paths(item, (*path, name))


def _without(value: Any, path: tuple[Any, ...], instead: Any) -> bytes:
    """Return the JSON without what is at a path, or with something small there."""
    copy = parent = orjson.loads(orjson.dumps(value))
    for step in path[:-1]:
        parent = parent[step]
    if instead is None:
        del parent[path[-1]]
    else:
        parent[path[-1]] = instead
    return orjson.dumps(copy)
