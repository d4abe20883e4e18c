"""
Measure Moorage, print a table: ``make bench``, or ``scripts/bench --quick``.

Takes a quarter of an hour in full. Other work on the machine makes every
absolute figure worse; the ratios to the raw limits hold better.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace

from bench import micro, stages
from bench.rows import Row, as_json, table, unjudged


def main() -> int:
    """Run what was asked for; 1 when `--check` was given and a goal is missed."""
    asked = _arguments()
    rows: list[Row] = []
    if "micro" in asked.only or not asked.only:
        rows += [_shown(row, asked) for row in micro.rows(quick=asked.quick)]
    servers = ("sandbox", "real") if asked.server == "both" else (asked.server,)
    for server in servers:
        rows += [replace(row, server=server) for row in asyncio.run(_measure(server, asked))]
    print(as_json(rows) if asked.output == "json" else table(rows))
    return int(asked.check and any(row.met is False for row in rows))


async def _measure(server: str, asked: argparse.Namespace) -> list[Row]:
    counts = stages.QUICK if asked.quick else stages.Counts()
    if asked.far is not None:
        counts = replace(counts, far_apps=asked.far)
    run = stages.Run(server, counts)
    rows: list[Row] = []
    for name, stage in stages.STAGES.items():
        if asked.only and name not in asked.only:
            continue
        found = [_shown(row, asked) for row in await stage(run)]
        print(table([replace(row, server=f"{server}: {name}") for row in found]), "\n", file=sys.stderr)
        rows += found
    return rows


def _shown(row: Row, asked: argparse.Namespace) -> Row:
    return unjudged(row) if asked.quick else row


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--server",
        choices=("sandbox", "real", "both"),
        default="both",
        help="which API server (default: both)",
    )
    parser.add_argument("--quick", action="store_true", help="smaller counts, a few minutes, no goals")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=("micro", *stages.STAGES),
        help="a stage; may be repeated",
    )
    parser.add_argument("--far", type=int, help="applications in the far stage instead of 5,000")
    parser.add_argument("--check", action="store_true", help="end with 1 when a goal is missed")
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    asked = parser.parse_args()
    if asked.quick and asked.check:
        parser.error("--quick has no goals that --check could look at")
    return asked


if __name__ == "__main__":
    sys.exit(main())
