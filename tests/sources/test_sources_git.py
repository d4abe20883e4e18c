"""What a repository holds, read over a real Git server with as little traffic as possible."""

from __future__ import annotations

import asyncio

import pytest
from sources_kit import commit_entries, place, raw_object

from moorage.model.errors import (
    LimitExceeded,
    PathNotFound,
    RevisionNotFound,
    SourceRefused,
    SourceUnreachable,
)
from moorage.testing.gitserver import Fault


async def test_many_askers_share_one_fetch(tmp_path):
    """
    A thousand who ask at once cause one listing of refs and one fetch.
    """
    async with place(tmp_path) as at:
        found = await asyncio.gather(*(at.resolve("main") for _ in range(1000)))
        stats = at.sources.stats()

    assert len(set(found)) == 1
    assert (stats["looks"], stats["fetches"]) == (1, 1)


async def test_forced_askers_share_the_next_look(tmp_path):
    """
    Askers that want a fresh answer while one is under way share the one after it.
    """
    async with place(tmp_path) as at:
        await at.resolve("main")
        before = at.sources.stats()["looks"]
        await asyncio.gather(*(at.resolve("main", fresh=True) for _ in range(50)))

        assert at.sources.stats()["looks"] - before <= 2


async def test_within_the_interval_memory_answers(tmp_path):
    """
    Asking again within the poll interval reaches no server; after it, the server is asked once.
    """
    async with place(tmp_path) as at:
        old = await at.resolve("main")
        seen = len(at.server.seen)
        new = at.commit({"x": "1"})
        assert old == await at.resolve("main")
        assert seen == len(at.server.seen)

        at.clock.now += 500
        assert new == await at.resolve("main")


async def test_tree_ids_follow_content(tmp_path):
    """
    A commit that changes one folder changes that folder's id and the root's, and no other folder's.
    """
    async with place(tmp_path) as at:
        old = await at.resolve("main")
        new = await at.resolve(at.commit({"web/app.yaml": "kind: Ingress\n"}))

        async def ids(revision):
            return [await at.sources.tree_at(at.shop, revision, path) for path in ("", "web", "api", "none")]

        before, after = await ids(old), await ids(new)

    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, True, True]
    assert after[3] is None


async def test_changed_paths_are_exact(tmp_path):
    """
    The paths between two commits are those of files added, changed and removed, in either direction.
    """
    async with place(tmp_path) as at:
        old = await at.resolve("main")
        new = await at.resolve(
            at.commit({"web/app.yaml": "kind: Ingress\n", "new/deep/er.yaml": "x", "api/app.yaml": None})
        )

        assert await at.sources.changed_paths(at.shop, old, new) == {
            "web/app.yaml",
            "new/deep/er.yaml",
            "api/app.yaml",
        }
        assert await at.sources.changed_paths(at.shop, new, old) == await at.sources.changed_paths(
            at.shop, old, new
        )
        assert await at.sources.changed_paths(at.shop, new, new) == frozenset()


async def test_a_file_that_becomes_a_folder_is_a_change_of_both(tmp_path):
    """
    When a folder takes a file's place both the file and what is in the folder are named.
    """
    async with place(tmp_path) as at:
        old = await at.resolve("main")
        at.commit({"web/app.yaml": None, "web": None})
        new = await at.resolve(at.commit({"web": "now a file\n"}))

        assert await at.sources.changed_paths(at.shop, old, new) == {"web/app.yaml", "web"}


async def test_too_many_changes_are_not_listed(tmp_path):
    """
    A change of more files than the limit is answered with None, at the cost of the limit.
    """
    async with place(tmp_path) as at:
        old = await at.resolve("main")
        new = await at.resolve(at.commit({f"many/{n}.yaml": "x" for n in range(50)}))
        mirror = at.sources._mirror(at.shop)

        assert await mirror.changed_paths(old, new, limit=10) is None


async def test_rewritten_history_is_followed(tmp_path):
    """
    After a forced push the branch means the new commit, and the old one still reads from the mirror.
    """
    async with place(tmp_path) as at:
        old = await at.resolve(at.commit({"web/app.yaml": "kind: Old\n"}))
        at.git("update-ref", "refs/heads/main", f"{old}~1")
        new = at.commit({"web/app.yaml": "kind: New\n"}, "Rewritten")

        assert new == await at.resolve("main", fresh=True)
        assert (await at.texts(old, "web"), await at.texts(new, "web")) == (
            {"web/app.yaml": "kind: Old\n"},
            {"web/app.yaml": "kind: New\n"},
        )


