"""What an application says its manifests depend on."""

from __future__ import annotations

import pytest
from control_bodies import application

from moorage.control.decode import decode_application
from moorage.control.repositories import _declared_reads

PATHS = "argocd.argoproj.io/manifest-generate-paths"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(".", ["shop"], id="its own folder"),
        pytest.param("../base;.", ["base", "shop"], id="relative to the source path"),
        pytest.param("/shared", ["shared"], id="from the root"),
        pytest.param("/shared/*.yaml; values", ["shared", "shop/values"], id="globs stand for their folder"),
        pytest.param("/../..", [""], id="nothing is above the root"),
    ],
)
def test_declared_paths_are_read_from_the_root(declared: str, expected: list[str]) -> None:
    """
    Paths of the annotation are relative to the source path, or to the root with a slash before them.
    """
    app = decode_application(application(annotations={PATHS: declared} if declared else {}))

    assert _declared_reads(app) == expected
