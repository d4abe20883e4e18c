"""The loop around passes: one failing key harms no other, and nothing secret is logged."""

from __future__ import annotations

import asyncio
import io

import pytest
import structlog

from moorage.control.controller import Controller, Next
from moorage.control.queue import Depth, Queue
from moorage.model.errors import ClusterUnreachable
from moorage.serve import configure_logging


async def run_passes(*failures: Exception | None) -> tuple[list[float], list[str]]:
    """Run passes over one key that fail so until one does not; return when they ran, and those of another key."""
    queue: Queue[str] = Queue()
    loop = asyncio.get_running_loop()
    times: list[float] = []
    others: list[str] = []
    coming = list(failures)

    async def one_pass(key: str, depth: Depth) -> Next:
        if key != "bad":
            others.append(key)
            return Next()
        times.append(loop.time())
        if (failure := coming.pop(0)) is not None:
            raise failure
        queue.close()
        return Next()

    queue.add("bad")
    queue.add("good")
    await Controller(queue, one_pass, passes=1).run()
    return times, others


@pytest.mark.looptime
@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(ClusterUnreachable("nobody answers"), id="the world"),
        pytest.param(ZeroDivisionError("a bug"), id="a bug"),
    ],
)
async def test_a_failing_pass_is_tried_again_with_backoff(failure: Exception) -> None:
    """
    A pass that fails comes back after one second, then two, and other keys have their turn.
    """
    times, others = await run_passes(failure, failure, None)

    assert times == pytest.approx([0, 1, 3])
    assert others == ["good"]


def test_tracebacks_show_no_variables() -> None:
    """
    S14: a traceback in the log names lines of code and never what variables held.
    """
    lines = io.StringIO()
    configure_logging("info", as_json=False, stream=lines)

    def fail(password: str) -> None:
        raise ZeroDivisionError(len(password))

    try:
        fail("canary-" + "secret")
    except ZeroDivisionError:
        structlog.get_logger().exception("It failed")
    structlog.reset_defaults()

    assert "ZeroDivisionError" in lines.getvalue()
    assert "canary-secret" not in lines.getvalue()
