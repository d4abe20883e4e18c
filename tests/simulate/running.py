"""
One plan from its start to the settled end, and the shortest plan that still fails.
"""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass, replace

from moorage.model.identity import ResourceKey

from . import plans
from .clockwork import Clockwork, Endless, Standstill, run
from .plans import Contents, Plan
from .world import World, application_key, listening

SETTLE_SECONDS = 1800.0
LEASE_KEY = ResourceKey("coordination.k8s.io", "Lease", "argocd", "moorage")


@dataclass(frozen=True)
class Ending:
    """How a plan ended: what is wrong, what happened, and how many requests it took."""

    wrong: tuple[str, ...]
    story: tuple[str, ...]
    requests: int
    seconds: float


def play(plan: Plan) -> Ending:
    """Return how a plan ends."""
    worlds: list[World] = []
    try:
        return run(lambda loop: _play(loop, plan, worlds), plan.seed)
    except (Standstill, Endless) as error:
        return _ending(worlds[0], [f"the world has no end: {error}"])


async def _play(loop: Clockwork, plan: Plan, worlds: list[World]) -> Ending:
    world = World(loop, plan.seed, plan.apps, plan.faults, plan.processes)
    worlds.append(world)
    with listening(world):
        try:
            async with world:
                wrong = await _history(world, plan)
        except Exception:
            wrong = [f"the simulation itself failed: {traceback.format_exc()}"]
    return _ending(world, wrong)


def _ending(world: World, wrong: list[str]) -> Ending:
    found = dict.fromkeys([*world.promises.broken, *wrong])
    return Ending(tuple(found), tuple(world.story), world.traffic.count, world.loop.time())


async def _history(world: World, plan: Plan) -> list[str]:
    play = _Play(world, plan)
    await play.begin()
    for at, act in plan.acts:
        await world.until(world.loop.time() + at if at < 0 else at + play.began)
        world.note(f"act: {act}")
        await play.perform(act)
        if world.promises.broken:
            return []
    return await play.end()


