"""
The costs inside one process: deciding, remembering, queueing, watching.

Each is repeated and the best time counts, because everything that disturbs a
measurement makes it slower. What a machine does by itself (JSON of the same
bytes) stands beside, so that figures of two machines can be compared.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from bench.processes import MOOR, ROOT
from bench.rows import Row, at_most
from moorage.cluster.watch import Empty, Gathered, LineSplitter, StreamAsked, watch_step
from moorage.control.queue import Depth, Queue
from moorage.engine.compare import Rules, compare
from moorage.engine.plan import make_plan
from moorage.model.application import SyncOptions
from moorage.model.identity import ResourceKey
from moorage.model.manifest import Manifest
from moorage.model.operation import Operation
from moorage.model.states import LiveState, TargetState
from moorage.render.memory import Memory, Remembered

_REPEATS = 5


def rows(*, quick: bool) -> list[Row]:
    """Measure everything; with `quick` a tenth of it."""
    share = 10 if quick else 1
    return [
        _help(),
        *_deciding(10_000 // share),
        _remembering(10_000 // share),
        _queueing(100_000 // share),
        _watching(1_000_000 // share),
    ]


def best(work: Callable[[], Any], repeats: int = _REPEATS) -> float:
    """Return the shortest time some work took."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _help() -> Row:
    def run() -> None:
        subprocess.run([*MOOR, "--help"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)

    def python() -> None:
        subprocess.run([MOOR[0], "-c", "pass"], stdout=subprocess.DEVNULL, check=True)

    return at_most(
        "moor --help", 1000 * best(run), "ms", 150, limit=f"{1000 * best(python):.0f} ms python -c pass"
    )


def _bodies(count: int) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"c{index:05}", "namespace": "shop", "labels": {"app": "shop"}},
            "data": {f"key{part}": f"value {part} of {index}" for part in range(8)},
        }
        for index in range(count)
    ]


def _deciding(count: int) -> list[Row]:
    bodies = _bodies(count)
    manifests = tuple(map(Manifest, bodies))
    target = TargetState(manifests, (), "abc")
    live_bodies = {
        ResourceKey("", "ConfigMap", "shop", body["metadata"]["name"]): body
        | {"metadata": body["metadata"] | {"uid": "u", "resourceVersion": "1"}}
        for body in bodies
    }
    live = LiveState(live_bodies, frozenset(live_bodies))
    rules = Rules(predict=lambda body, manifest: body, instance="shop", owner=lambda body: "shop")
    operation = Operation("op", "abc", frozenset(), SyncOptions())
    plain = f"{1000 * best(lambda: orjson.dumps(bodies)):.0f} ms to write them as JSON"
    return [
        Row(f"compare {count:,} objects", 1000 * best(lambda: compare(target, live, rules)), "ms", limit=plain),
        Row(f"plan for {count:,} objects", 1000 * best(lambda: make_plan(target, live, operation)), "ms", limit=plain),
    ]
