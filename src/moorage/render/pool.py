"""
Who renders a request, and was it rendered before?

Callers ask the pool and nothing else. It settles the renderer, gathers the
files that renderer may open, looks whether the same rendering is remembered
or running, and otherwise gives the job to a worker process with limits. Small
folders of plain files are read in this process, because parsing them is our
own code and takes less time than asking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from moorage.model.errors import Error
from moorage.render.behind import WrittenBehind
from moorage.render.gather import Gathered, gather, identify, path_of
from moorage.render.job import Answer, Job, raised
from moorage.render.memory import Memory, Remembered
from moorage.render.performing import perform
from moorage.render.process import Worker, scratch_folder
from moorage.render.request import FetchChart, RenderLimits, RenderRequest, RenderResult, Tree
from moorage.render.tools import versions

_BURY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class RenderSettings:
    """
    How many workers, how long they live, and where results are kept (nowhere when `folder` is None).

    With `spare`, one process is always there and has loaded what it needs.
    """

    workers: int = 2
    jobs_per_worker: int = 200
    idle_seconds: float = 60.0
    in_process: int = 64 * 1024
    folder: Path | None = None
    key_file: Path | None = None
    remembered: int = 512 * 1024 * 1024
    scratch: Path | None = None
    spare: bool = False
    limits: RenderLimits = field(default_factory=RenderLimits)


class RenderPool:
    """
    Renders requests; identical ones that come together are rendered once.

    A job that fails, hangs or brings its process down fails alone. Nothing
    is started before the first job that needs a process, unless `run` keeps
    a spare one. Use it as an asynchronous context; leaving it kills the workers.
    """

    def __init__(self, settings: RenderSettings) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.workers)
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []
        self._retirements: dict[Worker, asyncio.TimerHandle] = {}
        self._running: dict[str, asyncio.Future[Remembered]] = {}
        self._memory = _memory(settings)
        self._fewer = asyncio.Event()
        self.rendered = 0
        """How many requests were really rendered, and not remembered."""

    async def __aenter__(self) -> RenderPool:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of the workers that live."""
        return tuple(sorted(worker.pid for worker in self._workers if worker.alive))

    async def run(self) -> None:
        """Keep a spare process where the settings want one, until cancelled."""
        while self._settings.spare:
            if not any(worker.alive for worker in self._workers):
                # Unlike one that has worked it is small, and stays until it is needed.
                self._idle.append(await self._start())
            self._fewer.clear()
            await self._fewer.wait()

    async def close(self) -> None:
        """End all workers; a job that still runs fails as interrupted."""
        for timer in self._retirements.values():
            timer.cancel()
        self._retirements.clear()
        self._idle.clear()
        while self._workers:
            await self._workers.pop().close()
        if self._memory:
            await self._memory.close()

    async def render(
        self,
        request: RenderRequest,
        tree: Tree,
        *,
        refs: Mapping[str, Tree] | None = None,
        fetch_chart: FetchChart | None = None,
    ) -> RenderResult:
        """
        Return the manifests of one source.

        Args:
            request: What to render.
            tree: The repository (or unpacked chart) at the revision.
            refs: The repositories other sources are known by, as ``$name``.
            fetch_chart: How to get a Helm chart's dependencies.
        """
        trees = {"": tree, **(refs or {})}
        index = request.cache_key(await identify(trees, [f":{path_of(request)}"]), "index", cluster=False)
        if self._memory and (known := await self._memory.get(index)):
            found = await self._recall(request, known, trees)
            if found is not None:
                return _result(found)
        gathered = await gather(request, trees, fetch_chart, self._settings.limits)
        return _result(await self._once(request, index, gathered))

    async def _recall(
        self, request: RenderRequest, known: Remembered, trees: Mapping[str, Tree]
    ) -> Remembered | None:
        objects = await identify(trees, [name for name, _ in known.objects])
        assert self._memory is not None
        return await self._memory.get(request.cache_key(objects, versions(), cluster=known.cluster))

    async def _once(self, request: RenderRequest, index: str, gathered: Gathered) -> Remembered:
        key = request.cache_key(gathered.objects, versions(), cluster=gathered.cluster)
        while (running := self._running.get(key)) is not None:
            # Whoever renders it may be cancelled; then one of the waiters goes on.
            await asyncio.wait([running])
            if not running.cancelled():
                return running.result()
        future = self._running[key] = asyncio.get_running_loop().create_future()
        try:
            result = await self._render(gathered)
            if self._memory and gathered.memorable:
                found_by = Remembered(objects=result.objects, cluster=gathered.cluster)
                self._memory.put({key: result, index: found_by})
            future.set_result(result)
        except Error as error:
            future.set_exception(error)
            future.exception()  # nobody may be waiting
            raise
        finally:
            future.cancel()
            del self._running[key]
        return result

    async def _render(self, gathered: Gathered) -> Remembered:
        self.rendered += 1
        job = gathered.job
        if job.directory is not None and job.size <= self._settings.in_process:
            answer = perform(job)
        else:
            answer = await self._ask_worker(job)
        return Remembered(
            answer.encoded,
            (*gathered.warnings, *answer.warnings),
            gathered.source_type,
            gathered.objects,
            gathered.cluster,
        )

    async def _ask_worker(self, job: Job) -> Answer:
        async with self._slots:
            if job.directory is not None:
                answer = await self._perform(job)
            else:
                async with scratch_folder(self._settings.scratch) as scratch:
                    answer = await self._perform(msgspec.structs.replace(job, scratch=str(scratch)))
        error = raised(answer)
        if error is not None:
            raise error
        return answer

    async def _perform(self, job: Job) -> Answer:
        worker = await self._worker()
        try:
            answer = await worker.perform(job)
        except BaseException:
            await asyncio.shield(self._end(worker))
            raise
        await self._release(worker)
        return answer

    async def _worker(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if (retirement := self._retirements.pop(worker, None)) is not None:
                retirement.cancel()
            if worker.alive:
                return worker
        return await self._start()

    async def _start(self) -> Worker:
        for dead in [worker for worker in self._workers if not worker.alive]:
            await self._end(dead)
        worker = await Worker.start()
        self._workers.add(worker)
        return worker

    async def _end(self, worker: Worker) -> None:
        self._workers.discard(worker)
        await worker.close()
        self._fewer.set()

    async def _release(self, worker: Worker) -> None:
        if worker.done >= self._settings.jobs_per_worker:
            await self._end(worker)
            return
        self._idle.append(worker)
        timer = asyncio.get_running_loop().call_later(self._settings.idle_seconds, self._retire, worker)
        self._retirements[worker] = timer

    def _retire(self, worker: Worker) -> None:
        self._retirements.pop(worker, None)
        if worker in self._idle:
            self._idle.remove(worker)
            self._bury(worker)

    def _bury(self, worker: Worker) -> None:
        if worker.bury():
            self._workers.discard(worker)
            self._fewer.set()
        elif worker in self._workers:
            asyncio.get_running_loop().call_later(_BURY_SECONDS, self._bury, worker)


def _result(found: Remembered) -> RenderResult:
    return RenderResult(found.encoded, found.source_type, found.warnings, found.objects)


def _memory(settings: RenderSettings) -> WrittenBehind | None:
    if settings.folder is None:
        return None
    key_file = settings.key_file or settings.folder.parent / "render.key"
    return WrittenBehind(Memory(settings.folder, key_file, settings.remembered))
