"""What holds for every test of the repository."""

from __future__ import annotations

import asyncio


def pytest_configure() -> None:
    """Set no event loop, so that nobody's question for one makes a loop that nobody closes."""
    asyncio.set_event_loop(None)
