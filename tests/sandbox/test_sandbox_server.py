"""What the sandbox promises as a process: who may ask, what survives, and what goes wrong on demand."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from sandbox_client import APPLY, MAPS, Client

from moorage.sandbox import Fault, Sandbox, SandboxSettings


def session(sandbox: Sandbox, **more) -> aiohttp.ClientSession:
    """Return a session that trusts a sandbox and bears its token."""
    context = ssl.create_default_context(cadata=(sandbox.authority or b"").decode())
    headers = {"authorization": f"Bearer {sandbox.token}", **more}
    return aiohttp.ClientSession(sandbox.url, headers=headers, connector=aiohttp.TCPConnector(ssl=context))


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", "Basic c2FuZGJveDo=", "Bearer secret2"]
)
async def test_nothing_is_said_without_the_token(authorization):
    """
    Every path but those of liveness and version answers 401 to whoever does not bear the token.
    """
    async with Sandbox(SandboxSettings(token="secret")) as sandbox, session(sandbox) as client:
        headers = {"authorization": authorization}
        refused = [
            (await client.request(method, path, headers=headers)).status
            for method, path in (("GET", "/api"), ("GET", MAPS), ("POST", MAPS), ("GET", "/openapi/v3"))
        ]
        open_ = [
            (await client.get(path, headers=headers)).status for path in ("/livez", "/readyz", "/version")
        ]
        admitted = (await client.get("/api")).status

    assert refused == [401] * 4
    assert open_ == [200] * 3
    assert admitted == 200


async def test_service_account_tokens_are_good_while_the_account_is(tmp_path: Path):
    """
    A token asked for, and one put into a secret, let in as that account, also after a restart, until the account goes.
    """
    space = "/api/v1/namespaces/default"
    secret = {
        "metadata": {"name": "robot", "annotations": {"kubernetes.io/service-account.name": "robot"}},
        "type": "kubernetes.io/service-account-token",
    }

    async def names(sandbox: Sandbox, tokens: list[str]) -> list[str]:
        async with session(sandbox) as client:
            path, found = "/apis/authentication.k8s.io/v1/selfsubjectreviews", []
            for token in tokens:
                headers = {"authorization": f"Bearer {token}"}
                answer = await (await client.post(path, json={}, headers=headers)).json()
                found.append(
                    answer["status"]["userInfo"]["username"] if answer["kind"] == "SelfSubjectReview" else ""
                )
            return found

    async with Sandbox(SandboxSettings(state=tmp_path)) as before, session(before) as client:
        await client.post(f"{space}/serviceaccounts", json={"metadata": {"name": "robot"}})
        await client.post(f"{space}/secrets", json=secret)
        asked = await (await client.post(f"{space}/serviceaccounts/robot/token", json={"spec": {}})).json()
        await before.workloads.settled()
        held = await (await client.get(f"{space}/secrets/robot")).json()
        tokens = [asked["status"]["token"], base64.b64decode(held["data"]["token"]).decode()]
        first = await names(before, tokens)
    async with Sandbox(SandboxSettings(state=tmp_path)) as after, session(after) as client:
        second = await names(after, tokens)
        forged = await names(after, [tokens[0][:-2] + "xx", "a.b.c"])
        review = {"spec": {"token": tokens[0]}}
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        reviewed = await (await client.post(path, json=review)).json()
        await client.delete(f"{space}/serviceaccounts/robot")
        gone = await names(after, tokens)

    robot = "system:serviceaccount:default:robot"
    assert (first, second) == ([robot, robot], [robot, robot])
    assert (forged, gone) == (["", ""], ["", ""])
    assert (reviewed["status"]["authenticated"], reviewed["status"]["user"]["username"]) == (True, robot)
    assert held["metadata"]["annotations"]["kubernetes.io/service-account.uid"]


async def test_certificate_is_of_our_authority_alone():
    """
    A client that does not know the sandbox's authority does not connect.
    """
    async with Sandbox() as sandbox, aiohttp.ClientSession() as stranger:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await stranger.get(f"{sandbox.url}/version")


async def test_identity_and_objects_survive_a_restart(tmp_path: Path):
    """
    A stopped sandbox comes back with its token, certificate, objects and custom kinds, at a later version.
    """
    settings = {"state": tmp_path, "tls": True}
    definition = {
        "metadata": {"name": "boats.harbour.example"},
        "spec": {
            "group": "harbour.example",
            "scope": "Namespaced",
            "names": {"plural": "boats", "kind": "Boat"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {
                        "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                    },
                }
            ],
        },
    }
    boats = "/apis/harbour.example/v1/namespaces/shop/boats"
    async with Client(**settings) as before:
        await before.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
        kind = {"apiVersion": "harbour.example/v1", "kind": "Boat"}
        await before.ask("POST", boats, {**kind, "metadata": {"name": "anna"}, "spec": {"size": 3}})
        await before.put_map("gone", a="1")
        await before.ask("DELETE", f"{MAPS}/gone")
        kept = await before.put_map("kept", a="1")
        last = await before.get(MAPS)
    async with Client(**settings) as after:
        maps, found = await after.get(MAPS), await after.get(f"{boats}/anna")
        async with after.watch(MAPS, resourceVersion=last.version) as watched:
            kind, told = await watched.next()

    assert (before.sandbox.token, before.sandbox.authority) == (after.sandbox.token, after.sandbox.authority)
    assert maps.body["items"] == [{k: v for k, v in kept.body.items() if k not in ("kind", "apiVersion")}]
    assert found.body["spec"] == {"size": 3}
    assert int(maps.version) > int(last.version)
    assert (kind, told["code"]) == ("ERROR", 410)


SERVE = """
import asyncio, sys
from pathlib import Path
from moorage.sandbox import Sandbox, SandboxSettings
async def main():
    folder = Path(sys.argv[1])
    async with Sandbox(SandboxSettings(state=folder, tls=False, token="secret")) as sandbox:
        print(sandbox.url, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_killed_sandbox_has_all_it_acknowledged(tmp_path: Path):
    """
    After kill -9 in the middle of many writes, every write that was answered is there when it starts again.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, str(tmp_path), stdout=subprocess.PIPE
    )
    url = (await process.stdout.readline()).decode().strip()
    acknowledged: set[str] = set()
    numbers = iter(range(100_000))
    path = "/api/v1/namespaces/default/configmaps"
    async with aiohttp.ClientSession(url, headers={"authorization": "Bearer secret"}) as client:

        async def write() -> None:
            for number in numbers:
                name = f"c{number}"
                body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
                query, headers = {"fieldManager": "test"}, {"content-type": APPLY}
                async with client.patch(f"{path}/{name}", json=body, params=query, headers=headers) as answer:
                    if answer.status == 201:
                        acknowledged.add(name)
                if len(acknowledged) == 300:
                    os.kill(process.pid, signal.SIGKILL)

        await asyncio.gather(*(write() for _ in range(8)), return_exceptions=True)
    await process.wait()

    async with Client(state=tmp_path) as after:
        held = set((await after.get(path)).names)

    assert len(acknowledged) >= 300
    assert acknowledged <= held


async def test_nothing_is_acknowledged_that_cannot_be_kept(tmp_path: Path):
    """
    When the file cannot be written, writes are refused with the reason, and reads go on.
    """
    async with Client(state=tmp_path) as client:
        await client.put_map("before", a="1")
        with contextlib.closing(sqlite3.connect(tmp_path / "objects.sqlite3")) as file:
            file.execute("DROP TABLE objects")
        refused = [await client.put_map(name, a="1") for name in ("a", "b")]
        listed = await client.get(MAPS)

    assert [each.status for each in refused] == [500, 500]
    assert f"the sandbox cannot write to {tmp_path}: no such table: objects" in refused[1].body["message"]
    assert "before" in listed.names


@pytest.mark.parametrize(
    ("fault", "status", "written"),
    [
        (Fault(status=503), 503, False),
        (Fault(status=429, headers={"retry-after": "7"}), 429, False),
        (Fault(status=504, after=True), 504, True),
        (Fault(status=500, body=b"<html>no</html>"), 500, False),
        (Fault(delay=0.01), 201, True),
    ],
)
async def test_faults_replace_answers(fault, status, written):
    """
    A fault answers in place of the real answer, before or after the request is carried out.
    """
    async with Client() as client:
        client.sandbox.faults = lambda request: fault if request.method == "PATCH" else None
        answer = await client.put_map("a", x="1")
        client.sandbox.faults = lambda request: None
        held = await client.get(f"{MAPS}/a")

    assert answer.status == status
    assert (held.status == 200) is written
    assert answer.headers.get("retry-after") == fault.headers.get("retry-after")
    assert fault.body is None or answer.body == fault.body


async def test_cut_answers_break_the_connection():
    """
    An answer cut short is a broken connection to the client, never a shorter answer.
    """
    async with Sandbox() as sandbox, session(sandbox) as client:
        sandbox.faults = lambda request: Fault(cut=10) if "configmaps" in request.path else None
        with pytest.raises(aiohttp.ClientError):
            await (await client.get("/api/v1/configmaps")).read()
        watch = await client.get("/api/v1/configmaps", params={"watch": "true"})
        with pytest.raises(aiohttp.ClientError):
            await watch.read()
        sandbox.faults = lambda request: None
        after = await client.get("/api/v1/configmaps")

        assert after.status == 200


async def test_stop_ends_watches_and_answers():
    """
    A sandbox that stops ends its watches at once, whoever still reads them.
    """
    sandbox = Sandbox()
    await sandbox.start()
    async with session(sandbox) as client:
        watch = await client.get("/api/v1/configmaps", params={"watch": "true"})
        await sandbox.stop()
        rest = await watch.read()

    assert watch.status == 200
    assert rest.count(b"\n") == len([json.loads(line) for line in rest.splitlines()])


async def test_large_bodies_are_refused():
    """
    A body over three megabytes gets 413, an object over the store's limit 500 as etcd would say, and the connection lives on.
    """
    async with Sandbox() as sandbox, session(sandbox) as client:
        path = "/api/v1/namespaces/default/configmaps"
        huge = {"metadata": {"name": "huge"}, "data": {"a": "x" * 3_200_000}}
        large = {"metadata": {"name": "large"}, "data": {"a": "x" * 1_600_000}}
        bodies = [io.BytesIO(json.dumps(body).encode()) for body in (huge, large)]
        as_json = {"content-type": "application/json"}
        answers = [(await client.post(path, data=body, headers=as_json)).status for body in bodies]
        after = (await client.get(path)).status

    assert answers[0] == 413
    assert answers[1] == 500
    assert after == 200
