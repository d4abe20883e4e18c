"""
Bring every real repository to Synced and Healthy, twice, and print what it took.

    python -m bench.acceptance.fixtures --fixtures FOLDER [--server real] [-o json] [NAME ...]

A second sync, by a hard refresh and then by hand, must send nothing about what
the repository declares. All together they are changed by hand, pruned and deleted
as well. Ends with 1 when anything was not as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog

from bench.acceptance import endings, stories
from bench.acceptance.ground import ground
from bench.acceptance.material import REPOSITORIES, Fixture, fixtures, load
from moorage.testing.world import World

GIVE_UP_SECONDS = {"sandbox": 30.0, "real": 180.0}


@dataclass(frozen=True, slots=True)
class Row:
    """What one fixture took; `note` tells what is special or went wrong."""

    fixture: str
    objects: int = 0
    seconds: float = 0.0
    requests: int = 0
    second: int = -1
    note: str = ""
    failed: bool = False


def main() -> int:
    """Run what was asked for."""
    asked = _arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    rows = asyncio.run(_run(asked))
    if asked.output == "json":
        print(orjson.dumps([asdict(row) for row in rows], option=orjson.OPT_INDENT_2).decode())
    else:
        print(table(rows))
    return int(any(row.failed or row.second for row in rows))


def table(rows: list[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = [
        "| fixture | objects | sync | requests | second sync | note |",
        "| --- | --: | --: | --: | --: | --- |",
    ]
    for row in rows:
        note = f"✗ {row.note}" if row.failed else row.note
        lines.append(
            f"| {row.fixture} | {row.objects} | {row.seconds:.1f} s | {row.requests} | {row.second} | {note} |"
        )
    return "\n".join(lines)


async def _run(asked: argparse.Namespace) -> list[Row]:
    every = fixtures(asked.fixtures, pretended=asked.server == "real")
    chosen = [f for f in every if (f.name in asked.names if asked.names else _worth_a_row(f, asked.quick))]
    folder = Path(tempfile.mkdtemp(prefix="moorage-acceptance-"))
    within = GIVE_UP_SECONDS[asked.server]
    rows: list[Row] = []
    try:
        async with ground(asked.server, folder / "one-by-one") as here:
            await _begin(here, asked.fixtures)
            rows = [await _guarded(f.name, functools.partial(_measure, here, f, within)) for f in chosen]
        if not asked.names or "all-of-them" in asked.names:
            ordinary = [f for f in every if not f.needs_more and not f.path.startswith("deploy/static")]
            async with ground(asked.server, folder / "together") as here:
                await _begin(here, asked.fixtures)
                rows.append(await _guarded("all-of-them", lambda: _together(here, ordinary, within * 2)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows


def _worth_a_row(fixture: Fixture, quick: bool) -> bool:
    return not quick or fixture.alone or fixture.needs_more


async def _begin(here: World, root: Path) -> None:
    for repository in REPOSITORIES:
        here.commit(load(root / repository), repository=repository)
    await here.start()


async def _guarded(name: str, work: Callable[[], Awaitable[Row]]) -> Row:
    try:
        row = await work()
    except (TimeoutError, AssertionError) as error:
        row = Row(name, note=str(error)[:2000], failed=True)
    print(table([row]).splitlines()[-1], file=sys.stderr, flush=True)
    return row


async def _measure(here: World, fixture: Fixture, within: float) -> Row:
    before, started = len(here.requests), time.monotonic()
    await here.declare(fixture.name, fixture.path, namespace=fixture.name, **stories.spec(here, fixture))
    note = ""
    if fixture.needs_more:
        note, before, started = await stories.say_what_is_missing(here, fixture)
    await stories.arrives(here, within, fixture.name)
    seconds, requests = time.monotonic() - started, stories.sent(here, before)
    if fixture.needs_more:
        note += f"; Synced {seconds:.1f} s after that was there"
    second, hooks = await stories.second_sync(here, within, fixture.name)
    note += f"its hooks run again: {hooks} requests" if hooks else ""
    row = Row(fixture.name, len(here.status(fixture.name)["resources"]), seconds, requests, second, note)
    if fixture.alone:
        await stories.delete_with_resources(here, fixture.name, within)
    return row


async def _together(here: World, chosen: list[Fixture], within: float) -> Row:
    names = [fixture.name for fixture in chosen]
    before, started = len(here.requests), time.monotonic()
    await stories.declare_all(here, chosen, endings.with_mode)
    await stories.arrives(here, within, "all-of-them", *names)
    seconds, requests = time.monotonic() - started, stories.sent(here, before)
    ground = await endings.look_around(here)
    objects = sum(len(ground.declared(name)) for name in ("all-of-them", *names))
    second, hooks = await stories.second_sync(here, within, "all-of-them", *names)
    note = f"an app of {len(names)} apps; their hooks run again: {hooks} requests; {await _what_follows(ground, names, within)}"
    return Row("all-of-them", objects, seconds, requests, second, note)


async def _what_follows(ground: endings.Ground, names: list[str], within: float) -> str:
    changed, deleted = await endings.heals(ground, names, within)
    file = "manifests/grafana-dashboardDefinitions.yaml"
    pruned = await endings.prunes(ground, "kube-prometheus", "kube-prometheus", file, within)
    left = await endings.all_end(ground, names, within)
    return (
        f"healed: {changed} changed, {deleted} deleted; pruned with their file: {pruned}; "
        f"with their application gone: {left['foreground']} in the foreground, {left['background']} in the background; "
        f"kept without a cascade: {left['none']}"
    )


def _arguments() -> Any:
    parser = argparse.ArgumentParser(
        prog="python -m bench.acceptance.fixtures",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help="only these fixtures")
    parser.add_argument("--fixtures", type=Path, required=True, help="the folder of the repositories")
    parser.add_argument("--server", choices=("sandbox", "real"), default="sandbox")
    parser.add_argument(
        "--quick", action="store_true", help="see only those one by one that cannot be together with the rest"
    )
    parser.add_argument("-o", "--output", choices=("table", "json"), default="table")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
