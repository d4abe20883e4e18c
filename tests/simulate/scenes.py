"""Two applications in a settled world, to which one thing happens: what the named patterns have in common."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from moorage.model.identity import ResourceKey

from .clockwork import Clockwork, run
from .plans import App, Contents, Item
from .world import World, listening

ANT, BEE = App("ant", "one"), App("bee", "one")
SHARED = ResourceKey("", "ConfigMap", "one", "shared")
Act = Callable[[World], Awaitable[None]]
WISH = {"sync": {"prune": True}, "initiatedBy": {"username": "person"}}


def contents(ant: tuple[Item, ...] = (), bee: tuple[Item, ...] = ()) -> Contents:
    """Return what two applications declare."""
    return {"ant": {i.path: i for i in ant}, "bee": {i.path: i for i in bee}}


KEPT = Item("ConfigMap", "kept")
HANDED = Item("ConfigMap", "shared")
OURS, THEIRS = (
    contents((KEPT, HANDED), (Item("ConfigMap", "own"),)),
    contents((KEPT,), (Item("ConfigMap", "own"), HANDED)),
)


def play(start: Contents, act: Act, *, seed: int = 1) -> World:
    """Settle in a state, let something happen, and see that it ends well and broke no promise."""

    async def history(loop: Clockwork) -> World:
        world = World(loop, seed, (ANT, BEE))
        with listening(world):
            async with world:
                world.commit(start)
                for app in (ANT, BEE):
                    await world.put(app.body())
                world.start()
                assert await world.settle(120.0) == []
                await act(world)
                world.traffic.rule = lambda what: None
                assert await world.settle(900.0) == [], "\n".join(world.story)
                assert world.promises.broken == []
                assert await world.look_again() == []
                assert world.bystanders() == []
        return world

    return run(history, seed)


def deletions(world: World, since: int) -> list[str]:
    """Return what was asked to be deleted since a request."""
    return [
        a.path for a in world.traffic.asked if a.number > since and a.method == "DELETE" and a.status < 300
    ]


def of_config_maps(what: str) -> bool:
    """Whether a request is the watch of all ConfigMaps of the cluster."""
    return what.startswith("WATCH /api/v1/configmaps")
