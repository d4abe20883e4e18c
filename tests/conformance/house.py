"""
The whole of Moorage on real control planes: Applications in one, what they declare in it or in another.

The `home` plane holds Applications, projects and cluster Secrets; the `edge` plane
is a cluster that one of the Secrets names. Git is a real server in this process.
What Moorage did to a plane is read from that plane's audit log.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import yaml
from tests.controlplane import ControlPlane
from tests.controlplane.audit import Act

from moorage.cluster.credentials import Access
from moorage.cluster.http import Api, Observe
from moorage.cluster.kubeconfig import read_kubeconfig
from moorage.cluster.settings import ClusterSettings
from moorage.control import crds
from moorage.model.manifest import Json
from moorage.serve import House, Parts
from moorage.testing.gitserver import GitServer
from moorage.testing.scene import NAMESPACE, Hands, Scene, settings_in

LONG_SECONDS = 60.0
CLUSTER_SETTINGS = ClusterSettings(stale_seconds=2.0, backoff_limit_seconds=2.0)
"""As ever, but for a patience that fits faults of seconds."""

_CLUSTER_WIDE = frozenset({"Namespace", "CustomResourceDefinition"})
_numbers = itertools.count(1)


def path_of(body: Json) -> str:
    """Return the path of an object whose plural is its kind with an s."""
    version, kind, metadata = body["apiVersion"], body["kind"], body["metadata"]
    where = "" if kind in _CLUSTER_WIDE else f"/namespaces/{metadata.get('namespace') or 'default'}"
    return f"/{'apis' if '/' in version else 'api'}/{version}{where}/{kind.lower()}s/{metadata['name']}"


class RealHands(Hands):
    """
    A person with a kubeconfig for a plane, whose token and authority are in files of their own.

    They are what the plane's are once `renew` was called.
    """

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.kubeconfig = plane.kubeconfig(folder / "kubeconfig")
        self.token, self.authority = folder / "token", folder / "ca.crt"
        config = yaml.safe_load(self.kubeconfig.read_text())
        config["users"][0]["user"] = {"tokenFile": str(self.token)}
        config["clusters"][0]["cluster"] = {"server": plane.url, "certificate-authority": str(self.authority)}
        self.kubeconfig.write_text(yaml.safe_dump(config))
        self.renew()
        self.api = Api(read_kubeconfig([self.kubeconfig]), replace(CLUSTER_SETTINGS, user_agent="person"))

    def renew(self) -> None:
        """Write down the plane's token and authority of now."""
        self.token.write_text(self.plane.token)
        self.authority.write_bytes(self.plane.ca)

    def path(self, body: Json) -> str:
        return path_of(body)


@dataclass(slots=True, kw_only=True)
class RealScene(Scene):
    """
    A scene whose cluster is a control plane. Enter it with `real_scene`.

    `answered` is told of each answer Moorage gets, the moment it does: the verb,
    the kind it is about, and the code (0 when there was none). `name` is of this
    scene alone; it is meant for its Application and its namespace. Moorage goes to
    the home plane by the address `way_home` where that is set.
    """

    home: RealHands
    edge: RealHands
    name: str
    way_home: str = ""
    answered: Callable[[str, str, int], None] = lambda verb, kind, code: None
    _since: dict[str, int] = field(default_factory=dict)

    def build(self) -> House:
        """Return Moorage as `moor serve` would be with the home plane's kubeconfig."""
        access = read_kubeconfig([self.home.kubeconfig])
        access = replace(access, server=self.way_home or access.server)
        settings = replace(CLUSTER_SETTINGS, exec_programs=(str(self.token_program),))
        return House(self.settings, access, cluster_settings=settings, parts=Parts(api=self._listening_api))

    def path(self, body: Json) -> str:
        return path_of(body)

    @property
    def token_program(self) -> Path:
        """A program that cluster Secrets may name; whoever uses it writes it."""
        return self.folder / "edge-token"

    @property
    def planes(self) -> tuple[ControlPlane, ControlPlane]:
        return self.home.plane, self.edge.plane

    async def register_edge(self, *, server: str = "", **config: Any) -> None:
        """Add the edge plane as a cluster, by its token of now unless `config` says otherwise."""
        plane = self.edge.plane
        config = config or {"bearerToken": plane.token}
        config["tlsClientConfig"] = {"caData": base64.b64encode(plane.ca).decode()}
        data = {"name": "edge", "server": server or plane.url, "config": orjson.dumps(config).decode()}
        await self.put(cluster_secret(data))

    async def declare_on(self, person: RealHands, **spec: Any) -> None:
        """Declare the scene's Application, of the folder ``app``, for a plane; the edge plane is registered."""
        if person is self.edge:
            spec = {"destination": {"name": "edge", "namespace": self.name}, **spec}
        await self.declare(self.name, "app", namespace=self.name, **spec)

    def acts(self, plane: ControlPlane) -> list[Act]:
        """Return what Moorage wrote to a plane since the scene began (or `count_from_here`), its own books left out."""
        acts = plane.acts()[self._since[plane.url] :]
        return [act for act in acts if act.agent == "moorage" and not _own_books(act)]

    def told(self) -> list[str]:
        """Return the messages of the Application's conditions."""
        return [c["message"] for c in self.status(self.name).get("conditions") or ()]

    def operation(self) -> Json:
        """Return the Application's operation; empty when there was none."""
        found: Json = self.status(self.name).get("operationState") or {}
        return found

    def count_from_here(self) -> None:
        """Begin to count acts from here."""
        self._since = {plane.url: len(plane.acts()) for plane in self.planes}

    def _listening_api(self, access: Access, settings: ClusterSettings, observe: Observe) -> Api:
        def told(verb: str, kind: str, code: int) -> None:
            observe(verb, kind, code)
            self.answered(verb, kind, code)

        return Api(access, settings, told)


