"""
What is measured against an API server, stage by stage; each stage has a place of its own.

A stage returns its rows. Everything is seen from outside: Git, the Kubernetes
API and ``/proc``; only the number of requests is Moorage's own word, from its
metrics.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench import material
from bench.cluster import Json, side_by_side
from bench.places import APPLICATIONS, Place, place
from bench.processes import Process
from bench.rows import Row, at_least, at_most
from moorage.testing.gitserver import commit_files, run_git

CONFIG_MAPS = "/api/v1/namespaces/{}/configmaps"
_SELECTED = "&labelSelector=bench%3D1"


@dataclass(frozen=True, slots=True)
class Counts:
    """How much of everything."""

    objects: int = 1_000
    apps: tuple[int, ...] = (200, 1_000)
    far_apps: int = 5_000
    turns: int = 20
    unmanaged: int = 20_000
    idle_seconds: float = 20.0


QUICK = Counts(objects=300, apps=(100, 200), far_apps=400, turns=6, unmanaged=2_000, idle_seconds=5.0)


@dataclass(slots=True)
class Run:
    """One run against one kind of server: how much, and what was learned on the way."""

    server: str
    counts: Counts
    commit_near: float = 0.0


async def raw(run: Run) -> list[Row]:
    """Measure what the API server alone does: server-side applies of ConfigMaps at 8, 16 and 32 at once."""
    rows = []
    async with place(run.server) as here:
        await here.cluster.namespace("raw")
        for at_once in (8, 16, 32):
            rate = await _raw_rate(here, run.counts.objects, at_once)
            rows.append(
                Row(f"plain PATCH, {at_once} at once", rate, "objects/s", note="the server's own limit")
            )
    return rows


async def _raw_rate(here: Place, count: int, at_once: int) -> float:
    names = [f"c{at_once}-{index}" for index in range(count)]
    collection = CONFIG_MAPS.format("raw")
    started = time.monotonic()
    await side_by_side(
        lambda name: here.cluster.apply(f"{collection}/{name}", material.config_map(name, namespace="raw")),
        names,
        at_once,
    )
    return count / (time.monotonic() - started)


async def _limit(here: Place, count: int) -> float:
    """Return the rate beside which ours is judged, taken right before, on this very server."""
    await here.cluster.namespace("raw")
    return max([await _raw_rate(here, count, at_once) for at_once in (16, 32)])


async def one_big(run: Run) -> list[Row]:
    """Measure one application of many ConfigMaps, right after a start and when all is known; then synced again."""
    count = run.counts.objects
    async with place(run.server) as here:
        material.big(here, count)
        for name in ("big", "again"):
            await here.cluster.namespace(name)
        limit = await _limit(here, count)
        moorage = await here.start_moorage()
        await asyncio.sleep(1)
        cpu = moorage.cpu()
        first = await _until_there(here, "big", count)
        cpu = moorage.cpu() - cpu
        rows = [
            *_beside(f"one application, {count:,} ConfigMaps", count, limit, first),
            at_most("Moorage's processor time for each object", 1000 * cpu / count, "ms", 2),
            *await _second_sync(here),
        ]
        again = await _until_there(here, "again", count)
        return [*rows, *_beside("the same into another namespace", count, limit, again)]


async def _until_there(here: Place, name: str, count: int) -> tuple[float, float]:
    """Return the seconds from creating an application until all its ConfigMaps exist, and until it is Synced."""
    created = set()

    def all_exist(event: str, body: Json) -> bool:
        created.add(body["metadata"]["name"])
        return len(created) >= count

    def is_synced(event: str, body: Json) -> bool:
        return bool(body["metadata"]["name"] == name) and _is_synced(body)

    async with (
        here.cluster.until(CONFIG_MAPS.format(name), all_exist, query=_SELECTED) as until_exist,
        here.cluster.until(APPLICATIONS, is_synced) as until_synced,
    ):
        started = time.monotonic()
        body = material.application(here, name, "big", "big", name)
        await here.cluster.apply(f"{APPLICATIONS}/{name}", body)
        await until_exist()
        exist = time.monotonic() - started
        await until_synced()
        return exist, time.monotonic() - started


def _beside(name: str, count: int, limit: float, took: tuple[float, float]) -> list[Row]:
    exist, synced = took
    plain = f"{limit:,.0f} objects/s plain PATCH"
    told = f"all there after {exist:.2f} s, Synced after {synced:.2f} s"
    of_plain = f"{name}, until {{}}, of the plain rate"
    return [
        Row(f"{name}, until Synced", count / synced, "objects/s", note=told),
        at_least(of_plain.format("all exist"), 100 * count / exist / limit, "%", 85, limit=plain),
        at_least(of_plain.format("Synced"), 100 * count / synced / limit, "%", 85, limit=plain),
    ]


async def _second_sync(here: Place) -> list[Row]:
    # Finished times have whole seconds; a later one must be another second.
    await asyncio.sleep(2.5)
    path = f"{APPLICATIONS}/big"
    before = (await here.cluster.get(path))["status"]["operationState"]
    requests = await here.requests()

    def is_another(event: str, body: Json) -> bool:
        state = (body.get("status") or {}).get("operationState") or {}
        return (
            state.get("phase") == "Succeeded"
            and state.get("startedAt") != before.get("startedAt")
            and not body.get("operation")
        )

    async with here.cluster.until(APPLICATIONS, is_another, within=60) as until_done:
        started = time.monotonic()
        await here.cluster.merge(path, {"operation": {"initiatedBy": {"username": "bench"}, "sync": {}}})
        await until_done()
        took = time.monotonic() - started
    return [
        at_most("second sync of it, requests", await here.requests() - requests, "", 0),
        at_most("second sync of it, time", took, "s", 0.3),
    ]


async def many(run: Run, count: int, *, whole: bool) -> list[Row]:
    """
    Measure many small applications of one repository: created until all Synced.

    With `whole` also what happens then: idling, commits and drift.
    """
    async with place(run.server) as here:
        bare = material.many(here, count)
        await here.cluster.namespace("many")
        limit = await _limit(here, run.counts.objects)
        moorage = await here.start_moorage()
        await asyncio.sleep(1)
        idle_memory = moorage.memory()
        took, cpu, half = await _until_all_synced(here, moorage, count)
        memory = moorage.memory()
        objects = count * material.OBJECTS_EACH
        name = f"{count:,} applications × {material.OBJECTS_EACH} objects"
        rows = [
            at_least(f"{name}, until all Synced", count / took, "applications/s", 60, limit=f"{limit:,.0f} requests/s plain PATCH", note=f"half after {half:.1f} s, all after {took:.1f} s"),
            at_most(f"{name}, processor time for each object", 1000 * cpu / objects, "ms", 2),
            at_most(f"{name}, memory of all processes", memory, "MiB", 250, note=f"{idle_memory:.0f} before, {moorage.resident():.0f} resident in the main one"),
        ]  # fmt: skip
        if whole:
            rows += await _idle(run, moorage, count)
            rows += await _commits(run, here, bare, count)
            rows += await _drift(run, here, count)
        return rows


async def far(run: Run) -> list[Row]:
    """Measure commits among many more applications; they should cost no more."""
    count = run.counts.far_apps
    async with place(run.server) as here:
        bare = material.many(here, count)
        await here.cluster.namespace("many")
        moorage = await here.start_moorage()
        took, _, _ = await _until_all_synced(here, moorage, count)
        rows = [
            Row(
                f"{count:,} applications, until all Synced",
                count / took,
                "applications/s",
                note=f"{moorage.memory():.0f} MiB",
            )
        ]
        await _quiet(moorage)
        return rows + await _commits(run, here, bare, count)


async def _until_all_synced(here: Place, moorage: Process, count: int) -> tuple[float, float, float]:
    """Create the applications; return seconds until all are Synced, Moorage's processor time, seconds until half."""
    ready: set[str] = set()
    half = 0.0

    def all_synced(event: str, body: Json) -> bool:
        nonlocal half
        if _is_synced(body):
            ready.add(body["metadata"]["name"])
        if not half and len(ready) >= count / 2:
            half = time.monotonic() - started
        return len(ready) >= count

    async def create(index: int) -> None:
        name = material.app(index)
        body = material.application(here, name, "many", f"apps/{name}", "many")
        await here.cluster.apply(f"{APPLICATIONS}/{name}", body)

    started, cpu = time.monotonic(), moorage.cpu()
    async with here.cluster.until(APPLICATIONS, all_synced, within=60 + count / 2) as until_synced:
        started = time.monotonic()
        await side_by_side(create, range(count))
        try:
            await until_synced()
        except TimeoutError:
            raise TimeoutError(f"{len(ready)} of {count} applications are Synced\n{moorage.tail()}") from None
    return time.monotonic() - started, moorage.cpu() - cpu, half


