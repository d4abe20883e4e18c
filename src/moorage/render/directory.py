"""
Which manifests do the plain files of a folder hold?

The simplest renderer: it picks files by extension and glob, reads them as
YAML or JSON and hands every document on. It works on bytes in memory; no
file system is involved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moorage.formats import json, yaml
from moorage.model.errors import InvalidManifest, InvalidSpec, LimitExceeded, RenderFailed
from moorage.render.documents import Encoded, encode
from moorage.render.options import DirectoryOptions
from moorage.render.paths import follow, glob, within
from moorage.render.request import Entry, RenderLimits

_SKIP = b"+argocd:skip-file-rendering"
_LFS = b"version https://git-lfs.github.com/spec/"
_YAML = (".yaml", ".yml")
_MARKS = (b"apiVersion:", b"kind:", b"metadata:")
_RENDERED = (*_YAML, ".json", ".jsonnet")
_OVERRIDES = ".argocd-source"


def render(
    files: Mapping[str, Entry], path: str, options: DirectoryOptions, namespace: str, limits: RenderLimits
) -> Encoded:
    """
    Return the manifests of a folder's files, in the order of their names.

    Args:
        files: What is at and beneath the folder, by path from the root (and what its links lead to).
        path: The folder, or one file.
        options: Which files count.
        namespace: The destination's namespace.
        limits: Sizes to keep.
    """
    chosen = list(_choose(files, path, options))
    total = sum(len(content) for _, content in chosen)
    if total > limits.directory:
        raise LimitExceeded(
            f"{path or '.'}: its manifest files have {total} bytes, more than the {limits.directory} allowed; split the folder"
        )
    return encode(_documents(chosen), namespace, limits)


def _choose(files: Mapping[str, Entry], path: str, options: DirectoryOptions) -> Iterator[tuple[str, bytes]]:
    start = len(path) + 1 if path else 0
    include = glob(options.include) if options.include else None
    exclude = glob(options.exclude) if options.exclude else None
    for name in sorted(files):
        if not within(name, path):
            continue
        relative = name[start:] or name.rpartition("/")[2]
        if "/" in relative and not options.recurse:
            continue
        if not options.disable_extension_filter and not relative.endswith(_RENDERED):
            continue
        if relative.rpartition("/")[2].startswith(_OVERRIDES):
            continue
        if (exclude and exclude.fullmatch(relative)) or (include and not include.fullmatch(relative)):
            continue
        source = follow(name, files)
        if source is not None:
            yield name, files[source].content


def _documents(chosen: list[tuple[str, bytes]]) -> Iterator[tuple[yaml.Document, str]]:
    scalars: dict[str, Any] = {}
    for name, content in chosen:
        if _SKIP in content:
            continue
        if content.startswith(_LFS):
            raise InvalidManifest(
                f"{name}: holds a Git LFS pointer, not the file; enable LFS for the repository or commit the file itself"
            )
        if name.endswith(".jsonnet"):
            raise InvalidSpec(
                f"{name}: Jsonnet is not supported yet; exclude the file with directory.exclude"
            )
        if name.endswith(".json"):
            yield from _json_documents(name, content)
        else:
            yield from _yaml_documents(name, content, scalars)


def _json_documents(name: str, content: bytes) -> Iterator[tuple[yaml.Document, str]]:
    if not content.strip():
        return
    value = json.load(content, origin=name)
    if isinstance(value, dict) and "kind" not in value and value.get("schemaVersion") == 2:
        return  # an OCI image manifest that lies beside the manifests
    yield yaml.Document(value, 1), name


def _yaml_documents(
    name: str, content: bytes, scalars: dict[str, Any]
) -> Iterator[tuple[yaml.Document, str]]:
    # A values or notes file lies in many folders and is no manifest; it is left
    # alone unless some part of it looks like one.
    documents: list[yaml.Document] = []
    try:
        documents.extend(yaml.iterate(content, origin=name, scalars=scalars))
    except RenderFailed:
        if any(map(_looks_like_manifest, documents)) or all(word in content for word in _MARKS):
            raise
        return
    if any(map(_looks_like_manifest, documents)):
        for document in documents:
            yield document, name


def _looks_like_manifest(document: yaml.Document) -> bool:
    value = document.value
    return isinstance(value, dict) and ("kind" in value or "apiVersion" in value)
