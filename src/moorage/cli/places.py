"""
Where do manifests come from: standard input, a file, a folder, a repository, a cluster?

Commands that need no server take a *place*, one word of the command line. A
file is read as it is; a folder and a path in a repository are rendered as an
application's source would be.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from moorage.cli.exits import Missing
from moorage.cli.wanted import Remote, Rendered, Wanted
from moorage.model.errors import InvalidManifest
from moorage.model.manifest import Json, Manifest

PLACES = """
    A PLACE is a file, a folder, a repository (https://host/shop.git//path?ref=v1),
    `cluster` for the objects of the kubeconfig's cluster, or - for standard input.
"""
CLUSTER = "cluster"


async def read_place(text: str, wanted: Wanted, *, stdin: Iterable[bytes] | None = None) -> Rendered:
    """
    Return the manifests of a place that is not a cluster.

    Raises:
        Missing: There is no such file or folder.
        Error: It cannot be read or rendered; the message says why.
    """
    if text == "-":
        data = b"".join(stdin) if stdin is not None else sys.stdin.buffer.read()
        return Rendered(tuple(parse(data, "standard input")))
    if (remote := Remote.parse(text)) is not None:
        from moorage.cli.repositories import render_repository

        return await render_repository(remote, wanted)
    path = Path(text)
    if path.is_file():
        return Rendered(tuple(parse(path.read_bytes(), text)))
    if not path.is_dir():
        raise Missing(f"{text}: no such file or folder; a repository is written with its scheme, https://…")
    return await render_local(path, wanted)


async def render_local(path: Path, wanted: Wanted) -> Rendered:
    """Return the manifests of a folder, or of the source's path in it when the folder is a repository."""
    from moorage.render.local import render_folder

    root, path = within(path, wanted)
    result = await render_folder(
        path,
        root=root,
        source={k: v for k, v in wanted.source.items() if k != "chart"},
        app=wanted.name,
        namespace=wanted.namespace or "default",
        kube_version=wanted.kube_version,
        api_versions=wanted.api_versions,
        fetch_chart=_fetch_chart,
    )
    return Rendered(result.manifests, result.warnings, True)


def within(path: Path, wanted: Wanted) -> tuple[Path | None, Path]:
    """
    Return the repository and the folder to render; no repository when the folder itself was named.

    Raises:
        Missing: The path that was named beside the repository is not in it.
    """
    inner = wanted.inner or str(wanted.source.get("path") or ".")
    named = Path(inner).parts
    is_it_already = not wanted.inner and path.resolve().parts[-len(named) :] == named
    if inner != "." and not is_it_already and (path / inner).exists():
        return path, path / inner
    if wanted.inner:
        raise Missing(f"{path / inner}: no such folder")
    return None, path


async def _fetch_chart(url: str, name: str, version: str) -> bytes:
    from moorage.cli.repositories import fetch_chart

    return await fetch_chart(url, name, version)


def parse(data: bytes, origin: str) -> Iterator[Manifest]:
    """
    Yield the objects of a text in YAML or JSON; lists are unpacked and empty documents passed over.

    Raises:
        InvalidManifest: A document is not an object with a kind and a name.
    """
    from moorage.formats.yaml import iterate

    for document in iterate(data, origin=origin):
        yield from _objects(document.value, f"{origin}:{document.line}")


def _objects(value: Any, origin: str) -> Iterator[Manifest]:
    if value is None:
        return
    if not isinstance(value, dict):
        raise InvalidManifest(f"{origin}: not a Kubernetes object; write a map with apiVersion and kind")
    if isinstance(value.get("items"), list) and str(value.get("kind") or "").endswith("List"):
        for item in value["items"]:
            yield from _objects(_completed(value, item), origin)
        return
    metadata = value.get("metadata")
    named = isinstance(metadata, dict) and (metadata.get("name") or metadata.get("generateName"))
    for name, given in (
        ("apiVersion", isinstance(value.get("apiVersion"), str)),
        ("kind", isinstance(value.get("kind"), str)),
        ("metadata.name", isinstance(named, str)),
    ):
        if not given:
            raise InvalidManifest(f"{origin}: {name} is missing or not text; add it")
    yield Manifest.of(value, origin)


def _completed(body: Json, item: Any) -> Any:
    # The API server leaves kind and version out of the items of a list of one kind.
    kind = str(body["kind"]).removesuffix("List")
    if isinstance(item, dict) and kind and "kind" not in item:
        return {"apiVersion": body.get("apiVersion"), "kind": kind, **item}
    return item


def read_application(file: str) -> Json:
    """Return the one Application of a file (``-``: standard input). Raises InvalidManifest or Missing."""
    if file != "-" and not Path(file).is_file():
        raise Missing(f"{file}: no such file")
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    found = [m for m in parse(data, file) if m.key.group == "argoproj.io" and m.key.kind == "Application"]
    if len(found) != 1:
        raise InvalidManifest(f"{file}: holds {len(found)} Applications (argoproj.io), one is wanted")
    return found[0].body
