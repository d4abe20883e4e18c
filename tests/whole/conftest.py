"""A world for each story."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from moorage.testing.world import World, world


@pytest_asyncio.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    """Give a running world with an empty repository named ``repo``."""
    async with world(tmp_path) as built:
        yield built
