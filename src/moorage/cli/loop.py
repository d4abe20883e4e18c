"""Runs the asynchronous part of a command."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """
    Return what a coroutine returns; Ctrl-C cancels it and raises KeyboardInterrupt.

    Unlike `asyncio.run` it leaves the loop of the calling thread alone, so that a
    program or a test that has one may call commands too.
    """
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)
