"""What drawn histories found out, one test each: the shortest history of every fault that was mended."""

from __future__ import annotations

import asyncio

import pytest

from moorage.model.identity import ResourceKey

from .clockwork import Clockwork, run
from .plans import WIDGETS, App, Contents, Item
from .scenes import (
    ANT,
    BEE,
    KEPT,
    OURS,
    THEIRS,
    WISH,
    contents,
    of_config_maps,
    play,
)
from .wire import Fault, What
from .world import World, application_key, listening


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
