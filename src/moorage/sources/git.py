"""
What does a Git repository hold at a ref, with as little traffic as possible?

A `Mirror` is this machine's copy of one repository. However many applications
ask, at most one fetch of it is running: who asks meanwhile gets the next one.
Git does the network; reading goes through `ObjectReader`. What the server says
about a ref is the only word that counts: a webhook can make us look, never
tell us what we see.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from moorage.model.errors import Error, LimitExceeded, RevisionNotFound
from moorage.sources.addresses import Address, parse_address, shown
from moorage.sources.contents import Contents
from moorage.sources.credentials import Repository
from moorage.sources.gitfaults import classify, is_damaged
from moorage.sources.objects import OBJECT_ID, SUBMODULE, ObjectReader
from moorage.sources.program import Ended, Git
from moorage.sources.refs import RefTable, check_ref, find_ref, is_short_id, parse_refs
from moorage.sources.settings import GitSettings
from moorage.sources.wire import TokenSource, Wire

_EVERYTHING = ("+refs/heads/*:refs/moorage/all/heads/*", "+refs/tags/*:refs/moorage/all/tags/*")
_SMALL = (".yaml", ".yml", ".json", ".tpl", ".txt")
_LATER = "blob:limit=256k"
_NOTHING_LATER = "blob:none"
_FAILURE_KEPT = 5.0
_TOUCHED_SECONDS = 60.0
_WIDE = re.compile(r"^\s*objectformat\s*=\s*sha256\s*$", re.IGNORECASE | re.MULTILINE)


class _Round:
    """One request to the server that several callers share."""

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self.lacking: set[str] = set()
        self.done = False
        self.error: Error | None = None


class Mirror(Contents):
    """
    A bare copy of one repository, kept up to date on demand.

    Objects once read stay readable for ever by their id; refs are only known
    as fresh as the last look at the server.
    """

    def __init__(
        self,
        repository: Repository,
        folder: Path,
        scratch: Path,
        git: Git,
        settings: GitSettings,
        token: TokenSource | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.repository = repository
        self.address: Address = parse_address(repository.url, settings.schemes)
        self.name = shown(repository.url)
        self.folder = folder
        self.table: RefTable | None = None
        self.looked_at = float("-inf")
        self.fetches = 0
        self.looks = 0
        self._git = git
        self._settings = settings
        self._wire = Wire(self.address, scratch, git, settings, token)
        self._clock = clock
        self._fetching = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._making = asyncio.Lock()
        self._failed: tuple[float, Error] | None = None
        self._look = _Round()
        self._round = _Round()
        self._made = False
        self._touched = float("-inf")
        self._piecewise = "", 0
        self._unread = False
        self._reader: ObjectReader | None = None

    # Refs

    async def look(self, *, within: float = 0.0) -> RefTable:
        """
        Return what the server lists, at most `within` seconds old.

        Callers that arrive while the server is being asked share that answer where
        `within` lets them, and the next one where not.
        """
        if (known := self._known(within)) is not None:
            return known
        mine = self._look
        async with self._looking:
            if (known := self._known(within)) is not None:
                return known
            if not mine.done:
                # From here on new callers gather for the look after this one.
                self._look = _Round()
                try:
                    await self._look_now()
                except Error as error:
                    mine.error = error
                    self._failed = self._clock(), error
                mine.done = True
        if mine.error is not None:
            raise type(mine.error)(*mine.error.args) from mine.error
        assert self.table is not None
        return self.table

    def _known(self, within: float) -> RefTable | None:
        """Return what was listed lately; raise what went wrong a moment ago."""
        if self.table is not None and self._clock() - self.looked_at < within:
            return self.table
        if self._failed is not None and self._clock() - self._failed[0] < min(within, _FAILURE_KEPT):
            raise type(self._failed[1])(*self._failed[1].args) from self._failed[1]
        return None

    async def _look_now(self) -> None:
        began = self._clock()
        ended = await self._remote(
            ["ls-remote", "--symref", "--quiet", "--", self.address.url], timeout=self._settings.ask_timeout
        )
        self.looks += 1
        self._failed = None
        self.table = parse_refs(ended.stdout.decode("utf-8", "surrogateescape"))
        self.looked_at = began

    async def resolve(self, ref: str, *, within: float = 0.0, tag_prefix: str = "") -> str:
        """
        Return the commit a ref means, with that commit in the mirror.

        Args:
            ref: Branch, tag, commit, short commit, ``HEAD``, ``refs/…`` or constraint over tags.
            within: How many seconds old the knowledge of the server's refs may be.

        Raises:
            RevisionNotFound: when the server has no such ref or commit.
        """
        ref = check_ref(ref, self.name)
        if OBJECT_ID.fullmatch(ref):
            return await self._resolve_id(ref)
        for attempt in range(3):
            table = await self.look(within=within if attempt == 0 else 0.0)
            full = find_ref(table, ref, tag_prefix)
            if full is None:
                return await self._resolve_short(ref, table)
            oid = table.refs[full]
            if await self.has(oid):
                return oid
            await self._bring(table.head if full == "HEAD" and table.head else full, oid)
            if await self.has(oid):
                return oid
        raise RevisionNotFound(
            f"repository {self.name}: {ref} moves faster than it can be fetched; try again"
        )

    async def fetch_ref(self, full: str) -> str:
        """
        Fetch one ref by its full name, whatever was known of it, and return the commit it means now.

        One process and no look before it: this is how a webhook is followed.
        """
        await self._bring(full)
        oid = await self._peeled(await self._read_ref(_kept_name(full)))
        if self.table is not None:
            self.table = self.table.having(full, oid)
        return oid

    async def _bring(self, full: str, lacking: str = "") -> None:
        """Fetch a ref; where `lacking` names the object that is wanted of it, only if that is still not here."""
        try:
            await self._fetch({f"+{full}:{_kept_name(full)}"}, lacking)
        except RevisionNotFound:
            if self.table is not None:
                self.table = self.table.having(full, None)
            raise

    # Objects

    async def fetch_objects(self, oids: Iterable[str], commit: str = "") -> None:
        """
        Fetch the objects a partial mirror lacks, all in one go.

        Where one `commit` is read piece by piece, the second piece brings all
        its small text files with it, so that a thousand applications of one
        repository do not cost a thousand requests.
        """
        lacking = await self._lacking(oids)
        if lacking and self._settings.partial:
            self._unread = False
            await self._fetch(lacking | await self._ahead(commit), *lacking)

    async def _lacking(self, oids: Iterable[str]) -> set[str]:
        facts = await (await self._open()).facts(oids)
        return {oid for oid, fact in facts.items() if fact is None}

    async def _ahead(self, commit: str) -> set[str]:
        if commit != self._piecewise[0]:
            self._piecewise = commit, 0
        self._piecewise = commit, self._piecewise[1] + 1
        if not commit or self._piecewise[1] != 2:
            return set()
        try:
            files = await self.files((await self.commit(commit)).tree)
        except LimitExceeded:
            return set()
        return await self._lacking(
            entry.oid for path, entry in files.items() if entry.mode != SUBMODULE and path.endswith(_SMALL)
        )

    def adopt(self, repository: Repository) -> None:
        """Use other credentials or options for the same repository from now on."""
        if repository != self.repository:
            self.repository = repository
            self.table = None
            self._failed = None

    async def close(self) -> None:
        """End the reading process."""
        if self._reader is not None:
            await self._reader.close()

    # The network

    async def _fetch(self, wanted: set[str], *lacking: str) -> None:
        """Have everything wanted fetched: by the round that begins next, alone or with others."""
        mine = self._round
        mine.wanted |= wanted
        mine.lacking.update(lacking or ("",))
        async with self._fetching:
            if not mine.done:
                # From here on new callers gather for the round after this one.
                if self._round is mine:
                    self._round = _Round()
                try:
                    if not await self._has_all(mine.lacking):
                        await self._fetch_now(mine.wanted)
                except Error as error:
                    mine.error = error
                mine.done = True
        if isinstance(mine.error, RevisionNotFound) and len(mine.wanted) > len(wanted):
            # Another's ref may be what is gone; ours is tried alone.
            await self._fetch_alone(wanted)
        elif mine.error is not None:
            raise type(mine.error)(*mine.error.args) from mine.error

    async def _has_all(self, oids: set[str]) -> bool:
        """Return whether the round before has brought everything; an empty id stands for "ask again"."""
        if "" in oids or self._reader is None:
            return False
        return all(await asyncio.gather(*(self.has(oid) for oid in oids)))

    async def _fetch_alone(self, wanted: set[str]) -> None:
        async with self._fetching:
            await self._fetch_now(wanted)

    async def _fetch_now(self, wanted: set[str]) -> None:
        await self._make()
        # What is new since the last fetch is little, and asking for it later costs another round trip.
        left_out = _LATER if self.fetches and not self._unread else _NOTHING_LATER
        partial = [f"--filter={left_out}"] if self._settings.partial else []
        arguments = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--stdin",
        ]
        self.fetches += 1
        packs = self._packs()
        await self._remote(
            [*arguments, *partial, "--", self.address.url],
            timeout=self._settings.fetch_timeout,
            stdin="".join(f"{refspec}\n" for refspec in sorted(wanted)).encode("utf-8", "surrogateescape"),
            writing=True,
        )
        # A second pack holds old contents that the new ones are written as changes of: git went back for
        # them, so nobody here has ever read these files, and probably nobody will read them next time.
        self._unread |= bool(partial) and self._packs() > packs + 1

    def _packs(self) -> int:
        folder = self.folder / "objects" / "pack"
        return sum(name.endswith(".pack") for name in os.listdir(folder)) if folder.exists() else 0

    async def _remote(
        self, arguments: list[str], *, timeout: float, stdin: bytes = b"", writing: bool = False
    ) -> Ended:
        folder = self.folder if writing else None
        ended = await self._wire.run(self.repository, arguments, timeout=timeout, stdin=stdin, folder=folder)
        if ended.code != 0:
            if writing and is_damaged(ended.stderr):
                await self._discard()
            raise classify(self.name, ended.stderr)
        return ended

    async def _discard(self) -> None:
        """Throw the mirror away; the next fetch makes it anew."""
        await self.close()
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        self._made = False
        self._reader = None

    async def _make(self) -> None:
        # One of a crowd makes the folder; a second `git init` beside it would fail over its lock.
        async with self._making:
            # What was used longest ago is forgotten when the store is full, also under our feet.
            if not self._made or not self.folder.exists():
                await self._make_now()

    async def _make_now(self) -> None:
        if (self.folder / "HEAD").exists():
            self._made = True
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        table = await self.look(within=self._settings.poll_interval)
        wide = any(len(oid) == 64 for oid in table.refs.values())
        form = "sha256" if wide else "sha1"
        await self._local(["init", "--quiet", "--bare", "--template=", f"--object-format={form}", "--", "."])
        self._made = True

    async def _local(self, arguments: list[str]) -> Ended:
        ended = await self._git.run(
            arguments, folder=self.folder, limit=1 << 20, timeout=60, what=f"repository {self.name}"
        )
        if ended.code != 0:
            raise classify(self.name, ended.stderr)
        return ended

    async def _open(self) -> ObjectReader:
        if self._reader is None:
            await self._make()
        if self._reader is None:
            environment = self._git.environment(None, frozenset()) | {
                "GIT_DIR": str(reading_side(self.folder)),
                "GIT_OBJECT_DIRECTORY": str(self.folder / "objects"),
                "GIT_NO_LAZY_FETCH": "1",
            }
            self._reader = ObjectReader(
                [self._git.path, "cat-file", "--batch-command", "--buffer"],
                environment,
                str(self.folder),
                self.name,
            )
        return self._reader

    # Names

    async def _resolve_id(self, oid: str) -> str:
        if not await self.has(oid):
            try:
                await self._fetch(set(_EVERYTHING))
                if not await self.has(oid):
                    await self._fetch({f"+{oid}:refs/moorage/ids/{oid}"})
            except RevisionNotFound as error:
                raise self._no_commit(oid) from error
        if not await self.has(oid):
            raise self._no_commit(oid)
        return (await self.commit(oid)).oid

    async def _resolve_short(self, ref: str, table: RefTable) -> str:
        if not is_short_id(ref):
            if not table.refs:
                raise RevisionNotFound(f"repository {self.name}: it has no commits; push one to it first")
            raise RevisionNotFound(
                f"repository {self.name}: there is no branch, tag or matching version named {ref or 'HEAD'}"
            )
        matching = {oid for oid in table.refs.values() if oid.startswith(ref)}
        if len(matching) == 1:
            return await self._resolve_id(matching.pop())
        await self._make()
        found = await self._expand(ref)
        if found is None:
            await self._fetch(set(_EVERYTHING))
            found = await self._expand(ref)
        if found is None:
            raise RevisionNotFound(f"repository {self.name}: no branch, tag or commit is named {ref}")
        return found

    async def _expand(self, short: str) -> str | None:
        ended = await self._git.run(
            ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{short}^{{commit}}"],
            folder=self.folder,
            limit=4096,
            timeout=30,
            what=f"repository {self.name}",
        )
        text = ended.stdout.decode("ascii", "replace").strip()
        return text if ended.code == 0 and OBJECT_ID.fullmatch(text) else None

    async def _peeled(self, oid: str) -> str:
        return (await self.commit(oid)).oid

    async def _read_ref(self, kept: str) -> str:
        try:
            text = (self.folder / kept).read_text("ascii").strip()
        except OSError:
            ended = await self._local(["rev-parse", "--verify", "--quiet", "--end-of-options", kept])
            text = ended.stdout.decode("ascii", "replace").strip()
        return text

    def _no_commit(self, oid: str) -> RevisionNotFound:
        return RevisionNotFound(
            f"repository {self.name}: commit {oid[:12]} is not there; it may have been rewritten away"
        )

    def touch(self) -> None:
        """Mark the mirror as used now, give or take a minute, for the store to know what to forget first."""
        if self._clock() - self._touched >= _TOUCHED_SECONDS and self.folder.exists():
            self._touched = self._clock()
            os.utime(self.folder)


def reading_side(mirror: Path) -> Path:
    """
    Return a folder by which git reads a mirror's objects and does not know that some were left on the server.

    In the mirror itself git goes to the server for an object that is missing, one by one and with no credentials,
    and dies (only 2.45 and newer can be told not to); beside it, it says that the object is missing.
    """
    folder = mirror / "reading"
    wide = _WIDE.search((mirror / "config").read_text("utf-8", "replace")) is not None
    (folder / "refs").mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / "HEAD").write_text("ref: refs/heads/none\n")
    extension = "[extensions]\n\tobjectformat = sha256\n" if wide else ""
    (folder / "config").write_text(
        f"[core]\n\trepositoryformatversion = {int(wide)}\n\tbare = true\n{extension}"
    )
    return folder


def _kept_name(full: str) -> str:
    # A hash, so that a branch `a` that becomes `a/b` is no conflict of files.
    return f"refs/moorage/one/{hashlib.sha256(full.encode('utf-8', 'surrogateescape')).hexdigest()[:40]}"
