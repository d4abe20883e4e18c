"""How few requests reading a repository piece by piece costs a partial mirror."""

from __future__ import annotations

import asyncio

from sources_kit import place


async def test_many_folders_of_a_commit_cost_a_few_fetches(tmp_path):
    """
    The second folder read of a commit brings the text files of all others; what is no text stays away.
    """
    folders = [f"apps/a{number}" for number in range(30)]
    files = {f"{folder}/c.yaml": f"of: {folder}\n" for folder in folders}
    async with place(tmp_path, settings={"partial": True}) as at:
        revision = await at.resolve(
            at.commit(files | {"apps/a0/logo.bin": "b" * 5000, "big.bin": "c" * 5000})
        )
        fetched = at.server.fetches
        found = await asyncio.gather(*(at.texts(revision, folder) for folder in folders))
        mirror = at.sources._mirror(at.shop)
        big = (await mirror.entry_at(revision, "big.bin")).oid

        assert [texts[f"{folder}/c.yaml"] for folder, texts in zip(folders, found, strict=True)] == [
            f"of: {folder}\n" for folder in folders
        ]
        assert at.server.fetches - fetched <= 3
        assert not await mirror.has(big)


async def test_a_file_changed_later_comes_with_its_commit(tmp_path):
    """
    After one file changed, the fetch of the commit brings it; only what is big is left out.
    """
    files = {f"apps/a{number}/c.yaml": f"number: {number}\n" for number in range(10)}
    async with place(tmp_path, settings={"partial": True}) as at:
        before = await at.resolve(at.commit(files))
        for number in range(10):
            await at.texts(before, f"apps/a{number}")
        changed = {"apps/a7/c.yaml": "number: seven\n", "big.bin": "b" * 500_000}
        after = await at.resolve(at.commit(changed), fresh=True)
        fetched = at.server.fetches
        mirror = at.sources._mirror(at.shop)
        big = (await mirror.entry_at(after, "big.bin")).oid

        assert (await at.texts(after, "apps/a7"))["apps/a7/c.yaml"] == "number: seven\n"
        assert at.server.fetches == fetched
        assert not await mirror.has(big)


async def test_files_nobody_reads_are_left_where_they_are(tmp_path):
    """
    Of commits to files that no application reads, only the first brings them; a file that is read comes at once again.
    """
    code = "".join(f"line {number}: {number * 7919}\n" for number in range(3_000))
    other = "".join(f"other {number}: {number * 6007}\n" for number in range(3_000))
    async with place(tmp_path, settings={"partial": True}) as at:
        at.commit({"code/main.c": code, "code/other.c": other})
        revision = await at.resolve("main")
        assert await at.texts(revision, "web") == {"web/app.yaml": "kind: Service\n"}
        mirror = at.sources._mirror(at.shop)

        async def asked(files):
            before = len(at.server.seen)
            at.commit(files)
            commit = await mirror.fetch_ref("refs/heads/main")
            texts = await at.texts(commit, "web")
            return len(at.server.seen) - before, texts["web/app.yaml"]

        counts = [
            await asked({"code/main.c": code + "more\n"}),
            await asked({"code/other.c": other + "more\n"}),
            await asked({"web/app.yaml": "kind: Job\n"}),
            await asked({"web/app.yaml": "kind: Pod\n"}),
        ]

    once = counts[-1][0]
    assert [text for _, text in counts] == ["kind: Service\n"] * 2 + ["kind: Job\n", "kind: Pod\n"]
    assert [count > once for count, _ in counts] == [True, False, True, False]