async def _idle(run: Run, moorage: Process, count: int) -> list[Row]:
    await _quiet(moorage)
    cpu = moorage.cpu()
    await asyncio.sleep(run.counts.idle_seconds)
    share = 100 * (moorage.cpu() - cpu) / run.counts.idle_seconds
    return [at_most(f"idle with {count:,} applications", share, "% of a core", 2)]


async def _commits(run: Run, here: Place, bare: Path, count: int) -> list[Row]:
    """Commit to one application, tell by webhook, and wait until the cluster shows it; several times."""
    times = []
    head = run_git(bare, "rev-parse", "HEAD")
    chance = random.Random(count)
    for turn in range(run.counts.turns):
        name = material.app(chance.randrange(count))
        value, file = f"turn-{turn}", f"apps/{name}/c0.yaml"
        body = json.dumps(material.config_map(f"{name}-c0", value))
        after = commit_files(bare, {file: body})
        async with _until_value(here, f"{name}-c0", value) as until_applied:
            started = time.monotonic()
            await here.tell("many", head, after, [file])
            await until_applied()
            times.append(time.monotonic() - started)
        head = after
        await asyncio.sleep(0.3)
    middle, worst = statistics.median(times), sorted(times)[int(0.95 * (len(times) - 1))]
    name = f"commit told by webhook until applied, among {count:,}"
    if not run.commit_near:
        run.commit_near = middle
        return [at_most(f"{name}, p50", middle, "s", 0.2, note=f"p95 {worst:.3f} s")]
    return [
        Row(f"{name}, p50", middle, "s", note=f"p95 {worst:.3f} s"),
        at_most(f"{name}, times that among fewer", middle / run.commit_near, "×", 1.3),
    ]


