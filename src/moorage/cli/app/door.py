"""
Reads and writes Applications: one cluster, one namespace unless a name says another.

What the API answers becomes an error that speaks of applications and says what
to do; the commands never see a status code.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from moorage.cli.cluster import access_to, cluster_options, open_api
from moorage.cli.exits import Denied, Missing
from moorage.model.errors import ClusterUnreachable, InvalidSpec, UnknownKind
from moorage.model.identity import AppKey
from moorage.model.manifest import Json

if TYPE_CHECKING:
    from moorage.cluster.credentials import Access
    from moorage.cluster.http import Api
    from moorage.cluster.objects import Reflector

API_VERSION = "argoproj.io/v1alpha1"
PREFIX = f"/apis/{API_VERSION}"
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster and namespaces a command is about."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = "argocd"
    app_namespace: str = ""

    @property
    def home(self) -> str:
        """The namespace of applications that are named without one."""
        return self.app_namespace or self.namespace

    def key(self, name: str) -> AppKey:
        """Return the key of an application named as people do. Raises InvalidSpec."""
        namespace, slash, rest = name.rpartition("/")
        if not rest or "/" in namespace or (slash and not namespace):
            raise InvalidSpec(f"{name!r} is not the name of an application; write NAME or NAMESPACE/NAME")
        return AppKey(namespace or self.home, rest)

    def access(self) -> Access:
        """Return how to reach the cluster."""
        return access_to(self.kubeconfig, self.context)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Applications]:
        """Open the Applications of the cluster."""
        async with open_api(self.access()) as api:
            yield Applications(api, self)


def asks_cluster(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say which cluster it asks, as one argument `where`."""

    @wraps(command)
    def with_where(
        *args: Any, kubeconfig: str, context: str, namespace: str, app_namespace: str, core: bool, **rest: Any
    ) -> Any:
        return command(*args, where=Where(kubeconfig, context, namespace, app_namespace), **rest)

    decorated = with_where
    for option in (
        click.option(
            "--core", is_flag=True, hidden=True, help="Accepted as in Argo CD; there is no other way."
        ),
        click.option(
            "-N", "--app-namespace", default="", help="The namespace of the application, when another."
        ),
        click.option(
            "--namespace", default="argocd", show_default=True, help="The namespace Moorage runs in."
        ),
        cluster_options,
    ):
        decorated = option(decorated)
    return decorated


@dataclass(frozen=True, slots=True)
class Applications:
    """The Applications of a cluster."""

    api: Api
    where: Where

    async def get(self, key: AppKey) -> Json:
        """Return an Application. Raises Missing."""
        with _told(f"application {key}"):
            return completed(await self.api.get(_path(key), kind="Application"))

    async def every(self, *, selector: str = "", everywhere: bool = False) -> list[Json]:
        """Return the Applications of the namespace, or of all, in the order of their names."""
        path = _path(AppKey("" if everywhere else self.where.home, ""))
        query = {"labelSelector": selector} if selector else {}
        with _told("applications"):
            answer = await self.api.get(path, query, kind="Application")
        found = [completed(item) for item in answer.get("items") or ()]
        return sorted(found, key=lambda body: key_of(body))

    async def create(self, body: Json) -> Json:
        """Create an Application. Raises Conflicted when there is one."""
        key = key_of(body)
        with _told(f"application {key}"):
            answer = await self.api.request("POST", _path(AppKey(key.namespace, "")), body=body)
            return completed(answer.json())

    async def patch(self, key: AppKey, patch: Json) -> Json:
        """Merge a patch into an Application and return it. Raises Missing, or Conflicted when it names a version."""
        from moorage.cluster.http import MERGE_PATCH

        with _told(f"application {key}"):
            answer = await self.api.request("PATCH", _path(key), body=patch, content_type=MERGE_PATCH)
            return completed(answer.json())

    async def delete(self, key: AppKey) -> None:
        """Ask for an Application to be deleted. Raises Missing."""
        with _told(f"application {key}"):
            await self.api.request("DELETE", _path(key), body={"propagationPolicy": "Background"})

    @asynccontextmanager
    async def watch(
        self, known: Json | None = None, *, everywhere: bool = False, selector: str = ""
    ) -> AsyncIterator[News]:
        """
        Watch one Application, or those of the namespace.

        With `known` only that Application, and only versions of it that are newer.
        """
        from moorage.cluster.objects import Reflector

        heard: asyncio.Queue[tuple[str, Json]] = asyncio.Queue()
        namespace = key_of(known).namespace if known else ("" if everywhere else self.where.home)
        reflector = Reflector(
            self.api,
            _path(AppKey(namespace, "")),
            lambda event, body: heard.put_nowait((str(event), completed(body))),
            api_version=API_VERSION,
            kind="Application",
            label_selector=selector,
            field_selector=f"metadata.name={key_of(known).name}" if known else "",
        )
        if known is not None:
            reflector.observe(known)
        running = asyncio.ensure_future(reflector.run())
        try:
            yield News(heard, reflector, running)
        finally:
            # A library may swallow a cancellation that meets its own time-out, so one is not enough.
            while not running.done():
                running.cancel()
                await asyncio.wait({running}, timeout=0.2)


@dataclass(frozen=True, slots=True)
class News:
    """What becomes of Applications, as it happens."""

    heard: asyncio.Queue[tuple[str, Json]]
    reflector: Reflector
    running: asyncio.Future[None]

    async def next(self) -> tuple[str, Json]:
        """
        Return what became of an Application (added, modified, deleted), and the Application.

        Raises:
            Denied: They may be read and not watched.
            ClusterUnreachable: The watch ended for another reason.
        """
        from moorage.cluster.answers import Forbidden

        while True:
            try:
                return await asyncio.wait_for(self.heard.get(), _LOOK_SECONDS)
            except TimeoutError:
                if isinstance(self.reflector.fault, Forbidden):
                    raise Denied(f"watching applications: {self.reflector.fault}") from None
                if self.running.done():
                    cause = self.running.exception()
                    raise ClusterUnreachable(f"the watch of applications ended: {cause}") from cause


def key_of(body: Json) -> AppKey:
    """Return the key of an Application's body."""
    return AppKey(body["metadata"].get("namespace") or "", body["metadata"]["name"])


def completed(body: Json) -> Json:
    """Return an item of a list with the kind and version that lists leave out."""
    return {"apiVersion": API_VERSION, "kind": "Application", **body}


def _path(key: AppKey) -> str:
    where = f"/namespaces/{quote(key.namespace, safe='')}" if key.namespace else ""
    return f"{PREFIX}{where}/applications" + (f"/{quote(key.name, safe='')}" if key.name else "")


@contextmanager
def _told(what: str) -> Iterator[None]:
    from moorage.cluster.answers import Forbidden, NotFound

    try:
        yield
    except NotFound as error:
        details = error.status.details
        if details is None or not details.name:
            raise UnknownKind(
                "the cluster has no kind Application; install it: moor crds | kubectl apply --server-side -f -"
            ) from error
        if details.kind in ("namespaces", "Namespace"):
            raise Missing(f"{what}: namespace {details.name} does not exist; create it") from error
        raise Missing(f"{what} does not exist; `moor app list` shows those that do") from error
    except Forbidden as error:
        raise Denied(f"{what}: {error}") from error