@contextlib.asynccontextmanager
async def real_scene(folder: Path, home: ControlPlane, edge: ControlPlane) -> AsyncIterator[RealScene]:
    """Give a running Moorage with a namespace of its own in both planes; all of it ends with the context."""
    name = f"story-{next(_numbers)}"
    for each in ("home", "edge"):
        (folder / each).mkdir()
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(GitServer(folder / "git"))
        at_home, at_edge = RealHands(home, folder / "home"), RealHands(edge, folder / "edge")
        scene = RealScene(
            folder, server, at_home.api, settings_in(folder), home=at_home, edge=at_edge, name=name
        )
        stack.push_async_callback(_tidy, scene)
        await _prepare(scene)
        scene.count_from_here()
        await scene.start()
        stack.push_async_callback(scene.stop)
        yield scene


def cluster_secret(data: dict[str, str]) -> Json:
    """Return the Secret that makes a cluster known under the name ``edge``."""
    labels = {"argocd.argoproj.io/secret-type": "cluster"}
    metadata = {"name": "edge", "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def namespace(name: str) -> Json:
    """Return a Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def config(name: str, place: str = "", **data: str) -> Json:
    """Return a ConfigMap."""
    where = {"namespace": place} if place else {}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **where}, "data": data}


def text(*bodies: Json) -> str:
    """Return objects as one file of a repository."""
    return "---\n".join(yaml.safe_dump(body) for body in bodies)


def created(acts: list[Act], resource: str) -> Counter[str]:
    """Return how often each object of a kind was created, by name."""
    return Counter(a.name for a in acts if a.resource == resource and a.code == 201 and not a.dry_run)


def deleted(acts: list[Act]) -> list[str]:
    """Return the names of what was deleted."""
    return [act.name for act in acts if act.verb in ("delete", "deletecollection") and act.changed]


async def _prepare(scene: RealScene) -> None:
    for body in (*crds.manifests(), namespace(NAMESPACE), namespace(scene.name)):
        await scene.put(body)
    await scene.edge.put(namespace(scene.name))
    async with asyncio.timeout(LONG_SECONDS):
        for body in crds.manifests():
            kind = "CustomResourceDefinition"
            await scene.appears(kind, body["metadata"]["name"], so=_is_established)


def _is_established(body: Json) -> bool:
    conditions = body.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


async def _tidy(scene: RealScene) -> None:
    """Take from the home plane what the scene declared there; its objects stay where nobody looks."""
    applications = f"/apis/argoproj.io/v1alpha1/namespaces/{NAMESPACE}/applications"
    await scene.api.request("DELETE", applications)
    if await scene.get("Secret", "edge", NAMESPACE) is not None:
        await scene.delete("Secret", "edge", NAMESPACE)
    for person in (scene.home, scene.edge):
        await person.api.close()


def _own_books(act: Act) -> bool:
    return act.resource in ("applications", "appprojects", "events")
