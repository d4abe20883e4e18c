"""The fault patterns that controllers are known to fall for, one test each."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from moorage.model.identity import ResourceKey

from .clockwork import Clockwork, run
from .plans import WIDGETS, App, Contents, Item
from .wire import Fault, What
from .world import World, application_key, listening

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


def test_a_list_that_comes_too_slowly_is_read_in_pages_and_nobody_is_charged():
    """A kind whose streaming list is silent for too long is read in pages, and that is no request of a second look."""
    pages: list[str] = []

    async def act(world: World) -> None:
        world.traffic.rule = lambda what: Fault(What.LATE, 13.0) if of_config_maps(what) else None
        world.sandbox.store.forget_changes()
        world.sandbox.api.close()
        await asyncio.sleep(40.0)
        pages.extend(a.path for a in world.traffic.asked if a.of_a_watch)

    play(OURS, act)
    assert "/api/v1/configmaps" in pages


def test_only_the_kinds_the_house_was_told_of_are_watched():
    """What a house is built to watch is watched, and nothing else, as long as no setting of the namespace says more."""
    watched: set[str] = set()

    async def act(world: World) -> None:
        def hear(what: str) -> None:
            watched.add(what.partition("?")[0].rpartition("/")[2])

        world.traffic.rule = hear
        world.sandbox.api.close()
        await asyncio.sleep(60.0)

    play(OURS, act)
    assert {"configmaps", "jobs", "pods"} <= watched
    assert not {"services", "volumeattributesclasses", "roles"} & watched


def test_a_kind_is_not_called_missing_while_the_server_does_not_say_what_it_serves():
    """A sync of a definition and its object waits when discovery is not answered; it does not fail for that."""

    async def act(world: World) -> None:
        written = False

        def silent_discovery(what: str) -> Fault | None:
            nonlocal written
            written = written or (what.startswith("PATCH") and what.endswith(WIDGETS))
            return Fault(What.SILENT) if written and what == "GET /apis" else None

        world.traffic.rule = silent_discovery
        world.commit(contents((KEPT, Item("CustomResourceDefinition", WIDGETS), Item("Widget", "gear"))))
        world.remote.tell()
        await asyncio.sleep(90.0)
        assert written

    world = play(OURS, act)
    failed = ("Sync operation failed", "An operation is to be retried")
    assert [line for line in world.story if any(text in line for text in failed)] == []


def test_an_application_declared_again_follows_git_although_its_end_was_answered_late():
    """The late answer to the last write of a deleted Application does not make its successor miss a push."""

    async def act(world: World) -> None:
        ends = "PATCH /apis/argoproj.io/v1alpha1/namespaces/argocd/applications/ant"
        world.traffic.rule = lambda what: Fault(What.LATE_ANSWER, 2.0) if what == ends else None
        for app in ("ant", "bee"):
            await world.remove(application_key(app))
        await asyncio.sleep(30.0)
        world.traffic.rule = lambda what: None
        for app in (ANT, BEE):
            await world.put(app.body())
        await asyncio.sleep(5.0)
        world.commit(THEIRS)
        await asyncio.sleep(5.0)
        world.remote.tell()

    play(OURS, act)


@pytest.mark.parametrize("seed", range(6))
def test_a_hook_whose_creation_was_not_answered_and_that_somebody_deleted_is_not_run_again(seed):
    """A hook that ended well while its creation had no answer counts, although a person has deleted it since."""
    job = ResourceKey("batch", "Job", "one", "before")

    async def act(world: World) -> None:
        def lose(what: str) -> Fault | None:
            return Fault(What.SILENT) if what.startswith("POST") and "/jobs" in what else None

        world.traffic.rule = lose
        world.commit(contents((KEPT, Item("Job", "before", "1", 0, "PreSync")), (Item("ConfigMap", "own"),)))
        world.remote.tell()
        await asyncio.sleep(10.0)
        await world.remove(job)
        await asyncio.sleep(100.0)

    world = play(OURS, act, seed=seed)
    assert sum(world.promises.hooks.values()) == 1
    assert [line for line in world.story if "Sync operation failed" in line] == []


def test_a_past_without_the_default_project_ends_no_request():
    """A process that starts and is shown a past in which its project was not there yet tells nobody that it is missing."""

    async def act(world: World) -> None:
        await world.kill()
        projects = "WATCH /apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects"
        back = Fault(What.PAST, 100.0)
        world.traffic.rule = lambda what: back if what.startswith(projects) else None
        await world.patch_application("ant", {"operation": WISH})
        world.start()
        await asyncio.sleep(5.0)

    world = play(OURS, act)
    assert [line for line in world.story if "does not exist" in line] == []


@pytest.mark.parametrize("what", [What.CONFLICT, What.ERROR, What.CUT_BEFORE])
def test_a_default_project_that_cannot_be_made_at_once_ends_no_request(what):
    """While the default project is being made nobody is told that it does not exist."""

    async def act(world: World) -> None:
        await world.kill()
        await world.remove(ResourceKey("argoproj.io", "AppProject", "argocd", "default"))
        failures = iter((what, what))

        def fail(told: str) -> Fault | None:
            if not (told.startswith("POST") and told.endswith("/appprojects")):
                return None
            fault = next(failures, None)
            return Fault(fault) if fault else None

        world.traffic.rule = fail
        await world.patch_application("ant", {"operation": WISH})
        world.start()
        await asyncio.sleep(10.0)
        assert next(failures, None) is None

    world = play(OURS, act)
    assert [line for line in world.story if "does not exist" in line] == []


def test_a_sync_asked_for_while_another_is_to_be_retried_comes_after_it():
    """A person who mends what fails and asks again, while the old sync is still being retried, gets a sync of the new."""
    manual = App("ant", "one", automated=False, retries=2)

    async def history(loop: Clockwork) -> World:
        world = World(loop, 1, (manual,))
        with listening(world):
            async with world:
                broken = Item("Job", "before", "1", 0, "PreSync", fails=True)
                world.commit({"ant": {i.path: i for i in (KEPT, broken)}})
                await world.put(manual.body())
                world.start()
                await asyncio.sleep(2.0)
                await world.patch_application("ant", {"operation": WISH})
                await asyncio.sleep(4.0)
                world.commit({"ant": {KEPT.path: KEPT}})
                await world.patch_application("ant", {"operation": WISH})
                assert await world.settle(300.0) == [], "\n".join(world.story)
                assert world.promises.broken == []
        return world

    world = run(history, 1)
    assert len([line for line in world.story if "is to be retried" in line]) == 2


def test_a_sync_tells_which_of_its_hooks_failed():
    """When a hook fails, the sync's result says so of that hook, and of no other."""
    told: dict[str, str] = {}

    async def act(world: World) -> None:
        hooks = (
            Item("Job", "well", "1", 0, "PreSync"),
            Item("Job", "badly", "1", 0, "Sync", fails=True),
            Item("Job", "sorry", "1", 0, "SyncFail"),
        )
        world.commit(contents((KEPT, *hooks), (Item("ConfigMap", "own"),)))
        world.remote.tell()
        await asyncio.sleep(1500.0)
        ant = world.promises.application("ant")
        assert ant is not None
        told.update(
            {
                r["name"]: r.get("hookPhase", "")
                for r in ant["status"]["operationState"]["syncResult"]["resources"]
            }
        )
        assert ant["status"]["operationState"]["phase"] == "Failed"
        world.commit(contents((KEPT,), (Item("ConfigMap", "own"),)))
        world.remote.tell()

    play(OURS, act)
    assert {name: phase for name, phase in told.items() if phase} == {
        "well": "Succeeded",
        "badly": "Failed",
        "sorry": "Succeeded",
    }


def test_a_hook_that_an_old_view_did_not_show_makes_way_for_the_next():
    """A hook of an earlier sync that was not seen when it was to be deleted does not stand in the way for ever."""

    def hook(value: str) -> Contents:
        items = (Item("ConfigMap", "kept", value), Item("Job", "before", value, 0, "PreSync"))
        return contents(items, (Item("ConfigMap", "own"),))

    async def act(world: World) -> None:
        then = world.sandbox.store.version
        world.commit(hook("8"))
        world.remote.tell()
        await asyncio.sleep(0.5)
        assert await world.settle(60.0) == []
        await world.kill()
        back = Fault(What.PAST, world.sandbox.store.version - then)
        jobs = "WATCH /apis/batch/v1/jobs"
        world.traffic.rule = lambda what: back if what.startswith(jobs) else None
        world.commit(hook("9"))
        world.start()
        await asyncio.sleep(2.0 * back.amount)

    play(OURS, act)
