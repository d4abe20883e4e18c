"""
The costs inside one process: deciding, remembering, queueing, watching.

Each is repeated and the best time counts, because everything that disturbs a
measurement makes it slower. What a machine does by itself (JSON of the same
bytes) stands beside, so that figures of two machines can be compared.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from yaml import StreamEndEvent
from yaml._yaml import CParser

from bench.processes import MOOR, ROOT
from bench.rows import Row, at_most
from moorage.cluster.watch import LineSplitter, Watching, watch_step
from moorage.control.queue import Depth, Queue
from moorage.engine.compare import Rules, compare
from moorage.engine.plan import make_plan
from moorage.model.identity import AppKey
from moorage.model.manifest import Manifest
from moorage.model.operation import Operation
from moorage.model.states import LiveState, TargetState
from moorage.render import directory
from moorage.render.memory import Memory, Remembered
from moorage.render.options import DirectoryOptions
from moorage.render.request import Entry, RenderLimits
from moorage.sources.trees import differences, read_tree

_REPEATS = 5


def rows(*, quick: bool) -> list[Row]:
    """Measure everything; with `quick` a tenth of it."""
    share = 10 if quick else 1
    return [
        _help(),
        *_deciding(10_000 // share),
        *_remembering(10_000 // share),
        *(_comparing_commits(count) for count in (1_000, 5_000)),
        _reading(1_000 // share),
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


def least_work(work: Callable[[], Any], repeats: int = _REPEATS) -> float:
    """Return the least processor time some work took; what else the machine does counts less in it."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def _help() -> Row:
    script = Path(sys.executable).with_name("moor")
    command = [str(script)] if script.exists() else MOOR

    def run() -> None:
        subprocess.run([*command, "--help"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)

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
    target = TargetState(AppKey("argocd", "shop"), "abc", tuple(map(Manifest.of, bodies)))
    there = {
        manifest.key: manifest.body
        | {"metadata": manifest.body["metadata"] | {"uid": "u", "resourceVersion": "1"}}
        for manifest in target.manifests
    }
    live = LiveState(there, frozenset(there))
    rules = Rules(lambda body, manifest: body, "shop", lambda body: "shop")
    operation = Operation("op", "abc", "2026-01-01T00:00:00Z")
    plain = f"{1000 * best(lambda: orjson.dumps(bodies)):.0f} ms to write them as JSON"
    return [
        Row(
            f"compare {count:,} objects", 1000 * best(lambda: compare(target, live, rules)), "ms", limit=plain
        ),
        Row(f"plan for {count:,} objects", 1000 * best(lambda: make_plan(target, {}, operation)), "ms"),
    ]


def _remembering(count: int) -> list[Row]:
    """Measure finding a rendered application again, a small one and a big one."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="moorage-bench-") as folder:
        memory = Memory(Path(folder) / "rendered", Path(folder) / "key", 1 << 30)
        for size in (4, count):
            encoded = tuple((orjson.dumps(body), "apps/web.yaml:1") for body in _bodies(size))
            memory.put(f"key{size}", Remembered(encoded, source_type="Directory"))
            took = best(lambda size=size: memory.get(f"key{size}"))
            rows.append(Row(f"remembered rendering of {size:,} objects", 1000 * took, "ms"))
    return rows


def _comparing_commits(count: int) -> Row:
    """Measure what one commit costs in a folder of many applications: what changed, and where one of them is."""

    def raw(changed: int) -> bytes:
        return b"".join(b"40000 a%05d\0%020d" % (at, at + (at == changed)) for at in range(count))

    known, first, second = read_tree(raw(-1), 20, "bench"), raw(count // 2), raw(count // 3)

    def look() -> None:
        for content in (first, second) * 10:
            after = read_tree(content, 20, "bench", known)
            assert [name for name, _, _ in differences(known, after)]
            assert after["a00007"].oid

    def whole() -> None:
        for content in (first, second):
            read_tree(content, 20, "bench")

    plain = f"{1000 * least_work(whole) / 2:.2f} ms to read it whole"
    name = f"what a commit changed in a folder of {count:,}, processor time"
    return Row(name, 1000 * least_work(look) / 20, "ms", limit=plain)


def _reading(count: int) -> Row:
    """Measure a folder of small YAML files becoming manifests, in the process that does it."""
    files = {f"app/{at:04}.yaml": Entry(_DEPLOYMENT.format(at=at).encode()) for at in range(count)}

    def events() -> None:
        for entry in files.values():
            parser = CParser(entry.content)
            while parser.get_event() is not None and not isinstance(parser.peek_event(), StreamEndEvent):
                pass

    took = least_work(lambda: directory.render(files, "app", DirectoryOptions(), "shop", RenderLimits()))
    size = sum(len(entry.content) for entry in files.values()) // 1024
    return Row(
        f"render {count:,} YAML files, {size:,} KiB, processor time",
        1000 * took,
        "ms",
        limit=f"{1000 * least_work(events):.0f} ms of libyaml's events",
    )


_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-{at}
  labels:
    app: web-{at}
    tier: front
spec:
  replicas: 3
  selector:
    matchLabels:
      app: web-{at}
  template:
    metadata:
      labels:
        app: web-{at}
    spec:
      containers:
      - name: web
        image: registry.example/web:1.2.{at}
        ports:
        - containerPort: 8080
        env:
        - name: MODE
          value: "production"
        resources:
          requests: {{cpu: 100m, memory: 128Mi}}
"""


def _queueing(count: int) -> Row:
    """Measure keys that are asked for, each twice, and worked on by twenty workers."""

    async def run() -> None:
        queue: Queue[int] = Queue()
        done = 0

        async def work() -> None:
            nonlocal done
            while done < count:
                key, _ = await queue.get()
                queue.done(key)
                done += 1
                if done == count:
                    queue.close()

        for key in range(count):
            queue.add(key)
            queue.add(key, Depth.REVISION)
        await asyncio.gather(*(work() for _ in range(20)), return_exceptions=True)

    took = best(lambda: asyncio.run(run()), 3)
    return Row(f"queue, {count:,} keys asked for twice", 1e6 * took / count, "µs a key")


def _watching(count: int) -> Row:
    """Measure reading the lines of a watch, in pieces as they come from a connection."""
    body = _bodies(1)[0]
    line = orjson.dumps({"type": "MODIFIED", "object": body}) + b"\n"
    block = line * 1000
    pieces = [block[at : at + 65536] for at in range(0, len(block), 65536)]

    def run() -> None:
        splitter, state = LineSplitter(1 << 20), Watching("1")
        for _ in range(count // 1000):
            for piece in pieces:
                for found in splitter.feed(piece):
                    state, _ = watch_step(state, found)

    def plain() -> None:
        for _ in range(count // 1000):
            for found in block.splitlines():
                orjson.loads(found)

    took, limit = best(run, 1), best(plain, 1)
    return Row(
        f"watch, {count:,} lines of {len(line)} bytes",
        count / took,
        "lines/s",
        limit=f"{count / limit:,.0f} lines/s to read them as JSON",
    )
