"""
One Moorage of the world: started, paused, killed, and what remains of it.

`kill` is SIGKILL as seen from outside: from one moment on nothing of it reaches
anybody, and nothing it knew is left. A paused one runs on later and does not
know that time has passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncIterator, Callable
from typing import Any

from moorage.cluster.credentials import Access
from moorage.cluster.schemas import Shelf
from moorage.cluster.settings import ClusterSettings, KindRule
from moorage.engine.merge.schema import Schemas
from moorage.model.errors import LeaseLost
from moorage.model.manifest import Json
from moorage.render.pool import RenderPool, RenderSettings
from moorage.serve import Address, House, Parts
from moorage.settings import ServeSettings, Settings

from .clockwork import PROCESS, Clockwork
from .history import Origin
from .wire import Traffic, Wire, WireApi

NAMESPACE = "argocd"
ACCESS = Access("http://sandbox.example")
CLUSTER = ClusterSettings(
    inclusions=(
        KindRule(("",), ("ConfigMap", "Namespace", "Pod")),
        KindRule(("apps",), ("Deployment", "ReplicaSet")),
        KindRule(("batch",), ("Job",)),
        KindRule(("apiextensions.k8s.io",), ("CustomResourceDefinition",)),
        KindRule(("example.com",), ("Widget",)),
    )
)
GONE_SECONDS = 60.0
_MADE: dict[str, Schemas] = {}


class WorldShelf(Shelf[Schemas]):
    """
    A shelf for one life of the process.

    It is empty at first, so that every life asks for the same documents; what a
    document means is worked out once for all worlds.
    """

    def add(self, digest: str, definitions: Json) -> Schemas:
        self._make = lambda _: _MADE.get(digest) or _MADE.setdefault(digest, Schemas(definitions))
        return super().add(digest, definitions)


class WorldHouse(House):
    """A house in virtual time, in which no loop is ever late: nobody measures that four times a second."""

    async def _watchdog(self) -> None:
        return


class Process:
    """
    One Moorage; `number` is its process, and part of the name it has in the Lease.

    Args:
        loop: The clockwork of the world.
        number: Which process of the world it is, from 1.
        alone: Whether it is the only one, and so needs no Lease.
        traffic: All requests of the world.
        origin: Makes what stands for the sources room.
        ended: Called when it ended or died by itself.
    """

    def __init__(
        self,
        loop: Clockwork,
        number: int,
        traffic: Traffic,
        origin: Callable[[], Origin],
        ended: Callable[[], None],
        *,
        alone: bool,
    ) -> None:
        self._loop = loop
        self.number = number
        self._alone = alone
        self._traffic = traffic
        self._origin = origin
        self._ended = ended
        self._lives = 0
        self._wire: Wire | None = None
        self._running: asyncio.Task[None] | None = None
        self.house: House | None = None

    @property
    def name(self) -> str:
        """What it is called in the Lease."""
        return f"moorage-{self.number}-{self._lives}"

    @property
    def is_up(self) -> bool:
        return self._running is not None

    @property
    def is_dead(self) -> bool:
        """Whether it was started, and ended or was killed by a fault."""
        return (
            self._running is not None
            and self._wire is not None
            and (self._running.done() or not self._wire.alive)
        )

    def start(self) -> None:
        """Start it with an empty memory."""
        self._lives += 1
        network = None if self._alone else contextvars.copy_context()
        wire = self._wire = Wire(self._traffic, network, self.number)
        parts = Parts(
            api=lambda access, settings, observe: WireApi(access, settings, observe, wire),
            sources=lambda _: self._origin(),  # type: ignore[arg-type, return-value]
            renders=lambda _: RenderPool(RenderSettings()),
            listening=_listening_to_nobody,
            clock=self._loop.now,
            shelf=lambda: WorldShelf(Schemas),
        )
        self.house = WorldHouse(_settings(alone=self._alone), ACCESS, cluster_settings=CLUSTER, parts=parts)
        if self.house.lease is not None:
            self.house.lease.identity = self.name
        own = contextvars.copy_context()
        own.run(PROCESS.set, self.number)
        self._running = self._loop.create_task(self.house.run(), context=own)
        self._running.add_done_callback(lambda _: self._ended())

    async def kill(self) -> str:
        """Kill it; return why it had ended by itself, when it had, and ought not to have."""
        if self._running is None or self._wire is None:
            return ""
        running, self._running, self.house = self._running, None, None
        self._wire.bury()
        self._loop.resume(self.number)
        running.cancel()
        # What does not end when it is cancelled is as dead: nothing of it gets out any more.
        await asyncio.wait({running}, timeout=GONE_SECONDS)
        if not running.done():
            return ""
        result = (await asyncio.gather(running, return_exceptions=True))[0]
        if isinstance(result, asyncio.CancelledError) or _only_lost_its_lease(result):
            return ""
        return f"the service ended by itself: {result!r}"

    def pause(self) -> None:
        """Let it stand still until `resume`."""
        self._loop.pause(self.number)

    def resume(self) -> None:
        """Let it go on where it was paused."""
        self._loop.resume(self.number)


def _settings(*, alone: bool) -> Settings:
    return Settings(
        serve=ServeSettings(
            namespace=NAMESPACE, listen="", data="/nowhere", stop_seconds=0.001, lease=not alone
        )
    )


def _only_lost_its_lease(result: BaseException | None) -> bool:
    if isinstance(result, BaseExceptionGroup):
        return all(_only_lost_its_lease(each) for each in result.exceptions)
    return isinstance(result, LeaseLost)


@contextlib.asynccontextmanager
async def _listening_to_nobody(where: str, app: Any) -> AsyncIterator[Address]:
    yield Address("nowhere", 0)
