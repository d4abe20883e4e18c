"""
What is done with each fixture, and what must come of it.

Everything is seen from outside: in the Application's status, and in what was sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson

from bench.acceptance.material import Fixture
from bench.acceptance.surroundings import FOREIGN, chart_repository, definition, play_operators
from moorage.testing.gitserver import run_git
from moorage.testing.world import NAMESPACE, Seen, World, application

UNREACHABLE = "https://charts.helm.sh/stable"
FINALIZER = "resources-finalizer.argocd.argoproj.io"
HARD = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "hard"}}}


def spec(here: World, fixture: Fixture) -> dict[str, Any]:
    """Return the spec of a fixture's Application, as far as it is not the usual one."""
    source = {"repoURL": here.git.url(fixture.repository), "path": fixture.path, "targetRevision": "main"}
    automated = {"prune": True, "selfHeal": True}
    policy = {"automated": automated, "syncOptions": ["CreateNamespace=true"]}
    return {"source": {**source, **fixture.options}, "syncPolicy": policy}


async def arrives(here: World, within: float, *names: str) -> None:
    """Return once applications are Synced and Healthy, with the operators played that they need."""
    playing = asyncio.create_task(play_operators(here))
    try:
        await here.settled(*names, within=within)
    except TimeoutError:
        stuck = [f"{n}: {_stands(here.status(n))}" for n in names if not _good(here.status(n))]
        raise TimeoutError("; ".join(stuck)) from None
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)


def sent(here: World, since: int) -> int:
    """Return how many requests went out about what was declared; Applications that are declared count."""
    return sum(1 for seen in here.requests[since:] if _about_resources(seen))


def _about_resources(seen: Seen) -> bool:
    return (
        not seen.watches
        and "/leases" not in seen.path
        and (not seen.own_books or "fieldManager" in seen.query)
    )


async def second_sync(here: World, within: float, *names: str) -> tuple[int, int]:
    """
    Refresh applications hard, then sync them by hand; all must succeed.

    Returns how many requests went out about what was declared, and how many about
    hooks: a sync that somebody asks for runs them again.
    """
    before = len(here.requests)
    for name in names:
        await here.patch("Application", name, HARD, NAMESPACE)
    await here.until(
        lambda: not any("argocd.argoproj.io/refresh" in _annotations(here, name) for name in names),
        within=within,
    )
    for name in names:
        await here.patch("Application", name, {"operation": {"sync": {}}}, NAMESPACE)
    await here.until(lambda: all(_by_hand(here, name) for name in names), within=within)
    await arrives(here, within, *names)
    hooks = {hook for name in names for hook in _hooks(here, name)}
    about = [seen for seen in here.requests[before:] if _about_resources(seen)]
    # A hook is created in its collection; nothing else is ever POSTed.
    of_hooks = [s for s in about if hooks and (s.method == "POST" or s.path.split("/")[-1] in hooks)]
    return len(about) - len(of_hooks), len(of_hooks)


def _hooks(here: World, name: str) -> list[str]:
    results = here.status(name)["operationState"].get("syncResult", {}).get("resources") or ()
    return [result["name"] for result in results if result.get("hookType")]


async def say_what_is_missing(here: World, fixture: Fixture) -> tuple[str, int, float]:
    """
    See that an application says what it lacks, and bring that.

    Returns what it said, and the count of requests and the time when it was brought.
    """
    if fixture.name in FOREIGN:
        return await _bring_kinds(here, fixture)
    return await _bring_chart(here, fixture)


async def _bring_kinds(here: World, fixture: Fixture) -> tuple[str, int, float]:
    foreign = FOREIGN[fixture.name]
    said = await here.condition(fixture.name, "UnknownKind")
    unnamed = [f"{kind}.{group}" for group, _, kind in foreign if f"{kind}.{group}" not in said]
    assert not unnamed, f"the condition does not name {unnamed}: {said}"
    before = len(here.requests)
    for group, version, kind in foreign:
        await here.put(definition(group, version, kind))
    return f"first: `{said.partition(';')[0]}`", before, time.monotonic()


async def _bring_chart(here: World, fixture: Fixture) -> tuple[str, int, float]:
    said = await here.condition(fixture.name, "SourceUnreachable")
    assert "charts.helm.sh" in said, f"the condition does not name the host: {said}"
    address = await _lasting_chart_repository(here)
    file = f"{fixture.path}/Chart.yaml"
    chart = _file(here, fixture.repository, file).replace(UNREACHABLE, address)
    before, started = len(here.requests), time.monotonic()
    await here.push({file: chart}, repository=fixture.repository)
    return f"first: `{said}`", before, started


async def _lasting_chart_repository(here: World) -> str:
    """Serve the chart as long as this process lives: the application may be rendered again any time."""
    address = asyncio.get_running_loop().create_future()

    async def serve() -> None:
        async with chart_repository() as url:
            address.set_result(url)
            await asyncio.Event().wait()

    _SERVING.append(asyncio.create_task(serve()))
    served: str = await address
    return served


_SERVING: list[asyncio.Task[None]] = []


def _file(here: World, repository: str, path: str) -> str:
    return run_git(here.git.root / f"{repository}.git", "show", f"main:{path}") + "\n"


async def delete_with_resources(here: World, name: str, within: float) -> None:
    """Delete an application and wait until everything it declared is gone."""
    await here.patch("Application", name, {"metadata": {"finalizers": [FINALIZER]}}, NAMESPACE)
    await here.delete("Application", name, NAMESPACE)
    await here.until(lambda: here.application(name) is None, within=within)


async def declare_all(
    here: World, chosen: list[Fixture], change: Callable[[dict[str, Any], int], dict[str, Any]]
) -> None:
    """Commit an Application for each fixture, changed by its number, and declare the one that declares them."""
    files: dict[str, str | bytes | None] = {}
    for number, fixture in enumerate(chosen):
        url = here.git.url(fixture.repository)
        body = application(fixture.name, url, fixture.path, fixture.name, spec(here, fixture))
        files[f"apps/{fixture.name}.json"] = orjson.dumps(change(body, number))
    here.commit(files, repository="fleet")
    source = {"repoURL": here.git.url("fleet"), "path": "apps", "targetRevision": "main"}
    await here.declare("all-of-them", "apps", namespace=NAMESPACE, source=source)


def _annotations(here: World, name: str) -> dict[str, str]:
    found = here.application(name)
    return dict(found.annotations) if found else {}


def _by_hand(here: World, name: str) -> bool:
    state = here.status(name).get("operationState") or {}
    automated = (state.get("operation") or {}).get("initiatedBy", {}).get("automated")
    return not automated and state.get("phase") == "Succeeded"


def _good(status: dict[str, Any]) -> bool:
    words = ((status.get(part) or {}).get("status") for part in ("sync", "health"))
    return tuple(words) == ("Synced", "Healthy")


def _stands(status: dict[str, Any]) -> dict[str, Any]:
    operation = status.get("operationState") or {}
    return {
        "sync": (status.get("sync") or {}).get("status"),
        "health": status.get("health"),
        "operation": f"{operation.get('phase')}: {operation.get('message')}",
        "conditions": [condition["message"] for condition in status.get("conditions") or ()],
    }
