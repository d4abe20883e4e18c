"""
Play many seeds: `python -m tests.simulate --seeds 300`, or one: `--seed 17`.

A seed that fails is printed; the first one with its shortest history, which
`--seed N --short` gives for any other. The exit code is then 1.
"""

from __future__ import annotations

import argparse
import os
import sys

from .draws import draw
from .many import many, tell
from .running import play, shortest, told


def main() -> int:
    """Play what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many seeds, beginning with --first")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, help="this seed alone, with its story")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--short", action="store_true", help="look for the shortest history of --seed")
    parser.add_argument("--long", action="store_true", help="do not look for the shortest history")
    asked = parser.parse_args()
    if asked.seed is None:
        return many(range(asked.first, asked.first + asked.seeds), asked.jobs, short=not asked.long)
    plan = draw(asked.seed)
    ending = play(plan)
    if asked.short and ending.wrong:
        plan, ending = shortest(plan, ending)
    tell(told(plan, ending))
    return 1 if ending.wrong else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets must be the same in every run, or a seed would not be one history.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.simulate", *sys.argv[1:]])
    sys.exit(main())
