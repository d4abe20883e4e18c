"""Where mirrors and charts lie, what may go, and what is left after a crash."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from sources_kit import Clock, place, room

from moorage.model.errors import InvalidConfiguration, PathEscapes, SourceUnreachable
from moorage.sources.snapshot import File
from moorage.sources.store import Store, write_files
from moorage.testing.gitserver import GitServer, commit_files

KEYS = [f"{n:040x}" for n in range(4)]


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "store", 10_000)
    opened.open()
    yield opened
    opened.close()


def mirror(store: Store, key: str, size: int, used: float) -> Path:
    """Return a mirror of a size that was used at a time."""
    folder = store.mirror(key)
    for name in ("objects", "refs"):
        (folder / name).mkdir(parents=True)
    for name in ("HEAD", "config"):
        (folder / name).write_text("x")
    (folder / "objects" / "pack").write_bytes(b"x" * size)
    os.utime(folder, (used, used))
    return folder


async def test_what_was_used_longest_ago_goes_first(store):
    """
    Above its bound the store forgets mirrors and charts by last use, oldest first, until the rest fits.
    """
    mirrors = [mirror(store, key, 4000, used) for key, used in zip(KEYS, (40, 10, 30, 20), strict=True)]
    gone = await store.trim(lambda _: False)

    assert gone == [mirrors[1], mirrors[3]]
    assert [path.exists() for path in mirrors] == [True, False, True, False]


async def test_what_is_in_use_stays(store):
    """
    What is followed is never forgotten, even when the rest is not enough.
    """
    mirrors = [mirror(store, key, 20_000, n) for n, key in enumerate(KEYS)]

    assert await store.trim(mirrors[:2].__contains__) == mirrors[2:]


def test_charts_by_digest(store):
    """
    A chart's archive is found by its digest, and finding it counts as use.
    """
    digest = hashlib.sha256(b"archive").hexdigest()
    assert store.find_chart(digest) is None
    store.keep_chart(digest, b"archive")
    path = store.root / "charts" / f"{digest}.tgz"
    os.utime(path, (1, 1))

    assert store.find_chart(digest) == b"archive"
    assert path.stat().st_mtime > 1
    assert [kept.name for kept in path.parent.iterdir()] == [path.name]


def test_s64_a_chart_that_was_tampered_with_is_not_there(store):
    """
    S64: an archive whose content is not what its digest names counts as missing.
    """
    digest = hashlib.sha256(b"archive").hexdigest()
    store.keep_chart(digest, b"archive")
    (store.root / "charts" / f"{digest}.tgz").write_bytes(b"poison")

    assert store.find_chart(digest) is None


@pytest.mark.parametrize("name", ["../x", "a/b", "", "D" * 64, "d" * 63])
def test_s4_only_hashes_become_paths(store, name):
    """
    S4: nothing but a hash becomes the name of a file in the store.
    """
    with pytest.raises(AssertionError):
        store.find_chart(name)
    with pytest.raises(AssertionError):
        store.mirror(name)


def test_one_process_a_folder(store):
    """
    A second process that is given the same folder is told so; it may have it once the first is done.
    """
    second = Store(store.root, 1)
    with pytest.raises(InvalidConfiguration, match="another Moorage uses this folder"):
        second.open()
    store.close()
    second.open()
    second.close()


def test_s5_the_folder_is_private(store):
    """
    S5: nobody else on the machine can read mirrors, charts or scratch.
    """
    folders = [store.root, *(path for path in store.root.iterdir() if path.is_dir())]

    assert {oct(path.stat().st_mode & 0o777) for path in folders} == {"0o700"}


async def test_s5_scratch_folders_are_gone_afterwards(store):
    """
    CVE-2023-40026, S5: a scratch folder has a random name, belongs to one job and is gone when the job fails too.
    """
    names = set()
    for _ in range(2):
        with pytest.raises(SourceUnreachable):
            await failing_job(store, names)

    assert len(names) == 2
    assert list(store.scratch.iterdir()) == []


async def failing_job(store, names):
    async with store.scratch_folder() as folder:
        names.add(folder.name)
        (folder / "x").write_text("x")
        (folder / "x").chmod(0)
        raise SourceUnreachable("the job failed")


def test_what_a_killed_process_left(store):
    """
    Opening the folder again clears scratch, lock files and half-made mirrors, and keeps whole mirrors.
    """
    whole, half = mirror(store, KEYS[0], 10, 1), store.mirror(KEYS[1])
    half.mkdir()
    (whole / "shallow.lock").write_text("")
    (whole / "refs" / "deep").mkdir()
    (whole / "refs" / "deep" / "x.lock").write_text("")
    (store.scratch / "left").mkdir()
    store.close()
    store.open()

    assert not half.exists()
    assert list(store.scratch.iterdir()) == []
    assert list(whole.rglob("*.lock")) == []
    assert (whole / "HEAD").exists()


async def test_a_restart_reads_what_is_there(tmp_path):
    """
    After a restart a commit that was fetched before is read without asking the server.
    """
    async with place(tmp_path) as at:
        revision = await at.resolve("main")
        url = at.url
    async with room(tmp_path, Clock()) as sources:
        repository = sources.repository(url)
        assert await sources.resolve(repository, revision) == revision
        files = await (await sources.snapshot(repository, revision)).read("web")

        assert list(files) == ["web/app.yaml"]
        assert sources.stats()["fetches"] == 0
        with pytest.raises(SourceUnreachable):
            await sources.resolve(repository, "main")


@pytest.mark.parametrize("form", ["sha1", "sha256"])
async def test_a_restart_fetches_what_was_left_on_the_server(tmp_path, form):
    """
    A mirror without all contents, made by an earlier life, is read on: what is missing is fetched, in one go.
    """
    async with GitServer(tmp_path / "served") as git:
        folder = git.create("shop", object_format=form)
        revision = commit_files(
            folder, {"web/app.yaml": "kind: Service\n", "api/app.yaml": "kind: Job\n"}, "First"
        )
        async with room(tmp_path, Clock(), partial=True) as sources:
            repository = sources.repository(git.url("shop"))
            assert await sources.resolve(repository, "main") == revision
        async with room(tmp_path, Clock(), partial=True) as sources:
            assert await sources.resolve(repository, revision) == revision
            snapshot = await sources.snapshot(repository, revision)
            texts = {name: file.content for name, file in (await snapshot.read("", recurse=True)).items()}
            fetches = sources.stats()["fetches"]

    assert texts == {"web/app.yaml": b"kind: Service\n", "api/app.yaml": b"kind: Job\n"}
    assert fetches == 1


async def test_a_forgotten_mirror_is_fetched_again(tmp_path):
    """
    S66: losing the store costs time only: the next question makes a new mirror.
    """
    async with place(tmp_path, settings={"store_bytes": 1}) as at:
        revision = await at.resolve("main")
        await at.sources.trim()
        assert list((tmp_path / "store" / "mirrors").iterdir()) == []

        assert await at.resolve("main", fresh=True) == revision
        assert "web/app.yaml" in await at.texts(revision)


async def test_two_projects_share_no_mirror(tmp_path):
    """
    S65: what one project's credentials fetched is in no other project's mirror.
    """
    async with place(tmp_path) as at:
        ours, theirs = replace(at.shop, project="ours"), replace(at.shop, project="theirs")
        revision = await at.sources.resolve(ours, commit_files(at.folder, {"x": "secret"}))
        at.server.broken = 404

        assert ours.key != theirs.key
        with pytest.raises(Exception, match="no such repository"):
            await at.sources.resolve(theirs, revision)


FILES = {"a/b.yaml": File(b"x"), "run": File(b"#!", executable=True), "link": File(b"a/b.yaml", is_link=True)}


def test_s13_written_files_are_read_only(tmp_path):
    """
    S13: files written for a program are read-only, with inner links as links.
    """
    write_files(FILES, tmp_path)

    assert oct((tmp_path / "a/b.yaml").stat().st_mode & 0o777) == "0o400"
    assert oct((tmp_path / "run").stat().st_mode & 0o777) == "0o500"
    assert (tmp_path / "link").readlink() == Path("a/b.yaml")


@pytest.mark.parametrize(
    "files",
    [
        {"../x": File(b"")},
        {"/x": File(b"")},
        {"a/../../x": File(b"")},
        {"l": File(b"/etc", is_link=True)},
        {"l": File(b"..", is_link=True)},
        {"l": File(b"", is_link=True)},
        {"a/l": File(b"../../x", is_link=True)},
        {"l": File(b"m", is_link=True), "m": File(b"../x", is_link=True)},
        {"l": File(b"m", is_link=True), "m": File(b"l", is_link=True)},
        {"l": File(b".", is_link=True), "l/x": File(b"through the link")},
        {"d": File(b"a file"), "d/x": File(b"")},
        {"a/d": File(b"..", is_link=True), "a/l": File(b"d/../x", is_link=True)},
    ],
)
def test_cve_2022_24904_files_and_links_that_leave(tmp_path, files):
    """
    CVE-2022-24904, CVE-2022-31036, S2, S13: a path or link that leaves, loops or is written through is refused,
    and then nothing is written.
    """
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(PathEscapes):
        write_files({"ok.yaml": File(b"x")} | files, target)

    assert list(target.iterdir()) == []
