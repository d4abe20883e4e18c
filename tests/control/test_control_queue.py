"""The queue's promises: one worker a key, merged, delayed, urgent first."""

from __future__ import annotations

import asyncio

import pytest

from moorage.control.queue import Depth, Queue, QueueClosed


async def test_a_key_asked_for_twice_is_given_once_with_the_deeper_reason() -> None:
    """
    Two reasons for one key are one pass, and the deeper one wins.
    """
    queue: Queue[str] = Queue()
    queue.add("a", Depth.REVISION)
    queue.add("a", Depth.LIVE)

    assert await queue.get() == ("a", Depth.REVISION)
    assert len(queue) == 0


async def test_a_key_being_worked_on_comes_back_after_done() -> None:
    """
    A key is with one worker at a time; what is asked meanwhile waits for it.
    """
    queue: Queue[str] = Queue()
    queue.add("a")
    key, _ = await queue.get()
    queue.add("a", Depth.HARD)

    assert len(queue) == 0
    queue.done(key)
    assert await queue.get() == ("a", Depth.HARD)


async def test_urgent_keys_go_first() -> None:
    """
    What a person waits for is done before what came earlier by itself.
    """
    queue: Queue[str] = Queue()
    queue.add("a")
    queue.add("b")
    queue.add("c", urgent=True)

    assert [(await queue.get())[0] for _ in range(3)] == ["c", "a", "b"]


@pytest.mark.looptime
async def test_the_earlier_of_two_delays_counts() -> None:
    """
    A key that is to come after a while comes at the earliest time asked for, once.
    """
    queue: Queue[str] = Queue()
    loop = asyncio.get_running_loop()
    queue.add_after(60, "a", Depth.LIVE)
    queue.add_after(5, "a", Depth.REVISION)
    queue.add_after(90, "a")

    assert await queue.get() == ("a", Depth.REVISION)
    assert loop.time() == pytest.approx(5)
    queue.done("a")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(200):
            await queue.get()


async def test_closing_lets_workers_end() -> None:
    """
    A worker that waits for a key ends when the queue is closed, and nothing is taken any more.
    """
    queue: Queue[str] = Queue()
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.close()
    queue.add("a")

    with pytest.raises(QueueClosed):
        await waiting
    assert len(queue) == 0


async def test_a_forgotten_key_does_not_come() -> None:
    """
    What was asked for a key that no longer exists is dropped.
    """
    queue: Queue[str] = Queue()
    queue.add("a")
    queue.add("b")
    queue.forget("a")

    assert (await queue.get())[0] == "b"
    assert len(queue) == 0


async def test_a_cancelled_worker_loses_no_key() -> None:
    """
    A key that came just when its worker was cancelled goes to another worker.
    """
    queue: Queue[str] = Queue()
    first = asyncio.ensure_future(queue.get())
    second = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()

    assert await second == ("a", Depth.LIVE)
    with pytest.raises(asyncio.CancelledError):
        await first