async def _drift(run: Run, here: Place, count: int) -> list[Row]:
    """Change and delete objects by hand and wait until they are healed; several times."""
    rows = []
    chance = random.Random(count)
    for what in ("changed", "deleted"):
        times = []
        for _ in range(run.counts.turns):
            name = f"{material.app(chance.randrange(count))}-c1"
            path = f"{CONFIG_MAPS.format('many')}/{name}"
            async with _until_value(here, name, "1") as until_healed:
                started = time.monotonic()
                if what == "changed":
                    await here.cluster.merge(path, {"data": {"v": "drift"}})
                else:
                    await here.cluster.request("DELETE", path)
                await until_healed()
                times.append(time.monotonic() - started)
            await asyncio.sleep(0.3)
        worst = max(times)
        note = f"longest {worst:.3f} s"
        rows.append(
            at_most(
                f"{what} by hand until healed, among {count:,}, p50",
                statistics.median(times),
                "s",
                0.08,
                note=note,
            )
        )
    return rows


def _until_value(
    here: Place, name: str, value: str
) -> contextlib.AbstractAsyncContextManager[Callable[[], Awaitable[None]]]:
    def shows(event: str, body: Json) -> bool:
        return event != "DELETED" and body["data"]["v"] == value

    query = f"&fieldSelector=metadata.name%3D{name}"
    return here.cluster.until(CONFIG_MAPS.format("many"), shows, query=query, within=60)


async def memory(run: Run) -> list[Row]:
    """Measure what each object costs that nobody manages."""
    count = run.counts.unmanaged
    async with place(run.server) as here:
        moorage = await here.start_moorage()
        await _quiet(moorage)
        empty = moorage.memory()
        here.stop_moorage()
        await here.cluster.namespace("unmanaged")
        collection = CONFIG_MAPS.format("unmanaged")

        async def create(index: int) -> None:
            body = material.config_map(f"u{index}", namespace="unmanaged")
            body["data"]["text"] = f"{index:08}" * 480
            await here.cluster.request("POST", collection, body)

        await side_by_side(create, range(count))
        moorage = await here.start_moorage()
        await _quiet(moorage)
        full = moorage.memory()
        each = 1024 * (full - empty) / count
        return [
            at_most(
                f"memory for each of {count:,} unmanaged objects of 4 KB",
                each,
                "KiB",
                2,
                note=f"{empty:.0f} MiB without, {full:.0f} MiB with",
            )
        ]


async def _quiet(moorage: Process, seconds: int = 3, within: int = 90) -> None:
    """Return once a process has done next to nothing for some seconds: what there was to do is done."""
    still = 0
    for _ in range(within):
        cpu = moorage.cpu()
        await asyncio.sleep(1)
        # Events about a mass sync are written for half a minute after it; that is no idling yet.
        still = still + 1 if moorage.cpu() - cpu < 0.015 else 0
        if still == seconds:
            return


def _is_synced(body: Json) -> bool:
    status = body.get("status") or {}
    return (status.get("sync") or {}).get("status") == "Synced" and (status.get("operationState") or {}).get(
        "phase"
    ) == "Succeeded"


async def few(run: Run) -> list[Row]:
    """Measure many applications at each smaller count."""
    rows = []
    for count in run.counts.apps[:-1]:
        rows += await many(run, count, whole=False)
    return rows


async def most(run: Run) -> list[Row]:
    """Measure many applications at the largest count, and what happens then."""
    return await many(run, run.counts.apps[-1], whole=True)


STAGES: dict[str, Callable[[Run], Awaitable[list[Row]]]] = {
    "raw": raw,
    "big": one_big,
    "few": few,
    "many": most,
    "far": far,
    "memory": memory,
}
