"""
Which renderer does a folder call for, and with which options?

A block on the source decides; else a chart, else what lies in the folder.
Files named ``.argocd-source.yaml`` and ``.argocd-source-<app>.yaml`` are
merged over the source first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moorage.formats import yaml
from moorage.model.errors import InvalidManifest
from moorage.model.manifest import Json
from moorage.render.options import Decoded, DirectoryOptions, HelmOptions, KustomizeOptions, Options, decode
from moorage.render.request import Entry, RenderRequest

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")


def settle(request: RenderRequest, path: str, files: Mapping[str, Entry]) -> tuple[Json, Decoded]:
    """
    Return the source as it is after overrides, and its options.

    Args:
        request: What to render.
        path: The folder of the source.
        files: What lies directly in it.
    """
    source = overridden(request, path, files)
    decoded = decode(source)
    if decoded.options is None:
        return source, Decoded(detected(path, files), decoded.warnings)
    return source, decoded


def detected(path: str, files: Mapping[str, Entry]) -> Options:
    """Return the options of the renderer a folder's files call for."""
    prefix = f"{path}/" if path else ""
    if f"{prefix}Chart.yaml" in files:
        return HelmOptions()
    if any(prefix + name in files for name in KUSTOMIZATIONS):
        return KustomizeOptions()
    return DirectoryOptions()


def overridden(request: RenderRequest, path: str, files: Mapping[str, Entry]) -> Json:
    """Return the source with the folder's override files merged over it."""
    source = request.spec
    prefix = f"{path}/" if path else ""
    for name in (f"{prefix}.argocd-source.yaml", f"{prefix}.argocd-source-{request.app}.yaml"):
        entry = files.get(name)
        if entry is None or entry.is_link:
            continue
        patch = yaml.load(entry.content, origin=name)
        if patch is None:
            continue
        if not isinstance(patch, dict):
            raise InvalidManifest(
                f"{name}:1: must be a map with fields of the source, such as helm or kustomize"
            )
        # Where the files come from is decided before they are read.
        kept = {field: value for field, value in patch.items() if field in _OVERRIDABLE}
        source = merge(source, kept)
    return source


_OVERRIDABLE = frozenset({"helm", "kustomize", "directory", "plugin"})


def merge(target: Any, patch: Any) -> Any:
    """Return a JSON merge patch (RFC 7396) applied to a value."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged
