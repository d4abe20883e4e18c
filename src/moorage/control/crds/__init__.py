"""
The definitions of the kinds Moorage reads, of our own writing.

They accept everything Argo CD's accept: only what Moorage relies on has a
shape, the rest is kept as it is.
"""

from __future__ import annotations

from importlib.resources import files

from moorage.formats.yaml import load_all
from moorage.model.manifest import Json

NAMES = ("application", "appproject", "applicationset")


def text() -> str:
    """Return all definitions as one YAML stream, as ``moor crds`` prints them."""
    folder = files(__name__)
    return "---\n".join((folder / f"{name}.yaml").read_text() for name in NAMES)


def manifests() -> list[Json]:
    """Return all definitions as JSON."""
    return [document.value for document in load_all(text(), origin="crds")]
