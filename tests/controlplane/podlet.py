"""
What would a node have said? A stand-in for scheduler, kubelet, storage and load balancers.

A plane without nodes leaves every pod Pending. The podlet registers one Node,
binds pods to it, and writes the status that a healthy (or, on demand, a sick)
kubelet writes; volume claims get a volume, Services of type LoadBalancer and
Ingresses get an address. It only ever talks to the API server, so it works beside
any cluster, and it goes on after the API server was away.

A pod fails when it, or the workload that owns it, is annotated
``sandbox.moorage.dev/fail`` with one of `FAILURES`; it heals when that goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import aiohttp
from tests.controlplane.pods import FAIL, FAILURES, pod_status

NODE = "podlet"
RETRY_SECONDS = 0.2
RECHECK_SECONDS = 0.3
ADDRESS = {"ingress": [{"ip": "127.0.0.1"}]}
MERGE = {"Content-Type": "application/merge-patch+json"}
TROUBLE = (aiohttp.ClientError, OSError, TimeoutError)

React = Callable[[dict[str, Any]], Awaitable[None]]


class Podlet:
    """
    Everything below the API that a test cluster lacks, as long as the block lasts.

    `session` opens an HTTP session with the API server; it is called again after
    a connection was refused, so a rotated token or certificate is followed.
    """

    def __init__(self, session: Callable[[], aiohttp.ClientSession], *, node: str = NODE) -> None:
        self.node = node
        self._open = session
        self._session: aiohttp.ClientSession | None = None
        self._addresses = itertools.count(2)
        self._sick: dict[str, dict[str, Any]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._persist(self._register)
        watched: tuple[tuple[str, React], ...] = (
            ("/api/v1/pods", self._pod),
            ("/api/v1/services", self._service),
            ("/apis/networking.k8s.io/v1/ingresses", self._ingress),
            ("/api/v1/persistentvolumeclaims", self._claim),
        )
        self._tasks = [asyncio.create_task(self._follow(path, react)) for path, react in watched]
        self._tasks.append(asyncio.create_task(self._recheck()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    # Following

    async def _follow(self, path: str, react: React) -> None:
        while True:
            used = self._connected()
            with contextlib.suppress(*TROUBLE):
                version = await self._list(path, react)
                async for event in self._events(path, version):
                    if event["type"] == "ERROR":
                        break
                    if event["type"] in ("ADDED", "MODIFIED"):
                        await react(event["object"])
            await self._reopen(used)

    async def _list(self, path: str, react: React) -> str:
        listed = await self._ask("GET", path)
        for item in listed.get("items", ()):
            await react(item)
        return str(listed.get("metadata", {}).get("resourceVersion", "0"))

    async def _events(self, path: str, version: str) -> AsyncIterator[dict[str, Any]]:
        query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with self._connected().get(path, params=query, timeout=timeout) as stream:
            if stream.status != 200:
                return
            pending = b""
            async for chunk in stream.content.iter_any():
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)

    async def _recheck(self) -> None:
        # What made a pod sick may stand on its owner, which is not watched.
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            for pod in list(self._sick.values()):
                with contextlib.suppress(*TROUBLE):
                    fresh = await self._ask("GET", _path("pods", pod))
                    self._sick.pop(pod["metadata"]["uid"], None)
                    if fresh.get("kind") == "Pod":
                        await self._pod(fresh)

    # Reacting

    async def _pod(self, pod: dict[str, Any]) -> None:
        meta, spec = pod["metadata"], pod["spec"]
        if meta.get("deletionTimestamp"):
            if spec.get("nodeName") in (None, "", self.node) and not meta.get("finalizers"):
                now = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
                await self._ask("DELETE", _path("pods", pod), now)
            return
        if not spec.get("nodeName"):
            if not spec.get("schedulingGates"):
                await self._bind(pod)
            return
        if spec["nodeName"] != self.node:
            return
        failure = await self._failure(pod)
        if failure:
            self._sick[meta["uid"]] = pod
        status = pod_status(pod, failure, self._address(pod), _now())
        if _tells(status) != _tells(pod.get("status", {})):
            await self._ask("PATCH", _path("pods", pod) + "/status", {"status": status}, MERGE)

    async def _bind(self, pod: dict[str, Any]) -> None:
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]},
            "target": {"kind": "Node", "name": self.node},
        }
        await self._ask("POST", _path("pods", pod) + "/binding", binding)

    async def _failure(self, pod: dict[str, Any]) -> str:
        own = pod["metadata"].get("annotations", {}).get(FAIL, "")
        if own:
            return own if own in FAILURES else ""
        root = await self._root(pod)
        asked = root.get("metadata", {}).get("annotations", {}).get(FAIL, "")
        return str(asked) if asked in FAILURES else ""

    async def _root(self, item: dict[str, Any]) -> dict[str, Any]:
        # A ReplicaSet keeps the annotation its Deployment has lost: only the root's word counts.
        owners = [each for each in item["metadata"].get("ownerReferences", ()) if each.get("controller")]
        if not owners:
            return item
        owner, namespace = owners[0], item["metadata"]["namespace"]
        prefix = "/apis/" if "/" in owner["apiVersion"] else "/api/"
        plural = f"{owner['kind'].lower()}s"
        path = f"{prefix}{owner['apiVersion']}/namespaces/{namespace}/{plural}/{owner['name']}"
        found = await self._ask("GET", path)
        return await self._root(found) if "metadata" in found and found.get("kind") == owner["kind"] else item

    async def _service(self, service: dict[str, Any]) -> None:
        if service["spec"].get("type") == "LoadBalancer" and not _has_address(service):
            await self._ask(
                "PATCH", _path("services", service) + "/status", {"status": {"loadBalancer": ADDRESS}}, MERGE
            )

    async def _ingress(self, ingress: dict[str, Any]) -> None:
        if not _has_address(ingress):
            path = _path("ingresses", ingress, "/apis/networking.k8s.io/v1") + "/status"
            await self._ask("PATCH", path, {"status": {"loadBalancer": ADDRESS}}, MERGE)

    async def _claim(self, claim: dict[str, Any]) -> None:
        meta, spec = claim["metadata"], claim["spec"]
        if meta.get("deletionTimestamp") or spec.get("volumeName"):
            return
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"podlet-{meta['uid']}"},
            "spec": {
                "capacity": spec["resources"]["requests"],
                "accessModes": spec["accessModes"],
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "storageClassName": spec.get("storageClassName", ""),
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": f"/podlet/{meta['uid']}"},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": meta["namespace"],
                    "name": meta["name"],
                    "uid": meta["uid"],
                },
            },
        }
        await self._ask("POST", "/api/v1/persistentvolumes", volume)

    # The node

    async def _register(self) -> None:
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.node}}
        await self._ask("POST", "/api/v1/nodes", node)
        room = {"cpu": "64", "memory": "256Gi", "pods": "5000", "ephemeral-storage": "1Ti"}
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": _now()}
        status = {"capacity": room, "allocatable": room, "conditions": [ready]}
        await self._ask("PATCH", f"/api/v1/nodes/{self.node}/status", {"status": status}, MERGE)
        # A new node is tainted until something says that it is ready.
        await self._ask("PATCH", f"/api/v1/nodes/{self.node}", {"spec": {"taints": None}}, MERGE)

    def _address(self, pod: dict[str, Any]) -> str:
        known = pod.get("status", {}).get("podIP")
        if known:
            return str(known)
        number = next(self._addresses)
        return f"10.244.{number // 250 % 250}.{number % 250 + 2}"

    # The wire

    async def _ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=10)
        async with self._connected().request(
            method,
            path,
            data=None if body is None else json.dumps(body),
            headers=headers or {"Content-Type": "application/json"},
            timeout=timeout,
        ) as answer:
            if answer.status >= 500 or answer.status in (401, 429):
                raise aiohttp.ClientError(f"{method} {path}: {answer.status}")
            # 404 and 409 mean that the object went or changed: an event follows.
            answered: dict[str, Any] = await answer.json(content_type=None)
            return answered

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = self._open()
            # Its name among the owners of fields, so that nobody takes its writes for theirs.
            self._session.headers["User-Agent"] = "podlet/1"
        return self._session

    async def _reopen(self, used: aiohttp.ClientSession) -> None:
        await asyncio.sleep(RETRY_SECONDS)
        # Closing a session that another follower has just opened would end its stream in turn.
        if self._session is used:
            self._session = None
            await used.close()

    async def _persist(self, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            used = self._connected()
            try:
                return await act()
            except TROUBLE:
                await self._reopen(used)


def _path(plural: str, item: dict[str, Any], prefix: str = "/api/v1") -> str:
    meta = item["metadata"]
    return f"{prefix}/namespaces/{meta['namespace']}/{plural}/{meta['name']}"


def _has_address(item: dict[str, Any]) -> bool:
    return bool(item.get("status", {}).get("loadBalancer", {}).get("ingress"))


def _tells(status: dict[str, Any]) -> tuple[Any, ...]:
    """Return what of a pod's status decides whether it must be written again."""
    states = [
        (each["name"], each["ready"], sorted(each["state"]), each["state"].get("waiting", {}).get("reason"))
        for each in status.get("containerStatuses", ())
    ]
    return status.get("phase"), states


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
