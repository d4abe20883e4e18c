"""Many seeds, on all cores, and what came of them."""

from __future__ import annotations

import concurrent.futures
import gc
import multiprocessing
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from .draws import draw
from .running import play, shortest, told

SEEDS_AT_ONCE = 5
SEEDS_A_COLLECTION = 10
"""A world is garbage as a whole when it ends; looking for some in the middle of it costs a quarter of the time."""


def tell(text: str) -> None:
    """Write to whoever runs the simulation, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Result(NamedTuple):
    """What came of one seed."""

    seed: int
    wrong: tuple[str, ...]
    requests: int
    seconds: float


def one(seed: int) -> Result:
    """Play one seed."""
    gc.disable()
    ending = play(draw(seed))
    if seed % SEEDS_A_COLLECTION == 0:
        gc.collect()
    return Result(seed, ending.wrong, ending.requests, ending.seconds)


def results(seeds: range, jobs: int) -> Iterator[Result]:
    """Play seeds side by side; give the results in their order."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(jobs, context) as pool:
        yield from pool.map(one, seeds, chunksize=SEEDS_AT_ONCE)


def many(seeds: range, jobs: int, *, short: bool) -> int:
    """Play seeds and tell of them; return the exit code."""
    begun = time.monotonic()
    failed: list[int] = []
    requests, seconds = 0, 0.0
    for result in results(seeds, jobs):
        requests, seconds = requests + result.requests, seconds + result.seconds
        if result.wrong:
            failed.append(result.seed)
            tell(f"seed {result.seed}: {result.wrong[0]}")
    took = time.monotonic() - begun
    tell(
        f"{len(seeds)} seeds in {took:.1f} s ({len(seeds) / took:.1f} a second): "
        f"{requests} requests, {seconds / 3600:.1f} hours of the worlds' time, {len(failed)} failed"
    )
    if failed and short:
        plan = draw(failed[0])
        tell(told(*shortest(plan, play(plan))))
    return 1 if failed else 0
