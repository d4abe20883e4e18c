"""Rendering shared by the tests of one module, since starting a worker takes longer than most of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from rendering import opened

from moorage.render.pool import RenderSettings
from moorage.render.request import RenderResult


@pytest.fixture(scope="module")
def render() -> Iterator[Callable[..., RenderResult]]:
    """Renders a request over a tree in a pool of one worker that remembers nothing."""
    with opened(RenderSettings(workers=1)) as render:
        yield render