async def test_a_ref_that_is_gone(tmp_path):
    """
    A deleted branch is RevisionNotFound once the server was asked; its last commit stays readable.
    """
    async with place(tmp_path) as at:
        at.git("branch", "feature", "main")
        revision = await at.resolve("feature")
        at.git("branch", "-D", "feature")

        with pytest.raises(RevisionNotFound, match="named feature"):
            await at.resolve("feature", fresh=True)
        assert "web/app.yaml" in await at.texts(revision)


async def test_a_host_that_is_down(tmp_path):
    """
    A host that is down is SourceUnreachable for fresh questions; what is in the mirror still answers.
    """
    async with place(tmp_path) as at:
        revision = await at.resolve("main")
        await at.server.__aexit__(None, None, None)

        with pytest.raises(SourceUnreachable, match="does not accept connections"):
            await at.resolve("main", fresh=True)
        assert revision == await at.resolve("main")
        assert "web/app.yaml" in await at.texts(revision)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (429, SourceUnreachable, "fault of its own"),
        (503, SourceUnreachable, "fault of its own"),
        (404, SourceRefused, "knows no such repository"),
        (Fault.CUT, SourceUnreachable, "connection was cut"),
        (Fault.GARBAGE, SourceUnreachable, "connection was cut"),
    ],
)
async def test_faults_of_the_server(tmp_path, fault, error, words):
    """
    What a server does wrong becomes the error that says whether to try again, and the next try works.
    """
    async with place(tmp_path) as at:
        at.server.broken = fault
        with pytest.raises(error, match=words):
            await at.resolve("main")

        at.server.broken = None
        assert at.git("rev-parse", "main") == await at.resolve("main", fresh=True)


async def test_a_failure_is_remembered_for_a_moment(tmp_path):
    """
    While a server is known to be down a crowd of askers does not ask it again and again.
    """
    async with place(tmp_path) as at:
        at.server.broken = 503
        for _ in range(20):
            with pytest.raises(SourceUnreachable):
                await at.resolve("main")
        asked = len(at.server.seen)

    assert asked <= 2


async def test_files_of_a_folder(tmp_path):
    """
    A path gives the files below it by their paths from the root, a file gives itself, nothing gives nothing.
    """
    async with place(tmp_path) as at:
        revision = await at.resolve(at.commit({"web/a/deep.yaml": "deep", "web/top.yaml": "top"}))

        assert set(await at.texts(revision, "web")) == {"web/app.yaml", "web/a/deep.yaml", "web/top.yaml"}
        assert set(await at.texts(revision, "web", recurse=False)) == {"web/app.yaml", "web/top.yaml"}
        assert await at.texts(revision, "./web//top.yaml") == {"web/top.yaml": "top"}
        assert await at.texts(revision, "none/such") == {}


async def test_links_and_modes_come_along(tmp_path):
    """
    A symbolic link is given as a link with its target, an executable as executable, and nothing is followed.
    """
    async with place(tmp_path) as at:
        blob = raw_object(at.folder, "blob", b"../../etc/passwd")
        script = raw_object(at.folder, "blob", b"#!/bin/sh\n")
        commit_entries(at.folder, ("120000", b"link", blob), ("100755", b"run", script))
        snapshot = await at.sources.snapshot(at.shop, await at.resolve("main"), "")
        files = await snapshot.read("")

    assert [(name, f.is_link, f.executable) for name, f in files.items()] == [
        ("link", True, False),
        ("run", False, True),
    ]


async def test_a_missing_path_is_named(tmp_path):
    """
    A source path that does not exist, or is a file, is PathNotFound naming path and commit.
    """
    async with place(tmp_path) as at:
        revision = await at.resolve("main")
        for path, words in (
            ("web/none/x", "web/none does not exist"),
            ("web/app.yaml", "is a file"),
        ):
            with pytest.raises(PathNotFound, match=words) as missing:
                await at.sources.snapshot(at.shop, revision, path)
            assert revision[:12] in str(missing.value)


@pytest.mark.parametrize("path", ["../x", "/etc", "web/../../x", "web\nx"])
async def test_a_path_that_leaves_is_refused(tmp_path, path):
    """
    A source path that is absolute, has ``..`` or control characters is refused.
    """
    async with place(tmp_path) as at:
        with pytest.raises(SourceRefused, match="must be relative and stay inside"):
            await at.sources.snapshot(at.shop, await at.resolve("main"), path)


