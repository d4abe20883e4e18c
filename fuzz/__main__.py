"""
Fuzz everything that reads what others wrote: ``make fuzz``, or ``scripts/fuzz --help``.

Ends with 0 when every input was read or refused with our own error in time, and
with 1 when one was not; the smallest such input is kept and printed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from fuzz.chunks import Chunk, Result, attempt_apart, run_all
from fuzz.target import Target
from fuzz.targets import BY_NAME, TARGETS
from fuzz.trial import Failure, shrink

_CHUNK = 10_000
_FOUND = Path(__file__).parent / "found"


def main() -> int:
    """Try what was asked for, print the table, and return the exit code."""
    asked = _arguments()
    targets = [BY_NAME[name] for name in asked.target] or list(TARGETS)
    if asked.input:
        return _try_files(targets, asked.input)
    begun = time.monotonic()
    totals = {target.name: Result() for target in targets}
    for chunk, result in run_all(chunks_of(targets, asked.inputs, asked.seed), asked.processes):
        _add(totals[chunk.target.name], result)
    _print_table(targets, totals, asked.inputs)
    print(f"seed {asked.seed}, {asked.processes} processes, {time.monotonic() - begun:.0f} s")
    failed = [target for target in targets if totals[target.name].failure is not None]
    for target in failed:
        _tell(target, *(totals[target.name].failure or (b"", Failure(""))))
    return int(bool(failed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("inputs", nargs="?", type=int, default=100_000, help="how many for each target")
    parser.add_argument(
        "--target", action="append", default=[], choices=sorted(BY_NAME), help="only this one"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other inputs")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 2, help="how many at once")
    parser.add_argument("--input", action="append", type=Path, default=[], help="only the input in this file")
    asked = parser.parse_args()
    if asked.input and len(asked.target) != 1:
        parser.error("--input needs one --target that reads it")
    return asked


def chunks_of(targets: Sequence[Target], inputs: int, seed: int) -> list[Chunk]:
    """Return all chunks: the first of every target before the second of any, so that failures show early."""
    chunks: list[Chunk] = []
    for target in targets:
        wanted = max(1, round(inputs * target.share))
        sizes = [_CHUNK] * (wanted // _CHUNK) + ([wanted % _CHUNK] if wanted % _CHUNK else [])
        chunks += [Chunk(target, seed, number, size) for number, size in enumerate(sizes)]
    return sorted(chunks, key=lambda chunk: chunk.number)


def _add(total: Result, result: Result) -> None:
    total.tried += result.tried
    total.refused += result.refused
    total.seconds += result.seconds
    total.longest = max(total.longest, result.longest)
    total.failure = total.failure or result.failure


def _print_table(targets: Sequence[Target], totals: dict[str, Result], inputs: int) -> None:
    print(f"{'target':<22}{'inputs':>9}{'read':>9}{'refused':>9}{'seconds':>9}{'longest':>10}")
    for target in targets:
        total = totals[target.name]
        read = total.tried - total.refused - (total.failure is not None)
        note = f"  {target.share:.0%} of {inputs:,}: slower than the others" if target.share < 1 else ""
        note = "  FAILED" if total.failure is not None else note
        print(
            f"{target.name:<22}{total.tried:>9,}{read:>9,}{total.refused:>9,}"
            f"{total.seconds:>9.1f}{total.longest * 1000:>7.0f} ms{note}"
        )


def _tell(target: Target, data: bytes, failure: Failure) -> None:
    smallest = shrink(target, data, failure.what, attempt_apart)
    name = hashlib.sha256(smallest).hexdigest()[:12]
    file = _FOUND / target.name / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(smallest)
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    print(f"\n{target.name}: {failure.what}\n{failure.detail}".rstrip())
    print(f"smallest input found ({len(smallest)} bytes): {ascii(smallest[:400])[1:]}")
    print(f"again: scripts/fuzz --target {target.name} --input {shown}")
    print(f"to keep it, move it to fuzz/corpus/{target.name}/")


def _try_files(targets: Sequence[Target], files: Sequence[Path]) -> int:
    code = 0
    for file in files:
        outcome = attempt_apart(targets[0], file.read_bytes())
        failed = isinstance(outcome, Failure)
        print(f"{file}: {f'{outcome.what}' if isinstance(outcome, Failure) else outcome.value}")
        if isinstance(outcome, Failure):
            print(outcome.detail)
        code = code or int(failed)
    return code


if __name__ == "__main__":
    sys.exit(main())
