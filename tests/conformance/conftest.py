"""The servers that are compared, started once for all tests of this folder."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.conformance.exchange import Server  # noqa: E402
from tests.conformance.house import RealScene, real_scene  # noqa: E402
from tests.conformance.servers import real_server, sandbox_server  # noqa: E402
from tests.controlplane import ControlPlane, Podlet  # noqa: E402


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every asynchronous test of this folder share the loop its servers live in."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.conformance)
            if pytest_asyncio.is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def prefix() -> str:
    """Return what the namespaces of this run begin with."""
    return f"conformance-{secrets.token_hex(3)}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def real() -> AsyncIterator[Server]:
    """Give the real API server."""
    async with real_server() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox() -> AsyncIterator[Server]:
    """Give the sandbox."""
    async with sandbox_server() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def planes() -> AsyncIterator[tuple[ControlPlane, ControlPlane]]:
    """Give the planes that stories of faults break: one for Applications, and one for what they declare."""
    async with contextlib.AsyncExitStack() as stack:
        both = ControlPlane(controllers=False, audited=True), ControlPlane(audited=True)
        home, edge = await asyncio.gather(*map(stack.enter_async_context, both))
        await stack.enter_async_context(Podlet(edge.session))
        yield home, edge


@pytest_asyncio.fixture(loop_scope="session")
async def scene(planes: tuple[ControlPlane, ControlPlane], tmp_path: Path) -> AsyncIterator[RealScene]:
    """Give a running Moorage on both planes, with an empty repository named ``repo``."""
    async with real_scene(tmp_path, *planes) as built:
        yield built
