"""
What real applications find in a real cluster and nobody brings along here.

Operators that set the status of their objects, definitions of kinds, and a chart
repository in the place of one that cannot be reached.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import tarfile
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from moorage.cluster.answers import NotFound
from moorage.cluster.http import MERGE_PATCH
from moorage.testing.world import World

NETWORK = "/apis/gateway.networking.k8s.io/v1beta1/namespaces/shop-service-mesh-istio"
# The kinds that two fixtures use without bringing their definitions.
FOREIGN: dict[str, tuple[tuple[str, str, str], ...]] = {
    "example-blue-green": (("argoproj.io", "v1alpha1", "Rollout"),),
    "shop-service-mesh-istio": (
        ("gateway.networking.k8s.io", "v1beta1", "Gateway"),
        ("gateway.networking.k8s.io", "v1beta1", "HTTPRoute"),
        ("networking.istio.io", "v1alpha3", "ServiceEntry"),
        ("networking.istio.io", "v1alpha3", "VirtualService"),
    ),
}


async def play_operators(here: World) -> None:
    """Set the status of what operators look after, as soon as it is there."""
    waiting = dict(PLAYED)
    while waiting:
        for path, status in tuple(waiting.items()):
            if await _play(here, path, status):
                del waiting[path]
        await asyncio.sleep(0.1)


async def _play(here: World, path: str, status: dict[str, Any]) -> bool:
    try:
        generation = (await here.api.get(path))["metadata"]["generation"]
        body = {"status": _seen(status, generation)}
        await here.api.request("PATCH", f"{path}/status", body=body, content_type=MERGE_PATCH)
    except NotFound:
        return False
    return True


def _seen(value: Any, generation: int) -> Any:
    """Return a status that says of this generation that it was seen."""
    if isinstance(value, list):
        return [_seen(item, generation) for item in value]
    if not isinstance(value, dict):
        return value
    told = {name: _seen(item, generation) for name, item in value.items()}
    if told.get("observedGeneration") is EVERY:
        told["observedGeneration"] = generation
    return told


EVERY = object()


def _conditions(*types: str) -> list[dict[str, Any]]:
    known = {"status": "True", "reason": "Done", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return [{"type": kind, "observedGeneration": EVERY, **known} for kind in types]


PLAYED: dict[str, dict[str, Any]] = {
    "/apis/monitoring.coreos.com/v1/namespaces/monitoring/prometheuses/k8s": {
        "conditions": _conditions("Available", "Reconciled"),
        "availableReplicas": 2,
        "paused": False,
        "replicas": 2,
        "unavailableReplicas": 0,
        "updatedReplicas": 2,
    },
    "/apis/argoproj.io/v1alpha1/namespaces/example-blue-green/rollouts/example-blue-green-helm-guestbook": {
        "phase": "Healthy"
    },
    f"{NETWORK}/gateways/istio-gateway": {"conditions": _conditions("Accepted", "Programmed")},
    f"{NETWORK}/httproutes/frontend-route": {
        "parents": [{"parentRef": {"name": "istio-gateway"}, "conditions": _conditions("Accepted")}]
    },
}


def definition(group: str, version: str, kind: str) -> dict[str, Any]:
    """Return a definition that keeps whatever its objects hold."""
    plural = f"{kind.lower()}s"
    metadata: dict[str, Any] = {"name": f"{plural}.{group}"}
    if group.endswith(".k8s.io"):
        metadata["annotations"] = {"api-approved.kubernetes.io": "unapproved, for acceptance only"}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


@contextlib.asynccontextmanager
async def chart_repository() -> AsyncIterator[str]:
    """Serve a chart repository with a small ``wordpress`` 9.0.3, and give its address."""
    archive = _wordpress()
    index = f"""apiVersion: v1
entries:
  wordpress:
  - apiVersion: v2
    name: wordpress
    version: 9.0.3
    digest: {hashlib.sha256(archive).hexdigest()}
    urls: [wordpress-9.0.3.tgz]
"""
    app = web.Application()

    async def give_index(request: web.Request) -> web.Response:
        return web.Response(text=index)

    async def give_chart(request: web.Request) -> web.Response:
        return web.Response(body=archive)

    app.router.add_get("/index.yaml", give_index)
    app.router.add_get("/wordpress-9.0.3.tgz", give_chart)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _wordpress() -> bytes:
    deployment = """apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-wordpress}
spec:
  selector: {matchLabels: {app: wordpress}}
  template:
    metadata: {labels: {app: wordpress}}
    spec:
      containers:
      - name: wordpress
        image: "registry.example.com/wordpress:5"
        env: [{name: DATABASE_HOST, value: {{ .Values.externalDatabase.host | quote }}}]
"""
    files = {
        "wordpress/Chart.yaml": "apiVersion: v2\nname: wordpress\nversion: 9.0.3\n",
        "wordpress/values.yaml": "externalDatabase: {host: nowhere}\n",
        "wordpress/templates/deployment.yaml": deployment,
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()
