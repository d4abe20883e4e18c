"""
Did a ref move, and who wants to know?

Each followed repository is looked at once an interval, with jitter, whatever
the number of refs and applications that follow it. A webhook brings the look
forward: the ref it names is fetched at once. An unsigned one is no more than a
hint: a burst of them is looked into, a flood only so often. What moved is always
what the server says, never what the webhook says.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from moorage.formats.semver import is_constraint
from moorage.model.errors import Error, RevisionNotFound
from moorage.sources.addresses import place_of
from moorage.sources.credentials import Repository
from moorage.sources.git import Mirror
from moorage.sources.objects import OBJECT_ID
from moorage.sources.refs import RefTable, find_ref
from moorage.sources.settings import GitSettings
from moorage.sources.webhook import RevisionSeen

OnRevision = Callable[[Repository, str, str | None, str | None], None]
"""Hears repository, ref, the commit it meant and the one it means now (None when it is gone)."""

UNSIGNED_AT_ONCE = 30
UNSIGNED_EVERY = 2.0

_log = structlog.get_logger(__name__)


@dataclass
class _Followed:
    repository: Repository
    due: float
    refs: dict[str, str | None] = field(default_factory=dict)
    looked: float = float("-inf")
    busy: bool = False
    hints: float = UNSIGNED_AT_ONCE
    hinted: float = 0.0

    def hint(self, now: float) -> bool:
        """Whether an unsigned hint is looked into: yes, while there were few of them lately."""
        refilled = self.hints + (now - self.hinted) / UNSIGNED_EVERY
        self.hints, self.hinted = min(float(UNSIGNED_AT_ONCE), refilled), now
        if self.hints < 1.0:
            return False
        self.hints -= 1.0
        return True


class Follower:
    """
    Knows which refs are followed, and looks at them in time.

    Args:
        mirror_of: Returns the mirror of a repository.
        clock: Seconds that only go up.
        rng: Decides the jitter.
    """

    def __init__(
        self,
        settings: GitSettings,
        mirror_of: Callable[[Repository], Mirror],
        clock: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._settings = settings
        self._mirror_of = mirror_of
        self._clock = clock
        self._rng = rng
        self._followed: dict[str, _Followed] = {}
        self._places: dict[str, list[str]] = {}
        self._changed = asyncio.Event()
        self._on_revision: OnRevision | None = None

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the repositories that are followed."""
        return frozenset(self._followed)

    def follow(self, wanted: Iterable[tuple[Repository, str]], on_revision: OnRevision) -> None:
        """Follow exactly these refs from now on; those followed before keep their times."""
        self._on_revision = on_revision
        before, self._followed = self._followed, {}
        for repository, ref in wanted:
            if repository.type != "git" or OBJECT_ID.fullmatch(ref):
                continue
            key = repository.key
            entry = self._followed.get(key)
            if entry is None:
                old = before.get(key)
                entry = _Followed(repository, old.due if old else self._next_due())
                if old:
                    entry.looked, entry.hints, entry.hinted = old.looked, old.hints, old.hinted
                self._followed[key] = entry
            known = before[key].refs.get(ref) if key in before else None
            entry.refs[ref] = known
        self._places = {}
        for key, entry in self._followed.items():
            self._places.setdefault(place_of(entry.repository.url) or "", []).append(key)
        self._changed.set()

    def note(self, repository: Repository, ref: str, revision: str) -> None:
        """
        Note what a ref was just seen to mean.

        Whoever asked knows; the others who follow the ref are told of a move as if a look had found it.
        """
        entry = self._followed.get(repository.key)
        if entry is None or ref not in entry.refs:
            return
        old, entry.refs[ref] = entry.refs[ref], revision
        if old is not None and old != revision and self._on_revision is not None:
            self._on_revision(entry.repository, ref, old, revision)

    def note_first(self, repository: Repository, ref: str, revision: str) -> None:
        """Note what a ref was known to mean before it was followed, unless something newer is known."""
        entry = self._followed.get(repository.key)
        if entry is not None and entry.refs.get(ref, revision) is None:
            entry.refs[ref] = revision

    async def run(self) -> None:
        """Look at each followed repository once an interval, until cancelled."""
        await asyncio.gather(*(self._work() for _ in range(self._settings.poll_workers)))

    async def seen(self, news: RevisionSeen) -> int:
        """
        Look at what somebody says has changed; return how many repositories that concerned.

        Raises nothing: a repository that cannot be reached is looked at again when its time comes.
        """
        places = {place for url in news.urls if (place := place_of(url))}
        keys = {key for place in places for key in self._places.get(place, ())}
        entries = [self._followed[key] for key in sorted(keys)]
        now = self._clock()
        heard = [entry for entry in entries if news.trusted or entry.hint(now)]
        for entry in entries:
            if entry not in heard:
                entry.due = min(entry.due, max(now, entry.looked + UNSIGNED_EVERY))
                self._changed.set()
        await asyncio.gather(*(self._hear(entry, news) for entry in heard))
        return len(entries)

    async def _hear(self, entry: _Followed, news: RevisionSeen) -> None:
        mirror = self._mirror_of(entry.repository)
        full = f"refs/{'tags' if news.kind == 'tag' else 'heads'}/{news.ref}"
        if mirror.table is None or news.deleted:
            await self._look(entry)
        elif _concerns(mirror.table, full, entry.refs):
            try:
                await mirror.fetch_ref(full)
            except RevisionNotFound:
                pass
            except Error as error:
                self._failed(entry, error)
                return
            await self._compare(entry, mirror)

    async def _work(self) -> None:
        while True:
            entry = min(
                (entry for entry in self._followed.values() if not entry.busy),
                key=lambda e: e.due,
                default=None,
            )
            wait = entry.due - self._clock() if entry else None
            if entry is not None and wait is not None and wait <= 0:
                entry.busy = True
                try:
                    await self._look(entry)
                finally:
                    entry.busy = False
                continue
            self._changed.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _look(self, entry: _Followed) -> None:
        entry.looked = self._clock()
        entry.due = self._next_due()
        mirror = self._mirror_of(entry.repository)
        try:
            await mirror.look()
        except Error as error:
            self._failed(entry, error)
            return
        await self._compare(entry, mirror)

    async def _compare(self, entry: _Followed, mirror: Mirror) -> None:
        """Tell of every followed ref that means something else than before."""
        for ref, old in list(entry.refs.items()):
            new: str | None
            try:
                new = await mirror.resolve(ref, within=float("inf"))
            except RevisionNotFound:
                new = None
            except Error as error:
                self._failed(entry, error)
                return
            if entry.refs.get(ref, new) != new and self._on_revision is not None:
                entry.refs[ref] = new
                self._on_revision(entry.repository, ref, old, new)

    def _failed(self, entry: _Followed, error: Error) -> None:
        _log.warning("repository cannot be followed", repository=str(entry.repository), reason=error.reason)

    def _next_due(self) -> float:
        jitter = self._rng.uniform(0.0, self._settings.poll_jitter)
        return self._clock() + self._settings.poll_interval + jitter


def _concerns(table: RefTable, full: str, refs: Iterable[str]) -> bool:
    """Return whether a push to a ref can change what one of the followed refs means."""
    short = full.split("/", 2)[2]
    for ref in refs:
        if ref in (full, short) or find_ref(table, ref) == full:
            return True
        if ref in ("", "HEAD") and table.head == full:
            return True
        if full.startswith("refs/tags/") and is_constraint(ref):
            return True
    return False
