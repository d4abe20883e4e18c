"""Which two servers are compared: a real API server, and the sandbox, made alike before the first case."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import yaml
from tests.conformance import definitions
from tests.conformance.agreement import Disagreement, disagreements
from tests.conformance.exchange import Answer, Case, Request, Server, open_session
from tests.controlplane import ControlPlane, Podlet

from moorage.sandbox import Sandbox, SandboxSettings

OWN_CLUSTER = "MOORAGE_CONFORMANCE_KUBECONFIG"
AT_ONCE = 6


@contextlib.asynccontextmanager
async def real_server() -> AsyncIterator[Server]:
    """Give a real API server: the cluster of `OWN_CLUSTER` where that is set, else one of our own."""
    own = os.environ.get(OWN_CLUSTER)
    if own:
        url, token, context, authority = _from_kubeconfig(Path(own))
        async with _server("real", url, token, context, authority) as server:
            yield server
        return
    async with (
        ControlPlane() as plane,
        Podlet(plane.session),
        _server("real", plane.url, plane.token, plane.ssl_context(), plane.ca) as server,
    ):
        yield server


@contextlib.asynccontextmanager
async def sandbox_server() -> AsyncIterator[Server]:
    """Give a sandbox that keeps nothing and whose workloads are ready at once."""
    sandbox = Sandbox(SandboxSettings(ready_after=0.0))
    await sandbox.start()
    try:
        authority = sandbox.authority
        context = ssl.create_default_context(cadata=authority.decode()) if authority else False
        async with _server("sandbox", sandbox.url, sandbox.token, context, authority or b"") as server:
            yield server
    finally:
        await sandbox.stop()


async def play_all(server: Server, cases: Iterable[Case], prefix: str) -> dict[str, list[Answer]]:
    """Play cases on a server, a few at once, each in a namespace of its own; return the answers by id."""
    limit = asyncio.Semaphore(AT_ONCE)
    answers: dict[str, list[Answer]] = {}

    async def play(number: int, case: Case) -> None:
        namespace = f"{prefix}-{number}"
        async with limit:
            await create_namespace(server, namespace)
            answers[case.id] = await server.play(case, namespace)
            await server.ask(Request("DELETE", f"/api/v1/namespaces/{namespace}"))

    async with asyncio.TaskGroup() as tasks:
        for number, case in enumerate(cases):
            tasks.create_task(play(number, case))
    return answers


async def create_namespace(server: Server, name: str) -> None:
    """Create a namespace and wait for what controllers put into it."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await server.ask(Request("POST", "/api/v1/namespaces", body))
    if server.name == "real":
        await server.ask(Request("GET", f"/api/v1/namespaces/{name}/configmaps/kube-root-ca.crt", until=200))


async def compare(
    real: Server, sandbox: Server, cases: list[Case], prefix: str
) -> dict[str, list[Disagreement]]:
    """Return where the two servers differ, by case."""
    theirs, ours = await asyncio.gather(play_all(real, cases, prefix), play_all(sandbox, cases, prefix))
    return {case.id: disagreements(case, theirs[case.id], ours[case.id]) for case in cases}


@contextlib.asynccontextmanager
async def _server(
    name: str, url: str, token: str, context: ssl.SSLContext | bool, authority: bytes = b""
) -> AsyncIterator[Server]:
    async with open_session(url, token, context) as session:
        server = Server(name, session, url, token, authority)
        for definition in definitions.ALL:
            await _define(server, definition)
        yield server


async def _define(server: Server, definition: dict[str, Any]) -> None:
    await server.ask(Request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition))
    spec = definition["spec"]
    for version in spec["versions"]:
        prefix = f"/apis/{spec['group']}/{version['name']}"
        await server.ask(Request("GET", prefix, until=200))
        await server.ask(Request("GET", f"{prefix}/{spec['names']['plural']}", until=200))


def kubeconfig(server: Server, folder: Path) -> Path:
    """Write a kubeconfig for a server into `folder`, and return it; `OWN_CLUSTER` where that is meant."""
    own = os.environ.get(OWN_CLUSTER)
    if own and server.name == "real":
        return Path(own)
    cluster = {"server": server.url}
    if server.authority:
        cluster["certificate-authority-data"] = base64.b64encode(server.authority).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "it", "user": {"token": server.token}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
    }
    path = folder / f"{server.name}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def _from_kubeconfig(path: Path) -> tuple[str, str, ssl.SSLContext | bool, bytes]:
    config = yaml.safe_load(path.read_text())
    current = next(
        each["context"] for each in config["contexts"] if each["name"] == config["current-context"]
    )
    cluster = next(each["cluster"] for each in config["clusters"] if each["name"] == current["cluster"])
    user = next(each["user"] for each in config["users"] if each["name"] == current["user"])
    data = cluster.get("certificate-authority-data")
    authority = base64.b64decode(data) if data else b""
    return str(cluster["server"]), str(user.get("token", "")), _context(cluster, user), authority


def _context(cluster: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext:
    data = cluster.get("certificate-authority-data")
    context = ssl.create_default_context(
        cadata=base64.b64decode(data).decode() if data else None, cafile=cluster.get("certificate-authority")
    )
    certificate, key = user.get("client-certificate"), user.get("client-key")
    if user.get("client-certificate-data"):
        with tempfile.NamedTemporaryFile(suffix=".pem") as pair:
            pair.write(
                base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"])
            )
            pair.flush()
            context.load_cert_chain(pair.name)
    elif certificate:
        context.load_cert_chain(certificate, key)
    return context
