"""Two processes and one Lease: whatever happens to the one that acts, no promise is broken by the change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from .clockwork import Clockwork, run
from .plans import App, Contents, Item
from .running import LEASE_KEY
from .wire import Asked, Fault, What
from .world import World, listening

ANT = App("ant", "one")
BEFORE: Contents = {
    "ant": {item.path: item for item in (Item("ConfigMap", "old"), Item("ConfigMap", "kept"))}
}
AFTER: Contents = {
    "ant": {
        item.path: item
        for item in (
            Item("Job", "prepare", "1", 0, "PreSync", "HookSucceeded"),
            Item("ConfigMap", "kept", "2"),
            Item("Deployment", "web", "1", 1),
            Item("Job", "announce", "1", 0, "PostSync", "HookSucceeded"),
        )
    }
}
Act = Callable[[World], Awaitable[None]]


def play(act: Act, *, seed: int = 1, processes: int = 2) -> World:
    """Let something happen to two processes in the middle of a sync; it ends well, with each hook run once."""

    async def history(loop: Clockwork) -> World:
        world = World(loop, seed, (ANT,), processes=processes)
        with listening(world):
            async with world:
                world.commit(BEFORE)
                await world.put(ANT.body())
                world.start()
                assert await world.settle(120.0) == []
                await act(world)
                assert await world.settle(900.0) == [], "\n".join(world.story)
                assert world.promises.broken == []
                assert {key.name for _, key in world.promises.hooks} == {"announce", "prepare"}
                assert await world.look_again() == []
        return world

    return run(history, seed)


def writes(world: World, process: int, since: int = 0) -> list[Asked]:
    """Return what a process wrote, requests about the Lease left out."""
    return [
        asked
        for asked in world.traffic.asked
        if asked.process == process
        and asked.number > since
        and asked.writes
        and asked.status < 300
        and "/leases" not in asked.path
        and "dryRun" not in asked.query
    ]


async def request(world: World, what: str) -> None:
    """Return when a request is on its way; `what` is how it begins and ends."""
    sent = asyncio.Event()
    begin, end = what.split(" … ")

    def hear(told: str) -> Fault | None:
        if told.startswith(begin) and told.endswith(end):
            sent.set()
        return None

    world.traffic.rule = hear
    await sent.wait()
    world.traffic.rule = lambda told: None


MOMENTS = ["PATCH … /applications/ant", "POST … /jobs", "PATCH … /configmaps/kept", "DELETE … /jobs/prepare"]


def push(world: World) -> None:
    """Commit what is to be synced, and tell."""
    world.commit(AFTER)
    world.remote.tell()


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_other_goes_on_where_the_killed_one_was(moment):
    """When the one that acts is killed in the middle of a sync, the other ends that sync."""

    async def act(world: World) -> None:
        first = world.acting
        push(world)
        await request(world, moment)
        await world.kill(first)
        await asyncio.sleep(60.0)
        assert world.acting is not first
        world.start(first)

    play(act)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("seed", range(3))
def test_one_that_was_paused_past_its_lease_writes_nothing_when_it_wakes_up(moment, seed):
    """A process that slept while another took over does nothing of what it was about to do; it ends."""

    async def act(world: World) -> None:
        first = world.acting
        push(world)
        await request(world, moment)
        first.pause()
        await asyncio.sleep(60.0)
        other = world.acting
        assert other is not first
        count = world.traffic.count
        first.resume()
        await asyncio.sleep(5.0)
        assert writes(world, first.number, count) == []
        assert first.is_dead
        await world.revive()

    play(act, seed=seed)


def test_a_short_pause_changes_nothing():
    """A process that was paused for less than its Lease lasts goes on, and nobody takes over."""

    async def act(world: World) -> None:
        first = world.acting
        push(world)
        await request(world, "POST … /jobs")
        first.pause()
        await asyncio.sleep(6.0)
        first.resume()
        await asyncio.sleep(30.0)
        assert world.acting is first
        assert not first.is_dead

    play(act)


@pytest.mark.parametrize("seed", range(4))
def test_two_that_believe_to_hold_the_lease_do_not_act_at_once(seed):
    """When the Lease is deleted under the one that acts, the other begins only when the first has ended or got it back."""

    async def act(world: World) -> None:
        first = world.acting
        push(world)
        await request(world, "POST … /jobs")
        count, other = world.traffic.count, world.standing_by
        await world.remove(LEASE_KEY)
        await asyncio.sleep(40.0)
        others = writes(world, other.number, count)
        begun = others[0].number if others else world.traffic.count
        assert writes(world, first.number, begun) == []

    play(act, seed=seed)


def test_an_operation_that_is_over_is_not_resumed_from_the_past():
    """A process that starts, and is shown an old Application whose sync ran, asks before it goes on with that."""

    async def act(world: World) -> None:
        push(world)
        await request(world, "POST … /jobs")
        then = world.sandbox.store.version
        await asyncio.sleep(0.5)
        await world.patch_application("ant", {"status": {"operationState": {"phase": "Terminating"}}})
        await asyncio.sleep(5.0)
        await world.kill()
        back = Fault(What.PAST, world.sandbox.store.version - then)
        old = "WATCH /apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
        world.traffic.rule = lambda what: back if what.startswith(old) else None
        count = world.traffic.count
        world.start()
        await asyncio.sleep(20.0)
        wrote = [
            path for path in map(str, writes(world, world.acting.number, count)) if "/namespaces/one" in path
        ]
        assert wrote == []
        world.traffic.rule = lambda what: None
        kept = Item("ConfigMap", "kept", "3")
        world.commit({"ant": {**AFTER["ant"], kept.path: kept}})
        world.remote.tell()

    play(act, processes=1)
