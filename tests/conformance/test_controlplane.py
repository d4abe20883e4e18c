"""The test kit's promises: a control plane that starts, breaks on demand, and heals."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from tests.conformance.cases.words import config_map, deployment
from tests.conformance.exchange import Request, Server
from tests.controlplane import ControlPlane, Podlet
from tests.controlplane.gate import Gate

PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def plane() -> AsyncIterator[ControlPlane]:
    """Give a control plane of this file's own, to be broken."""
    async with ControlPlane(audited=True) as plane:
        yield plane


async def _ask(plane: ControlPlane, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with plane.session() as session:
        answer = await Server("plane", session).ask(Request(method, path, body))
        return answer.status, answer.body


async def _until_available(plane: ControlPlane, name: str, wanted: int) -> None:
    # pytest-timeout is the deadline: a rollout that never comes ends the test.
    while True:
        _, body = await _ask(plane, "GET", f"{DEPLOYMENTS}/{name}")
        if body.get("status", {}).get("availableReplicas", 0) == wanted:
            return


async def test_podlet_makes_deployments_available(plane: ControlPlane) -> None:
    """
    With the podlet beside it, a Deployment of the plane becomes available without a node.
    """
    async with Podlet(plane.session):
        assert _named(await _ask(plane, "POST", DEPLOYMENTS, deployment("well", replicas=2))) == (201, "well")

        await _until_available(plane, "well", 2)


async def test_podlet_fails_and_heals_on_demand(plane: ControlPlane) -> None:
    """
    A workload annotated to fail does not become ready, until the annotation goes.
    """
    sick = deployment("sick")
    sick["metadata"]["annotations"] = {"sandbox.moorage.dev/fail": "image-pull"}
    async with Podlet(plane.session), plane.session() as session:
        await _ask(plane, "POST", DEPLOYMENTS, sick)
        while not await _waiting(session, "ImagePullBackOff"):
            pass

        patch = {"metadata": {"annotations": {"sandbox.moorage.dev/fail": None}}}
        heal = Request("PATCH", f"{DEPLOYMENTS}/sick", patch, "application/merge-patch+json")
        await Server("plane", session).ask(heal)

        await _until_available(plane, "sick", 1)


async def test_api_server_and_etcd_come_back_with_their_data(plane: ControlPlane) -> None:
    """
    What was written before a crash of the API server or of etcd is there after it.
    """
    await _ask(plane, "POST", MAPS, config_map("kept"))

    await plane.stop_apiserver()
    await plane.start_apiserver()
    await plane.stop_etcd()
    await plane.start_etcd()

    assert _named(await _ask(plane, "GET", f"{MAPS}/kept")) == (200, "kept")


async def test_compaction_makes_old_watches_gone(plane: ControlPlane) -> None:
    """
    A watch from before a compaction is answered 410.
    """
    _, made = await _ask(plane, "POST", MAPS, config_map("old"))
    await _ask(plane, "POST", MAPS, config_map("newer"))

    await plane.compact()

    async with plane.session() as session:
        query = {"watch": "1", "resourceVersion": made["metadata"]["resourceVersion"]}
        stream = await Server("plane", session).ask(Request("GET", MAPS, query=query, watch=1))
    assert stream.body[0]["object"]["code"] == 410


async def test_rotated_token_replaces_the_old(plane: ControlPlane) -> None:
    """
    After a rotation the old token is refused and the new one works.
    """
    async with plane.session() as old:
        await plane.rotate_token()

        assert (await Server("plane", old).ask(Request("GET", MAPS))).status == 401
    assert (await _ask(plane, "GET", MAPS))[0] == 200


async def test_replaced_certificate_is_of_another_authority(plane: ControlPlane) -> None:
    """
    A client that trusts the old authority cannot connect; one that trusts the new can.
    """
    old = plane.ssl_context()

    await plane.replace_certificate()

    refused = False
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{plane.url}/readyz", ssl=old):
                pass
        except aiohttp.ClientConnectorCertificateError:
            refused = True
    assert refused
    assert (await _ask(plane, "GET", MAPS))[0] == 200


async def test_renewed_certificate_is_of_the_same_authority(plane: ControlPlane) -> None:
    """
    A client that trusted the old certificate trusts the one that replaces it.
    """
    trusting, old = plane.ssl_context(), await _served(plane)

    await plane.replace_certificate(same_authority=True)

    assert await _served(plane) != old
    async with aiohttp.ClientSession() as session, session.get(f"{plane.url}/livez", ssl=trusting) as answer:
        assert answer.status == 200


async def test_audited_plane_tells_what_was_written_by_whom(plane: ControlPlane) -> None:
    """
    Every write is told with its author, its object and its answer, also after the API server was killed.
    """
    for _ in range(2):
        await _ask(plane, "POST", MAPS, config_map("told"))
    await plane.stop_apiserver()
    await plane.start_apiserver()
    await _ask(plane, "DELETE", f"{MAPS}/told")

    acts = [act for act in plane.acts() if (act.resource, act.name) == ("configmaps", "told")]
    assert [(act.verb, act.code, act.changed) for act in acts] == [
        ("create", 201, True),
        ("create", 409, False),
        ("delete", 200, True),
    ]
    assert all("aiohttp" in act.agent for act in acts)


async def test_slow_etcd_makes_writes_slow_and_loses_none(plane: ControlPlane) -> None:
    """
    While etcd works in short bursts a write takes longer than a burst is, and is there afterwards.
    """
    loop = asyncio.get_running_loop()
    async with plane.slow_etcd(held=0.4, free=0.02):
        began = loop.time()
        written = [await _ask(plane, "POST", MAPS, config_map(f"slow-{number}")) for number in range(3)]
        took = loop.time() - began

    assert [status for status, _ in written] == [201, 201, 201]
    assert took > 0.4


async def test_gate_cuts_off_one_client_alone(plane: ControlPlane) -> None:
    """
    Through a shut gate nothing gets, not even on a connection that was open; beside it, all goes on.
    """
    async with Gate(plane.url) as gate, plane.session() as session:
        there = f"{gate.url}{MAPS}"
        assert await _status(session, there) == 200
        async with gate.shut():
            for _ in range(2):
                with pytest.raises((aiohttp.ClientConnectionError, ConnectionError)):
                    await _status(session, there)
            assert await _status(session, MAPS) == 200
        assert await _status(session, there) == 200


async def test_planes_run_side_by_side_and_end_at_once(plane: ControlPlane) -> None:
    """
    A second plane has an address of its own, and all of its processes are gone when it is left.
    """
    async with ControlPlane(controllers=False) as other:
        assert other.url != plane.url
        processes = [part.process for part in other.parts if part.process]
    assert len(processes) == 2
    assert all(process.poll() is not None for process in processes)


async def _served(plane: ControlPlane) -> str:
    """Return the certificate that the API server shows."""
    address = urlsplit(plane.url)
    return await asyncio.to_thread(ssl.get_server_certificate, (address.hostname, address.port))


async def _waiting(session: aiohttp.ClientSession, reason: str) -> bool:
    answer = await Server("plane", session).ask(Request("GET", PODS, query={"labelSelector": "app=sick"}))
    states = [
        status["state"].get("waiting", {}).get("reason")
        for pod in answer.body["items"]
        for status in pod.get("status", {}).get("containerStatuses", ())
    ]
    return reason in states


def _named(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1].get("metadata", {}).get("name", "")


async def _status(session: aiohttp.ClientSession, address: str) -> int:
    """Return the code of an answer, read to its end: a connection that is left open is found much later."""
    async with session.get(address) as answer:
        await answer.read()
        return answer.status
