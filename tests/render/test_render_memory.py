"""What is remembered, for how long, and for whom."""

from __future__ import annotations

import asyncio
import os
import stat

import pytest
from rendering import chart, config_map, request, tree, within
from structlog.testing import capture_logs

from moorage.render.behind import WrittenBehind
from moorage.render.memory import Memory, Remembered
from moorage.render.pool import RenderSettings

CANARY = b"hunter2-canary"


def remembered(size: int = 10) -> Remembered:
    """Return a result with a Secret that compresses badly."""
    return Remembered(
        ((b'{"kind":"Secret","data":"' + CANARY + os.urandom(size).hex().encode() + b'"}', "a:1"),),
        (),
        "Helm",
    )


def settings(folder, **fields) -> RenderSettings:
    """Return settings with a memory in a folder."""
    return RenderSettings(
        workers=1, folder=folder / "results", key_file=folder / "keys" / "render.key", **fields
    )


def test_s64_a_changed_result_is_a_miss(tmp_path):
    """
    S64: one flipped byte anywhere, a cut or a result moved under another name is as if it were not there.
    """
    memory = Memory(tmp_path / "r", tmp_path / "k" / "key", 10_000)
    memory.put("one", remembered())
    whole = (tmp_path / "r" / "one").read_bytes()

    for position in range(0, len(whole), 7):
        broken = bytearray(whole)
        broken[position] ^= 1
        (tmp_path / "r" / "one").write_bytes(broken)
        assert memory.get("one") is None
    for cut in (0, 5, len(whole) - 1):
        (tmp_path / "r" / "one").write_bytes(whole[:cut])
        assert memory.get("one") is None
    (tmp_path / "r" / "two").write_bytes(whole)
    assert memory.get("two") is None


def test_s64_another_key_reads_nothing(tmp_path):
    """
    S64: results written under another key, or with a damaged key file, are misses.
    """
    Memory(tmp_path / "r", tmp_path / "k1", 10_000).put("one", remembered())
    (tmp_path / "k3").write_bytes(b"short")

    assert Memory(tmp_path / "r", tmp_path / "k2", 10_000).get("one") is None
    assert Memory(tmp_path / "r2", tmp_path / "k3", 10_000).get("one") is None
    assert (tmp_path / "k3").stat().st_size == 32