class _Play:
    """The acting out of one plan."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world = world
        self.plan = plan
        self.contents: list[Contents] = [plan.start]
        self.began = 0.0
        self._dropped: set[str] = set()
        self._later: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        self.world.commit(self.plan.start)
        for app in self.plan.apps:
            await self.world.put(app.body())
        self.world.start()
        self.began = self.world.loop.time()

    async def perform(self, act: plans.Act) -> None:
        world = self.world
        match act:
            case plans.Commit(changes, told):
                now = {app: dict(items) for app, items in self.contents[-1].items()}
                plans.apply(now, changes)
                self._push(now, told)
            case plans.Revert(back, told):
                self._push(self.contents[max(0, len(self.contents) - 1 - back)], told)
            case plans.Spoil(app, path) | plans.Remove(app, path):
                item = self.contents[-1][app].get(path)
                if item is not None:
                    key = item.key(world.apps[app].namespace)
                    await (world.spoil(key) if isinstance(act, plans.Spoil) else world.remove(key))
            case plans.Sync(app):
                # One that is asked for while another runs comes after it.
                wish = {"operation": {"sync": {"prune": True}, "initiatedBy": {"username": "person"}}}
                await world.patch_application(app, wish)
            case plans.Terminate(app):
                if self._is_busy(app):
                    patch = {"status": {"operationState": {"phase": "Terminating"}}}
                    await world.patch_application(app, patch)
            case plans.Drop(app, seconds):
                await world.remove(application_key(app))
                if app not in self._dropped:
                    self._dropped.add(app)
                    self._do_later(seconds, app)
            case plans.GitDown(seconds):
                world.remote.down = True
                world.loop.call_later(seconds, setattr, world.remote, "down", False)
            case plans.Compact():
                world.sandbox.store.forget_changes()
            case plans.Kill(seconds, acting):
                process = world.acting if acting else world.standing_by
                await world.kill(process)
                await world.until(world.loop.time() + seconds)
                world.start(process)
            case plans.Pause(seconds):
                process = world.acting
                process.pause()
                world.loop.call_later(seconds, process.resume)
            case plans.TakeLease():
                await world.remove(LEASE_KEY)

    def _is_busy(self, app: str) -> bool:
        body = self.world.promises.application(app) or {}
        state = (body.get("status") or {}).get("operationState") or {}
        return "operation" in body or state.get("phase") in ("Running", "Terminating")

    def _push(self, contents: Contents, told: float) -> None:
        self.contents.append(contents)
        revision = self.world.commit(contents)
        self.world.note(f"commit {revision[:7]}")
        if told >= 0:
            self.world.loop.call_later(told, self.world.remote.tell)

    def _do_later(self, seconds: float, app: str) -> None:
        async def declare() -> None:
            await asyncio.sleep(seconds)
            while self.world.promises.application(app) is not None:  # noqa: ASYNC110 people look now and then
                await asyncio.sleep(1.0)
            self.world.note(f"{app} is declared again")
            self._dropped.discard(app)
            await self.world.put(self.world.apps[app].body())

        self._later.append(asyncio.create_task(declare()))

    async def end(self) -> list[str]:
        """Let faults stop and all settle; return what is wrong."""
        world = self.world
        await world.until(world.loop.time() + 3.0)
        world.note("faults stop")
        for process in world.processes:
            process.resume()
        world.traffic.quiet = True
        world.remote.down = False
        for task in self._later:
            await self._with_restarts(task)
        self._push(_finished(self.contents[-1]), 0.1)
        for app in self.plan.apps:
            if not app.automated:
                await self.perform(plans.Sync(app.name))
        left = await world.settle(SETTLE_SECONDS / 2) and await self._settle_with_people()
        if left or world.promises.broken:
            return [f"not settled within {SETTLE_SECONDS:g} s: {what}" for what in left]
        world.note("settled")
        again = await world.look_again()
        return [f"the second look asked {what}" for what in again] + world.bystanders()

    async def _settle_with_people(self) -> list[str]:
        """Return what is left after people have synced what another application touched since they did."""
        for app in self.plan.apps:
            state = ((self.world.promises.application(app.name) or {}).get("status") or {}).get(
                "operationState"
            ) or {}
            if not app.automated and state.get("phase") == "Succeeded":
                await self.perform(plans.Sync(app.name))
        return await self.world.settle(SETTLE_SECONDS / 2)

    async def _with_restarts(self, task: asyncio.Task[None]) -> None:
        while not task.done():
            await self.world.until(self.world.loop.time() + 0.5)


def _finished(contents: Contents) -> Contents:
    """Return contents with something new for every application, and nothing that fails."""
    last = {app: plans.Item("ConfigMap", f"{app}-last") for app in contents}
    whole = {app: [*map(plans.mended, items.values()), last[app]] for app, items in contents.items()}
    return {app: {item.path: item for item in items} for app, items in whole.items()}


def shortest(plan: Plan, ending: Ending, tries: int = 400) -> tuple[Plan, Ending]:
    """Return the smallest plan found, by leaving parts out, that fails in the same way."""
    kind = _kind(ending)
    plan = _without_unused(plan, ending)
    progress = True
    while progress and tries > 0:
        progress = False
        for smaller in _smaller(plan):
            tries -= 1
            if tries <= 0:
                break
            found = play(smaller)
            if found.wrong and _kind(found) == kind:
                plan, ending, progress = smaller, found, True
                break
    return plan, ending


def _kind(ending: Ending) -> str:
    """Return what sort of failure it is: the first one, without names and numbers."""
    words = ending.wrong[0].partition(" s: ")[2] or ending.wrong[0]
    return " ".join(w for w in words.split() if w.isalpha())[:60]


def _without_unused(plan: Plan, ending: Ending) -> Plan:
    return replace(plan, faults={n: f for n, f in plan.faults.items() if n <= ending.requests})


def _smaller(plan: Plan) -> list[Plan]:
    found: list[Plan] = []
    numbers = sorted(plan.faults)
    for size in (len(numbers), len(numbers) // 2, len(numbers) // 4, len(numbers) // 8, 1):
        if size < 1:
            continue
        for first in range(0, len(numbers), size):
            left = {n: plan.faults[n] for n in numbers[:first] + numbers[first + size :]}
            found.append(replace(plan, faults=left))
    found += [replace(plan, acts=plan.acts[:i] + plan.acts[i + 1 :]) for i in reversed(range(len(plan.acts)))]
    for name, items in plan.start.items():
        for path in items:
            left_items = {p: i for p, i in items.items() if p != path}
            found.append(replace(plan, start={**plan.start, name: left_items}))
    return list({_print(p): p for p in found if _print(p) != _print(plan)}.values())


def _print(plan: Plan) -> str:
    return f"{plan.acts}{sorted(plan.faults.items())}{plan.start}"


def told(plan: Plan, ending: Ending) -> str:
    """Return a failure for people: the seed, what is wrong, the plan and the story."""
    lines = [f"seed {plan.seed}, processes: {plan.processes}", *(f"  wrong: {what}" for what in ending.wrong)]
    lines += [f"  app: {app}" for app in plan.apps]
    lines += [
        f"  start: {name}: {', '.join(map(_item, items.values()))}" for name, items in plan.start.items()
    ]
    lines += [f"  at {at:g} s: {act}" for at, act in plan.acts]
    lines += [f"  request {number}: {fault}" for number, fault in sorted(plan.faults.items())]
    return "\n".join([*lines, "  story:", *(f"    {line}" for line in ending.story)])


def _item(item: plans.Item) -> str:
    more = ("wave", "hook", "policy", "fails")
    extra = {name: getattr(item, name) for name in more if getattr(item, name)}
    return f"{item.kind}/{item.name}={item.value}{extra or ''}"
