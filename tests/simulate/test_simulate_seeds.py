"""Many seeded worlds: whatever goes wrong on the way, it ends as Git says and no promise is broken."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .clockwork import run
from .draws import draw
from .running import play

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("SIMULATE_SEEDS", "1000"))
BLOCKS = 8
"""So many parts, that all workers of a test run get their share."""


def block(number: int) -> range:
    """Return the seeds of one part."""
    return range(SEEDS * number // BLOCKS, SEEDS * (number + 1) // BLOCKS)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(BLOCKS))
def test_seeds_keep_every_promise(number):
    """Drawn histories of commits, drift, faults, kills and pauses end as Git says, and break nothing on the way."""
    seeds = block(number)
    command = [sys.executable, "-m", "tests.simulate", "--first", str(seeds.start)]
    command += ["--seeds", str(len(seeds)), "--jobs", "1"]
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    assert played.returncode == 0, played.stdout[-20_000:] + played.stderr[-5_000:]
    assert f"{len(seeds)} seeds" in played.stdout


def test_no_seed_is_left_out():
    """The parts are all seeds, each once."""
    assert [seed for number in range(BLOCKS) for seed in block(number)] == list(range(SEEDS))


def test_a_seed_is_one_history():
    """The same seed is the same history, request by request; otherwise none could be looked into."""
    first, second = play(draw(11)), play(draw(11))
    assert first.story == second.story
    assert first.requests == second.requests


def test_seeds_differ():
    """Another seed is another history: the draw is not always the same."""
    assert len({str(draw(seed).acts) for seed in range(20)}) > 15


def test_time_passes_only_in_the_world():
    """A day in a world takes no time outside it, and passes exactly."""

    async def day(loop):
        await asyncio.sleep(86_400)
        return loop.time()

    assert abs(run(day, 0) - 86_400) < 0.001
