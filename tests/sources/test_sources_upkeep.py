"""A mirror that many fetches left in pieces is put together, and loses nothing by it."""

from __future__ import annotations

import pytest
from sources_kit import place

from moorage.sources import upkeep
from moorage.sources.upkeep import is_cluttered, tidy


def pieces(folder):
    """Return how many packs and loose objects a mirror has."""
    objects = folder / "objects"
    return len(list(objects.glob("pack/*.pack"))), len(list(objects.glob("[0-9a-f][0-9a-f]/*")))


@pytest.mark.parametrize("partial", [False, True])
async def test_pieces_are_put_together_and_nothing_is_lost(tmp_path, partial):
    """
    After upkeep there are few pieces and no request was made; commits, also rewritten ones, read as before.
    """
    async with place(tmp_path, settings={"partial": partial}) as at:
        first = at.git("rev-parse", "main")
        seen = []
        for number in range(6):
            seen.append(at.commit({f"web/{number}.yaml": f"n: {number}\n"}))
            await at.resolve("main", fresh=True)
            await at.texts(seen[-1], "web")
        at.git("update-ref", "refs/heads/main", first)
        new = at.commit({"web/app.yaml": "kind: New\n"}, "Rewritten")
        await at.resolve("main", fresh=True)
        await at.texts(new, "web")
        mirror = at.sources._mirror(at.shop)
        before, asked = pieces(mirror.folder), len(at.server.seen)

        assert await tidy(at.sources._git, mirror.folder, mirror.name)
        after = pieces(mirror.folder)
        texts = [await at.texts(commit, "web") for commit in seen]
        assert sum(after) < sum(before)
        assert after[0] <= 2
        assert [f"web/{n}.yaml" in texts[n] for n in range(6)] == [True] * 6
        assert (await at.texts(new, "web"))["web/app.yaml"] == "kind: New\n"
        assert len(at.server.seen) == asked


def test_clutter_is_seen(tmp_path):
    """
    Many packs or many loose objects are clutter, few of either and files that are none are not.
    """
    objects = tmp_path / "objects"
    (objects / "pack").mkdir(parents=True)
    (objects / "17").mkdir()
    (objects / "17" / "tmp_obj_x").write_text("")
    for number in range(3):
        (objects / "pack" / f"{number}.pack").write_text("")
        (objects / "17" / f"{number:038x}").write_text("")

    assert is_cluttered(tmp_path, packs=3)
    assert is_cluttered(tmp_path, loose=3 * 256)
    assert not is_cluttered(tmp_path)
    assert not is_cluttered(tmp_path / "none")


async def test_the_room_tidies_what_is_cluttered(tmp_path, monkeypatch):
    """
    The room tidies a mirror once it is cluttered and leaves the others alone.
    """
    async with place(tmp_path) as at:
        await at.resolve("main")
        ran = at.sources.stats()["programs"]
        await at.sources.tidy()
        assert at.sources.stats()["programs"] == ran

        monkeypatch.setattr(upkeep.is_cluttered, "__defaults__", (0, 0))
        await at.sources.tidy()
        assert at.sources.stats()["programs"] == ran + 1


async def test_a_mirror_that_cannot_be_tidied_is_left(tmp_path):
    """
    Upkeep that fails is no error of anybody who reads.
    """
    async with place(tmp_path) as at:
        assert not await tidy(at.sources._git, tmp_path, "shop")
