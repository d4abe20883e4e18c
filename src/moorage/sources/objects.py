"""
What is in a Git repository, read without a checkout?

One long-lived ``git cat-file --batch-command`` answers all reads of a mirror.
Requests made in the same turn of the loop are sent together, and answers come
back in order, so a thousand reads cost one round trip. Trees are remembered:
an object id never changes its meaning.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from moorage.model.errors import LimitExceeded, SourceRefused, SourceUnreachable
from moorage.programs import Program
from moorage.sources.trees import Tree, read_tree

OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

TREE = 0o040000
LINK = 0o120000
SUBMODULE = 0o160000
EXECUTABLE = 0o100755

_KEPT_ENTRIES = 400_000
_KEPT_COMMITS = 1_000
_KEPT_FACTS = 10_000
_READ_TOGETHER = 500
_Told = TypeVar("_Told")

Answer = tuple[str, int, bytes]
"""An object's type, size and, where it was asked for, content."""

_HEADER = re.compile(rb"([0-9a-f]{40,64}) (?:missing|(blob|tree|commit|tag) (\d{1,18}))")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as its author wrote it; `date` is seconds since 1970."""

    oid: str
    tree: str
    parents: tuple[str, ...]
    author: str
    date: int
    message: str


class Missing(LookupError):
    """An object is not in the mirror (yet)."""


class ObjectReader:
    """
    The reading side of one mirror.

    The process is started with the first request and started again when it
    dies; whoever waits for an answer then gets `SourceUnreachable`.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: str, name: str
    ) -> None:
        self._command = command
        self._environment = dict(environment)
        self._folder = folder
        self._name = name
        self._starting = asyncio.Lock()
        self._protocol: Answers | None = None
        self._trees: OrderedDict[str, Tree] = OrderedDict()
        self._entries_kept = 0
        self._commits: dict[str, Commit] = {}
        self._facts: dict[str, tuple[str, int]] = {}
        self._reading: dict[str, asyncio.Lock] = {}

    async def read(self, oid: str, limit: int) -> tuple[str, bytes]:
        """
        Return an object's type and content.

        Raises:
            Missing: when the mirror does not have it.
            LimitExceeded: when it is larger than `limit` bytes.
        """
        kind, size = _there(oid, (await self.facts([oid]))[oid])
        self._check_size(oid, size, limit)
        kind, _, content = _there(oid, (await self._ask("contents", [oid]))[0])
        return kind, content

    async def read_all(self, oids: Sequence[str], limit: int) -> list[bytes]:
        """Return the contents of objects, asked for at once; raises as `read` does."""
        for oid, fact in (await self.facts(oids)).items():
            self._check_size(oid, _there(oid, fact)[1], limit)
        answers = await self._ask("contents", oids)
        return [_there(oid, answer)[2] for oid, answer in zip(oids, answers, strict=True)]

    async def facts(self, oids: Iterable[str]) -> dict[str, tuple[str, int] | None]:
        """Return type and size of objects, None for each that the mirror does not have."""
        # Remembered, because whoever reads an object first asks whether it is there.
        found = {oid: self._facts.get(oid) for oid in oids}
        unknown = [oid for oid, fact in found.items() if fact is None]
        if not unknown:
            return found
        if len(self._facts) + len(unknown) > _KEPT_FACTS:
            self._facts.clear()
        for oid, answer in zip(unknown, await self._ask("info", unknown), strict=True):
            if answer is not None:
                found[oid] = self._facts[oid] = answer[0], answer[1]
        return found

    def _check_size(self, oid: str, size: int, limit: int) -> None:
        if size > limit:
            raise LimitExceeded(
                f"repository {self._name}: object {oid[:12]} has {size} bytes; {limit} are allowed"
            )

    async def tree(self, oid: str, limit: int, like: str = "") -> Tree:
        """Return the names in a tree; where `like` names one read before, only what differs from it is read."""
        if (known := self._trees.get(oid)) is not None:
            self._trees.move_to_end(oid)
            return known
        # A thousand applications ask for the same folder in the same moment;
        # one of them reads it, the others find it.
        lock = self._reading.setdefault(oid, asyncio.Lock())
        async with lock:
            if (known := self._trees.get(oid)) is not None:
                return known
            try:
                kind, content = await self.read(oid, limit)
                return self._tree_of(oid, kind, content, self._trees.get(like))
            finally:
                self._reading.pop(oid, None)

    async def trees(self, oids: Iterable[str], limit: int) -> dict[str, Tree]:
        """Return the names in many trees, by their ids."""
        known = {oid: self._trees.get(oid) for oid in oids}
        found = {oid: tree for oid, tree in known.items() if tree is not None}
        unknown = [oid for oid, tree in known.items() if tree is None]
        for start in range(0, len(unknown), _READ_TOGETHER):
            part = unknown[start : start + _READ_TOGETHER]
            facts = await self.facts(part)
            for oid, content in zip(part, await self.read_all(part, limit), strict=True):
                found[oid] = self._tree_of(oid, _there(oid, facts[oid])[0], content)
        return found

    def _tree_of(self, oid: str, kind: str, content: bytes, like: Tree | None = None) -> Tree:
        if kind != "tree":
            raise SourceRefused(f"repository {self._name}: {oid[:12]} is a {kind} where a folder is expected")
        tree = read_tree(content, len(oid) // 2, self._name, like)
        self._remember(oid, tree)
        return tree

    async def commit(self, oid: str, limit: int) -> Commit:
        """Return the commit an id means; annotated tags are followed."""
        asked = oid
        if (known := self._commits.get(asked)) is not None:
            return known
        for _ in range(5):
            kind, content = await self.read(oid, limit)
            if kind == "commit":
                if len(self._commits) >= _KEPT_COMMITS:
                    self._commits.clear()
                self._commits[asked] = parse_commit(oid, content)
                return self._commits[asked]
            if kind != "tag":
                break
            oid = content[7:].split(b"\n", 1)[0].decode("ascii", "replace")
        raise SourceRefused(f"repository {self._name}: {oid[:12]} is a {kind}, not a commit")

    async def close(self) -> None:
        """End the process and wait until it is gone; the next read starts a new one."""
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            await protocol.end()

    async def _ask(self, verb: str, oids: Sequence[str]) -> list[Answer | None]:
        if not all(map(OBJECT_ID.fullmatch, oids)):
            raise SourceRefused(f"repository {self._name}: not an object id")
        if not oids:
            return []
        protocol = self._protocol
        if protocol is None or protocol.ended:
            protocol = await self._start()
        return await protocol.ask(verb, oids)

    async def _start(self) -> Answers:
        async with self._starting:
            if self._protocol is not None and not self._protocol.ended:
                return self._protocol
            if self._protocol is not None:
                await self._protocol.end()
            answers = Answers(self._name, asyncio.get_running_loop())
            answers.program = await Program.start(
                self._command, self._environment, Path(self._folder), output=answers, errors=False
            )
            self._protocol = answers
            return answers

    def _remember(self, oid: str, tree: Tree) -> None:
        if oid in self._trees:
            return
        self._trees[oid] = tree
        self._entries_kept += len(tree) + 1
        while self._entries_kept > _KEPT_ENTRIES and len(self._trees) > 1:
            _, gone = self._trees.popitem(last=False)
            self._entries_kept -= len(gone) + 1


class Answers(asyncio.Protocol):
    """Matches the process's answers to the questions asked, in order, as the bytes arrive."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.ended = False
        self.program: Program | None = None
        self._name = name
        self._loop = loop
        self._asked: deque[tuple[str, _Batch]] = deque()
        self._unsent: list[bytes] = []
        self._buffer = bytearray()
        self._header: tuple[str, int] | None = None

    def ask(self, verb: str, oids: Sequence[str]) -> asyncio.Future[list[Answer | None]]:
        """Ask the same of some objects; the answers come together, None for what is missing."""
        batch = _Batch(self._loop.create_future(), len(oids))
        self._asked.extend([(verb, batch)] * len(oids))
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent += [f"{verb} {oid}\n".encode() for oid in oids]
        return batch.future

    def _send(self) -> None:
        lines, self._unsent = self._unsent, []
        if self.program is not None and not self.ended:
            self.program.stdin.write(b"".join(lines) + b"flush\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        start = 0
        while self._asked:
            end = self._take(start)
            if end is None:
                break
            start = end
        del self._buffer[:start]

    def _take(self, start: int) -> int | None:
        """Answer one question from the buffer; return where its answer ends, or None when bytes lack."""
        verb, batch = self._asked[0]
        if self._header is None:
            end = self._buffer.find(b"\n", start)
            if end < 0:
                return None
            head = _HEADER.fullmatch(self._buffer, start, end)
            if head is None:
                # Nobody knows where the next answer begins.
                self._give_up()
                return None
            kind, size = head.group(2), head.group(3)
            if kind and verb == "contents":
                self._header = kind.decode(), int(size)
                return end + 1
            self._asked.popleft()
            batch.add((kind.decode(), int(size), b"") if kind else None)
            return end + 1
        kind, length = self._header
        if len(self._buffer) - start < length + 1:
            return None
        self._asked.popleft()
        self._header = None
        batch.add((kind, length, bytes(self._buffer[start : start + length])))
        return start + length + 1

    def _give_up(self) -> None:
        if self.program is not None:
            self.program.kill()
        self._fail("the reading process answered with something else; it starts anew")

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the reading process ended; it starts anew")

    def _fail(self, words: str) -> None:
        self.ended = True
        while self._asked:
            _, batch = self._asked.popleft()
            if not batch.future.done():
                batch.future.set_exception(SourceUnreachable(f"repository {self._name}: {words}"))

    async def end(self) -> None:
        if self.program is not None:
            await self.program.end()


class _Batch:
    """Questions that were asked together, and the answers that have come."""

    __slots__ = ("_answers", "_wanted", "future")

    def __init__(self, future: asyncio.Future[list[Answer | None]], wanted: int) -> None:
        self.future = future
        self._wanted = wanted
        self._answers: list[Answer | None] = []

    def add(self, answer: Answer | None) -> None:
        self._answers.append(answer)
        if len(self._answers) == self._wanted and not self.future.done():
            self.future.set_result(self._answers)


def _there(oid: str, answer: _Told | None) -> _Told:
    if answer is None:
        raise Missing(oid)
    return answer


def parse_commit(oid: str, content: bytes) -> Commit:
    """
    Return what a raw commit object says.

    Raises:
        SourceRefused: when it says its tree or author twice, so that two readers could read two commits.
    """
    head, _, message = content.partition(b"\n\n")
    told: dict[str, str] = {}
    parents = []
    for line in head.decode("utf-8", "replace").split("\n"):
        word, _, rest = line.partition(" ")
        if word == "parent":
            parents.append(rest)
        elif word in ("tree", "author"):
            if word in told:
                raise SourceRefused(f"commit {oid[:12]}: it names its {word} twice, which git never writes")
            told[word] = rest
    author, date = _author(told.get("author", ""))
    words = message.decode("utf-8", "replace").strip()
    return Commit(oid, told.get("tree", ""), tuple(parents), author, date, words)


def _author(text: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.*?) (-?\d{1,12}) [+-]\d{4}", text)
    return (match[1], int(match[2])) if match else (text, 0)
