"""Builders for the render tests: trees from text, and requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moorage.render.options import decode
from moorage.render.pool import RenderPool, RenderSettings
from moorage.render.request import Entry, RenderLimits, RenderRequest, RenderResult, Tree
from moorage.render.trees import MemoryTree

__all__ = ["CHART", "chart", "config_map", "decode", "limits", "link", "opened", "request", "tree", "within"]


def within(settings: RenderSettings, act: Callable[[RenderPool], Awaitable[Any]]) -> Any:
    """Return what an action with a pool of its own returns."""

    async def run() -> Any:
        async with RenderPool(settings) as pool:
            return await act(pool)

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


@contextmanager
def opened(settings: RenderSettings) -> Iterator[Callable[..., RenderResult]]:
    """Open a pool and give a function that renders a request over a tree in it."""
    loop = asyncio.new_event_loop()
    pool = RenderPool(settings)

    def render(request: RenderRequest, tree: Tree, **more: Any) -> RenderResult:
        return loop.run_until_complete(pool.render(request, tree, **more))

    try:
        yield render
    finally:
        loop.run_until_complete(pool.close())
        loop.close()


def tree(files: dict[str, str | bytes | Entry]) -> MemoryTree:
    """Return a tree of files given as text."""
    return MemoryTree({path: f.encode() if isinstance(f, str) else f for path, f in files.items()})


def link(target: str) -> Entry:
    """Return a symbolic link."""
    return Entry(target.encode(), is_link=True)


def request(path: str = "app", **fields: Any) -> RenderRequest:
    """Return a request for a path; keywords that are blocks of a source go there."""
    blocks = {
        name: fields.pop(name) for name in ("directory", "kustomize", "helm", "plugin") if name in fields
    }
    return RenderRequest.of({"path": path, **blocks}, **{"app": "web", "namespace": "shop", **fields})


def limits(**fields: Any) -> RenderLimits:
    """Return limits with some of them changed."""
    return RenderLimits(**fields)


def config_map(name: str, **more: str) -> str:
    """Return a ConfigMap as YAML."""
    entries = "".join(f"\n  {key}: {value!r}" for key, value in more.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:{entries or ' {}'}\n"


CHART: dict[str, str | bytes | Entry] = {
    "app/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
    "app/values.yaml": "a: 1\nlist: [1, 2]\nnest: {x: 1, why: 2}\n",
    "app/templates/map.yaml": config_map("{{ .Release.Name }}").replace(
        "data: {}", "data:\n  values: {{ toJson .Values | quote }}"
    ),
}


def chart(**files: str | bytes | Entry) -> MemoryTree:
    """Return the tree of a small chart in ``app`` that shows its values; keywords name more files, ``__`` for a slash."""
    return tree({**CHART, **files})
