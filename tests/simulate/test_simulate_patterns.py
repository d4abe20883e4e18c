"""The fault patterns that controllers are known to fall for, one test each."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from moorage.model.identity import ResourceKey

from .clockwork import Clockwork, run
from .plans import WIDGETS, Item
from .scenes import (
    ANT,
    KEPT,
    OURS,
    SHARED,
    THEIRS,
    contents,
    deletions,
    of_config_maps,
    play,
)
from .wire import Fault, What
from .world import World, listening


def test_a_stale_view_deletes_nothing_that_was_handed_over():
    """An application that no longer declares an object, and sees old news of it, leaves it to whom it belongs by now."""

    async def act(world: World) -> None:
        world.traffic.rule = lambda what: Fault(What.LATE, 20.0) if of_config_maps(what) else None
        world.sandbox.api.close()
        await asyncio.sleep(3.0)
        # Whoever owns it now took it over while the view of the other was old.
        await world.ask(
            "PATCH",
            world.path(SHARED),
            {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "bee:/ConfigMap:one/shared"}}},
            "application/merge-patch+json",
        )
        world.commit(THEIRS)
        world.remote.tell()
        await asyncio.sleep(10.0)
        assert world.promises.live(SHARED) is not None

    play(OURS, act)


def test_a_gap_prunes_nothing_until_it_is_closed():
    """While the watch of a kind is broken nothing of that kind is pruned; once it is back, it is."""
    found: list[int] = []

    async def act(world: World) -> None:
        world.traffic.rule = lambda what: Fault(What.ERROR) if of_config_maps(what) else None
        world.sandbox.store.forget_changes()
        world.sandbox.api.close()
        await asyncio.sleep(60.0)
        found.append(world.traffic.count)
        world.commit(contents((KEPT,), (Item("ConfigMap", "own"),)))
        world.remote.tell()
        await asyncio.sleep(60.0)
        assert deletions(world, found[0]) == []
        assert world.promises.live(SHARED) is not None
        ant = world.promises.application("ant")
        assert ant is not None
        assert ant["status"]["sync"]["status"] == "Unknown"

    world = play(OURS, act)
    assert world.promises.live(SHARED) is None


def test_time_travel_deletes_nothing_that_is_declared_by_now():
    """A process that starts again and is shown the past deletes nothing of the present on its word."""

    async def act(world: World) -> None:
        await world.kill()
        back = Fault(What.PAST, 30.0)
        world.traffic.rule = lambda what: back if of_config_maps(what) else None
        for app in ("ant", "bee"):
            await world.patch_application(app, {"metadata": {"annotations": {"seen": "later"}}})
        await world.spoil(SHARED)
        world.commit(THEIRS)
        begun = world.traffic.count
        world.start()
        await asyncio.sleep(20.0)
        own = [path for path in deletions(world, begun) if path.endswith(("/kept", "/own"))]
        assert own == []

    play(OURS, act)


def test_a_crash_between_a_definition_and_its_object_is_made_good():
    """Killed after a CRD was written and before its first object: the object comes with the next start."""
    gear = ResourceKey("example.com", "Widget", "one", "gear")

    def at_the_definition(what: str) -> Fault | None:
        return Fault(What.KILL_AFTER) if what.startswith("PATCH") and what.endswith(WIDGETS) else None

    async def act(world: World) -> None:
        world.traffic.rule = at_the_definition
        world.commit(contents((KEPT, Item("CustomResourceDefinition", WIDGETS), Item("Widget", "gear"))))
        world.remote.tell()
        await world.killed.wait()
        assert world.promises.live(gear) is None
        world.traffic.rule = lambda what: None

    world = play(OURS, act)
    assert world.promises.live(gear) is not None


STATES: dict[str, tuple[Item, ...]] = {
    "nothing": (),
    "one map": (Item("ConfigMap", "a"),),
    "another value": (Item("ConfigMap", "a", "2"), Item("ConfigMap", "b")),
    "a workload": (Item("Deployment", "web"), Item("ConfigMap", "b", "3")),
    "another image": (Item("Deployment", "web", "2"),),
    "hooks and waves": (
        Item("Job", "before", "1", 0, "PreSync", "HookSucceeded"),
        Item("ConfigMap", "a", "1", 1),
        Item("Deployment", "web", "1", 2),
    ),
    "a definition": (
        Item("CustomResourceDefinition", WIDGETS),
        Item("Widget", "gear"),
        Item("ConfigMap", "a"),
    ),
}


@pytest.mark.parametrize("begin", STATES)
def test_every_state_leads_to_every_other(begin):
    """From each state an application can be in, each other is reached, and looks as if it had been the first."""
    fresh = {name: _objects(None, state) for name, state in STATES.items()}
    for end in STATES:
        if end != begin:
            assert _objects(STATES[begin], STATES[end]) == fresh[end], f"{begin} → {end}"


def _objects(begin: tuple[Item, ...] | None, end: tuple[Item, ...]) -> dict[ResourceKey, object]:
    async def history(loop: Clockwork) -> dict[ResourceKey, object]:
        world = World(loop, 1, (ANT,))
        with listening(world):
            async with world:
                for state in (end,) if begin is None else (begin, end):
                    world.commit({"ant": {i.path: i for i in state}})
                    if world.house is None:
                        await world.put(ANT.body())
                        world.start()
                    world.remote.tell()
                    assert await world.settle(300.0) == []
                await asyncio.sleep(3.0)
                assert world.promises.broken == []
                return {
                    k: b for k, b in world.objects().items() if k.kind not in ("Job", "ReplicaSet", "Pod")
                }

    return run(history, 1)


@pytest.mark.parametrize(
    ("first", "second"), list(itertools.permutations((What.ERROR_AFTER, What.SILENT, What.CUT_AFTER), 2))
)
def test_a_write_whose_answer_is_lost_is_done_once(first, second):
    """Two writes that took effect and were answered by nothing are recognised, not repeated as something new."""

    async def act(world: World) -> None:
        losses = iter((first, second))

        def lose(what: str) -> Fault | None:
            if not what.startswith("POST") or "/jobs" not in what:
                return None
            loss = next(losses, None)
            return Fault(loss) if loss else None

        world.traffic.rule = lose
        hook = Item("Job", "before", "1", 0, "PreSync")
        world.commit(contents((KEPT, hook, Item("ConfigMap", "new")), (Item("ConfigMap", "own"),)))
        world.remote.tell()
        await asyncio.sleep(200.0)

    world = play(OURS, act)
    assert sum(world.promises.hooks.values()) == 1