async def test_submodules_are_refused_by_name(tmp_path):
    """
    A source path in a submodule is refused with the remedy, and so is a folder with one below it
    where everything is read: what the submodule holds would be missing without a word.
    """
    async with place(tmp_path) as at:
        blob = raw_object(at.folder, "blob", b"x: 1\n")
        commit_entries(at.folder, ("100644", b"a.yaml", blob), ("160000", b"sub", "d" * 40))
        revision = await at.resolve("main")

        assert await at.texts(revision, recurse=False) == {"a.yaml": "x: 1\n"}
        with pytest.raises(SourceRefused, match=r"sub is a submodule.*commit its files"):
            await at.texts(revision)
        for path in ("sub", "sub/deeper"):
            with pytest.raises(SourceRefused, match=r"sub is a submodule.*own repository"):
                await at.sources.snapshot(at.shop, revision, path)
        with pytest.raises(SourceRefused, match="sub is a submodule"):
            await at.texts(revision, "sub")


async def test_lfs_pointers_are_refused_by_name(tmp_path):
    """
    A Git LFS pointer is an error that names the file, never taken for the file's content.
    """
    async with place(tmp_path) as at:
        pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
        revision = await at.resolve(at.commit({"web/big.yaml": pointer}))

        with pytest.raises(SourceRefused, match=r"web/big\.yaml is a Git LFS pointer"):
            await at.texts(revision, "web")
        assert "api/app.yaml" in await at.texts(revision, "api")


async def test_a_partial_mirror_fetches_what_is_read(tmp_path):
    """
    A partial mirror leaves contents on the server and fetches those of a folder in one go.
    """
    async with place(tmp_path, settings={"partial": True}) as at:
        revision = await at.resolve(
            at.commit({f"web/{n}.yaml": f"number: {n}\n" for n in range(20)} | {"api/big.bin": "b" * 5000})
        )
        fetched = at.server.fetches
        mirror = at.sources._mirror(at.shop)
        big = (await mirror.entry_at(revision, "api/big.bin")).oid

        assert len(await at.texts(revision, "web")) == 21
        assert at.server.fetches - fetched == 1
        assert not await mirror.has(big)
        assert (await at.texts(revision, "api"))["api/big.bin"] == "b" * 5000


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"file_bytes": 1000}, "are allowed"),
        ({"tree_bytes": 1000}, "1000 are allowed"),
        ({"tree_entries": 5}, "more than 5 files"),
    ],
)
async def test_what_is_read_is_bounded(tmp_path, settings, words):
    """
    Too large a file, too many bytes or too many files of one source are LimitExceeded, not memory.
    """
    async with place(tmp_path, settings=settings) as at:
        revision = await at.resolve(at.commit({f"big/{n}.yaml": "x" * 2000 for n in range(9)}))

        with pytest.raises(LimitExceeded, match=words):
            await at.texts(revision, "big")
        assert "web/app.yaml" in await at.texts(revision, "web")


async def test_a_damaged_mirror_is_made_anew(tmp_path):
    """
    A mirror whose objects were lost (a full disk, a power cut) is thrown away and fetched again.
    """
    async with place(tmp_path) as at:
        await at.resolve("main")
        mirror = at.sources._mirror(at.shop)
        for kept in (mirror.folder / "objects").rglob("*"):
            if kept.is_file():
                kept.chmod(0o600)
                kept.write_bytes(b"")
        new = at.commit({"x": "1"})

        for _ in range(3):
            try:
                found = await at.resolve("main", fresh=True)
                break
            except (SourceUnreachable, RevisionNotFound):
                continue

    assert new == found


async def test_commits_tell_author_and_message(tmp_path):
    """
    A commit is given with its author, time, message and parents.
    """
    async with place(tmp_path) as at:
        first = at.git("rev-parse", "main")
        revision = await at.resolve(at.commit({"x": "1"}, "Second\n\nWith a body"))
        commit = await at.sources.commit(at.shop, revision)

    assert (commit.author, commit.message, commit.parents) == (
        "Demo <demo@example.com>",
        "Second\n\nWith a body",
        (first,),
    )


async def test_local_repositories_only_where_allowed(tmp_path):
    """
    A file URL is refused unless the operator allows the scheme; then it reads like any other.
    """
    async with place(tmp_path) as at:
        with pytest.raises(SourceRefused, match="scheme file is not allowed"):
            at.sources.repository(f"file://{at.folder}")
    async with place(tmp_path / "open", settings={"schemes": frozenset({"file"})}) as at:
        local = at.sources.repository(f"file://{at.folder}")

        assert at.git("rev-parse", "main") == await at.sources.resolve(local, "main")
