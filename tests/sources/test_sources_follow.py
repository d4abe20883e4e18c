"""When repositories are looked at, and who hears that a ref moved; polling in virtual time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random

import pytest
from sources_kit import place

from moorage.model.errors import RevisionNotFound, SourceUnreachable
from moorage.sources.credentials import Repository
from moorage.sources.follow import UNSIGNED_AT_ONCE, UNSIGNED_EVERY, Follower
from moorage.sources.refs import RefTable, find_ref
from moorage.sources.settings import GitSettings
from moorage.sources.webhook import RevisionSeen

A, B, C = "a" * 40, "b" * 40, "c" * 40


class Copy:
    """A mirror as the follower knows it, of a server whose refs a test sets."""

    def __init__(self, repository: Repository, clock) -> None:
        self.repository = repository
        self.table: RefTable | None = None
        self.served = {"HEAD": A, "refs/heads/main": A, "refs/tags/v1.0.0": A}
        self.looks: list[float] = []
        self.fetched: list[str] = []
        self.down = False
        self._clock = clock

    async def look(self) -> RefTable:
        self.looks.append(self._clock())
        await asyncio.sleep(0.01)
        if self.down:
            raise SourceUnreachable("down")
        self.table = RefTable(dict(self.served), "refs/heads/main")
        return self.table

    async def fetch_ref(self, full: str) -> str:
        self.fetched.append(full)
        assert self.table is not None
        self.table = self.table.having(full, self.served.get(full))
        if full not in self.served:
            raise RevisionNotFound("gone")
        return self.served[full]

    async def resolve(self, ref: str, *, within: float = 0.0) -> str:
        full = find_ref(self.table or await self.look(), ref)
        if full is None:
            raise RevisionNotFound("none")
        return self.table.refs[full]


class World:
    """A follower of some repositories, the looks it makes and the news it tells."""

    def __init__(self, *urls: str, interval: float = 120.0, jitter: float = 60.0, seed: int = 1) -> None:
        self.clock = asyncio.get_running_loop().time
        self.copies = {url: Copy(Repository(url), self.clock) for url in urls}
        self.news: list[tuple[str, str, str | None, str | None]] = []
        settings = GitSettings("/nowhere", poll_interval=interval, poll_jitter=jitter, poll_workers=4)
        self.follower = Follower(
            settings,
            lambda repository: self.copies[repository.url],
            self.clock,
            random.Random(seed),
        )

    def follow(self, *refs: str) -> None:
        wanted = [(copy.repository, ref) for copy in self.copies.values() for ref in refs]
        self.follower.follow(
            wanted, lambda repository, ref, old, new: self.news.append((repository.url, ref, old, new))
        )

    @contextlib.asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.follower.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


SHOP, OTHER = "https://git.example/shop/app", "https://git.example/other"


def push(url: str = SHOP + ".git", ref: str = "main", revision: str | None = B, **changes) -> RevisionSeen:
    return RevisionSeen((url,), ref, revision=revision, trusted=changes.pop("trusted", True), **changes)


@pytest.mark.looptime
async def test_each_repository_is_looked_at_once_an_interval():
    """
    A repository is looked at once per interval plus jitter, however many refs of it are followed.
    """
    world = World(SHOP)
    world.follow("main", "HEAD", "1.*", "v1.0.0")
    async with world.running():
        await asyncio.sleep(3600)
    looks = world.copies[SHOP].looks
    gaps = [b - a for a, b in itertools.pairwise(looks)]

    assert 20 <= len(looks) <= 30
    assert all(120 <= gap <= 181 for gap in gaps)
    assert len({round(gap, 3) for gap in gaps}) > 10


@pytest.mark.looptime
async def test_jitter_spreads_repositories():
    """
    A hundred repositories followed at one moment are not asked at one moment.
    """
    world = World(*(f"https://git.example/{n}" for n in range(100)))
    world.follow("main")
    async with world.running():
        await asyncio.sleep(185)
    first = sorted(copy.looks[0] for copy in world.copies.values())

    assert first[-1] - first[0] > 40
    assert max(sum(1 for at in first if t <= at < t + 1) for t in range(100, 200)) < 12


@pytest.mark.looptime
async def test_a_move_is_told_once():
    """
    A ref that moved between two looks is told once, with what it meant before; one that did not is not.
    """
    world = World(SHOP, jitter=0.0)
    world.follow("main", "v1.0.0", "HEAD")
    async with world.running():
        await asyncio.sleep(121)
        world.news.clear()
        world.copies[SHOP].served["refs/heads/main"] = B
        await asyncio.sleep(500)

    assert world.news == [(SHOP, "main", A, B)]


@pytest.mark.looptime
async def test_a_ref_that_goes_and_comes():
    """
    A deleted branch is told as gone, and as back when it is pushed again; a new highest tag moves a constraint.
    """
    world = World(SHOP, jitter=0.0)
    world.follow("main", "1.*")
    served = world.copies[SHOP].served
    async with world.running():
        await asyncio.sleep(121)
        world.news.clear()
        del served["refs/heads/main"]
        await asyncio.sleep(121)
        served |= {"refs/heads/main": C, "refs/tags/v1.1.0": C}
        await asyncio.sleep(121)

    assert world.news == [(SHOP, "main", A, None), (SHOP, "main", None, C), (SHOP, "1.*", A, C)]


@pytest.mark.looptime
async def test_a_host_that_is_down_stops_nobody():
    """
    A repository that cannot be reached is tried again at its time, and the others are looked at meanwhile.
    """
    world = World(SHOP, OTHER, jitter=0.0)
    world.copies[SHOP].down = True
    world.follow("main")
    async with world.running():
        await asyncio.sleep(1000)

    assert len(world.copies[SHOP].looks) == len(world.copies[OTHER].looks) == 8


@pytest.mark.looptime
async def test_following_anew_keeps_times():
    """
    A changed list of refs does not make repositories be looked at sooner, and a known ref is not news again.
    """
    world = World(SHOP, jitter=0.0)
    world.follow("main")
    async with world.running():
        await asyncio.sleep(121)
        world.news.clear()
        for _ in range(10):
            world.follow("main", "HEAD")
            await asyncio.sleep(1)
        looks = list(world.copies[SHOP].looks)
        await asyncio.sleep(120)

    assert len(looks) == 1
    assert [news for news in world.news if news[1] == "main"] == []


@pytest.mark.looptime
async def test_a_signed_webhook_fetches_the_ref_it_names():
    """
    A trusted push fetches the one ref, with no look before it, and tells what the server says it means.
    """
    world = World(SHOP, OTHER, jitter=0.0)
    world.follow("main", "v1.0.0")
    async with world.running():
        await asyncio.sleep(121)
        world.news.clear()
        world.copies[SHOP].served["refs/heads/main"] = C
        assert await world.follower.seen(push(revision=B)) == 1

    assert world.news == [(SHOP, "main", A, C)]
    assert world.copies[SHOP].fetched == ["refs/heads/main"]
    assert world.copies[OTHER].fetched == []
    assert len(world.copies[SHOP].looks) == 1


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("news", "fetched"),
    [
        (push(ref="feature"), []),
        (push(ref="v9.0.0", kind="tag"), []),
        (push(ref="v1.2.0", kind="tag"), ["refs/tags/v1.2.0"]),
        (push(ref="main"), ["refs/heads/main"]),
        (push(url="git@git.example:shop/app.git"), ["refs/heads/main"]),
        (push(url="https://evil.example/shop/app"), []),
        (push(url="https://git.example/.*"), []),
        (push(url="x"), []),
    ],
)
async def test_a_webhook_concerns_only_what_is_followed(news, fetched):
    """
    A push to a ref nobody follows, or of another repository, causes no traffic; a new tag concerns a constraint.
    """
    world = World(SHOP)
    world.copies[SHOP].served["refs/tags/v1.2.0"] = B
    world.follow("HEAD", "1.*") if news.kind == "tag" and news.ref != "v9.0.0" else world.follow("HEAD")
    await world.copies[SHOP].look()
    await world.follower.seen(news)

    assert world.copies[SHOP].fetched == fetched


@pytest.mark.looptime
async def test_s49_unsigned_hints_are_rate_limited():
    """
    S49: a flood of unsigned webhooks causes a small burst of requests, then two in two seconds at most.
    """
    world = World(SHOP)
    world.follow("main")
    async with world.running():
        for _ in range(600):
            await world.follower.seen(push(trusted=False))
            await asyncio.sleep(0.1)

    asked = len(world.copies[SHOP].looks) + len(world.copies[SHOP].fetched)
    assert asked <= UNSIGNED_AT_ONCE + 2 * 60 / UNSIGNED_EVERY + 2


@pytest.mark.looptime
async def test_an_unsigned_hint_is_looked_into_at_once():
    """
    A single unsigned webhook brings the next look forward to now, and what it claims is not believed.
    """
    world = World(SHOP)
    world.follow("main")
    async with world.running():
        await asyncio.sleep(1)
        await world.follower.seen(push(revision=B, trusted=False))
        await asyncio.sleep(1)

    assert len(world.copies[SHOP].looks) == 1
    assert B not in {new for _, _, _, new in world.news}


async def test_s66_a_webhook_cannot_say_what_a_ref_means(tmp_path):
    """
    CVE-2026-15416, S66: a trusted webhook that names another commit moves nothing but what the server confirms.
    """
    async with place(tmp_path) as at:
        old = await at.resolve("main")
        news: list[tuple[str | None, str | None]] = []
        at.sources.follow([(at.shop, "main")], lambda _, __, before, after: news.append((before, after)))
        at.sources.follower.note(at.shop, "main", old)
        at.git("branch", "side", "main")
        side = at.commit({"x": "1"}, branch="side")

        await at.sources.seen(RevisionSeen((at.url,), "main", revision=side, trusted=True))
        assert (news, await at.resolve("main")) == ([], old)

        new = at.commit({"x": "2"})
        await at.sources.seen(RevisionSeen((at.url,), "main", revision=side, trusted=True))
        assert (news, await at.resolve("main")) == ([(old, new)], new)


async def test_a_webhook_to_the_files_it_changed(tmp_path):
    """
    From a trusted webhook to the new files is one fetch: no listing, and the changed paths are known.
    """
    async with place(tmp_path) as at:
        old = await at.resolve("main")
        at.sources.follow([(at.shop, "main")], lambda *_: None)
        at.sources.follower.note(at.shop, "main", old)
        new = at.commit({"web/app.yaml": "kind: Ingress\n"})
        before = at.sources.stats()

        assert await at.sources.seen(RevisionSeen((at.url,), "main", revision=new, trusted=True)) == 1
        assert await at.resolve("main") == new
        assert await at.sources.changed_paths(at.shop, old, new) == {"web/app.yaml"}
        assert await at.texts(new, "web") == {"web/app.yaml": "kind: Ingress\n"}
        after = at.sources.stats()

    assert {name: after[name] - before[name] for name in after} == {
        "repositories": 0,
        "fetches": 1,
        "looks": 0,
        "programs": 1,
    }


async def test_a_webhook_of_a_deleted_branch(tmp_path):
    """
    A trusted webhook that a followed branch is gone tells so once the server confirmed it.
    """
    async with place(tmp_path) as at:
        at.git("branch", "feature", "main")
        old = await at.resolve("feature")
        news = []
        at.sources.follow(
            [(at.shop, "feature")], lambda _, ref, before, after: news.append((ref, before, after))
        )
        at.sources.follower.note(at.shop, "feature", old)
        at.git("branch", "-D", "feature")
        await at.sources.seen(RevisionSeen((at.url,), "feature", revision=None, trusted=True))

    assert news == [("feature", old, None)]


async def test_a_burst_of_webhooks_shares_fetches(tmp_path):
    """
    Fifty webhooks for one push cost two fetches at most.
    """
    async with place(tmp_path) as at:
        old = await at.resolve("main")
        at.sources.follow([(at.shop, "main")], lambda *_: None)
        at.sources.follower.note(at.shop, "main", old)
        new = at.commit({"x": "1"})
        before = at.sources.stats()["fetches"]
        news = RevisionSeen((at.url,), "main", revision=new, trusted=True)
        await asyncio.gather(*(at.sources.seen(news) for _ in range(50)))

        assert at.sources.stats()["fetches"] - before <= 2
        assert await at.resolve("main") == new
