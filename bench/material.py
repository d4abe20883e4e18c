"""What is synced in a measurement: repositories and the Applications of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.places import NAMESPACE, Place
from moorage.testing.gitserver import commit_files, run_git

PADDING = {f"key{index}": f"some configuration value number {index}" for index in range(8)}
LABELS = {"bench": "1"}
OBJECTS_EACH = 4


def config_map(name: str, value: str = "1", namespace: str = "") -> dict[str, Any]:
    """Return a small ConfigMap as real ones are."""
    metadata: dict[str, Any] = {"name": name, "labels": LABELS}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"v": value, **PADDING}}


def application(here: Place, name: str, repository: str, path: str, namespace: str) -> dict[str, Any]:
    """Return an Application that syncs and heals itself."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": NAMESPACE,
            "labels": LABELS,
            "annotations": {"argocd.argoproj.io/manifest-generate-paths": "."},
        },
        "spec": {
            "project": "default",
            "source": {
                "repoURL": f"{here.git_url}/{repository}.git",
                "path": path,
                "targetRevision": "main",
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "syncPolicy": {"automated": {"selfHeal": True, "prune": True}},
        },
    }


def repository(here: Place, name: str, files: dict[str, str]) -> Path:
    """Make a repository on the Git server and return its folder."""
    bare = here.git_root / f"{name}.git"
    bare.mkdir(parents=True)
    run_git(bare, "init", "--quiet", "--bare", "--initial-branch=main", ".")
    for key in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        run_git(bare, "config", key, "true")
    commit_files(bare, files)
    return bare


def big(here: Place, count: int) -> Path:
    """Make a repository with one application of many ConfigMaps in ten files."""
    documents = [json.dumps(config_map(f"c{index}")) for index in range(count)]
    return repository(
        here, "big", {f"big/{part:03}.yaml": "\n---\n".join(documents[part::10]) for part in range(10)}
    )


def many(here: Place, count: int) -> Path:
    """Make a repository of many applications with a few ConfigMaps each."""
    return repository(
        here,
        "many",
        {
            f"apps/{app(index)}/c{part}.yaml": json.dumps(config_map(f"{app(index)}-c{part}"))
            for index in range(count)
            for part in range(OBJECTS_EACH)
        },
    )


def app(index: int) -> str:
    """Return the name of one of many applications."""
    return f"a{index:05}"
