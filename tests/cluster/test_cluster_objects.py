"""What a reflector promises: all objects of one kind, whole, told once each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
from cluster_kit import WITHIN_SECONDS, a_sandbox, access_of, an_api, config_map, is_list, key

from moorage.cluster.http import MERGE_PATCH, Api
from moorage.cluster.objects import Event, Reflector
from moorage.model.manifest import Json
from moorage.sandbox import Fault, Request, Sandbox

MAPS = "/api/v1/namespaces/default/configmaps"


class Follower:
    """A reflector that runs, and what it told."""

    def __init__(self, api: Api, **options: Any) -> None:
        self.told: list[tuple[str, str]] = []
        self._moved = asyncio.Event()
        self.reflector = Reflector(api, MAPS, self._changed, api_version="v1", kind="ConfigMap", **options)

    def _changed(self, event: Event, body: Json) -> None:
        self.told.append((event, body["metadata"]["name"]))
        self._moved.set()

    @property
    def holds(self) -> dict[str, Any]:
        return {found.name: body.get("data") for found, body in self.reflector.bodies.items()}

    async def until(self, told: list[tuple[str, str]]) -> None:
        async with asyncio.timeout(WITHIN_SECONDS):
            while self.told != told:
                self._moved.clear()
                await self._moved.wait()


@contextlib.asynccontextmanager
async def a_follower(sandbox: Sandbox, api: Api, **options: Any) -> AsyncIterator[Follower]:
    follower = Follower(api, **options)
    running = asyncio.create_task(follower.reflector.run())
    try:
        yield follower
        assert not running.done()
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def changed(api: Api, **data: str) -> Json:
    """Change the data of the ConfigMap ``a``, and return what that was answered with."""
    patch = orjson.dumps({"data": data})
    answer = await api.request("PATCH", f"{MAPS}/a", body=patch, content_type=MERGE_PATCH)
    body: Json = answer.json()
    return body


async def test_objects_are_told_once_and_kept() -> None:
    """
    What is there is told as added, then each change once; `bodies` is what is there now, with its kind.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        await api.request("POST", MAPS, body=config_map("a", x="1"))
        async with a_follower(sandbox, api) as follower:
            await asyncio.wait_for(follower.reflector.synced.wait(), WITHIN_SECONDS)
            assert follower.holds == {"a": {"x": "1"}}
            assert follower.reflector.bodies[key("ConfigMap", "a")]["kind"] == "ConfigMap"
            await api.request("POST", MAPS, body=config_map("b"))
            await changed(api, x="2")
            await api.request("DELETE", f"{MAPS}/a")
            await follower.until([("added", "a"), ("added", "b"), ("modified", "a"), ("deleted", "a")])
            assert set(follower.holds) == {"b"}
            assert follower.reflector.current


async def test_an_own_write_is_not_told_twice() -> None:
    """
    What a write was answered with counts at once, and the watch's word for it is no news.
    """
    async with (
        a_sandbox() as sandbox,
        an_api(access_of(sandbox)) as api,
        a_follower(sandbox, api) as follower,
    ):
        await asyncio.wait_for(follower.reflector.synced.wait(), WITHIN_SECONDS)
        answer = await api.request("POST", MAPS, body=config_map("a"))
        follower.reflector.observe(answer.json())
        await api.request("POST", MAPS, body=config_map("b"))
        await follower.until([("added", "a"), ("added", "b")])
        follower.reflector.observe(await changed(api, x="2"))
        await api.request("DELETE", f"{MAPS}/a")
        await follower.until([("added", "a"), ("added", "b"), ("modified", "a"), ("deleted", "a")])
        assert follower.reflector._observed == set()


async def test_an_answer_that_comes_after_its_event_is_not_waited_for_again() -> None:
    """
    Where the watch was quicker than the answer, nothing is left to be told, and nothing is kept of it.
    """
    async with (
        a_sandbox() as sandbox,
        an_api(access_of(sandbox)) as api,
        a_follower(sandbox, api) as follower,
    ):
        await asyncio.wait_for(follower.reflector.synced.wait(), WITHIN_SECONDS)
        answer = await api.request("POST", MAPS, body=config_map("a"))
        await follower.until([("added", "a")])
        follower.reflector.observe(answer.json())
        assert follower.reflector._observed == set()


async def test_a_late_answer_brings_nothing_back() -> None:
    """
    The answer to an own write that comes after the watch told of the object's end does not bring it back.
    """
    async with (
        a_sandbox() as sandbox,
        an_api(access_of(sandbox)) as api,
        a_follower(sandbox, api) as follower,
    ):
        await asyncio.wait_for(follower.reflector.synced.wait(), WITHIN_SECONDS)
        answer = await api.request("POST", MAPS, body=config_map("a"))
        await api.request("DELETE", f"{MAPS}/a")
        await follower.until([("added", "a"), ("deleted", "a")])
        follower.reflector.observe(answer.json())
        await api.request("POST", MAPS, body=config_map("b"))
        await follower.until([("added", "a"), ("deleted", "a"), ("added", "b")])
        assert set(follower.holds) == {"b"}


async def test_a_selector_narrows_what_is_followed() -> None:
    """
    Only objects with the label are told; one that loses it counts as deleted.
    """
    async with (
        a_sandbox() as sandbox,
        an_api(access_of(sandbox)) as api,
        a_follower(sandbox, api, label_selector="wanted=yes") as follower,
    ):
        await asyncio.wait_for(follower.reflector.synced.wait(), WITHIN_SECONDS)
        body = config_map("a")
        await api.request("POST", MAPS, body=config_map("b"))
        await api.request(
            "POST", MAPS, body={**body, "metadata": {**body["metadata"], "labels": {"wanted": "yes"}}}
        )
        patch = orjson.dumps({"metadata": {"labels": {"wanted": "no"}}})
        await api.request("PATCH", f"{MAPS}/a", body=patch, content_type="application/merge-patch+json")
        await follower.until([("added", "a"), ("deleted", "a")])


async def test_after_a_version_too_old_only_differences_are_told() -> None:
    """
    A new list after 410 tells what went and what came, and nothing of what stayed.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        for name in ("stays", "goes"):
            await api.request("POST", MAPS, body=config_map(name))
        async with a_follower(sandbox, api) as follower:
            await asyncio.wait_for(follower.reflector.synced.wait(), WITHIN_SECONDS)
            before = list(follower.told)
            held = asyncio.Event()

            def outdate(request: Request) -> Fault | None:
                if not is_list(request, "configmaps"):
                    return None
                if not held.is_set():
                    return Fault(status=503)
                return Fault(status=410) if "resourceVersion" in request.query else None

            sandbox.faults = outdate
            sandbox.api.close()
            await api.request("DELETE", f"{MAPS}/goes")
            await api.request("POST", MAPS, body=config_map("comes"))
            held.set()
            await follower.until([*before, ("deleted", "goes"), ("added", "comes")])


async def test_a_refusal_is_asked_about_again() -> None:
    """
    A kind that may not be read is named as the fault, and read as soon as it may.
    """
    async with a_sandbox() as sandbox, an_api(access_of(sandbox)) as api:
        await api.request("POST", MAPS, body=config_map("a"))
        left = [Fault(status=403)]
        sandbox.faults = lambda r: left.pop() if left and is_list(r, "configmaps") else None
        async with a_follower(sandbox, api) as follower:
            await follower.until([("added", "a")])
            assert follower.reflector.fault is None
