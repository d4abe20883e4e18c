"""
Runs the inputs of all targets in chunks, each in a process of its own.

A chunk's inputs follow from the seed, the target's name and the chunk's number
alone, so neither the number of processes nor their order changes what is
tried. A process that dies leaves behind which input it was reading.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from mmap import mmap
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from random import Random
from types import FrameType

from fuzz.mutate import make
from fuzz.target import Target
from fuzz.trial import Failure, Hung, Verdict, attempt

_MEMORY = 3 * 1024**3
_HANGING_SECONDS = 5
_FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Chunk:
    """Some inputs of one target: `size` of them, made from a seed and a number."""

    target: Target
    seed: int
    number: int
    size: int

    def inputs(self) -> Iterator[bytes]:
        """Make the inputs; the same ones each time."""
        random = Random(f"{self.seed}/{self.target.name}/{self.number}")
        return (make(self.target, random) for _ in range(self.size))


@dataclass
class Result:
    """What became of a chunk: counts, processor seconds, the longest single input, and the first failure."""

    tried: int = 0
    refused: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    failure: tuple[bytes, Failure] | None = None


def run_chunk(chunk: Chunk, journal: mmap | bytearray | None = None) -> Result:
    """Try the inputs of a chunk until one fails."""
    result, clock = Result(), time.process_time
    begun = before = clock()
    for data in chunk.inputs():
        if journal is not None:
            journal[:8] = result.tried.to_bytes(8, "little")
        outcome = attempt(chunk.target, data)
        result.tried += 1
        result.refused += outcome is Verdict.REFUSED
        now = clock()
        if now - before > result.longest:
            result.longest = now - before
        before = now
        if isinstance(outcome, Failure):
            result.failure = data, outcome
            break
    result.seconds = clock() - begun
    return result


@dataclass
class _Running:
    chunk: Chunk
    process: BaseProcess
    answer: Connection
    journal: mmap = field(default_factory=lambda: mmap(-1, 8))


def attempt_apart(target: Target, data: bytes) -> Verdict | Failure:
    """Return what became of one input, read in a process of its own: it may die of it."""
    receiving, sending = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_attempt_there, args=(target, data, sending), daemon=True)
    process.start()
    sending.close()
    try:
        outcome: Verdict | Failure = receiving.recv()
    except EOFError:
        process.join()
        outcome = _death(process)
    process.join()
    receiving.close()
    return outcome


def run_all(chunks: Iterable[Chunk], processes: int) -> Iterator[tuple[Chunk, Result]]:
    """Run chunks side by side and yield the results as they come; a target that failed is not tried further."""
    ahead, running, failed = iter(chunks), list[_Running](), set[str]()
    while True:
        while len(running) < processes and (chunk := next(ahead, None)) is not None:
            if chunk.target.name not in failed:
                running.append(_start(chunk))
        if not running:
            return
        ready = wait([r.answer for r in running])
        for one in [r for r in running if r.answer in ready]:
            running.remove(one)
            result = _finish(one)
            if result.failure is not None:
                failed.add(one.chunk.target.name)
            yield one.chunk, result


def _start(chunk: Chunk) -> _Running:
    receiving, sending = _FORK.Pipe(duplex=False)
    journal = mmap(-1, 8)
    process = _FORK.Process(target=_work, args=(chunk, sending, journal), daemon=True)
    process.start()
    sending.close()
    return _Running(chunk, process, receiving, journal)


def _finish(one: _Running) -> Result:
    try:
        result: Result = one.answer.recv()
    except EOFError:
        one.process.join()
        index = int.from_bytes(one.journal[:8], "little")
        data = next(data for number, data in enumerate(one.chunk.inputs()) if number == index)
        result = Result(tried=index + 1, failure=(data, _death(one.process)))
    one.process.join()
    one.answer.close()
    return result


def _death(process: BaseProcess) -> Failure:
    code = process.exitcode or 0
    return Failure(f"the process died ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})")


def _attempt_there(target: Target, data: bytes, answer: Connection) -> None:
    _limit(mmap(-1, 8))
    answer.send(attempt(target, data))


def _work(chunk: Chunk, answer: Connection, journal: mmap) -> None:
    _limit(journal)
    answer.send(run_chunk(chunk, journal))


def _limit(journal: mmap) -> None:
    """Bound memory, and interrupt an input that takes longer than any may; costs nothing while all goes well."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seen, ticks = b"", 0

    def tick(number: int, frame: FrameType | None) -> None:
        nonlocal seen, ticks
        ticks = ticks + 1 if journal[:8] == seen else 0
        seen = journal[:8]
        if ticks >= _HANGING_SECONDS:
            ticks = 0
            raise Hung

    signal.signal(signal.SIGPROF, tick)
    signal.setitimer(signal.ITIMER_PROF, 1, 1)