def test_s14_secrets_are_encrypted_at_rest(tmp_path):
    """
    S14: neither the results nor any other file holds a rendered Secret in clear, and the key is ours alone.
    """
    memory = Memory(tmp_path / "r", tmp_path / "k" / "key", 10_000)
    memory.put("one", remembered())

    assert all(CANARY not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert stat.S_IMODE((tmp_path / "k" / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == 0o700


def test_results_survive_a_restart(tmp_path):
    """
    A result is found again by another process with the same key.
    """
    kept = remembered()
    Memory(tmp_path / "r", tmp_path / "key", 10_000).put("one", kept)

    assert kept == Memory(tmp_path / "r", tmp_path / "key", 10_000).get("one")


def test_the_least_recently_used_goes_first(tmp_path):
    """
    Beyond the limit the result that was asked for longest ago is forgotten; one too big is never kept.
    """
    memory = Memory(tmp_path / "r", tmp_path / "key", 1_500)
    for name in ("one", "two"):
        memory.put(name, remembered(500))
    memory.get("one")
    memory.put("three", remembered(500))
    memory.put("huge", remembered(50_000))

    assert sorted(file.name for file in (tmp_path / "r").iterdir()) == ["one", "three"]
    assert memory.size == sum(file.stat().st_size for file in (tmp_path / "r").iterdir())


def test_an_unchanged_tree_is_never_rendered_again(tmp_path):
    """
    The same request over the same content renders once, across restarts and whatever else changes in the repository.
    """
    wanted = request(helm={"valueFiles": ["/env/prod.yaml"]})

    def rendered(**files) -> int:
        async def act(pool):
            await pool.render(wanted, chart(**{"env/prod.yaml": "x: 1", **files}))
            return pool.rendered

        return within(settings(tmp_path), act)

    counts = [
        rendered(),
        rendered(),
        rendered(unrelated="y"),
        rendered(**{"env/prod.yaml": "x: 2"}),
        rendered(),
    ]

    assert counts == [1, 0, 0, 1, 0]


def test_a_result_is_found_before_it_is_written(tmp_path):
    """
    What was put is found at once, whether or not it is on disk, and is on disk once the memory is closed.
    """
    result = remembered(300_000)

    async def act() -> list[bool]:
        behind = WrittenBehind(Memory(tmp_path / "r", tmp_path / "key", 10_000_000))
        behind.put({"one": result, "two": result})
        at_once = await behind.get("one") is result
        await behind.close()
        return [at_once, await behind.get("none") is None]

    assert asyncio.run(act()) == [True, True]
    again = WrittenBehind(Memory(tmp_path / "r", tmp_path / "key", 10_000_000))
    assert asyncio.run(again.get("one")) == asyncio.run(again.get("two")) == result


def test_a_full_disk_fails_no_rendering(tmp_path):
    """
    Where results cannot be kept, rendering goes on, and what is wrong is told.
    """
    where = settings(tmp_path)

    async def act(pool):
        where.folder.rmdir()
        first = await pool.render(request(), chart())
        await pool.close()
        return len(first.manifests)

    with capture_logs() as logged:
        assert within(where, act) == 1

    assert [entry["event"] for entry in logged] == ["a rendering cannot be kept on disk"]


@pytest.mark.parametrize(
    ("change", "renders"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({"project": "other"}, 1, id="S65 project"),
        pytest.param({"app": "other"}, 1, id="application"),
        pytest.param({"namespace": "other"}, 1, id="namespace"),
        pytest.param({"helm": {"releaseName": "r"}}, 1, id="options"),
        pytest.param({"kube_version": "v1.31.0"}, 0, id="version nobody asks for"),
        pytest.param({"environment": {"ARGOCD_APP_REVISION": "2"}}, 0, id="variable nobody uses"),
        pytest.param({"content": "sha256:1"}, 1, id="fetched content"),
    ],
)
def test_s65_the_key_holds_every_input(tmp_path, change, renders):
    """
    S65: whatever can change the result, and the project, leads to another rendering; what cannot does not.
    """

    async def act(pool):
        await pool.render(request(), chart())
        before = pool.rendered
        await pool.render(request(**change), chart())
        return pool.rendered - before

    assert renders == within(settings(tmp_path), act)


@pytest.mark.parametrize(
    ("first", "second", "files"),
    [
        pytest.param(
            {"kube_version": "v1.30.0"},
            {"kube_version": "v1.31.0"},
            {"app/templates/x.yaml": "# {{ .Capabilities.KubeVersion }}"},
            id="asks for the version",
        ),
        pytest.param(
            {"api_versions": []},
            {"api_versions": ["x/v1"]},
            {"app/templates/x.yaml": "# {{ .Capabilities.APIVersions }}"},
            id="asks for API versions",
        ),
        pytest.param(
            {"kube_version": "v1.30.0"},
            {"kube_version": "v1.31.0"},
            {"app/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\nkubeVersion: '>=1.20.0'"},
            id="constrains the version",
        ),
        pytest.param(
            {"environment": {"ARGOCD_APP_REVISION": "1"}, "helm": {"values": "r: $ARGOCD_APP_REVISION"}},
            {"environment": {"ARGOCD_APP_REVISION": "2"}, "helm": {"values": "r: $ARGOCD_APP_REVISION"}},
            {},
            id="uses a variable",
        ),
    ],
)
def test_s65_what_a_chart_asks_for_is_in_its_key(tmp_path, first, second, files):
    """
    S65: a chart that looks at the destination or at a variable is rendered anew when that changes.
    """

    async def act(pool):
        for fields in (first, second, first):
            await pool.render(request(**fields), chart(**files))
        return pool.rendered

    assert within(settings(tmp_path), act) == 2


def test_overrides_that_use_variables_are_not_remembered(tmp_path):
    """
    An override file that brings in a build variable makes a result for one commit only.
    """
    files = chart(**{"app/.argocd-source.yaml": "helm: {values: 'r: $ARGOCD_APP_REVISION'}"})

    async def act(pool):
        for revision in ("1", "2"):
            await pool.render(request(environment={"ARGOCD_APP_REVISION": revision}), files)
        return pool.rendered

    assert within(settings(tmp_path), act) == 2


def test_failures_are_not_remembered(tmp_path):
    """
    A rendering that failed is tried again.
    """

    async def act(pool):
        for _ in range(2):
            with pytest.raises(Exception, match="apiVersion is missing"):
                await pool.render(request(), tree({"app/a.yaml": "kind: X\nmetadata: {name: a}"}))
        await pool.render(request(), tree({"app/a.yaml": config_map("a")}))
        return pool.rendered

    assert within(settings(tmp_path), act) == 3
