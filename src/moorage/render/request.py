"""
What is one rendering, and what may it depend on?

A `RenderRequest` and the ids of the trees it reads are all a renderer may
depend on; together they make the cache key. A `RenderResult` holds the
manifests as JSON bytes and decodes them when first asked for. The protocols
say what a caller brings: a `Tree` to read files from, and a way to fetch a
chart. Nothing here reads, runs or remembers anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import orjson

from moorage.model.manifest import Json, Manifest

FORMAT = 1
"""Raised when the same request would render differently than before; old remembered results are then forgotten."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a tree; for a symbolic link, `content` is its target."""

    content: bytes
    is_link: bool = False


class Tree(Protocol):
    """
    One revision of a repository as a renderer may read it.

    Paths are relative to its root, with ``/`` and without a leading one; the
    root itself is the empty string. What a tree holds never changes.
    """

    async def object_id(self, path: str) -> str | None:
        """Return an id of the content at a path (file or folder), or None when nothing is there."""

    async def read(self, path: str, *, recurse: bool = True) -> Mapping[str, Entry]:
        """
        Return the files of a path by their paths from the root; empty when nothing is there.

        A path that is a file gives that file. With `recurse` off, only the
        files directly in the folder are read.
        """


FetchChart = Callable[[str, str, str], Awaitable[bytes]]
"""Fetches a chart archive: repository URL, chart name and version (a constraint is allowed) to bytes."""


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """What one rendering may take before it fails for that application alone."""

    seconds: float = 60.0
    memory: int = 1024 * 1024 * 1024
    output: int = 100 * 1024 * 1024
    source: int = 100 * 1024 * 1024
    directory: int = 10 * 1024 * 1024
    object: int = 1_500_000


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """
    Everything besides the files that decides what is rendered.

    `source` is ``spec.source`` as canonical JSON (see `of`), `app` the
    instance name (``<namespace>_<name>`` away from home), and `project` the
    tenant boundary: two projects never share a remembered result.
    `environment` holds the ``ARGOCD_APP_*`` variables; it counts only when
    the source mentions one. `content` names what was fetched when the files
    are a chart from a registry (its digest), and is empty for Git.
    """

    source: bytes
    app: str
    project: str = "default"
    namespace: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    content: str = ""

    @classmethod
    def of(
        cls,
        source: Json,
        *,
        app: str,
        project: str = "default",
        namespace: str = "",
        kube_version: str = "",
        api_versions: Iterable[str] = (),
        environment: Mapping[str, str] | None = None,
        content: str = "",
    ) -> RenderRequest:
        """Return the request to render one source of an application."""
        return cls(
            orjson.dumps(source, option=orjson.OPT_SORT_KEYS),
            app,
            project,
            namespace,
            kube_version,
            tuple(sorted(api_versions)),
            tuple(sorted((environment or {}).items())),
            content,
        )

    @property
    def spec(self) -> Json:
        """The source as JSON."""
        spec: Json = orjson.loads(self.source)
        return spec

    @property
    def mentions_environment(self) -> bool:
        """Whether the source refers to a build variable, whose value then decides too."""
        return b"ARGOCD_" in self.source

    def cache_key(self, objects: Iterable[tuple[str, str]], tools: str, *, cluster: bool) -> str:
        """
        Return the key of this rendering over the given objects.

        Args:
            objects: (path, object id) of all that is read.
            tools: The versions of the renderers.
            cluster: Whether the destination's versions can change the result.
        """
        parts = [
            FORMAT,
            tools,
            self.source.decode(),
            self.app,
            self.project,
            self.namespace,
            [self.kube_version, self.api_versions] if cluster else None,
            self.environment if self.mentions_environment else None,
            self.content,
            sorted(objects),
        ]
        return hashlib.sha256(orjson.dumps(parts)).hexdigest()


@dataclass(frozen=True)
class RenderResult:
    """
    What came out: one JSON object per manifest, in the renderer's order.

    `source_type` is the word for ``status.sourceType``; `objects` are the
    paths the result depends on, so that a caller can tell from object ids
    alone whether a new commit concerns it.
    """

    encoded: tuple[tuple[bytes, str], ...]
    source_type: str
    warnings: tuple[str, ...] = ()
    objects: tuple[tuple[str, str], ...] = field(default=())

    @cached_property
    def manifests(self) -> tuple[Manifest, ...]:
        """The manifests, decoded on first use."""
        return tuple(Manifest.of(orjson.loads(body), origin) for body, origin in self.encoded)

    @property
    def size(self) -> int:
        """The bytes of all manifests."""
        return sum(len(body) for body, _ in self.encoded)
