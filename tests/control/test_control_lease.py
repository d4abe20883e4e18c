"""Of several processes that look after one namespace, one acts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from moorage.cluster.answers import Answer
from moorage.cluster.credentials import Access, Hidden
from moorage.cluster.http import Api
from moorage.cluster.settings import ClusterSettings
from moorage.control.lease import HELD_SECONDS, ON_THE_WAY_SECONDS, Lease, claim
from moorage.model.errors import LeaseLost
from moorage.sandbox import Sandbox, SandboxSettings


class Clock:
    """Seconds that go on when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    """Give a client of a sandbox."""
    async with Sandbox(SandboxSettings(controllers=False)) as sandbox:
        access = Access(sandbox.url, ca=sandbox.authority or b"", token=Hidden(sandbox.token))
        client = Api(access, ClusterSettings())
        yield client
        await client.close()


def lease(api: Api, name: str, clock: Clock) -> Lease:
    """Return a process's view of the lease; it looks without waiting."""
    return Lease(api, "default", name, clock, look_seconds=0.0, renew_seconds=0.0)


async def waits(waiting: asyncio.Task[None], holder: Lease, name: str) -> bool:
    """Whether a process has seen who holds the lease and goes on waiting."""
    while holder.holder != name and not waiting.done():  # noqa: ASYNC110 - the server's turn
        await asyncio.sleep(0)
    return not waiting.done()


async def test_the_second_waits_until_the_first_lets_go(api: Api) -> None:
    """
    A process that finds the lease held waits, and has it as soon as it was let go.
    """
    clock = Clock()
    first, second = lease(api, "first", clock), lease(api, "second", clock)
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())

    assert await waits(waiting, second, "first")
    await first.release()
    await waiting
    assert second.holder == "second"


async def test_a_lease_that_is_not_renewed_is_taken_over(api: Api) -> None:
    """
    A holder that died is replaced once its lease was seen unchanged for its time, and not before.
    """
    clock = Clock()
    first, second = lease(api, "first", clock), lease(api, "second", clock)
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())

    assert await waits(waiting, second, "first")
    clock.now += HELD_SECONDS - 0.1
    assert await waits(waiting, second, "first")
    clock.now += 0.2
    await waiting
    assert second.holder == "second"


async def test_a_lease_that_was_deleted_is_not_free(api: Api) -> None:
    """
    A process that saw who held the lease waits as long when the lease is deleted: the holder may not know yet.
    """
    clock = Clock()
    first, second = lease(api, "first", clock), lease(api, "second", clock)
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    assert await waits(waiting, second, "first")

    await api.request("DELETE", "/apis/coordination.k8s.io/v1/namespaces/default/leases/moorage")
    clock.now += HELD_SECONDS - 0.1
    for _ in range(20):
        await api.get("/version")
    assert await waits(waiting, second, "first")
    clock.now += 0.2
    await waiting
    assert second.holder == "second"


def test_a_claim_counts_changes_of_hands() -> None:
    """
    The Lease tells since when it is held and how often it changed hands, as Kubernetes' own do.
    """
    now = datetime(2026, 3, 1, tzinfo=UTC)
    first = claim({}, "first", now)
    first["metadata"]["resourceVersion"] = "1"
    renewed = claim(first, "first", datetime(2026, 3, 2, tzinfo=UTC))
    taken = claim(first, "second", now)

    assert first["spec"]["leaseTransitions"] == renewed["spec"]["leaseTransitions"] == 0
    assert renewed["spec"]["acquireTime"] == first["spec"]["acquireTime"]
    assert taken["spec"]["leaseTransitions"] == 1


async def test_who_lost_the_lease_ends(api: Api) -> None:
    """
    A process whose lease is held by another stops acting, loudly.
    """
    clock = Clock()
    first, second = lease(api, "first", clock), lease(api, "second", clock)
    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    assert await waits(waiting, second, "first")
    clock.now += HELD_SECONDS + 1
    await waiting

    with pytest.raises(LeaseLost, match="second holds"):
        await first.keep()


async def test_a_holder_writes_nothing_from_some_seconds_before_others_may_take_over(api: Api) -> None:
    """
    Whoever held the lease and was paused, or cut off, writes nothing more by the time another may act.
    """
    clock = Clock()
    holder = lease(api, "holder", clock)
    holder.check()
    await holder.acquire()
    client = Api(api.access, api.settings)
    client.permit = holder.check
    path = "/api/v1/namespaces/default/configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "first"}}

    clock.now += HELD_SECONDS - ON_THE_WAY_SECONDS - 0.1
    await client.request("POST", path, body=body)
    clock.now += 0.1
    with pytest.raises(LeaseLost, match="another process may act"):
        await client.request("DELETE", f"{path}/first")
    assert (await client.get(f"{path}/first"))["metadata"]["name"] == "first"
    await holder.acquire()
    await client.request("DELETE", f"{path}/first")
    await client.close()


async def test_a_renewal_that_is_never_answered_ends_the_holding(api: Api) -> None:
    """
    A server that takes requests and answers none does not keep a process believing that it holds the lease.
    """
    clock = Clock()
    held = Lease(api, "default", "first", clock, renew_seconds=0.0, answer_seconds=0.0)
    silent = _Silent(api.access, api.settings)
    await held.acquire()
    clock.now += HELD_SECONDS
    held.api = silent

    with pytest.raises(LeaseLost, match="was not renewed for 15 s"):
        await held.keep()


class _Silent(Api):
    """A client whose requests are never answered."""

    async def request(self, *args: object, **more: object) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError("nothing ever happens")
