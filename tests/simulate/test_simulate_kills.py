"""SIGKILL at every request of a sync: the process starts again, and it ends as if nothing had happened."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from moorage.model.identity import ResourceKey
from moorage.model.manifest import Json

from .clockwork import Clockwork, run
from .plans import WIDGETS, App, Contents, Item
from .wire import Fault, What
from .world import World, listening

ANT = App("ant", "of-ant", ("CreateNamespace=true",))
BEFORE: Contents = {
    "ant": {
        item.path: item
        for item in (
            Item("ConfigMap", "old", "1"),
            Item("ConfigMap", "settings", "1"),
            Item("Deployment", "web", "1"),
        )
    }
}
AFTER: Contents = {
    "ant": {
        item.path: item
        for item in (
            Item("Job", "prepare", "1", 0, "PreSync", "HookSucceeded"),
            Item("CustomResourceDefinition", WIDGETS),
            Item("Widget", "gear", "1"),
            Item("ConfigMap", "settings", "2"),
            Item("Deployment", "web", "2", 1),
            Item("Job", "announce", "1", 0, "PostSync", "BeforeHookCreation"),
        )
    }
}


@dataclass(frozen=True)
class Run:
    """What one sync came to."""

    objects: dict[ResourceKey, Json]
    hooks: dict[str, int]
    requests: int
    wrong: tuple[str, ...]


def sync(start: Contents, end: Contents, faults: dict[int, Fault]) -> Run:
    """Sync from one state to another, with faults at given requests of the second sync."""

    async def play(loop: Clockwork) -> Run:
        world = World(loop, 1, (ANT,))
        with listening(world):
            async with world:
                world.commit(start)
                await world.put(ANT.body())
                world.start()
                wrong = await world.settle(120.0)
                begun = world.traffic.count
                world.traffic.faults = {begun + number: fault for number, fault in faults.items()}
                world.promises.hooks.clear()
                world.commit(end)
                world.remote.tell()
                wrong += await world.settle(600.0)
                await asyncio.sleep(2.0)
                hooks: dict[str, int] = {}
                for (_, key), count in world.promises.hooks.items():
                    hooks[key.name] = hooks.get(key.name, 0) + count
                requests = world.traffic.count - begun
                again = await world.look_again()
                wrong += [f"the second look asked {what}" for what in again]
                return Run(world.objects(), hooks, requests, (*world.promises.broken, *wrong))

    return run(play, 1)


UNDISTURBED = sync(BEFORE, AFTER, {})
SHARDS = 6


def test_the_undisturbed_sync_is_whole():
    """The sync that is killed in the other tests has hooks, a CRD with its object, waves and pruning, and ends well."""
    assert UNDISTURBED.wrong == ()
    assert UNDISTURBED.hooks == {"prepare": 1, "announce": 1}
    assert UNDISTURBED.requests > 15
    names = {key.name for key in UNDISTURBED.objects}
    assert {"gear", "settings", "web", "announce"} <= names
    assert "old" not in names


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("what", [What.KILL_BEFORE, What.KILL_AFTER])
def test_a_kill_at_any_request_changes_nothing(what, shard):
    """Killed just before or after any request of the sync, and started again: same objects, each hook once."""
    for number in range(1 + shard, UNDISTURBED.requests + 1, SHARDS):
        killed = sync(BEFORE, AFTER, {number: Fault(what)})
        assert killed.wrong == (), f"killed at request {number}"
        assert killed.hooks == UNDISTURBED.hooks, f"killed at request {number}"
        assert killed.objects == UNDISTURBED.objects, f"killed at request {number}"
