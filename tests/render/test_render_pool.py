"""How workers are used, shared, stopped and buried."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from rendering import chart, config_map, limits, request, tree, within

from moorage.model.errors import LimitExceeded, RenderInterrupted
from moorage.render.pool import RenderSettings

ENDLESS = {"app/templates/x.yaml": "{{ range until 1000000 }}{{ range until 1000000 }}{{ end }}{{ end }}"}


def gone(pid: int) -> bool:
    """Return whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def eventually(condition) -> None:
    """Wait until a condition holds, for at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a process cannot set an event here
            await asyncio.sleep(0.01)


def test_identical_requests_are_rendered_once():
    """
    Requests that come while the same one runs wait for its result.
    """

    async def act(pool):
        results = await asyncio.gather(*(pool.render(request(), chart()) for _ in range(10)))
        return pool.rendered, {r.encoded for r in results}

    rendered, results = within(RenderSettings(workers=1), act)

    assert (rendered, len(results)) == (1, 1)


def test_a_cancelled_leader_leaves_the_work_to_a_waiter():
    """
    When the caller whose request runs is cancelled, another one that waits for it gets its result all the same.
    """

    async def act(pool):
        first = asyncio.ensure_future(pool.render(request(), chart()))
        await eventually(lambda: pool.rendered == 1)
        second = asyncio.ensure_future(pool.render(request(), chart()))
        await asyncio.sleep(0)
        first.cancel()
        result = await second
        return first.cancelled() or await asyncio.wait([first]), len(result.manifests), pool.rendered

    assert within(RenderSettings(workers=1), act)[1:] == (1, 2)


def test_s10_a_chart_that_never_ends_fails_alone():
    """
    S10: a job over its time is killed with its process; the next job renders in a new one.
    """

    async def act(pool):
        with pytest.raises(LimitExceeded, match="longer than 1 s"):
            await pool.render(request(), chart(**ENDLESS))
        return await pool.render(request(), chart())

    settings = RenderSettings(workers=1, limits=limits(seconds=1))

    assert len(within(settings, act).manifests) == 1


def test_s10_a_chart_that_eats_memory_fails_alone():
    """
    S10: a template bomb ends its own process, and the application's neighbours render.
    """
    bomb = {"app/templates/x.yaml": '{{ $s := repeat 100000000 "0123456789" }}{{ $s | repeat 20 }}'}

    async def act(pool):
        with pytest.raises(LimitExceeded, match="memory"):
            await pool.render(request(), chart(**bomb))
        return await pool.render(request(), chart())

    assert len(within(RenderSettings(workers=1, limits=limits(memory=300_000_000)), act).manifests) == 1


def test_s7_output_stops_at_the_cap():
    """
    S7: a kustomization that renders more than allowed is cut off while it flows.
    """
    files = {
        "app/kustomization.yaml": "resources: [a.yaml]",
        "app/a.yaml": "---\n".join(config_map(f"m{n}", v="x" * 50_000) for n in range(30)),
    }

    async def act(pool):
        with pytest.raises(LimitExceeded, match="more than 1000000 bytes were rendered"):
            await pool.render(request(), tree(files))

    within(RenderSettings(workers=1, limits=limits(output=1_000_000)), act)


def test_s7_a_chart_of_too_much_output_stops_at_the_cap():
    """
    S7: a chart whose documents are more than allowed fails with the limit named.
    """
    files = {
        "app/templates/x.yaml": "{{ range until 60 }}\n---\n"
        + config_map("m{{ . }}", v="x" * 50_000)
        + "{{ end }}"
    }

    async def act(pool):
        with pytest.raises(LimitExceeded, match="more than 1000000 bytes were rendered"):
            await pool.render(request(), chart(**files))

    within(RenderSettings(workers=1, limits=limits(output=1_000_000)), act)


def test_a_worker_killed_from_outside_is_transient():
    """
    A worker stopped by somebody else is reported as an interruption to be tried again.
    """

    async def act(pool):
        running = asyncio.ensure_future(pool.render(request(), chart(**ENDLESS)))
        await eventually(lambda: pool.pids)
        os.kill(pool.pids[0], signal.SIGKILL)
        with pytest.raises(RenderInterrupted):
            await running

    within(RenderSettings(workers=1), act)


def test_cancelling_kills_the_process(tmp_path):
    """
    A cancelled rendering leaves neither its process nor its scratch folder behind.
    """

    async def act(pool):
        running = asyncio.ensure_future(pool.render(request(), chart(**ENDLESS)))
        await eventually(lambda: pool.pids)
        (pid,) = pool.pids
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await eventually(lambda: gone(pid))

    within(RenderSettings(workers=1, scratch=tmp_path), act)

    assert list(tmp_path.iterdir()) == []


def test_s5_scratch_is_private_and_gone_afterwards(tmp_path):
    """
    S5: each job has a folder of its own with a random name, and none is there after success or failure.
    """
    seen: set[str] = set()

    async def act(pool):
        slow = {"app/templates/x.yaml": "{{ range until 400000 }}{{ end }}"}
        for files in (slow, slow, {"app/templates/x.yaml": slow["app/templates/x.yaml"] + '{{ fail "no" }}'}):
            running = asyncio.ensure_future(pool.render(request(app=f"web{len(seen)}"), chart(**files)))
            await eventually(lambda: list(tmp_path.iterdir()) or running.done())  # noqa: B023
            seen.update(folder.name for folder in tmp_path.iterdir())
            assert all(folder.stat().st_mode & 0o777 == 0o700 for folder in tmp_path.iterdir())
            await asyncio.wait([running])
            running.exception()

    within(RenderSettings(workers=1, scratch=tmp_path), act)

    assert len(seen) == 3
    assert list(tmp_path.iterdir()) == []


def test_workers_end_after_a_while():
    """
    An idle worker ends, one that did its number of jobs is replaced, and leaving the pool ends all.
    """

    async def act(pool):
        pids = []
        for name in ("a", "b", "c"):
            await pool.render(request(app=name), chart())
            pids += pool.pids
        await eventually(lambda: not pool.pids)
        return pids

    pids = within(RenderSettings(workers=1, jobs_per_worker=2, idle_seconds=0.05), act)

    assert all(gone(pid) for pid in pids)


def test_a_spare_process_is_always_there():
    """
    With a spare, a process waits before the first job, that job uses it, and another waits once it is gone.
    """

    async def act(pool):
        keeping = asyncio.ensure_future(pool.run())
        await eventually(lambda: pool.pids)
        waiting = pool.pids
        await pool.render(request(), chart())
        used = pool.pids
        await eventually(lambda: pool.pids and pool.pids != used)
        last = pool.pids
        keeping.cancel()
        await asyncio.wait([keeping])
        return waiting, used, last

    waiting, used, last = within(RenderSettings(workers=1, idle_seconds=0.05, spare=True), act)

    assert waiting == used
    assert len(waiting) == len(last) == 1
    assert all(map(gone, {*used, *last}))


def test_a_killed_process_is_replaced_by_a_spare_one():
    """
    A job that is killed for its time takes its process with it, and the next one waits already.
    """

    async def act(pool):
        keeping = asyncio.ensure_future(pool.run())
        await eventually(lambda: pool.pids)
        before = pool.pids
        with pytest.raises(LimitExceeded):
            await pool.render(request(), chart(**ENDLESS))
        await eventually(lambda: pool.pids)
        keeping.cancel()
        await asyncio.wait([keeping])
        return before, pool.pids

    before, after = within(RenderSettings(workers=1, limits=limits(seconds=0.5), spare=True), act)

    assert len(after) == 1
    assert not {*before} & {*after}


def test_small_folders_need_no_process():
    """
    Rendering a few plain files starts no worker.
    """

    async def act(pool):
        await pool.render(request(), tree({"app/a.yaml": config_map("a")}))
        return pool.pids

    assert within(RenderSettings(), act) == ()


def test_local_folders_render_alike(tmp_path):
    """
    A folder on disk renders as the same files in Git would, bases elsewhere in the repository included.
    """
    from moorage.render.local import render_folder

    files = {
        "app/kustomization.yaml": "resources: [../base]",
        "base/kustomization.yaml": "resources: [a.yaml]",
        "base/a.yaml": config_map("a"),
        ".git/HEAD": "",
    }
    for name, text in files.items():
        Path(tmp_path, name).parent.mkdir(exist_ok=True)
        Path(tmp_path, name).write_text(text)

    async def act(pool):
        here = await render_folder(tmp_path / "app")
        there = await pool.render(request(), tree(files))
        return here.encoded, there.encoded

    here, there = within(RenderSettings(workers=1), act)

    assert here == there
